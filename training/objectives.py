"""What a model is asked: masked tokens, spans behind sentinels, continuations; and the masks of UniLM.

Every choice is a pure function of the seed, the sample's number in the stream and the place in it (`philox.py`). The
same sample is masked alike on any worker, rank or batch, and after a restart; the same tokens under another number, as
in the next epoch, are masked anew. Special pieces are never masked, and never put in but as what they stand for.

Shape suffixes: T = tokens of the batch, S = segments, M = targets, U = tokens of the decoder, V = pieces,
P = parts of a composition, I = items that are divided into them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training import philox
from training.vocabulary import Vocabulary

Ids = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# Second word of the counters: what the numbers are for.
_MASKING, _NOISE, _GAPS, _SEGMENT, _UNILM = range(5)


class ObjectiveError(ValueError):
    """The settings of an objective make no sense, or do not fit the vocabulary."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Segments, one after the other.

    Attributes:
        tokens_T: ids of pieces.
        lengths_S: tokens of each segment, at least 1.
        samples_S: number of each segment in the stream, in [0, 2**64); what randomness is keyed by.
    """

    tokens_T: Ids
    lengths_S: Ids
    samples_S: npt.NDArray[np.uint64]

    @property
    def segments_T(self) -> Ids:
        """Which segment each token is in."""
        return np.repeat(np.arange(len(self.lengths_S)), self.lengths_S)

    @property
    def places_T(self) -> Ids:
        """Place of each token in its segment, from 0."""
        return _places(self.lengths_S)


@dataclass(frozen=True, slots=True)
class Masking:
    """Masked language model (Devlin et al. 2019, section 3.1).

    Attributes:
        rate: share of ordinary tokens to predict, each on its own chance.
        mask_share: of these, the share that is replaced by the mask.
        random_share: the share that is replaced by an ordinary piece, drawn evenly; the rest stays as it is.
        whole_words: all tokens of a word are chosen together. A word begins with a space, so the rate does not change.
        longest_word: a longer run of tokens without a space is no word, as in scripts that write none; its tokens
            are chosen one by one.
    """

    rate: float = 0.15
    mask_share: float = 0.8
    random_share: float = 0.1
    whole_words: bool = False
    longest_word: int = 12

    def __post_init__(self) -> None:
        """Refuse shares that are none.

        Raises:
            ObjectiveError: a share is not in [0, 1], or the two exceed 1 together.
        """
        for name in ("rate", "mask_share", "random_share"):
            _check_share(name, getattr(self, name))
        if self.mask_share + self.random_share > 1 + 1e-9:
            raise ObjectiveError(
                f"mask_share {self.mask_share} and random_share {self.random_share} must not exceed 1 together."
            )
        if self.longest_word < 1:
            raise ObjectiveError(f"longest_word must be at least 1 (got {self.longest_word}).")


@dataclass(frozen=True, slots=True)
class Masked:
    """A batch of a masked language model.

    Attributes:
        tokens_T: what the model sees.
        rows_M: places in the batch to predict at, ascending.
        targets_M: what stood there.
    """

    tokens_T: Ids
    rows_M: Ids
    targets_M: Ids


def mask_tokens(batch: Batch, vocabulary: Vocabulary, masking: Masking, *, seed: int) -> Masked:
    """The batch with some tokens masked, and what they were."""
    places_T = batch.places_T
    samples_T = batch.samples_S[batch.segments_T]
    choice_T, action_T, piece_T, _ = philox.blocks(seed, places_T, _MASKING, samples_T)
    if masking.whole_words:
        # The first token of a word chooses for all of it.
        choice_T = choice_T[_word_heads(batch, vocabulary, masking.longest_word)]
    chosen_T = philox.chance(choice_T, masking.rate) & ~vocabulary.is_special_V[batch.tokens_T]
    rows_M = np.flatnonzero(chosen_T)
    action_M = action_T[rows_M]
    masked_M = philox.chance(action_M, masking.mask_share)
    random_M = philox.chance(action_M, min(1.0, masking.mask_share + masking.random_share)) & ~masked_M
    targets_M = batch.tokens_T[rows_M]
    ordinary = vocabulary.ordinary_ids
    pieces_M = ordinary[philox.below(piece_T[rows_M], len(ordinary))]
    tokens_T = batch.tokens_T.copy()
    tokens_T[rows_M] = np.where(masked_M, vocabulary.mask_id, np.where(random_M, pieces_M, targets_M))
    return Masked(tokens_T, rows_M, targets_M)


def _word_heads(batch: Batch, vocabulary: Vocabulary, longest_word: int) -> Ids:
    """For each token, the place in the batch of the first token of its word; itself, if that is too long."""
    special_T = vocabulary.is_special_V[batch.tokens_T]
    head_T = vocabulary.is_word_start_V[batch.tokens_T] | special_T | (batch.places_T == 0)
    heads_W = np.flatnonzero(head_T)
    lengths_W = np.diff(heads_W, append=len(head_T))
    heads_T = np.repeat(heads_W, lengths_W)
    return np.where(np.repeat(lengths_W, lengths_W) > longest_word, np.arange(len(head_T)), heads_T)


@dataclass(frozen=True, slots=True)
class UniLM:
    """Shares of UniLM's masks among segments (Dong et al. 2019, section 2.3); the rest is causal.

    All of them predict masked tokens at their own places; what differs is which others a token sees.

    Attributes:
        bidirectional: share of segments in which each token sees all.
        prefix: share in which a prefix, of even chance from 1 to all but one token, is seen by all, and what follows it
            only by what comes later.
    """

    bidirectional: float = 1 / 3
    prefix: float = 1 / 3

    def __post_init__(self) -> None:
        """Refuse shares that are none.

        Raises:
            ObjectiveError: a share is not in [0, 1], or the two exceed 1 together.
        """
        _check_share("bidirectional", self.bidirectional)
        _check_share("prefix", self.prefix)
        if self.bidirectional + self.prefix > 1 + 1e-9:
            raise ObjectiveError(
                f"bidirectional {self.bidirectional} and prefix {self.prefix} must not exceed 1 together."
            )


def prefixes(batch: Batch, unilm: UniLM, *, seed: int) -> Ids:
    """For each segment the length of its prefix, as `attention.Segments` takes it; shape [S].

    A segment of one token sees itself under any mask.
    """
    kind_S, prefix_S, _, _ = philox.blocks(seed, np.zeros_like(batch.lengths_S), _UNILM, batch.samples_S)
    within_S = 1 + philox.below(prefix_S, np.maximum(batch.lengths_S - 1, 1))
    both_S = philox.chance(kind_S, unilm.bidirectional)
    either_S = philox.chance(kind_S, min(1.0, unilm.bidirectional + unilm.prefix))
    lengths_S: Ids = np.where(both_S, batch.lengths_S, np.where(either_S, within_S, 0))
    return lengths_S


@dataclass(frozen=True, slots=True)
class Denoising:
    """Span corruption (Raffel et al. 2020, section 3.1.4), mixed with continuation (Soltan et al. 2022, section 2.2).

    Attributes:
        rate: share of a segment's ordinary tokens that is taken out, in spans.
        mean_span: mean length of a span, in tokens.
        causal_share: share of segments whose beginning is the input, behind a special piece, and whose rest is target.
        least_input: smallest share of such a segment that is input.
        most_input: largest; between the two, all are equally likely.
    """

    rate: float = 0.15
    mean_span: float = 3.0
    causal_share: float = 0.2
    least_input: float = 0.2
    most_input: float = 0.8

    def __post_init__(self) -> None:
        """Refuse shares that are none.

        Raises:
            ObjectiveError: a share is not in [0, 1], or the mean span is shorter than a token.
        """
        for name in ("rate", "causal_share", "least_input", "most_input"):
            _check_share(name, getattr(self, name))
        if self.least_input > self.most_input:
            raise ObjectiveError(
                f"least_input {self.least_input} must be at most most_input {self.most_input}."
            )
        if self.mean_span < 1:
            raise ObjectiveError(f"mean_span must be at least 1 (got {self.mean_span}).")


@dataclass(frozen=True, slots=True)
class Denoised:
    """A batch of an encoder-decoder; segments pair up.

    Attributes:
        tokens_T: input of the encoder.
        lengths_S: its segments.
        decoder_tokens_U: input of the decoder: the targets, one place later, behind the padding piece.
        targets_U: what to predict at each place of the decoder.
        decoder_lengths_S: segments of both.
    """

    tokens_T: Ids
    lengths_S: Ids
    decoder_tokens_U: Ids
    targets_U: Ids
    decoder_lengths_S: Ids


def denoise(batch: Batch, vocabulary: Vocabulary, denoising: Denoising, *, seed: int) -> Denoised:
    """Inputs and targets. With its spans put in for the sentinels, an input is the segment again.

    Spans are taken out anywhere; of two or more ordinary tokens at least one is taken and one stays. Each span leaves a
    sentinel; the target is each sentinel with its span, and one sentinel more.

    Raises:
        ObjectiveError: a segment has more spans than there are sentinels.
    """
    kind_S, cut_S, _, _ = philox.blocks(seed, np.zeros_like(batch.lengths_S), _SEGMENT, batch.samples_S)
    causal_S = philox.chance(kind_S, denoising.causal_share) & (batch.lengths_S > 1)
    shares_S = denoising.least_input + (denoising.most_input - denoising.least_input) * cut_S / 2**32
    inputs_S = np.clip(
        np.rint(batch.lengths_S * shares_S).astype(np.int64), 1, np.maximum(batch.lengths_S - 1, 1)
    )

    segments_T, places_T = batch.segments_T, batch.places_T
    causal_T = causal_S[segments_T]
    taken_T = np.where(
        causal_T, places_T >= inputs_S[segments_T], _noise(batch, vocabulary, denoising, seed=seed)
    )
    before_T = np.concatenate(([False], taken_T[:-1])) & (places_T > 0)
    begins_T = taken_T & ~before_T & ~causal_T
    spans_S = np.bincount(segments_T, weights=begins_T, minlength=len(batch.lengths_S)).astype(np.int64)
    if len(spans_S) and spans_S.max() >= len(vocabulary.sentinel_ids):
        raise ObjectiveError(
            f"a segment of {batch.lengths_S[spans_S.argmax()]} tokens has {spans_S.max()} spans and needs one sentinel "
            f"more than that, besides the last, but the tokeniser has {len(vocabulary.sentinel_ids) + 1}; "
            "shorten the segments, raise mean_span or train the tokeniser with more sentinels."
        )
    sentinels = np.array(vocabulary.sentinel_ids)
    number_T = np.cumsum(begins_T) - 1 - (np.cumsum(spans_S) - spans_S)[segments_T]
    sentinel_T = sentinels[np.clip(number_T, 0, len(sentinels) - 1)]

    tokens_T, lengths_S = _inputs(batch, vocabulary, taken_T, begins_T, sentinel_T, causal_S)
    targets_U, decoder_lengths_S = _targets(
        batch, taken_T, begins_T, sentinel_T, closing_S=np.where(causal_S, -1, sentinels[spans_S])
    )
    decoder_tokens_U = np.roll(targets_U, 1)
    decoder_tokens_U[np.cumsum(decoder_lengths_S) - decoder_lengths_S] = vocabulary.pad_id
    return Denoised(tokens_T, lengths_S, decoder_tokens_U, targets_U, decoder_lengths_S)


def _inputs(
    batch: Batch, vocabulary: Vocabulary, taken_T: Flags, begins_T: Flags, sentinel_T: Ids, causal_S: Flags
) -> tuple[Ids, Ids]:
    """What is left of each segment, a sentinel for each span; and the lengths."""
    shown_T = ~taken_T | begins_T
    lengths_S = np.bincount(batch.segments_T, weights=shown_T, minlength=len(causal_S)).astype(np.int64)
    tokens = np.where(begins_T, sentinel_T, batch.tokens_T)[shown_T]
    starts_S = np.cumsum(lengths_S) - lengths_S
    return np.insert(tokens, starts_S[causal_S], vocabulary.causal_id), lengths_S + causal_S


def _targets(
    batch: Batch, taken_T: Flags, begins_T: Flags, sentinel_T: Ids, *, closing_S: Ids
) -> tuple[Ids, Ids]:
    """What was taken, each span behind its sentinel, and the closing sentinel (none where that is -1); and lengths."""
    copies_T = taken_T.astype(np.int64) + begins_T
    tokens = np.repeat(batch.tokens_T, copies_T)
    firsts_T = np.cumsum(copies_T) - copies_T
    tokens[firsts_T[begins_T]] = sentinel_T[begins_T]
    lengths_S = np.bincount(batch.segments_T, weights=copies_T, minlength=len(closing_S)).astype(np.int64)
    closed_S = closing_S >= 0
    return np.insert(tokens, np.cumsum(lengths_S)[closed_S], closing_S[closed_S]), lengths_S + closed_S


def _noise(batch: Batch, vocabulary: Vocabulary, denoising: Denoising, *, seed: int) -> Flags:
    """Which tokens the spans take. A special piece is never taken; it splits the span it stands in."""
    ordinary_T = ~vocabulary.is_special_V[batch.tokens_T]
    ordinary_S = np.bincount(batch.segments_T, weights=ordinary_T, minlength=len(batch.lengths_S)).astype(
        np.int64
    )
    most_S = np.maximum(ordinary_S - 1, 0)
    noise_S = np.clip(np.rint(ordinary_S * denoising.rate).astype(np.int64), np.minimum(1, most_S), most_S)
    kept_S = ordinary_S - noise_S
    # Between two spans a token must stay.
    spans_S = np.clip(np.rint(noise_S / denoising.mean_span).astype(np.int64), 1, kept_S + 1)
    spans_S = np.minimum(spans_S, noise_S)
    noise_P = _composition(noise_S, spans_S, batch.samples_S, _NOISE, seed=seed)
    # Before the first span and behind the last there may be nothing: one token more at each end, then one less.
    gaps_P = _composition(kept_S + 2, spans_S + 1, batch.samples_S, _GAPS, seed=seed)
    last_S = np.cumsum(spans_S + 1) - 1
    gaps_P[last_S - spans_S] -= 1
    gaps_P[last_S] -= 1
    # Gap, span, gap, …, gap of each segment.
    runs = np.insert(gaps_P, np.delete(np.arange(len(gaps_P)), last_S) + 1, noise_P)
    is_noise = np.insert(np.zeros(len(gaps_P), bool), np.delete(np.arange(len(gaps_P)), last_S) + 1, True)
    taken_T = np.zeros(len(batch.tokens_T), bool)
    taken_T[ordinary_T] = np.repeat(is_noise, runs)
    return taken_T


def _composition(
    totals_S: Ids, parts_S: Ids, samples_S: npt.NDArray[np.uint64], purpose: int, *, seed: int
) -> Ids:
    """Each total as a sum of so many parts of at least 1, all ways equally likely; the parts, one after the other.

    The first item of each total begins a part; of the others, those with the smallest random numbers do.
    """
    segments_I = np.repeat(np.arange(len(totals_S)), totals_S)
    places_I = _places(totals_S)
    numbers_I = philox.blocks(seed, places_I, purpose, samples_S[segments_I])[0].astype(np.int64)
    rank_I = (segments_I << 33) + np.where(places_I == 0, 0, numbers_I + 1)
    order_I = np.argsort(rank_I, kind="stable")
    # Sorted, segments stay together: the place in the order is the rank within the segment.
    begins_I = np.zeros(len(order_I), bool)
    begins_I[order_I[places_I < parts_S[segments_I]]] = True
    parts_P: Ids = np.diff(np.flatnonzero(begins_I), append=len(begins_I))
    return parts_P


def _places(lengths_S: Ids) -> Ids:
    starts_S = np.cumsum(lengths_S) - lengths_S
    places: Ids = np.arange(int(lengths_S.sum())) - np.repeat(starts_S, lengths_S)
    return places


def _check_share(name: str, share: float) -> None:
    if not 0 <= share <= 1:
        raise ObjectiveError(f"{name} must be in [0, 1] (got {share}).")
