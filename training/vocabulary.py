"""What objectives need to know of a SentencePiece model: which ids are special, and which begin a word.

Shape suffix: V = pieces.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import sentencepiece

MASK_PIECE: Final = "<mask>"
SENTINEL_PIECE: Final = "<extra_id_{}>"
WORD_START: Final = "\u2581"  # SentencePiece writes a space as this


class VocabularyError(ValueError):
    """The tokeniser lacks pieces that training needs."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The pieces of a tokeniser. The embedding may have more rows than that; these are never produced.

    Attributes:
        pad_id: begins the decoder's input, as in T5.
        eos_id: ends a text.
        mask_id: stands for a masked token.
        sentinel_ids: stand for spans, in order.
        causal_id: begins an input whose continuation is asked for: the last sentinel, which stands for no span.
        is_special_V: pieces that no text contains; they are never masked, and never put in by chance.
        is_word_start_V: ordinary pieces that begin with a space.
        sha256: hex SHA-256 of the model file; empty if it was never one.
    """

    pad_id: int
    eos_id: int
    mask_id: int
    sentinel_ids: tuple[int, ...]
    causal_id: int
    is_special_V: npt.NDArray[np.bool_]
    is_word_start_V: npt.NDArray[np.bool_]
    sha256: str = ""

    @property
    def ordinary_ids(self) -> npt.NDArray[np.int64]:
        """Ids of all pieces that a text can contain, ascending."""
        return np.flatnonzero(~self.is_special_V)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The vocabulary of a SentencePiece model file.

        Raises:
            OSError: the file cannot be read.
            VocabularyError: it is no SentencePiece model, or has no mask or fewer than two sentinels.
        """
        data = Path(path).read_bytes()
        try:
            loaded = cls.of(sentencepiece.SentencePieceProcessor(model_proto=data))
            return replace(loaded, sha256=hashlib.sha256(data).hexdigest())
        except RuntimeError as error:
            raise VocabularyError(f"{path} is not a SentencePiece model.") from error

    @classmethod
    def of(cls, processor: Any) -> Self:  # noqa: ANN401 (SentencePiece has no types)
        """The vocabulary of a loaded SentencePiece model.

        Raises:
            VocabularyError: it has no padding, end, or mask, or fewer than two sentinels.
        """
        pieces = [processor.id_to_piece(index) for index in range(processor.get_piece_size())]
        ids = {piece: index for index, piece in enumerate(pieces)}
        sentinels: list[int] = []
        while (piece := SENTINEL_PIECE.format(len(sentinels))) in ids:
            sentinels.append(ids[piece])
        if MASK_PIECE not in ids or len(sentinels) < 2:
            raise VocabularyError(
                f"the tokeniser needs the pieces {MASK_PIECE}, {SENTINEL_PIECE.format(0)} and "
                f"{SENTINEL_PIECE.format(1)}; train it with tokenizer.num_sentinels of at least 2."
            )
        if processor.pad_id() < 0 or processor.eos_id() < 0:
            raise VocabularyError(
                f"the tokeniser needs pieces for padding (its pad_id is {processor.pad_id()}) and for the end of "
                f"a text (eos_id {processor.eos_id()}); train it with both."
            )
        special = [processor.is_control(index) or processor.is_unknown(index) for index in range(len(pieces))]
        is_special_V = np.array(special)
        begins = np.array([piece.startswith(WORD_START) for piece in pieces])
        return cls(
            pad_id=processor.pad_id(),
            eos_id=processor.eos_id(),
            mask_id=ids[MASK_PIECE],
            sentinel_ids=tuple(sentinels[:-1]),
            causal_id=sentinels[-1],
            is_special_V=is_special_V,
            is_word_start_V=begins & ~is_special_V,
        )
