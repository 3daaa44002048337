"""The tokeniser: text survives it unchanged, control pieces never come from text."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.sample.sentences import load as load_sentences
from dataprep.shards.tokenizer import TokenizerError, load, train

LANGUAGES = ("en", "de", "ru", "hi", "th")
CONTROL_PIECES = ("<pad>", "<s>", "</s>", "<mask>", "<extra_id_0>", "<extra_id_1>", "<extra_id_2>")
# SentencePiece writes a space as U+2581, so that character alone comes back as a space.
TEXTS = st.text(
    st.one_of(
        st.sampled_from(" \n\taéяñक्षिทั้漢字かカ한عُבָּ👩\u200d👧❤\ufe0f🏽\u200c\u200f\ue000\ufffd<>/_0"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\u2581"),
    ),
    max_size=40,
)


def sentences() -> list[str]:
    written = load_sentences()
    return ["\n".join(written[language].all_written) for language in LANGUAGES]


def trained(texts: list[str], *, vocab_size: int = 1200, coverage: float = 0.98) -> bytes:
    return train(texts, vocab_size=vocab_size, character_coverage=coverage, num_sentinels=3)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.model"
    path.write_bytes(trained(sentences()))
    return str(path)


@pytest.fixture(scope="module")
def processor(path: str) -> Any:
    return load(path)


@given(text=TEXTS)
def test_any_text_comes_back_unchanged(processor: Any, text: str) -> None:
    assert processor.decode(processor.encode(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "  two  spaces  ",
        "line\n\nline\n",
        "tab\tstop",
        "👩\u200d👩\u200d👧 ❤\ufe0f 🏳\ufe0f\u200d🌈 👍🏽",
        "cafe\u0301 café",
        "کتاب\u200cها",
        "ཀ ᚠ ꙮ 𒀀 𓀀 𝕏",
        "<0x0A> <0xE2>",
        "\U0010ffff\ue000",
    ],
)
def test_white_space_emoji_and_unseen_scripts_come_back_unchanged(processor: Any, text: str) -> None:
    assert processor.decode(processor.encode(text)) == text


@pytest.mark.parametrize("piece", [*CONTROL_PIECES, "<unk>"])
def test_control_pieces_never_come_from_text(processor: Any, piece: str) -> None:
    ids = processor.encode(f"before {piece} after{piece}")

    assert not {processor.piece_to_id(piece)} & set(ids)
    assert processor.decode(ids) == f"before {piece} after{piece}"


def test_control_pieces_have_their_places(processor: Any) -> None:
    pieces = [processor.id_to_piece(index) for index in range(8)]

    assert pieces == [
        "<pad>",
        "<unk>",
        "<s>",
        "</s>",
        "<mask>",
        "<extra_id_0>",
        "<extra_id_1>",
        "<extra_id_2>",
    ]
    assert [processor.is_control(processor.piece_to_id(piece)) for piece in CONTROL_PIECES] == [True] * 7


def test_every_byte_has_a_piece(processor: Any) -> None:
    assert all(processor.is_byte(processor.piece_to_id(f"<0x{byte:02X}>")) for byte in range(256))


def test_a_digit_is_always_a_piece_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "digits.model"
    path.write_bytes(trained(["in 2024, of 2024, by 2024"] * 50, vocab_size=400, coverage=1.0))

    assert load(str(path)).encode_as_pieces("in 2024")[-4:] == ["2", "0", "2", "4"]


def test_the_same_texts_give_the_same_bytes() -> None:
    assert trained(sentences()) == trained(sentences())


def test_a_vocabulary_too_large_for_the_sample_gets_fewer_pieces(tmp_path: Path) -> None:
    path = tmp_path / "small.model"
    path.write_bytes(trained(["one two three\nfour five six"], vocab_size=5000))

    assert 256 + 7 < load(str(path)).vocab_size() < 400


def test_a_vocabulary_too_small_for_the_characters_is_refused_with_the_way_out() -> None:
    with pytest.raises(TokenizerError, match=r"tokenizer\.vocab_size is 300, but .* raise it"):
        trained(sentences(), vocab_size=300)


@pytest.mark.parametrize("texts", [[], [""], ["\n\n"]])
def test_a_sample_without_text_is_refused(texts: list[str]) -> None:
    with pytest.raises(TokenizerError, match=r"give it more text with tokenizer\.sample_bytes"):
        trained(texts)


def test_a_line_longer_than_the_trainer_takes_is_cut_and_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "long.model"
    path.write_bytes(trained(["คำ" * 10_000 + "\nshort"], vocab_size=400, coverage=1.0))

    pieces = load(str(path)).encode_as_pieces("คำ")

    assert "".join(pieces) == "\u2581คำ"


@pytest.mark.parametrize("content", [b"", b"no model"])
def test_a_file_that_is_no_model_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.model"
    path.write_bytes(content)

    with pytest.raises(TokenizerError, match=r"broken\.model"):
        load(str(path))


def test_another_model_under_the_same_path_is_another_tokeniser(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(trained(sentences()))
    before = load(str(path)).vocab_size()

    path.write_bytes(trained(sentences(), vocab_size=900))

    assert (before, load(str(path)).vocab_size()) == (1200, 900)
