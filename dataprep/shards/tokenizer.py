"""SentencePiece unigram with byte fallback (Kudo 2018), trained on a locale-balanced sample of the kept documents.

The text is already in NFC and must survive tokenisation unchanged, so SentencePiece normalises nothing and keeps white
space as it is: decoding gives back the text, but for U+2581 (▁), which stands for a space inside SentencePiece.
Control pieces (mask, sentinels) are never produced from text.
"""

import io
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

import sentencepiece

from dataprep import files

PAD_ID, UNK_ID, BOS_ID, EOS_ID = 0, 1, 2, 3
MASK_PIECE: Final = "<mask>"
# The trainer sums floats per thread: another number of threads would give another model on another machine.
_TRAINING_THREADS: Final = 4
_MAX_SENTENCE_BYTES: Final = 4_192


class TokenizerError(ValueError):
    """The tokeniser cannot be trained or loaded with these settings."""


def train(
    texts: Iterable[str],
    *,
    vocab_size: int,
    character_coverage: float,
    num_sentinels: int,
    required: str = "",
) -> bytes:
    """A serialised SentencePiece model. The same texts in the same order give the same bytes.

    Args:
        texts: documents; a line is a training sentence, cut where it is longer than the trainer takes.
        vocab_size: upper bound on the number of pieces.
        character_coverage: share of character occurrences that get a piece of their own; the rest is spelled in bytes.
        num_sentinels: number of `<extra_id_N>` control pieces.
        required: characters that must get a piece.

    Raises:
        TokenizerError: SentencePiece refuses the settings for this sample.
    """
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_sentences(texts),
            model_writer=model,
            model_type="unigram",
            vocab_size=vocab_size,
            hard_vocab_limit=False,
            character_coverage=character_coverage,
            byte_fallback=True,
            split_digits=True,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            allow_whitespace_only_pieces=True,
            required_chars=required,
            pad_id=PAD_ID,
            unk_id=UNK_ID,
            bos_id=BOS_ID,
            eos_id=EOS_ID,
            pad_piece="<pad>",
            control_symbols=[MASK_PIECE, *(f"<extra_id_{index}>" for index in range(num_sentinels))],
            num_threads=_TRAINING_THREADS,
            shuffle_input_sentence=False,
            input_sentence_size=0,
            max_sentence_length=_MAX_SENTENCE_BYTES,
            train_extremely_large_corpus=False,
            minloglevel=2,
        )
    except (RuntimeError, OSError) as error:
        raise TokenizerError(_sentence(vocab_size, str(error))) from error
    return model.getvalue()


def _sentence(vocab_size: int, error: str) -> str:
    """What to change when the trainer refuses."""
    if needed := re.search(r"smaller than required_chars\. \d+ vs (\d+)", error):
        return (
            f"tokenizer.vocab_size is {vocab_size}, but characters, bytes and control pieces alone are {needed[1]}; "
            "raise it, or lower tokenizer.character_coverage so that rare characters are spelled in bytes."
        )
    return (
        f"SentencePiece cannot train a vocabulary of {vocab_size} pieces on this sample ({error}); "
        "change tokenizer.vocab_size, or give it more text with tokenizer.sample_bytes."
    )


def _sentences(texts: Iterable[str]) -> Iterator[str]:
    """Lines, in pieces that the trainer does not skip as too long, none cut between a letter and its mark or joiner."""
    longest = _MAX_SENTENCE_BYTES // 4  # a character is at most four bytes
    for text in texts:
        for line in text.split("\n"):
            start = 0
            while start < len(line):
                end = start + longest
                while end < len(line) and end > start + 1 and _belongs_to_the_last(line[end]):
                    end -= 1
                yield line[start:end]
                start = end


def _belongs_to_the_last(character: str) -> bool:
    return character in "\u200c\u200d" or unicodedata.category(character).startswith("M")


def load(path: str) -> Any:  # noqa: ANN401 (SentencePiece has no types)
    """The SentencePiece processor of a model file, made once per process and content.

    Raises:
        TokenizerError: the file cannot be read or is not a SentencePiece model.
    """
    try:
        with files.open_binary(path) as file:
            model = file.read()
    except OSError as error:
        raise TokenizerError(
            f"the SentencePiece model {path} cannot be read ({error.strerror or error}); correct tokenizer.model, "
            "or leave it out to train one."
        ) from error
    try:
        return _processor(model)
    except RuntimeError as error:
        raise TokenizerError(
            f"{path} is not a SentencePiece model; correct tokenizer.model, or leave it out to train one."
        ) from error


@lru_cache(maxsize=4)
def _processor(model: bytes) -> Any:  # noqa: ANN401
    """By content, not by path: a worker that serves two runs must not encode with the first one's model."""
    processor = sentencepiece.SentencePieceProcessor()
    # Not through the constructor, which takes an empty file for no file and then encodes nothing.
    processor.LoadFromSerializedProto(model)
    return processor
