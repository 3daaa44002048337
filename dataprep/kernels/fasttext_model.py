"""Labels of documents by a fastText classifier, computed on the UTF-8 bytes of Arrow buffers.

A text is the mean of the vectors of its words and of their character and word n-grams, which share hash buckets
(Joulin et al. 2016, "Bag of tricks for efficient text classification", section 2); models are read in the library's
binary format, compressed ones too (Joulin et al. 2016, "FastText.zip", section 3).

`load` adds the n-gram vectors of every dictionary word into the word's own row, so a known word costs one lookup, and
decompresses quantised matrices, so that a row is one stretch of memory.
"""

import struct
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep.kernels.arrow_buffers import Bytes, Counts, Hashes, Offsets, batch, frozen
from dataprep.kernels.compilation import integer, kernel
from dataprep.kernels.mixing import read_word
from dataprep.kernels.tokenise import Properties, longest_document
from dataprep.kernels.unicode_tables import CLASS_MASK, SPACE, tables
from dataprep.kernels.utf8 import decode

Floats = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float32]
Indexes = npt.NDArray[np.int32]
SignedBytes = npt.NDArray[np.int8]

MAGIC: Final = 793_712_314
VERSION: Final = 12
SUPERVISED: Final = 3
HIERARCHICAL: Final = 1
SOFTMAX: Final = 3
ONE_VERSUS_ALL: Final = 4
CENTROIDS: Final = 256  # per subquantiser: a code is one byte
NUM_LABELS_LIMIT: Final = 1 << 30  # so that node numbers of the label tree fit 32 bits
COUNT_LIMIT: Final = 10**15  # what the library gives a tree node that has no count yet

LINE_END: Final = np.frombuffer(b"</s>", np.uint8)
LABEL_PREFIX: Final = np.frombuffer(b"__label__", np.uint8)
SEPARATORS: Final = sum(1 << byte for byte in b" \n\r\t\v\f\0")
FNV_BASIS: Final = np.uint64(2_166_136_261)
FNV_PRIME: Final = np.uint64(16_777_619)
WORD_NGRAM_FACTOR: Final = np.uint64(116_049_371)
LOW_32: Final = np.uint64(0xFFFFFFFF)
HIGH_32: Final = np.uint64(0xFFFFFFFF00000000)
SIGN_32: Final = np.uint64(0x80000000)
SHIFT_32: Final = np.uint64(32)
SHIFT_5: Final = np.uint64(5)
LOW_5: Final = np.uint64(31)
ONE: Final = np.uint64(1)
LAST_CONTINUATION: Final = -65  # a byte 80..BF, read as a signed one, is at most this

FLUSH_ROWS: Final = 1024

SMALLEST_PROBABILITY: Final = 1e-5  # added by the library before every logarithm
SIGMOID_RANGE: Final = 8
SIGMOID_STEPS: Final = 512


class Network(NamedTuple):
    """A model as kernels take it. D = dimensions, W = words, L = labels, B = buckets.

    Attributes:
        dim: D.
        num_words: W; rows from here on are n-grams.
        num_labels: L.
        bucket: B, how many hash values n-grams have; 0 where the model has none.
        reciprocal: ceil(2**64 / B) modulo 2**64, with which a remainder takes no division.
        min_n: characters of the shortest n-gram inside a word, its brackets counted.
        max_n: characters of the longest one; 0 for none.
        word_ngrams: words of the longest n-gram of words.
        loss: HIERARCHICAL, SOFTMAX or ONE_VERSUS_ALL.
        slots: dictionary, an open-addressing table of entry numbers: words, then labels; -1 where empty.
        hashes: the library's hash of each entry.
        spelling: bytes of all entries.
        starts: where each entry begins in `spelling`; one more than entries.
        known: which buckets have a row: per 32 buckets one number, in its low half a bit for each, in its high half how
            many buckets before have one; empty where all have.
        rows: input vectors, [rows, D]; a word's row is the sum of its own vector and of its n-grams'.
        weights: how many vectors each word's row sums.
        output: output vectors, [L, D and as many zeros as make it a multiple of 4].
        left: children of the label tree's nodes, -1 for a leaf; nodes are labels, then inner ones, last the root.
        right: likewise.
    """

    dim: int
    num_words: int
    num_labels: int
    bucket: int
    reciprocal: np.uint64
    min_n: int
    max_n: int
    word_ngrams: int
    loss: int
    slots: Indexes
    hashes: npt.NDArray[np.uint32]
    spelling: Bytes
    starts: Offsets
    known: Hashes
    rows: Matrix
    weights: Indexes
    output: Matrix
    left: Indexes
    right: Indexes


class Model(NamedTuple):
    """A loaded classifier.

    Attributes:
        labels: names of the labels as the file has them, with their prefix; label indexes point here.
        network: what the kernels take.
        counts: how many training examples each label had.
    """

    labels: tuple[str, ...]
    network: Network
    counts: tuple[int, ...]


class Workspace(NamedTuple):
    """Memory the kernels reuse from text to text.

    Attributes:
        token: one token between its brackets, as signed bytes.
        pending: rows to be added to the text's vector.
        running: hashes of the word n-grams that may still grow, the newest first.
        hidden: the text's vector, and zeros as in `Network.output`.
    """

    token: SignedBytes
    pending: Indexes
    running: Hashes
    hidden: Floats


@kernel
def workspace(network: Network, longest: int) -> Workspace:
    """Memory for texts of up to `longest` bytes."""
    longest += 8  # brackets, the end mark, and the token that stands for a line end
    num_running = max(0, min(network.word_ngrams - 1, longest))
    return Workspace(
        np.empty(longest, np.int8),
        np.empty(FLUSH_ROWS + min(network.max_n, longest) + num_running + 1, np.int32),
        np.empty(num_running, np.uint64),
        np.zeros(network.output.shape[1], np.float32),
    )


@kernel
def absorb(state: np.uint64, byte: int) -> np.uint64:
    """The library's hash after one more byte: FNV-1a in 32 bits, but of signed bytes, widened with their sign."""
    return ((state ^ np.uint64(np.int64(np.int8(byte)))) * FNV_PRIME) & LOW_32


@kernel
def fnv(data: Bytes, start: int, end: int) -> np.uint64:
    """The library's hash of the bytes in [start, end)."""
    state = FNV_BASIS
    for position in range(start, end):
        state = absorb(state, integer(data[position]))
    return state


@kernel
def remainder(value: np.uint64, divisor: np.uint64, reciprocal: np.uint64) -> np.uint64:
    """`value` modulo `divisor`, both below 2**32 (Lemire, Kaser and Kurz 2019, "Faster remainder", section 3).

    `reciprocal` is ceil(2**64 / divisor) modulo 2**64. Of the product of 96 bits only those from 64 on matter; it is
    put together from two halves.
    """
    fraction = reciprocal * value
    low = ((fraction & LOW_32) * divisor) >> SHIFT_32
    return ((fraction >> SHIFT_32) * divisor + low) >> SHIFT_32


@kernel
def _ones(word: np.uint64) -> np.uint64:
    """How many bits are set; compilers know this form and use the processor's instruction."""
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@kernel
def _note(bucket: np.uint64, num_words: int, known: Hashes, pending: Indexes, count: int) -> int:
    """How many are pending after the bucket, if it has a row, was put behind the first `count`.

    Without a branch, because whether a bucket has a row is hard to predict.
    """
    pending[count] = num_words + integer(bucket)
    if known.size == 0:
        return count + 1
    return count + integer((known[bucket >> SHIFT_5] >> (bucket & LOW_5)) & ONE)


@kernel
def _flush(rows: Matrix, num_words: int, known: Hashes, pending: Indexes, count: int, hidden: Floats) -> None:
    """Add the rows of what is pending: words, and W + buckets."""
    if known.size:
        for index in range(count):
            if pending[index] >= num_words:
                bucket = np.uint64(pending[index] - num_words)
                word = known[bucket >> SHIFT_5]
                before = (word >> SHIFT_32) + _ones(word & ((ONE << (bucket & LOW_5)) - ONE))
                pending[index] = num_words + integer(before)
    fours = count - count % 4
    # Four at a time, so that an addition need not wait for the one before.
    for index in range(0, fours, 4):
        first, second = pending[index], pending[index + 1]
        third, fourth = pending[index + 2], pending[index + 3]
        for lane in range(rows.shape[1]):
            hidden[lane] += (rows[first, lane] + rows[second, lane]) + (
                rows[third, lane] + rows[fourth, lane]
            )
    for index in range(fours, count):
        row = pending[index]
        for lane in range(rows.shape[1]):
            hidden[lane] += rows[row, lane]


@kernel
def _collect_ngrams(
    token: SignedBytes,
    size: int,
    first: int,
    lengths: tuple[int, int],
    num_words: int,
    bucket: np.uint64,
    reciprocal: np.uint64,
    known: Hashes,
    pending: Indexes,
    count: int,
) -> tuple[int, int]:
    """Where to go on in the token, and the number of pending rows, with its n-grams' from `first` on.

    Stops when FLUSH_ROWS are pending. The byte after the token must be none that continues a character.
    """
    min_n, max_n = lengths
    while first < size and count < FLUSH_ROWS:
        if token[first] <= LAST_CONTINUATION:
            first += 1
            continue
        state = FNV_BASIS
        length = 0
        position = first
        while position < size and length < max_n:
            state = absorb(state, token[position])
            position += 1
            if token[position] <= LAST_CONTINUATION:
                continue
            length += 1
            # A bracket alone is no n-gram.
            if length >= min_n and (length > 1 or (first > 0 and position < size)):
                count = _note(remainder(state, bucket, reciprocal), num_words, known, pending, count)
        first += 1
    return first, count


@kernel
def _bracket(data: Bytes, start: int, end: int, token: SignedBytes) -> int:
    """Number of bytes written to `token`: the word between < and >, not counting the end mark behind it."""
    token[0] = 0x3C
    for offset in range(end - start):
        token[1 + offset] = np.int8(data[start + offset])
    token[1 + end - start] = 0x3E
    token[2 + end - start] = 0
    return 2 + end - start


@kernel
def _same(data: Bytes, start: int, end: int, other: Bytes, begin: int, stop: int) -> bool:
    if end - start != stop - begin:
        return False
    for offset in range(end - start):  # noqa: SIM110 (numba compiles no `all`)
        if data[start + offset] != other[begin + offset]:
            return False
    return True


@kernel
def _find(
    slots: Indexes,
    hashes: npt.NDArray[np.uint32],
    spelling: Bytes,
    starts: Offsets,
    data: Bytes,
    start: int,
    end: int,
    state: np.uint64,
) -> int:
    """Number of the dictionary entry spelled so, -1 for none; `state` is its `fnv`."""
    mask = slots.size - 1
    slot = integer(state) & mask
    while slots[slot] >= 0:
        entry = integer(slots[slot])
        if hashes[entry] == state and _same(data, start, end, spelling, starts[entry], starts[entry + 1]):
            return entry
        slot = (slot + 1) & mask
    return -1


@kernel
def _collect_word_ngrams(
    state: np.uint64,
    running: Hashes,
    active: int,
    num_words: int,
    bucket: int,
    known: Hashes,
    pending: Indexes,
    count: int,
) -> int:
    """Number of pending rows, with those of the word n-grams that end at the word whose hash is `state`.

    Also puts the word in front of the `active` hashes of n-grams that may still grow.
    """
    # The library keeps 32-bit hashes as signed numbers and widens them to 64 bits.
    value = state | HIGH_32 if state & SIGN_32 else state
    for index in range(active):
        running[index] = running[index] * WORD_NGRAM_FACTOR + value
        count = _note(running[index] % np.uint64(bucket), num_words, known, pending, count)
    for index in range(min(active, running.size - 1), 0, -1):
        running[index] = running[index - 1]
    running[0] = value
    return count


@kernel
def _is_line_end(data: Bytes, start: int, end: int) -> bool:
    return _same(data, start, end, LINE_END, 0, LINE_END.size)


@kernel
def _is_unknown_label(data: Bytes, start: int, end: int) -> bool:
    return _same(data, start, min(end, start + LABEL_PREFIX.size), LABEL_PREFIX, 0, LABEL_PREFIX.size)


@kernel
def is_separator(byte: int) -> bool:
    """Whether the byte parts two tokens."""
    return byte <= 0x20 and (SEPARATORS >> byte) & 1 == 1


@kernel
def is_blank(data: Bytes, start: int, end: int, properties: Properties) -> bool:
    """Whether there is nothing but white space (`str.isspace`) in [start, end)."""
    position = start
    while position < end:
        codepoint, position = decode(data, position, end)
        if properties[codepoint] & CLASS_MASK != SPACE:
            return False
    return True


@kernel
def whole_characters(data: Bytes, start: int, stop: int, end: int) -> tuple[int, int]:
    """The part of [start, stop) without the characters that its ends cut; the document ends at `end`."""
    while start < stop and data[start] & 0xC0 == 0x80:
        start += 1
    if stop < end:
        while stop > start and data[stop] & 0xC0 == 0x80:
            stop -= 1
    return start, stop


@kernel
def _excerpt(data: Bytes, start: int, end: int, max_bytes: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where the two parts shown to the model begin and end; of a short text the second is empty."""
    size = end - start
    if size <= max_bytes:
        return (start, end), (end, end)
    half = max_bytes // 2
    middle = start + max((size - half) // 2, half)
    return whole_characters(data, start, start + half, end), whole_characters(
        data, middle, middle + half, end
    )


@kernel
def _next_token(data: Bytes, position: int, end: int) -> tuple[int, int, np.uint64]:
    """Where the next token before `end` begins and ends, both `end` if there is none, and its `fnv`."""
    while position < end and is_separator(integer(data[position])):
        position += 1
    begin = position
    state = FNV_BASIS
    while position < end:
        byte = integer(data[position])
        if is_separator(byte):
            break
        state = absorb(state, byte)
        position += 1
    return begin, position, state


@kernel
def add_part(
    network: Network, data: Bytes, start: int, end: int, work: Workspace, active: int
) -> tuple[int, int, bool]:
    """Adds the vectors of the tokens in [start, end) to `work.hidden`.

    A label, known or only spelled like one, adds nothing and parts no word n-gram. A line end spelled out ends all.

    Args:
        network: the model.
        data: UTF-8 bytes.
        start: first byte.
        end: one past the last byte; no token goes across either end.
        work: working memory for at least the part's bytes.
        active: how many words of the same text come before the part, as far as word n-grams still grow from them; 0 at
            its beginning, else what the call before returned.

    Returns:
        The number of vectors added, the next `active`, and whether the text has ended.
    """
    # Every array is taken out once: a named tuple handed on costs an atomic count for each of its arrays.
    slots, hashes, spelling, starts = network.slots, network.hashes, network.spelling, network.starts
    known, rows, weights = network.known, network.rows, network.weights
    num_words, bucket, reciprocal = network.num_words, np.uint64(network.bucket), network.reciprocal
    min_n, max_n = network.min_n, network.max_n
    token, pending, running, hidden = work.token, work.pending, work.running, work.hidden
    total, count = 0, 0
    ended = False
    position = start
    while not ended:
        begin, position, state = _next_token(data, position, end)
        if begin == position:
            break
        ended = _is_line_end(data, begin, position)
        entry = _find(slots, hashes, spelling, starts, data, begin, position, state)
        if entry >= num_words or (entry < 0 and _is_unknown_label(data, begin, position)):
            continue
        if entry >= 0:
            pending[count] = entry
            count += 1
            total += weights[entry] - 1
        elif max_n > 0 and not ended:
            size = _bracket(data, begin, position, token)
            first = 0
            while first < size:
                first, count = _collect_ngrams(
                    token,
                    size,
                    first,
                    (min_n, max_n),
                    num_words,
                    bucket,
                    reciprocal,
                    known,
                    pending,
                    count,
                )
                if count >= FLUSH_ROWS:
                    _flush(rows, num_words, known, pending, count, hidden)
                    total += count
                    count = 0
        if running.size:
            count = _collect_word_ngrams(
                state, running, active, num_words, network.bucket, known, pending, count
            )
            active = min(active + 1, running.size)
        if count >= FLUSH_ROWS:
            _flush(rows, num_words, known, pending, count, hidden)
            total += count
            count = 0
    _flush(rows, num_words, known, pending, count, hidden)
    return total + count, active, ended


@kernel
def add_line_end(network: Network, work: Workspace, active: int) -> int:
    """Number of vectors added to `work.hidden` for the line end that follows a text; see `add_part`."""
    added, _, _ = add_part(network, LINE_END, 0, LINE_END.size, work, active)
    return added


@kernel
def _add_text(
    network: Network, data: Bytes, parts: tuple[tuple[int, int], tuple[int, int]], work: Workspace
) -> int:
    """Number of vectors added to `work.hidden` for the parts of a text and the end of its line."""
    total, active = 0, 0
    ended = False
    for part in range(2):
        if not ended:
            added, active, ended = add_part(network, data, parts[part][0], parts[part][1], work, active)
            total += added
    return total if ended else total + add_line_end(network, work, active)


@kernel
def dot(vector: Floats, matrix: Matrix, row: int) -> np.float32:
    """Product of a vector of 4n numbers with a row of a matrix, in four sums that run side by side."""
    first = second = third = fourth = np.float32(0)
    for index in range(0, vector.size, 4):
        first += vector[index] * matrix[row, index]
        second += vector[index + 1] * matrix[row, index + 1]
        third += vector[index + 2] * matrix[row, index + 2]
        fourth += vector[index + 3] * matrix[row, index + 3]
    return (first + second) + (third + fourth)


@kernel
def _log(probability: float) -> np.float32:
    """The library's logarithm, which is finite at 0."""
    return np.float32(np.log(np.float64(np.float32(probability)) + SMALLEST_PROBABILITY))


@kernel
def insert(label: int, score: np.float32, labels: Indexes, scores: Floats, size: int) -> int:
    """Number of labels kept, best first, after one more was offered; `size` are kept already."""
    if size == labels.size:
        if score <= scores[size - 1]:
            return size
        size -= 1
    place = size
    while place > 0 and scores[place - 1] < score:
        labels[place], scores[place] = labels[place - 1], scores[place - 1]
        place -= 1
    labels[place], scores[place] = label, score
    return size + 1


@kernel
def _best_of_tree(network: Network, hidden: Floats, labels: Indexes, scores: Floats) -> int:
    """Number of labels found by descent from the root; a label whose probability is below 1e-5 is none.

    The likelier child first, so that more of the tree can be left out; the labels found are the same.
    """
    output, left, right = network.output, network.left, network.right
    nodes = np.empty(2 * network.num_labels, np.int64)
    reached = np.empty(2 * network.num_labels, np.float32)
    nodes[0], reached[0] = 2 * network.num_labels - 2, np.float32(0)
    waiting, size = 1, 0
    least = _log(0.0)
    while waiting:
        waiting -= 1
        node, score = nodes[waiting], reached[waiting]
        if score < least or (size == labels.size and score < scores[size - 1]):
            continue
        if left[node] < 0:
            size = insert(node, score, labels, scores, size)
            continue
        product = dot(hidden, output, node - network.num_labels)
        probability = np.float64(np.float32(1.0 / (1.0 + np.float64(np.exp(-product)))))
        left_score = score + _log(1.0 - probability)
        right_score = score + _log(probability)
        first = 1 if right_score > left_score else 0
        nodes[waiting + 1 - first], reached[waiting + 1 - first] = left[node], left_score
        nodes[waiting + first], reached[waiting + first] = right[node], right_score
        waiting += 2
    return size


@kernel
def sigmoid(value: np.float32) -> np.float32:
    """The library's sigmoid, a table of SIGMOID_STEPS steps in [-SIGMOID_RANGE, SIGMOID_RANGE], computed anew."""
    bound = np.float32(SIGMOID_RANGE)
    if value < -bound:
        return np.float32(0)
    if value > bound:
        return np.float32(1)
    step = integer((value + bound) * np.float32(SIGMOID_STEPS) / bound / np.float32(2))  # type: ignore[arg-type]
    place = np.float32(step * 2 * SIGMOID_RANGE) / np.float32(SIGMOID_STEPS) - bound
    return np.float32(1.0 / (1.0 + np.float64(np.exp(-place))))


@kernel
def _best_of_list(network: Network, hidden: Floats, labels: Indexes, scores: Floats) -> int:
    """Number of labels found by looking at all of them."""
    output = network.output
    outputs = np.empty(network.num_labels, np.float32)
    for label in range(network.num_labels):
        outputs[label] = dot(hidden, output, label)
    if network.loss == SOFTMAX:
        largest = outputs.max()
        total = np.float32(0)
        for label in range(network.num_labels):
            outputs[label] = np.exp(outputs[label] - largest)
            total += outputs[label]
        for label in range(network.num_labels):
            outputs[label] /= total
    else:
        for label in range(network.num_labels):
            outputs[label] = sigmoid(outputs[label])
    size = 0
    for label in range(network.num_labels):
        size = insert(label, _log(np.float64(outputs[label])), labels, scores, size)
    return size


@kernel
def _predict_batch(
    network: Network, data: Bytes, offsets: Offsets, properties: Properties, max_bytes: int, k: int
) -> tuple[Indexes, Floats]:
    labels = np.full((offsets.size - 1, k), -1, np.int32)
    scores = np.zeros((offsets.size - 1, k), np.float32)
    work = workspace(network, min(longest_document(offsets), max_bytes))
    for document in range(offsets.size - 1):
        parts = _excerpt(data, offsets[document], offsets[document + 1], max_bytes)
        if is_blank(data, parts[0][0], parts[0][1], properties) and is_blank(
            data, parts[1][0], parts[1][1], properties
        ):
            continue
        work.hidden[:] = 0
        count = _add_text(network, data, parts, work)
        if count == 0:
            continue
        share = np.float32(1.0 / count)
        for index in range(network.dim):
            work.hidden[index] *= share
        if network.loss == HIERARCHICAL:
            found = _best_of_tree(network, work.hidden, labels[document], scores[document])
        else:
            found = _best_of_list(network, work.hidden, labels[document], scores[document])
        for index in range(found):
            scores[document, index] = np.exp(scores[document, index])
    return labels, scores


def predict(model: Model, data: Bytes, offsets: Offsets, *, max_bytes: int, k: int) -> tuple[Indexes, Floats]:
    """Indexes of the k best labels of each document, best first, and their probabilities.

    A document longer than `max_bytes` is shown to the model as its first `max_bytes // 2` bytes and as many from its
    middle, less the characters that the cuts divide. Line feeds count as spaces, and one line end follows the text.
    The result is the library's for the same line, but for rounding: a probability may exceed 1 by the 1e-5 that the
    library adds, and the table it uses for one-versus-all makes steps.

    Args:
        model: from `load`.
        data: UTF-8 bytes of all documents.
        offsets: one more than documents.
        max_bytes: how much of a document is read, in bytes; at least 1.
        k: how many labels, at least 1.

    Returns:
        Label indexes, int32 [documents, k], and scores, float32 [documents, k]. Index -1 and score 0 where there is
        no further label, a blank document (`str.isspace`) or one none of whose parts the model knows. Most models
        know the line end, and give a text of which they know nothing else the labels of an empty line. A
        hierarchical model names no label below 1e-5.

    Raises:
        TypeError: an array is no part of a batch (see `arrow_buffers.batch`).
        ValueError: likewise, or `max_bytes` or `k` is below 1.
    """
    if max_bytes < 1 or k < 1:
        raise ValueError(f"Expected max_bytes and k of at least 1, found {max_bytes} and {k}.")
    data, offsets = batch(data, offsets)
    return _predict_batch(model.network, data, offsets, tables().properties, max_bytes, k)


class _Reader:
    """Takes one thing after another from the bytes of a file."""

    def __init__(self, data: Bytes) -> None:
        self.data = data
        self.position = 0

    def require(self, size: int) -> None:
        """Fail if fewer bytes than this are left."""
        if not 0 <= size <= self.data.size - self.position:
            raise ValueError(
                f"the file ends too early: {size} bytes were expected at byte {self.position} of {self.data.size}"
            )

    def numbers(self, layout: str) -> tuple[Any, ...]:
        """Little-endian numbers, laid out as `struct` names them."""
        layout = "<" + layout
        size = struct.calcsize(layout)
        self.require(size)
        raw = self.data[self.position : self.position + size].tobytes()
        self.position += size
        return struct.unpack(layout, raw)

    def array(self, count: int, dtype: str) -> npt.NDArray[Any]:
        """`count` numbers of the type, as a new array."""
        size = count * np.dtype(dtype).itemsize
        self.require(size)
        raw = self.data[self.position : self.position + size]
        self.position += size
        array = np.empty(count, dtype)
        array.view(np.uint8)[:] = raw
        return array


class _Arguments(NamedTuple):
    """The training arguments that a file carries, in its order."""

    dim: int
    ws: int
    epoch: int
    min_count: int
    neg: int
    word_ngrams: int
    loss: int
    model: int
    bucket: int
    min_n: int
    max_n: int
    update_rate: int
    threshold: float


class _Dictionary(NamedTuple):
    """Entries of a file: words, then labels. `pruned` are pairs of bucket and row, null where every bucket has one."""

    num_words: int
    num_labels: int
    spelling: Bytes
    starts: Offsets
    counts: Counts
    pruned: Indexes | None


@kernel
def _scan_entries(data: Bytes, position: int, num: int) -> tuple[Offsets, Counts, SignedBytes, int]:
    """Where entries begin, one more than entries, their counts and kinds, and where the last ends; -1 if too early."""
    starts = np.empty(num + 1, np.int64)
    counts = np.empty(num, np.int64)
    kinds = np.empty(num, np.int8)
    for entry in range(num):
        starts[entry] = position
        while position < data.size and data[position] != 0:
            position += 1
        if position + 10 > data.size:
            return starts, counts, kinds, -1
        counts[entry] = np.int64(read_word(data, position + 1))
        kinds[entry] = data[position + 9]
        position += 10
    starts[num] = position
    return starts, counts, kinds, position


@kernel
def _pack(data: Bytes, places: Offsets) -> tuple[Bytes, Offsets]:
    """The entries' bytes one behind the other, without what stands between them, and where each begins."""
    starts = np.empty(places.size, np.int64)
    starts[0] = 0
    for entry in range(places.size - 1):
        starts[entry + 1] = starts[entry] + places[entry + 1] - places[entry] - 10
    packed = np.empty(starts[-1], np.uint8)
    for entry in range(places.size - 1):
        for offset in range(starts[entry + 1] - starts[entry]):
            packed[starts[entry] + offset] = data[places[entry] + offset]
    return packed, starts


def _read_dictionary(reader: _Reader) -> _Dictionary:
    size, num_words, num_labels, _, num_pruned = reader.numbers("iiiqq")
    reader.require(size * 10)
    places, counts, kinds, end = _scan_entries(reader.data, reader.position, size)
    if end < 0:
        raise ValueError("the file ends within its dictionary")
    if (
        num_words < 0
        or not 1 <= num_labels <= NUM_LABELS_LIMIT
        or num_words + num_labels != size
        or kinds[:num_words].any()
        or (kinds[num_words:] != 1).any()
    ):
        raise ValueError(
            f"its dictionary of {num_words} words and {num_labels} labels is not words, then labels"
        )
    reader.position = end
    spelling, starts = _pack(reader.data, places)
    pruned = reader.array(2 * num_pruned, "<i4").reshape(-1, 2) if num_pruned >= 0 else None
    return _Dictionary(num_words, num_labels, spelling, starts, counts, pruned)


def _read_centroids(reader: _Reader, dim: int) -> list[npt.NDArray[np.float32]]:
    """The quantiser's centroids, one array [CENTROIDS, part of the dimensions] per subquantiser."""
    quantised_dim, parts, width, last = reader.numbers("iiii")
    if quantised_dim != dim or width < 1 or parts != -(-dim // width) or last != dim - (parts - 1) * width:
        raise ValueError(f"its product quantiser of {quantised_dim} dimensions does not fit vectors of {dim}")
    flat = reader.array(dim * CENTROIDS, "<f4")
    bounds = [min(part * width, dim) * CENTROIDS for part in range(parts + 1)]
    return [flat[bounds[part] : bounds[part + 1]].reshape(CENTROIDS, -1) for part in range(parts)]


def _read_matrix(reader: _Reader, dim: int, *, quantised: bool) -> Floats:
    """A matrix of vectors, [rows, dim], decompressed.

    Raises:
        ValueError: its vectors have another length, or hold numbers that are not finite.
    """
    has_norms = bool(reader.numbers("?")[0]) if quantised else False
    num_rows, columns = reader.numbers("qq")
    if columns != dim or num_rows < 0:
        raise ValueError(f"a matrix has {num_rows} vectors of {columns} dimensions where {dim} were expected")
    if not quantised:
        matrix: Floats = reader.array(num_rows * dim, "<f4").reshape(num_rows, dim)
    else:
        (num_codes,) = reader.numbers("i")
        codes = reader.array(num_codes, "u1")
        centroids = _read_centroids(reader, dim)
        if num_codes != num_rows * len(centroids):
            raise ValueError(
                f"a matrix has {num_codes} codes for {num_rows} vectors of {len(centroids)} parts"
            )
        codes = codes.reshape(num_rows, len(centroids))
        matrix = np.empty((num_rows, dim), np.float32)
        column = 0
        for part, centroids_of_part in enumerate(centroids):
            width = centroids_of_part.shape[1]
            matrix[:, column : column + width] = centroids_of_part[codes[:, part]]
            column += width
        if has_norms:
            norm_codes = reader.array(num_rows, "u1")
            matrix *= _read_centroids(reader, 1)[0][norm_codes]
    if matrix.size and not (np.isfinite(matrix.min()) and np.isfinite(matrix.max())):
        raise ValueError("a matrix holds numbers that are not finite")
    return matrix


@kernel
def _fill_slots(spelling: Bytes, starts: Offsets, hashes: npt.NDArray[np.uint32], slots: Indexes) -> None:
    """Fill the dictionary's table; of entries spelled alike the last counts, as in the library."""
    mask = slots.size - 1
    for entry in range(starts.size - 1):
        state = fnv(spelling, starts[entry], starts[entry + 1])
        hashes[entry] = state
        slot = integer(state) & mask
        while slots[slot] >= 0:
            other = slots[slot]
            if _same(spelling, starts[entry], starts[entry + 1], spelling, starts[other], starts[other + 1]):
                break
            slot = (slot + 1) & mask
        slots[slot] = entry


@kernel
def _fold_ngrams(network: Network, rows: Matrix, weights: Indexes, longest: int) -> None:
    """Add to each word's row the rows of its n-grams, and count them; the line end has none."""
    work = workspace(network, longest)
    token, pending, hidden = work.token, work.pending, work.hidden
    spelling, starts, known = network.spelling, network.starts, network.known
    bucket, lengths = np.uint64(network.bucket), (network.min_n, network.max_n)
    for word in range(network.num_words):
        start, end = starts[word], starts[word + 1]
        weights[word] = 1
        if network.max_n <= 0 or _is_line_end(spelling, start, end):
            continue
        hidden[: network.dim] = rows[word]
        size = _bracket(spelling, start, end, token)
        first = 0
        while first < size:
            first, count = _collect_ngrams(
                token, size, first, lengths, network.num_words, bucket, network.reciprocal, known, pending, 0
            )
            _flush(rows, network.num_words, known, pending, count, hidden)
            weights[word] += count
        rows[word] = hidden[: network.dim]


def _known_buckets(pruned: Indexes, bucket: int, num_rows: int) -> tuple[Hashes, Offsets]:
    """The bit set `Network.known` and, for each set bit in order, the row of its bucket among the n-gram rows."""
    row_of = np.full(-(-max(bucket, 1) // 32) * 32, -1, np.int64)
    inside = (pruned[:, 0] >= 0) & (pruned[:, 0] < bucket)
    row_of[pruned[inside, 0]] = pruned[inside, 1]
    present = row_of >= 0
    order = row_of[present]
    if (pruned[:, 1] < 0).any() or (order >= num_rows).any():
        raise ValueError(f"its pruned dictionary points outside the {num_rows} n-gram vectors")
    bits = np.packbits(present, bitorder="little").view("<u4").astype(np.uint64)
    ones = present.reshape(-1, 32).sum(axis=1)
    before = (np.cumsum(ones) - ones).astype(np.uint64)
    return bits | before << SHIFT_32, order


def _label_tree(counts: list[int]) -> tuple[Indexes, Indexes]:
    """Left and right children of the Huffman tree of labels, most frequent first, built as the library builds it."""
    num = len(counts)
    weights = counts + [COUNT_LIMIT] * (num - 1)
    left = np.full(2 * num - 1, -1, np.int32)
    right = np.full(2 * num - 1, -1, np.int32)
    leaf, node = num - 1, num
    for parent in range(num, 2 * num - 1):
        children = []
        for _ in range(2):
            if leaf >= 0 and weights[leaf] < weights[node]:
                children.append(leaf)
                leaf -= 1
            else:
                children.append(node)
                node += 1
        left[parent], right[parent] = children
        weights[parent] = weights[children[0]] + weights[children[1]]
    return left, right


def _read_only(matrix: Matrix) -> Matrix:
    view = matrix.view()
    view.flags.writeable = False
    return view


def _check_arguments(arguments: _Arguments) -> None:
    if arguments.model != SUPERVISED:
        raise ValueError(
            f"it is no classifier but a model of kind {arguments.model}, where {SUPERVISED} is one"
        )
    if arguments.loss not in (HIERARCHICAL, SOFTMAX, ONE_VERSUS_ALL):
        raise ValueError(
            f"its loss is number {arguments.loss}; hierarchical softmax ({HIERARCHICAL}), softmax ({SOFTMAX}) and "
            f"one-versus-all ({ONE_VERSUS_ALL}) are supported"
        )
    if arguments.dim < 1:
        raise ValueError(f"its vectors have {arguments.dim} dimensions")
    if arguments.bucket < 1 and (arguments.max_n > 0 or arguments.word_ngrams > 1):
        raise ValueError(f"it uses n-grams but has {arguments.bucket} buckets for them")


def _parse(data: Bytes) -> Model:
    reader = _Reader(data)
    magic, version = reader.numbers("ii")
    if (magic, version) != (MAGIC, VERSION):
        raise ValueError(
            f"it begins with the numbers {magic} and {version} where {MAGIC} and {VERSION} were expected"
        )
    arguments = _Arguments(*reader.numbers("12id"))
    _check_arguments(arguments)
    dictionary = _read_dictionary(reader)
    num_words, num_labels = dictionary.num_words, dictionary.num_labels
    label_counts = dictionary.counts[num_words:].tolist()
    if min(label_counts) < 0 or sum(label_counts) >= COUNT_LIMIT:
        raise ValueError(f"its label counts are not within [0, {COUNT_LIMIT})")

    quantised = bool(reader.numbers("?")[0])
    if dictionary.pruned is not None and not quantised:
        raise ValueError("its dictionary is pruned but its vectors are not quantised")
    rows = _read_matrix(reader, arguments.dim, quantised=quantised)
    output_quantised = bool(reader.numbers("?")[0]) and quantised
    output = _read_matrix(reader, arguments.dim, quantised=output_quantised)
    if output.shape[0] != num_labels:
        raise ValueError(f"it has {output.shape[0]} output vectors for {num_labels} labels")

    if num_words + max(arguments.bucket, 0) >= 1 << 31:
        raise ValueError(
            f"its {num_words} words and {arguments.bucket} buckets are more than 32-bit numbers count"
        )
    uses_buckets = arguments.max_n > 0 or arguments.word_ngrams > 1
    expected = num_words + (arguments.bucket if uses_buckets and dictionary.pruned is None else 0)
    if rows.shape[0] < expected:
        raise ValueError(f"it has {rows.shape[0]} input vectors where its dictionary needs {expected}")
    known = np.empty(0, np.uint64)
    if dictionary.pruned is not None:
        known, order = _known_buckets(dictionary.pruned, arguments.bucket, rows.shape[0] - num_words)
        rows = np.concatenate([rows[:num_words], rows[num_words:][order]])

    starts = dictionary.starts
    hashes = np.empty(starts.size - 1, np.uint32)
    # At most half full, so that a search ends soon.
    slots = np.full(1 << (2 * starts.size).bit_length(), -1, np.int32)
    _fill_slots(dictionary.spelling, starts, hashes, slots)
    left, right = _label_tree(label_counts) if arguments.loss == HIERARCHICAL else _label_tree([0])
    weights = np.empty(num_words, np.int32)
    network = Network(
        dim=arguments.dim,
        num_words=num_words,
        num_labels=num_labels,
        bucket=max(arguments.bucket, 0),
        reciprocal=np.uint64(-(-(1 << 64) // arguments.bucket) % (1 << 64) if arguments.bucket > 0 else 0),
        min_n=arguments.min_n,
        max_n=max(arguments.max_n, 0),
        word_ngrams=arguments.word_ngrams,
        loss=arguments.loss,
        slots=frozen(slots, np.int32),
        hashes=frozen(hashes, np.uint32),
        spelling=frozen(dictionary.spelling, np.uint8),
        starts=frozen(starts, np.int64),
        known=frozen(known, np.uint64),
        rows=_read_only(rows),
        weights=frozen(weights, np.int32),
        output=_read_only(np.pad(output, ((0, 0), (0, -arguments.dim % 4)))),
        left=frozen(left, np.int32),
        right=frozen(right, np.int32),
    )
    _fold_ngrams(network, rows, weights, longest_document(starts))
    names = [
        dictionary.spelling[starts[entry] : starts[entry + 1]] for entry in range(num_words, starts.size - 1)
    ]
    return Model(tuple(name.tobytes().decode() for name in names), network, tuple(label_counts))


def load(path: str) -> Model:
    """The fastText classifier in the file, a full (.bin) or a quantised (.ftz) one; its matrices fill memory.

    A quantised matrix is decompressed, to four bytes per row and dimension.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no version-12 fastText classifier with one of the losses hierarchical softmax, softmax and
            one-versus-all, or it is damaged.
    """
    if Path(path).stat().st_size == 0:
        raise ValueError(f"{path} is no fastText classifier that can be used: the file is empty.")
    try:
        return _parse(frozen(np.asarray(np.memmap(path, np.uint8, "r")), np.uint8))
    except ValueError as error:
        raise ValueError(f"{path} is no fastText classifier that can be used: {error}.") from error
