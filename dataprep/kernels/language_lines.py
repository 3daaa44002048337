"""Labels of documents and of the lines they are made of, from one look at the text.

The vector of a text is a mean over its tokens, so that of a document is put together from those of its lines: labelling
lines as well costs no second look-up of words and n-grams, only the comparison of each line's vector with the labels.
"""

from typing import Final, NamedTuple

import numpy as np

from dataprep.kernels.arrow_buffers import Bytes, Offsets, batch
from dataprep.kernels.compilation import integer, kernel
from dataprep.kernels.fasttext_model import (
    HIERARCHICAL,
    ONE_VERSUS_ALL,
    Floats,
    Indexes,
    Model,
    Network,
    Workspace,
    add_line_end,
    add_part,
    dot,
    insert,
    is_blank,
    sigmoid,
    workspace,
)
from dataprep.kernels.tokenise import NEWLINE, Properties, longest_document
from dataprep.kernels.unicode_tables import tables
from dataprep.kernels.windows import MAX_WINDOWS, Bounds, windows

MAX_LINES: Final = 16
MIN_LINE_BYTES: Final = 100  # shorter lines are taken together with the next
LINES_PER_TEXT: Final = 8  # so many at most of what is shown, but for one more per window
# Probability of an inner node of the label tree below which its leaves are not looked at.
NEGLIGIBLE: Final = np.float32(1e-5)
NEGLIGIBLE_IN_LINE: Final = np.float32(2e-3)
CANDIDATES: Final = 8  # labels among which the lines of a model without a tree are judged


class Labelled(NamedTuple):
    """What the model says of N documents.

    Attributes:
        labels_NK: int32, indexes of the k best labels, best first; -1 where there is none.
        scores_NK: float32, their probabilities, in [0, 1].
        line_labels_NM: int32, index of the best label of each line; -1 where there is no further line.
        line_scores_NM: float32, its probability.
        line_bytes_NM: int32, the bytes of the line that were seen.
    """

    labels_NK: Indexes
    scores_NK: Floats
    line_labels_NM: Indexes
    line_scores_NM: Floats
    line_bytes_NM: Indexes


@kernel
def _distribution(
    network: Network, factors: Floats, hidden: Floats, negligible: np.float32, nodes: Floats
) -> None:
    """Fill the first L of `nodes` with each label's probability: what the model says, times `factors`, scaled to 1.

    One-versus-all models say yes or no to each label by itself; theirs are left as they are.
    """
    output, left, right = network.output, network.left, network.right
    num = network.num_labels
    if network.loss == HIERARCHICAL:
        nodes[2 * num - 2] = np.float32(1)
        for node in range(2 * num - 2, num - 1, -1):
            reached = nodes[node]
            if reached < negligible:
                nodes[left[node]] = nodes[right[node]] = np.float32(0)
                continue
            to_right = np.float32(1) / (np.float32(1) + np.exp(-dot(hidden, output, node - num)))
            nodes[right[node]] = reached * to_right
            nodes[left[node]] = reached - reached * to_right
    else:
        largest = np.float32(-np.inf)
        for label in range(num):
            nodes[label] = dot(hidden, output, label)
            largest = max(largest, nodes[label])
        for label in range(num):
            if network.loss == ONE_VERSUS_ALL:
                nodes[label] = sigmoid(nodes[label])
            else:
                nodes[label] = np.exp(nodes[label] - largest)
    if network.loss == ONE_VERSUS_ALL:
        return
    total = np.float32(0)
    for label in range(num):
        nodes[label] *= factors[label]
        total += nodes[label]
    for label in range(num):
        nodes[label] /= total


@kernel
def _climb(network: Network, factors: Floats, parents: Indexes, ceilings: Floats) -> None:
    """Fill in the parent of each node of the label tree, and the largest factor of the labels below it."""
    num = network.num_labels
    ceilings[:num] = factors
    parents[:] = -1
    for node in range(num, 2 * num - 1):
        left, right = network.left[node], network.right[node]
        parents[left] = parents[right] = node
        ceilings[node] = max(ceilings[left], ceilings[right])


@kernel
def _surely_best(
    network: Network, label: int, parents: Indexes, ceilings: Floats, hidden: Floats, path: Indexes
) -> tuple[bool, np.float32]:
    """Whether the label must be a line's best one, by the nodes on its path, and a lower bound of its probability.

    Off the path lie whole subtrees, none of whose labels can have more than the subtree's probability times the largest
    factor in it.
    """
    num = network.num_labels
    length, node = 0, label
    while parents[node] >= 0:
        path[length] = node
        node = integer(parents[node])
        length += 1
    reached, rival, others = np.float32(1), np.float32(0), np.float32(0)
    for step in range(length - 1, -1, -1):
        onward = integer(path[step])
        right = integer(network.right[node])
        to_right = np.float32(1) / (np.float32(1) + np.exp(-dot(hidden, network.output, node - num)))
        if onward == right:
            aside, beside = reached * (np.float32(1) - to_right), integer(network.left[node])
            reached *= to_right
        else:
            aside, beside = reached * to_right, right
            reached -= reached * to_right
        rival = max(rival, aside * ceilings[beside])
        others += aside * ceilings[beside]
        node = onward
    own = reached * ceilings[label]
    return own > rival, own / (own + others)


@kernel
def _best(
    network: Network,
    factors: Floats,
    hidden: Floats,
    of_document: int,
    parents: Indexes,
    ceilings: Floats,
    nodes: Floats,
    path: Indexes,
    candidates: Indexes,
) -> tuple[int, np.float32]:
    """The best label of a line, and its probability; a lower bound of it where that is the document's label.

    Most lines are in the language of their document, which few nodes of the tree can tell. Models without a tree have
    up to thousands of labels, all of which would have to be compared with each line; theirs are judged among the
    document's best labels alone.
    """
    best, score = -1, np.float32(0)
    if network.loss == HIERARCHICAL:
        if of_document >= 0:
            sure, bound = _surely_best(network, of_document, parents, ceilings, hidden, path)
            if sure:
                return of_document, bound
        _distribution(network, factors, hidden, NEGLIGIBLE_IN_LINE, nodes)
        for label in range(network.num_labels):
            if nodes[label] > score:
                best, score = label, nodes[label]
        return best, score
    largest = np.float32(-np.inf)
    for index in range(candidates.size):
        if candidates[index] >= 0:
            nodes[index] = dot(hidden, network.output, candidates[index])
            largest = max(largest, nodes[index])
    total = np.float32(0)
    for index in range(candidates.size):
        if candidates[index] < 0:
            continue
        if network.loss == ONE_VERSUS_ALL:
            nodes[index] = sigmoid(nodes[index])
        else:
            nodes[index] = np.exp(nodes[index] - largest) * factors[candidates[index]]
        total += nodes[index]
        if nodes[index] > score:
            best, score = integer(candidates[index]), nodes[index]
    return best, score if network.loss == ONE_VERSUS_ALL or best < 0 else score / total


@kernel
def _cut_lines(data: Bytes, bounds: Bounds, num: int, least: int, lines: Bounds) -> int:
    """How many lines the windows hold; a line too short for a judgement goes on with the next one in its window."""
    count = 0
    for window in range(num):
        begin, stop = bounds[window, 0], bounds[window, 1]
        for position in range(begin, stop):
            if (
                data[position] == NEWLINE
                and position - begin >= least
                and stop - position > least
                and count < MAX_LINES - num
            ):
                lines[count, 0], lines[count, 1] = begin, position
                count += 1
                begin = position + 1
        lines[count, 0], lines[count, 1] = begin, stop
        count += 1
    return count


@kernel
def _mean(hidden: Floats, count: int, dim: int, mean: Floats) -> None:
    share = np.float32(1.0 / count)
    for index in range(dim):
        mean[index] = hidden[index] * share


@kernel
def _label_batch(
    network: Network,
    factors: Floats,
    data: Bytes,
    offsets: Offsets,
    properties: Properties,
    max_bytes: int,
    k: int,
) -> tuple[Indexes, Floats, Indexes, Floats, Indexes]:
    documents = offsets.size - 1
    labels, scores = np.full((documents, k), -1, np.int32), np.zeros((documents, k), np.float32)
    line_labels = np.full((documents, MAX_LINES), -1, np.int32)
    line_scores = np.zeros((documents, MAX_LINES), np.float32)
    line_bytes = np.zeros((documents, MAX_LINES), np.int32)
    bounds, lines = np.empty((MAX_WINDOWS, 2), np.int64), np.empty((MAX_LINES, 2), np.int64)
    work: Workspace = workspace(network, min(longest_document(offsets), max_bytes))
    hidden = work.hidden
    of_document, of_lines = np.empty(hidden.size, np.float32), np.empty((MAX_LINES, hidden.size), np.float32)
    mean = np.zeros(hidden.size, np.float32)
    nodes = np.empty(max(2 * network.num_labels, CANDIDATES), np.float32)
    candidates = np.full(CANDIDATES, -1, np.int32)
    candidate_scores = np.empty(CANDIDATES, np.float32)
    sizes = np.empty(MAX_LINES, np.int64)
    parents, path = np.empty(2 * network.num_labels, np.int32), np.empty(2 * network.num_labels, np.int32)
    ceilings = np.empty(2 * network.num_labels, np.float32)
    if network.loss == HIERARCHICAL:
        _climb(network, factors, parents, ceilings)
    least = max(MIN_LINE_BYTES, max_bytes // LINES_PER_TEXT)
    for document in range(documents):
        num = windows(data, offsets[document], offsets[document + 1], max_bytes, bounds)
        blank = True
        for window in range(num):
            blank = blank and is_blank(data, bounds[window, 0], bounds[window, 1], properties)
        if blank:
            continue
        num_lines = _cut_lines(data, bounds, num, least, lines)
        of_document[:] = 0
        total, active, seen = 0, 0, 0
        ended = False
        for line in range(num_lines):
            hidden[:] = 0
            added, active, ended = add_part(network, data, lines[line, 0], lines[line, 1], work, active)
            of_lines[line] = hidden
            for index in range(network.dim):
                of_document[index] += hidden[index]
            total += added
            sizes[line] = added
            seen += 1
            if ended:
                break
        # One line end follows the document, and each of its lines as well, if none is spelled out.
        hidden[:] = 0
        ending = add_line_end(network, work, 0)
        for line in range(seen - 1 if ended else seen):
            if sizes[line]:
                sizes[line] += ending
                for index in range(network.dim):
                    of_lines[line, index] += hidden[index]
        if not ended:
            total += ending
            for index in range(network.dim):
                of_document[index] += hidden[index]
        if total == 0:
            continue
        _mean(of_document, total, network.dim, mean)
        _distribution(network, factors, mean, NEGLIGIBLE, nodes)
        found = 0
        for label in range(network.num_labels):
            if nodes[label] > 0:
                found = insert(label, nodes[label], labels[document], scores[document], found)
        if network.loss != HIERARCHICAL:
            candidates[:] = -1
            kept = 0
            for label in range(network.num_labels):
                kept = insert(label, nodes[label], candidates, candidate_scores, kept)
        judged = 0
        for line in range(seen):
            if sizes[line] == 0:
                continue
            line_bytes[document, judged] = lines[line, 1] - lines[line, 0]
            if seen == 1:
                line_labels[document, judged], line_scores[document, judged] = (
                    labels[document, 0],
                    scores[document, 0],
                )
            else:
                _mean(of_lines[line], sizes[line], network.dim, mean)
                line_labels[document, judged], line_scores[document, judged] = _best(
                    network,
                    factors,
                    mean,
                    integer(labels[document, 0]),
                    parents,
                    ceilings,
                    nodes,
                    path,
                    candidates,
                )
            judged += 1
    return labels, scores, line_labels, line_scores, line_bytes


def prior_factors(model: Model, strength: float) -> Floats:
    """What each label's probability is multiplied with to take back how often the label was in the training data.

    A classifier's posterior holds the prior of its training data, in which English may be a thousand times as frequent
    as Slovenian, so that a short Slovenian text passes for something commoner. Dividing by the prior to the power of
    `strength` gives the posterior under a flatter prior: a flat one at 1 (Saerens et al. 2002, "Adjusting the outputs
    of a classifier to new a priori probabilities", section 2.2).

    Args:
        model: from `fasttext_model.load`.
        strength: in [0, 1]; 0 leaves the model's probabilities as they are.

    Returns:
        float32 [labels], the commonest label's being 1.
    """
    counts = np.maximum(np.asarray(model.counts, np.float64), 1)
    return np.asarray((counts.max() / counts) ** strength, np.float32)


def label_lines(
    model: Model, factors: Floats, data: Bytes, offsets: Offsets, *, max_bytes: int, k: int
) -> Labelled:
    """The k best labels of each document, and the best label of each of its lines.

    The model sees at most `max_bytes` of a document (see `windows`). What it sees is cut at line feeds; lines of fewer
    than 100 bytes, or an eighth of `max_bytes`, are taken together with the next ones. Word n-grams go across lines.
    With all `factors` 1 a document that is seen whole has the labels of `fasttext_model.predict`, up to rounding.

    Args:
        model: from `fasttext_model.load`.
        factors: from `prior_factors`.
        data: UTF-8 bytes of all documents.
        offsets: one more than documents.
        max_bytes: how much of a document is read, in bytes; at least 1.
        k: how many labels, at least 1.

    Raises:
        TypeError: an array is no part of a batch (see `arrow_buffers.batch`).
        ValueError: likewise, or `max_bytes` or `k` is below 1.
    """
    if max_bytes < 1 or k < 1:
        raise ValueError(f"Expected max_bytes and k of at least 1, found {max_bytes} and {k}.")
    data, offsets = batch(data, offsets)
    factors = np.ascontiguousarray(factors, np.float32)
    return Labelled(*_label_batch(model.network, factors, data, offsets, tables().properties, max_bytes, k))
