"""Objectives: how much is masked and how, spans that rebuild the text, masks of UniLM; all by the keys alone."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

sentencepiece = pytest.importorskip("sentencepiece", reason="the extra `training` is not installed")

from training import philox  # noqa: E402
from training.objectives import (  # noqa: E402
    Batch,
    Denoised,
    Denoising,
    Masking,
    ObjectiveError,
    UniLM,
    denoise,
    mask_tokens,
    prefixes,
)
from training.vocabulary import Vocabulary, VocabularyError  # noqa: E402

# Ids 0 to 3 pad, unknown, begin, end; 4 the mask; 5 to 36 sentinels, 37 the one for continuations; 38 to 99 ordinary.
FIRST_SENTINEL, CAUSAL, FIRST_ORDINARY, SIZE = 5, 37, 38, 100


def vocabulary(*, word_starts: range = range(70, SIZE)) -> Vocabulary:
    special, starts = np.zeros(SIZE, bool), np.zeros(SIZE, bool)
    special[:FIRST_ORDINARY] = True
    starts[word_starts] = True
    return Vocabulary(
        pad_id=0,
        eos_id=3,
        mask_id=4,
        sentinel_ids=tuple(range(FIRST_SENTINEL, CAUSAL)),
        causal_id=CAUSAL,
        is_special_V=special,
        is_word_start_V=starts,
    )


VOCABULARY = vocabulary()


def batch(segments: list[list[int]], *, first_sample: int = 0) -> Batch:
    return Batch(
        tokens_T=np.array([token for segment in segments for token in segment], dtype=np.int64),
        lengths_S=np.array([len(segment) for segment in segments], dtype=np.int64),
        samples_S=np.arange(first_sample, first_sample + len(segments), dtype=np.uint64),
    )


def long_batch(count: int = 400, length: int = 100) -> Batch:
    """40,000 ordinary tokens, by default."""
    generator = np.random.default_rng(0)
    return batch(generator.integers(FIRST_ORDINARY, SIZE, (count, length)).tolist())


def within(found: float, share: float, count: int) -> bool:
    """Whether a share of so many independent draws is within five standard errors: wrong once in two million times."""
    return abs(found - share) < 5 * (share * (1 - share) / count) ** 0.5


segments = st.lists(st.lists(st.integers(0, SIZE - 1), min_size=1, max_size=60), min_size=1, max_size=6)
texts = st.lists(
    st.lists(st.integers(FIRST_ORDINARY, SIZE - 1), min_size=1, max_size=60), min_size=1, max_size=6
)
seeds = st.integers(0, 2**64 - 1)


@pytest.mark.parametrize(
    ("key", "counter", "words"),
    [
        (0, (0, 0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        (2**64 - 1, (2**32 - 1, 2**32 - 1, 2**64 - 1), "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            0x299F31D0A4093822,
            (0x243F6A88, 0x85A308D3, 0x0370734413198A2E),
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_gives_the_words_its_authors_published(
    key: int, counter: tuple[int, int, int], words: str
) -> None:
    place, purpose, sample = counter

    found = philox.blocks(key, np.array([place], np.uint64), purpose, np.array([sample], np.uint64))

    assert " ".join(f"{int(word[0]):08x}" for word in found) == words


@pytest.mark.parametrize("rate", [0.15, 0.4])
@pytest.mark.parametrize("whole_words", [False, True])
def test_as_many_tokens_are_masked_as_the_rate_says(rate: float, whole_words: bool) -> None:
    data = long_batch()

    rows = mask_tokens(data, VOCABULARY, Masking(rate=rate, whole_words=whole_words), seed=1).rows_M

    # Words are of two tokens on average and their lengths vary: four times the variance is more than enough.
    assert within(len(rows) / 40_000, rate, 10_000 if whole_words else 40_000)
    assert within((rows % 100 == 0).sum() / 400, rate, 400)


def test_of_the_masked_eight_in_ten_are_masks_one_is_random_and_one_stays() -> None:
    data = long_batch()

    masked = mask_tokens(data, VOCABULARY, Masking(), seed=1)

    shown = masked.tokens_T[masked.rows_M]
    count = len(shown)
    random_rows = (shown != VOCABULARY.mask_id) & (shown != masked.targets_M)
    assert within((shown == VOCABULARY.mask_id).mean(), 0.8, count)
    # One random piece of 62 is the token itself.
    assert within(random_rows.mean(), 0.1 * 61 / 62, count)
    assert within((shown == masked.targets_M).mean(), 0.1 + 0.1 / 62, count)
    assert np.array_equal(np.unique(shown[random_rows]), np.arange(FIRST_ORDINARY, SIZE))


@pytest.mark.parametrize(
    ("mask_share", "random_share", "shown"), [(1.0, 0.0, "mask"), (0.0, 0.0, "itself"), (0.0, 1.0, "random")]
)
def test_the_split_can_be_changed(mask_share: float, random_share: float, shown: str) -> None:
    masking = Masking(mask_share=mask_share, random_share=random_share)

    masked = mask_tokens(long_batch(), VOCABULARY, masking, seed=1)

    there = masked.tokens_T[masked.rows_M]
    is_mask, is_itself = (there == VOCABULARY.mask_id).mean(), (there == masked.targets_M).mean()
    assert (is_mask == 1, is_itself == 1, is_mask == 0 and is_itself < 0.05) == (
        shown == "mask",
        shown == "itself",
        shown == "random",
    )


def test_a_word_is_masked_as_a_whole_or_not_at_all() -> None:
    data = batch(
        [[80, 40, 41, 81, 82, 42, 43, 44, 83, 45] for _ in range(300)]
    )  # words of 3, 1, 4 and 2 tokens

    masked = mask_tokens(data, VOCABULARY, Masking(rate=0.5, whole_words=True), seed=2)

    flags = np.zeros(3000, int)
    flags[masked.rows_M] = 1
    counts = np.add.reduceat(flags.reshape(300, 10), [0, 3, 4, 8], axis=1)
    assert [sorted(set(column)) for column in counts.T.tolist()] == [[0, 3], [0, 1], [0, 4], [0, 2]]


def test_a_run_too_long_for_a_word_is_masked_token_by_token() -> None:
    data = batch([[80, *[50] * 12] for _ in range(300)])

    rows = mask_tokens(data, VOCABULARY, Masking(rate=0.5, whole_words=True, longest_word=12), seed=2).rows_M

    assert set(np.bincount(rows // 13, minlength=300)) >= {4, 5, 6, 7, 8}


def test_a_special_piece_ends_a_word() -> None:
    data = batch([[80, 3, 40] for _ in range(400)])

    rows = mask_tokens(data, VOCABULARY, Masking(rate=0.5, whole_words=True), seed=2).rows_M

    together = np.isin(np.arange(400) * 3, rows) == np.isin(np.arange(400) * 3 + 2, rows)
    assert within(together.mean(), 0.5, 400)


@given(segments, seeds, st.booleans())
def test_masking_hides_only_ordinary_tokens_and_tells_what_they_were(
    data: list[list[int]], seed: int, whole_words: bool
) -> None:
    original = batch(data)

    masked = mask_tokens(original, VOCABULARY, Masking(rate=0.5, whole_words=whole_words), seed=seed)

    rebuilt = masked.tokens_T.copy()
    rebuilt[masked.rows_M] = masked.targets_M
    assert np.array_equal(rebuilt, original.tokens_T)
    assert (masked.targets_M >= FIRST_ORDINARY).all()
    shown = masked.tokens_T[masked.rows_M]
    assert ((shown == VOCABULARY.mask_id) | (shown >= FIRST_ORDINARY)).all()


@given(texts, seeds, st.integers(0, 2**63), st.data())
def test_a_sample_is_asked_the_same_in_any_batch(
    data: list[list[int]], seed: int, first_sample: int, draw: st.DataObject
) -> None:
    whole = batch(data, first_sample=first_sample)
    cut = draw.draw(st.integers(0, len(data)))
    parts = [
        batch(part, first_sample=first)
        for part, first in ((data[:cut], first_sample), (data[cut:], first_sample + cut))
        if part
    ]

    def asked(some: Batch) -> list[np.ndarray]:
        masked = mask_tokens(some, VOCABULARY, Masking(whole_words=True), seed=seed)
        denoised = denoise(some, VOCABULARY, Denoising(), seed=seed)
        return [
            masked.tokens_T,
            masked.targets_M,
            denoised.tokens_T,
            denoised.targets_U,
            denoised.decoder_tokens_U,
            denoised.lengths_S,
            prefixes(some, UniLM(), seed=seed),
        ]

    together = [np.concatenate(arrays) for arrays in zip(*map(asked, parts), strict=True)]
    assert all(np.array_equal(one, other) for one, other in zip(asked(whole), together, strict=True))


def test_another_seed_or_sample_is_asked_otherwise() -> None:
    data = long_batch(10)
    later = Batch(data.tokens_T, data.lengths_S, data.samples_S + np.uint64(2**40))

    first = mask_tokens(data, VOCABULARY, Masking(), seed=1).rows_M

    assert not np.array_equal(first, mask_tokens(data, VOCABULARY, Masking(), seed=2).rows_M)
    assert not np.array_equal(first, mask_tokens(later, VOCABULARY, Masking(), seed=1).rows_M)


def rebuilt(denoised: Denoised) -> list[list[int]]:
    """The segments from inputs and targets: spans in the place of their sentinels, continuations behind their input."""
    result = []
    inputs = np.split(denoised.tokens_T, np.cumsum(denoised.lengths_S)[:-1])
    targets = np.split(denoised.targets_U, np.cumsum(denoised.decoder_lengths_S)[:-1])
    for shown, answer in zip(inputs, targets, strict=True):
        if shown[0] == CAUSAL:
            result.append([*shown[1:].tolist(), *answer.tolist()])
            continue
        spans: dict[int, list[int]] = {}
        for token in answer.tolist():
            if FIRST_SENTINEL <= token < CAUSAL:
                spans[token] = []
                latest = token
            else:
                spans[latest].append(token)
        whole = []
        for token in shown.tolist():
            whole += spans.pop(token) if token in spans else [token]
        assert list(spans.values()) == [[]], "the target ends with one sentinel more"
        result.append(whole)
    return result


# Sentinels stand in no text; other special pieces may.
with_specials = st.lists(
    st.lists(st.sampled_from([2, 3, *range(FIRST_ORDINARY, SIZE)]), min_size=1, max_size=60),
    min_size=1,
    max_size=6,
)


@given(with_specials, seeds, st.floats(0, 0.6), st.floats(2, 9), st.floats(0, 1))
def test_inputs_and_targets_rebuild_the_text(
    data: list[list[int]], seed: int, rate: float, mean_span: float, causal_share: float
) -> None:
    denoising = Denoising(rate=rate, mean_span=mean_span, causal_share=causal_share)

    denoised = denoise(batch(data), VOCABULARY, denoising, seed=seed)

    assert rebuilt(denoised) == data
    assert len(denoised.tokens_T) == denoised.lengths_S.sum()
    assert len(denoised.targets_U) == len(denoised.decoder_tokens_U) == denoised.decoder_lengths_S.sum()
    assert denoised.lengths_S.min() >= 1
    assert denoised.decoder_lengths_S.min() >= 1


def test_the_share_and_the_spans_are_those_of_the_paper() -> None:
    data = long_batch()

    denoised = denoise(data, VOCABULARY, Denoising(causal_share=0), seed=1)

    # Of 100 tokens 15 in 5 spans; input 85 + 5, target 15 + 5 + 1.
    assert set(denoised.lengths_S) == {90}
    assert set(denoised.decoder_lengths_S) == {21}


def test_spans_are_taken_from_everywhere_alike() -> None:
    data = batch([list(range(38, 58))] * 4000)

    denoised = denoise(data, VOCABULARY, Denoising(causal_share=0), seed=1)

    taken = np.bincount(denoised.targets_U, minlength=SIZE)[38:58] / 4000
    # One span of three tokens in 20: 18 beginnings, all equally likely; the ends are in fewer of them.
    expected = np.array([1, 2, *[3] * 16, 2, 1]) / 18
    assert all(within(found, share, 4000) for found, share in zip(taken, expected, strict=True))


def test_a_fifth_of_the_segments_is_to_be_continued_from_anywhere_between_the_bounds() -> None:
    data = long_batch(4000)

    denoised = denoise(data, VOCABULARY, Denoising(), seed=1)

    starts = np.cumsum(denoised.lengths_S) - denoised.lengths_S
    causal = denoised.tokens_T[starts] == CAUSAL
    shown = denoised.lengths_S[causal] - 1
    assert within(causal.mean(), 0.2, 4000)
    assert (shown.min(), shown.max()) == (20, 80)
    assert shown.mean() == pytest.approx(50, abs=5 * 17.3 / 800**0.5)


def test_the_decoder_sees_the_targets_one_place_later() -> None:
    denoised = denoise(batch([list(range(40, 60)), list(range(60, 70))]), VOCABULARY, Denoising(), seed=1)

    first = denoised.decoder_lengths_S[0]
    assert denoised.decoder_tokens_U.tolist() == [
        0,
        *denoised.targets_U[: first - 1].tolist(),
        0,
        *denoised.targets_U[first:-1].tolist(),
    ]


def test_more_spans_than_sentinels_are_refused_with_what_to_change() -> None:
    with pytest.raises(ObjectiveError, match=r"has 50 spans and needs one sentinel more .* has 33; shorten"):
        denoise(long_batch(2, 1000), VOCABULARY, Denoising(causal_share=0), seed=1)


def test_masks_of_unilm_come_in_their_shares_and_prefixes_of_every_length() -> None:
    data = long_batch(9000, 4)

    found = prefixes(data, UniLM(bidirectional=0.5, prefix=0.3), seed=1)

    assert within((found == 4).mean(), 0.5, 9000)
    assert within((found == 0).mean(), 0.2, 9000)
    assert all(within((found == length).mean(), 0.1, 9000) for length in (1, 2, 3))


@given(st.lists(st.integers(1, 50), min_size=1, max_size=20), seeds)
def test_a_prefix_fits_its_segment(lengths: list[int], seed: int) -> None:
    data = batch([[40] * length for length in lengths])

    found = prefixes(data, UniLM(), seed=seed)

    assert ((found >= 0) & (found <= data.lengths_S)).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Masking(rate=1.5), r"rate must be in \[0, 1\] \(got 1.5\)"),
        (lambda: Masking(mask_share=0.8, random_share=0.3), "must not exceed 1 together"),
        (lambda: Masking(longest_word=0), "longest_word must be at least 1"),
        (lambda: UniLM(bidirectional=0.7, prefix=0.7), "must not exceed 1 together"),
        (lambda: Denoising(mean_span=0.5), "mean_span must be at least 1"),
        (lambda: Denoising(least_input=0.9), "least_input 0.9 must be at most most_input 0.8"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make: object, message: str) -> None:
    with pytest.raises(ObjectiveError, match=message):
        make()


def trained(control_symbols: list[str]) -> object:
    """A small SentencePiece model."""
    words = [
        "turn",
        "the",
        "light",
        "on",
        "off",
        "please",
        "mask",
        "extra",
        "id",
        "s",
        "unk",
        "<",
        ">",
        "_",
        "/",
        "0",
    ]
    generator = np.random.default_rng(0)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(generator.choice(words, 8)) for _ in range(300)]),
        model_writer=model,
        vocab_size=340,
        hard_vocab_limit=False,
        byte_fallback=True,
        normalization_rule_name="identity",
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        pad_piece="<pad>",
        control_symbols=control_symbols,
        minloglevel=2,
    )
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


PIECES = ["<mask>", "<extra_id_0>", "<extra_id_1>", "<extra_id_2>"]


def test_a_vocabulary_knows_its_special_pieces_and_beginnings_of_words() -> None:
    processor = trained(PIECES)

    found = Vocabulary.of(processor)

    assert (found.pad_id, found.eos_id, found.mask_id) == (0, 3, processor.piece_to_id("<mask>"))
    assert found.sentinel_ids == (
        processor.piece_to_id("<extra_id_0>"),
        processor.piece_to_id("<extra_id_1>"),
    )
    assert found.causal_id == processor.piece_to_id("<extra_id_2>")
    assert found.is_special_V.sum() == 8
    assert [found.is_word_start_V[token] for token in processor.encode("light on")] == [True, True]


def test_text_that_looks_like_a_special_piece_has_none_and_is_masked_like_any_other() -> None:
    processor = trained(PIECES)
    found = Vocabulary.of(processor)
    ids = processor.encode("turn <mask> <extra_id_0> </s> <unk> <pad> off")

    masked = mask_tokens(batch([ids]), found, Masking(rate=1.0, mask_share=0.0), seed=0)

    assert not found.is_special_V[ids].any()
    assert len(masked.rows_M) == len(ids)


@pytest.mark.parametrize("pieces", [[], ["<mask>", "<extra_id_0>"], ["<extra_id_0>", "<extra_id_1>"]])
def test_a_tokeniser_without_the_pieces_is_refused(pieces: list[str]) -> None:
    with pytest.raises(VocabularyError, match=r"tokenizer\.num_sentinels"):
        Vocabulary.of(trained(pieces))


def test_a_file_that_is_no_model_is_refused(tmp_path: object) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(b"no model")

    with pytest.raises(VocabularyError, match="is not a SentencePiece model"):
        Vocabulary.load(path)
