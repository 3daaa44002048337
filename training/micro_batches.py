"""From the stream's batches to what the model is called with.

A rank's rows are divided into as many micro-batches as a step has, the same on every rank and at every step. Padding is
taken out here; a micro-batch of padding alone keeps one token and no targets, so that no rank waits for another.

Shape suffixes: B = rows of the rank, T = tokens, S = segments, M = targets, U = tokens of the decoder.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from training.attention import Segments
from training.config import DenoisingObjective, MaskedObjective, UniLMObjective
from training.objectives import Batch, Ids, denoise, mask_tokens, prefixes
from training.vocabulary import Vocabulary

Objective = MaskedObjective | UniLMObjective | DenoisingObjective
_PADDING: Final = -1


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """What one forward pass is given.

    Attributes:
        arguments: of the model's `forward`, on the CPU.
        num_targets: M, or U of an encoder-decoder; what the mean loss is the mean over.
        lengths: tokens of the encoder's segments.
        decoder_lengths: those of the decoder's; none in an encoder.
    """

    arguments: tuple[Tensor | Segments, ...]
    num_targets: int
    lengths: tuple[int, ...]
    decoder_lengths: tuple[int, ...] = ()

    def on(self, device: torch.device) -> tuple[Tensor | Segments, ...]:
        """The arguments on a device."""
        return tuple(argument.to(device) for argument in self.arguments)


def micro_batches(
    batch: Mapping[str, Tensor], count: int, objective: Objective, vocabulary: Vocabulary, *, seed: int
) -> list[MicroBatch]:
    """A rank's batch in `count` micro-batches of adjacent rows, as even as can be.

    Args:
        batch: as `stream.TokenStream` yields it, packed or bucketed.
        count: micro-batches of a step on this rank.
        objective: what the model is asked.
        vocabulary: pieces of the tokeniser.
        seed: of the masks; with it, they hang on `mask_keys` alone.
    """
    ids_BT = batch["input_ids"].numpy()
    segment_BT = (
        batch["segment_ids"].numpy() if "segment_ids" in batch else batch["attention_mask"].numpy() - 1
    )
    keys_B = batch["mask_keys"].numpy().astype(np.uint64)
    return [
        _asked(_segments(ids_BT[rows], segment_BT[rows], keys_B[rows]), objective, vocabulary, seed)
        for rows in np.array_split(np.arange(len(ids_BT)), count)
    ]


def _segments(ids_BT: Ids, segment_BT: npt.NDArray[Any], keys_B: npt.NDArray[np.uint64]) -> Batch | None:
    """The rows' segments without padding; none if that is all there is."""
    row_T = np.repeat(np.arange(len(ids_BT)), ids_BT.shape[1])
    ids_T, segment_T = ids_BT.reshape(-1), segment_BT.reshape(-1)
    real_T = segment_T != _PADDING
    ids_T, segment_T, row_T = ids_T[real_T], segment_T[real_T], row_T[real_T]
    if not len(ids_T):
        return None
    begins_T = np.append(True, (np.diff(segment_T) != 0) | (np.diff(row_T) != 0))
    start_S = np.flatnonzero(begins_T)
    # Keys are random 63-bit numbers, so that adding the segment's number keeps them apart.
    samples_S = keys_B[row_T[start_S]] + segment_T[start_S].astype(np.uint64)
    return Batch(ids_T.astype(np.int64), np.diff(start_S, append=len(ids_T)), samples_S)


def _asked(batch: Batch | None, objective: Objective, vocabulary: Vocabulary, seed: int) -> MicroBatch:
    is_empty = batch is None
    if batch is None:
        batch = Batch(np.array([vocabulary.eos_id]), np.array([1]), np.array([0], dtype=np.uint64))
    if isinstance(objective, DenoisingObjective):
        parts = denoise(batch, vocabulary, objective.denoising(), seed=seed)
        lengths, decoder_lengths = tuple(parts.lengths_S.tolist()), tuple(parts.decoder_lengths_S.tolist())
        arguments = (
            torch.from_numpy(parts.tokens_T),
            Segments.of(lengths),
            torch.from_numpy(parts.decoder_tokens_U),
            Segments.of(decoder_lengths, prefixes=[0] * len(decoder_lengths)),
            torch.from_numpy(parts.targets_U),
        )
        return MicroBatch(arguments, 0 if is_empty else len(parts.targets_U), lengths, decoder_lengths)
    masked = mask_tokens(batch, vocabulary, objective.masking(), seed=seed)
    prefix_S = None
    if isinstance(objective, UniLMObjective):
        prefix_S = prefixes(batch, objective.unilm(), seed=seed).tolist()
    lengths = tuple(batch.lengths_S.tolist())
    # The end of a text is special and never masked, so the stand-in for padding has no target.
    return MicroBatch(
        (
            torch.from_numpy(masked.tokens_T),
            Segments.of(lengths, prefixes=prefix_S),
            torch.from_numpy(masked.rows_M),
            torch.from_numpy(masked.targets_M),
        ),
        len(masked.targets_M),
        lengths,
    )
