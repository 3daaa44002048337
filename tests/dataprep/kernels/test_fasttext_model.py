"""The kernel against the fastText library, on the model that ships with the wheel and on small models of every kind."""

import struct
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import fasttext
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.annotate.language_id import builtin_model_path
from dataprep.kernels.fasttext_model import Model, fnv, load, predict, remainder
from dataprep.sample import sentences

from . import texts
from .references import as_batch

TOLERANCE = 1e-4
WHOLE = 1 << 20
SENTENCES = Path(sentences.__file__).with_name("sentences")

anything = st.one_of(
    texts.texts,
    st.text(max_size=80),
    st.text(st.sampled_from(" \t\n\r\v\f\0\x1c\x85\u00a0\u3000"), max_size=8),
    st.text("ab<>_", min_size=30, max_size=300),
    st.lists(
        st.sampled_from(
            ["</s>", "__label__en", "__label__", "__label__xx", "de", "and", "в", "的", "<", ">", ""]
        ),
        max_size=6,
    ).map(" ".join),
)


class Kind(NamedTuple):
    """What varies between small models; see the library's options of the same names."""

    loss: int
    dim: int = 8
    min_n: int = 0
    max_n: int = 0
    word_ngrams: int = 1
    bucket: int = 0
    line_end: bool = True
    dsub: int = 0  # 0: not quantised
    norms: bool = False
    quantised_output: bool = False
    kept_buckets: int = -1  # -1: not pruned
    label_counts: tuple[int, ...] = (90, 50, 20, 20, 7, 3, 1)


HIERARCHICAL, NEGATIVE, SOFTMAX, ONE_VERSUS_ALL = 1, 2, 3, 4
KINDS = {
    "words, softmax": Kind(SOFTMAX),
    "words, hierarchical, 20 dimensions": Kind(HIERARCHICAL, dim=20),
    "words, one versus all, no line end": Kind(ONE_VERSUS_ALL, line_end=False),
    "characters from one up, softmax": Kind(SOFTMAX, min_n=1, max_n=3, bucket=97),
    "characters from none up, 3 dimensions": Kind(SOFTMAX, dim=3, min_n=0, max_n=2, bucket=64),
    "characters, hierarchical": Kind(HIERARCHICAL, dim=17, min_n=2, max_n=6, bucket=1000),
    "characters, no line end": Kind(SOFTMAX, min_n=3, max_n=3, bucket=50, line_end=False),
    "pairs of words": Kind(SOFTMAX, word_ngrams=2, bucket=101),
    "five words and characters": Kind(HIERARCHICAL, min_n=2, max_n=4, word_ngrams=5, bucket=203),
    "one bucket": Kind(SOFTMAX, min_n=2, max_n=3, word_ngrams=3, bucket=1),
    "quantised": Kind(SOFTMAX, min_n=2, max_n=4, bucket=300, dsub=2),
    "quantised with norms": Kind(HIERARCHICAL, min_n=2, max_n=4, bucket=300, dsub=2, norms=True),
    "quantised, output too": Kind(SOFTMAX, min_n=2, max_n=4, bucket=300, dsub=2, quantised_output=True),
    "quantised, output too, with norms, a short last part": Kind(
        HIERARCHICAL, dim=11, min_n=2, max_n=4, bucket=300, dsub=4, norms=True, quantised_output=True
    ),
    "pruned": Kind(SOFTMAX, min_n=1, max_n=4, bucket=500, dsub=2, norms=True, kept_buckets=170),
    "pruned, pairs of words": Kind(
        HIERARCHICAL, min_n=2, max_n=3, word_ngrams=2, bucket=333, dsub=3, kept_buckets=200
    ),
    "pruned of all n-grams": Kind(SOFTMAX, min_n=2, max_n=4, bucket=500, dsub=2, kept_buckets=0),
    "pruned of all n-grams, no line end": Kind(
        SOFTMAX, min_n=2, max_n=4, bucket=500, dsub=2, kept_buckets=0, line_end=False
    ),
    "one label, hierarchical": Kind(HIERARCHICAL, label_counts=(5,)),
}
VOCABULARY = ("the", "a", "não", "мир", "水", "the", "__label__word", "x" * 40)


def dense(rng: np.random.Generator, rows: int, dim: int) -> bytes:
    return struct.pack("<qq", rows, dim) + rng.normal(0, 2, (rows, dim)).astype("<f4").tobytes()


def quantiser(rng: np.random.Generator, dim: int, dsub: int, low: float) -> bytes:
    parts = -(-dim // dsub)
    head = struct.pack("<iiii", dim, parts, dsub, dim - (parts - 1) * dsub)
    return head + rng.uniform(low, 3, dim * 256).astype("<f4").tobytes()


def quantised(rng: np.random.Generator, rows: int, kind: Kind, dsub: int) -> bytes:
    codes = rng.integers(0, 256, rows * -(-kind.dim // dsub), np.uint8).tobytes()
    body = (
        struct.pack("<?qqi", kind.norms, rows, kind.dim, len(codes))
        + codes
        + quantiser(rng, kind.dim, dsub, -3)
    )
    norms = rng.integers(0, 256, rows, np.uint8).tobytes() + quantiser(rng, 1, 1, 0.1)
    return body + norms * kind.norms


def encoded(kind: Kind, *, magic: int = 793_712_314, version: int = 12, model: int = 3) -> bytes:
    """A model file, laid out as the library's version 12 reads it, with random weights."""
    rng = np.random.default_rng(7)
    words = (*["</s>"] * kind.line_end, *VOCABULARY)
    labels = tuple(f"__label__{index}" for index in range(len(kind.label_counts)))
    sizes_of_ngrams = (kind.bucket, kind.min_n, kind.max_n)
    arguments = (kind.dim, 5, 5, 1, 5, kind.word_ngrams, kind.loss, model, *sizes_of_ngrams, 100, 1e-4)
    head = struct.pack("<ii", magic, version) + struct.pack("<12id", *arguments)
    sizes = struct.pack(
        "<iiiqq", len(words) + len(labels), len(words), len(labels), 1000, min(kind.kept_buckets, kind.bucket)
    )
    entries = [word.encode() + b"\0" + struct.pack("<qb", 9, 0) for word in words]
    entries += [
        label.encode() + b"\0" + struct.pack("<qb", count, 1)
        for label, count in zip(labels, kind.label_counts, strict=True)
    ]
    kept = rng.permutation(kind.bucket)[: max(kind.kept_buckets, 0)]
    pruned = np.stack([kept, np.arange(kept.size)], axis=1).astype("<i4").tobytes()
    rows = len(words) + (kind.bucket if kind.kept_buckets < 0 else kept.size)
    inputs = quantised(rng, rows, kind, kind.dsub) if kind.dsub else dense(rng, rows, kind.dim)
    outputs = (
        quantised(rng, len(labels), kind, 2) if kind.quantised_output else dense(rng, len(labels), kind.dim)
    )
    flags = struct.pack("<?", bool(kind.dsub)), struct.pack("<?", kind.quantised_output)
    return b"".join([head, sizes, *entries, pruned, flags[0], inputs, flags[1], outputs])


def excerpt(text: str, max_bytes: int) -> str:
    """What of a text the model is to see, on one line."""
    raw = text.encode()
    half = max_bytes // 2
    middle = max((len(raw) - half) // 2, half)
    parts = [raw] if len(raw) <= max_bytes else [raw[:half], raw[middle : middle + half]]
    return " ".join(part.decode(errors="ignore") for part in parts).replace("\n", " ")


def library_predictions(library: Any, text: str, max_bytes: int, k: int) -> list[tuple[float, str]]:
    shown = excerpt(text, max_bytes)
    return list(library.f.predict(shown + "\n", k, 0.0, "strict")) if shown.strip() else []


def differences(
    documents: Sequence[str], model: Model, library: Any, *, max_bytes: int = WHOLE, k: int = 8
) -> Iterator[tuple[str, list[tuple[float, str]], list[tuple[float, str]]]]:
    """Documents whose labels or scores are not the library's, with both predictions.

    Neighbours in the library's order whose scores are within the tolerance may be exchanged.
    """
    indexes_NK, scores_NK = predict(model, *as_batch(list(documents)), max_bytes=max_bytes, k=k)
    assert indexes_NK.dtype == np.int32
    assert scores_NK.dtype == np.float32
    assert indexes_NK.shape == scores_NK.shape == (len(documents), k)
    for document, indexes, scores in zip(documents, indexes_NK.tolist(), scores_NK.tolist(), strict=True):
        wanted = library_predictions(library, document, max_bytes, k + 1)
        expected = [score for score, _ in wanted] + [0.0] * (k + 1 - len(wanted))
        above = [np.inf, *expected]
        clear = [
            place
            for place in range(k)
            if above[place] - expected[place] > TOLERANCE
            and expected[place] - expected[place + 1] > TOLERANCE
        ]
        found = ["" if index < 0 else model.labels[index] for index in indexes]
        same = [found[place] == wanted[place][1] for place in clear]
        close = np.allclose(scores, expected[:k], rtol=0, atol=TOLERANCE)
        none = all((index == -1) <= (score == 0) for index, score in zip(indexes, scores, strict=True))
        if not (all(same) and close and none and (indexes[0] >= 0) == bool(wanted)):
            yield document, wanted, list(zip(scores, found, strict=True))


def loads(path: Path, content: bytes) -> bool:
    path.write_bytes(content)
    try:
        load(str(path))
    except ValueError:
        return False
    return True


@cache
def builtin() -> tuple[Model, Any]:
    return load(builtin_model_path()), fasttext.load_model(builtin_model_path())


@cache
def real_sentences() -> tuple[str, ...]:
    """Twenty sentences of each language of the sample, and all languages in one text."""
    lines = [islice(path.read_text("utf-8").splitlines(), 20) for path in sorted(SENTENCES.glob("*.txt"))]
    found = [line for of_language in lines for line in of_language]
    return (*found, " ".join(found), "\n".join(found[::7]))


@pytest.mark.parametrize("max_bytes", [WHOLE, 1200, 101, 7, 3, 2, 1])
def test_real_sentences_have_the_labels_of_the_library(max_bytes: int) -> None:
    model, library = builtin()

    found = list(differences(real_sentences(), model, library, max_bytes=max_bytes))

    assert len(real_sentences()) > 400
    assert found == []


@settings(max_examples=300)
@given(st.lists(anything, max_size=6), st.integers(1, 60), st.integers(1, 9))
def test_any_text_has_the_labels_of_the_library(documents: list[str], max_bytes: int, k: int) -> None:
    model, library = builtin()

    found = list(differences(documents, model, library, max_bytes=max_bytes, k=k))
    found_in_whole = list(differences(documents, model, library, k=k))

    assert found == []
    assert found_in_whole == []


@given(
    st.lists(anything, min_size=2, max_size=12).map(lambda parts: " ".join(parts * 8)), st.integers(1, 400)
)
def test_long_texts_are_judged_by_their_beginning_and_their_middle(document: str, max_bytes: int) -> None:
    model, library = builtin()

    found = list(differences([document], model, library, max_bytes=max_bytes))

    assert found == []


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_every_kind_of_model_gives_the_labels_of_the_library(kind: Kind, tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(encoded(kind))
    known = [
        "the",
        "the a não",
        "мир 水 the the",
        "__label__word a",
        "__label__0 a",
        "a __label__unknown the",
    ]
    odd = [
        "",
        " ",
        "\0",
        "\u3000",
        "zzz",
        "</s>",
        "a </s> the",
        "a\nthe\tnão\0мир",
        "xx",
        "x" * 40,
        "水" * 3000,
    ]
    documents = [*known, *odd, *real_sentences()]

    found = list(differences(documents, load(str(path)), fasttext.load_model(str(path)), k=5))

    assert found == []


def test_all_labels_are_returned_when_more_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(encoded(KINDS["words, softmax"]))
    model = load(str(path))

    labels, scores = predict(model, *as_batch(["the a"]), max_bytes=10, k=10)

    assert sorted(labels[0, :7].tolist()) == [0, 1, 2, 3, 4, 5, 6]
    assert labels[0, 7:].tolist() == [-1, -1, -1]
    assert scores[0, 7:].tolist() == [0, 0, 0]
    assert model.labels == tuple(f"__label__{index}" for index in range(7))


def test_blank_texts_have_no_label_and_unknown_ones_those_of_an_empty_line() -> None:
    model, library = builtin()

    labels, scores = predict(
        model, *as_batch(["", " \n\t", "\u3000\u00a0", "qzqzx", "\0"]), max_bytes=100, k=2
    )

    empty_line = [name for _, name in library.f.predict("\n", 2, 0.0, "strict")]
    assert labels[:3].tolist() == [[-1, -1]] * 3
    assert scores[:3].tolist() == [[0, 0]] * 3
    assert [[model.labels[index] for index in row] for row in labels[3:]] == [empty_line] * 2


def test_a_slice_of_a_batch_gives_the_slice_of_the_labels() -> None:
    model, _ = builtin()
    data, offsets = as_batch(
        ["Guten Morgen, wie geht es dir?", "", "Bonjour tout le monde, ça va ?", "Добрый день"]
    )

    labels, scores = predict(model, data, offsets, max_bytes=100, k=3)
    later_labels, later_scores = predict(model, data, offsets[1:], max_bytes=100, k=3)

    assert later_labels.tolist() == labels[1:].tolist()
    assert later_scores.tolist() == scores[1:].tolist()


@given(st.integers(0, 2**32 - 1), st.integers(1, 2**31 - 1))
def test_the_remainder_is_that_of_a_division(value: int, divisor: int) -> None:
    reciprocal = -(-(1 << 64) // divisor) % (1 << 64)

    assert int(remainder(np.uint64(value), np.uint64(divisor), np.uint64(reciprocal))) == value % divisor


# Test vectors that the authors of FNV publish; the bytes above 7F, where the library differs, are in the models above.
@pytest.mark.parametrize(("text", "expected"), [("", 2166136261), ("a", 0xE40C292C), ("foobar", 0xBF9CF968)])
def test_the_hash_of_ascii_is_that_of_the_published_fnv_1a_vectors(text: str, expected: int) -> None:
    raw = np.frombuffer(text.encode(), np.uint8)

    assert int(fnv(raw, 0, raw.size)) == expected


@pytest.mark.parametrize(("max_bytes", "k"), [(0, 1), (-5, 1), (1, 0)])
def test_what_is_no_setting_is_refused(max_bytes: int, k: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        predict(builtin()[0], *as_batch(["a"]), max_bytes=max_bytes, k=k)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\0\0\0", "ends too early: 8 bytes"),
        (encoded(Kind(SOFTMAX), magic=1), "begins with the numbers 1 and 12"),
        (encoded(Kind(SOFTMAX), version=11), "begins with the numbers 793712314 and 11"),
        (encoded(Kind(SOFTMAX), model=2), "no classifier but a model of kind 2"),
        (encoded(Kind(NEGATIVE)), "loss is number 2"),
        (encoded(Kind(SOFTMAX, max_n=3)), "uses n-grams but has 0 buckets"),
        (encoded(Kind(SOFTMAX, word_ngrams=2)), "uses n-grams but has 0 buckets"),
        (
            encoded(Kind(SOFTMAX, max_n=3, bucket=9, kept_buckets=3)),
            "pruned but its vectors are not quantised",
        ),
        (encoded(Kind(SOFTMAX))[:100], "ends within its dictionary|ends too early"),
        (encoded(Kind(SOFTMAX))[:-1], "ends too early: 224 bytes"),
        (encoded(Kind(SOFTMAX))[:-4] + struct.pack("<f", np.nan), "not finite"),
        (encoded(Kind(SOFTMAX))[:-4] + struct.pack("<f", np.inf), "not finite"),
        (encoded(Kind(SOFTMAX, label_counts=(10**15,))), "label counts"),
    ],
)
def test_a_file_that_is_no_usable_classifier_is_named_with_the_reason(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=message) as caught:
        load(str(path))

    assert str(caught.value).startswith(f"{path} is no fastText classifier")


def test_every_shortened_file_is_refused(tmp_path: Path) -> None:
    whole = encoded(
        Kind(HIERARCHICAL, dim=3, min_n=2, max_n=2, bucket=4, dsub=2, norms=True, quantised_output=True)
    )
    path = tmp_path / "model.ftz"

    accepted = [size for size in range(0, len(whole), 97) if loads(path, whole[:size])]

    assert accepted == []
    assert loads(path, whole)


def test_a_missing_file_is_an_operating_system_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(str(tmp_path / "none.bin"))
