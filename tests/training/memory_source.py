"""A source of batches in memory, a small vocabulary and small settings, for tests of the trainer."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from training.config import PretrainConfig
from training.source import RankBatch
from training.vocabulary import Vocabulary

VOCAB_SIZE = 64
SEQ_LEN = 16
ROWS = 8  # of a global batch


def vocabulary() -> Vocabulary:
    """Sixty-four pieces, the first eight special; every fourth begins a word."""
    special = np.arange(VOCAB_SIZE) < 8
    return Vocabulary(0, 2, 3, (4, 5, 6), 7, special, (np.arange(VOCAB_SIZE) % 4 == 0) & ~special)


def settings(run_dir: str, **changes: Any) -> PretrainConfig:
    """A model of 10,000 parameters on batches of 128 tokens."""
    values: dict[str, Any] = {
        "run_dir": run_dir,
        "data": {"shards": "in memory", "tokenizer": "in memory", "seq_len": SEQ_LEN},
        "model": {
            "vocab_size": VOCAB_SIZE,
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_heads": 2,
            "num_layers": 2,
            "max_positions": SEQ_LEN,
        },
        "objective": {"kind": "masked", "rate": 0.3},
        "optimizer": {"learning_rate": 0.01, "weight_decay": 0.1},
        "schedule": {"kind": "linear", "warmup_steps": 2},
        "steps": 10,
        "global_batch_tokens": ROWS * SEQ_LEN,
        "micro_batch_tokens": 2 * SEQ_LEN,
        "precision": "fp32",
        "spikes": None,
        "tensorboard": False,
    }
    return PretrainConfig.model_validate({**values, **changes})


class MemorySource:
    """Sequences of two documents each, every one a function of its number."""

    manifest_sha256 = "0" * 64

    def __init__(self, rank: int, world_size: int, *, repeats: int | None = None) -> None:
        self._rows = range(rank * ROWS // world_size, (rank + 1) * ROWS // world_size)
        self._repeats = repeats

    def read(self, state: Mapping[str, Any] | None) -> Iterator[RankBatch]:
        first = 0 if state is None else int(state["sample"])
        while True:
            yield {
                **self._batch([first + row for row in self._rows]),
                "next_sample": torch.tensor(first + ROWS),
            }
            first += ROWS

    def state_after(self, batch: RankBatch) -> dict[str, Any]:
        return {"sample": int(batch["next_sample"])}

    def validation(self, batches_per_locale: int) -> Iterator[tuple[str, RankBatch]]:
        for number, locale in enumerate(["de", "en"]):
            for at in range(batches_per_locale):
                first = 1_000_000 * (number + 1) + at * ROWS
                yield locale, self._rows_of([first + row for row in self._rows])

    def _batch(self, samples: list[int]) -> dict[str, torch.Tensor]:
        return self._rows_of(
            [sample if self._repeats is None else sample % self._repeats for sample in samples]
        )

    def _rows_of(self, kept: list[int]) -> dict[str, torch.Tensor]:
        ids = np.stack([self._ids(sample) for sample in kept])
        segments = np.repeat(np.array([[0, 1]]), SEQ_LEN // 2, axis=1)
        return {
            "input_ids": torch.from_numpy(ids),
            "segment_ids": torch.from_numpy(np.broadcast_to(segments, ids.shape).astype(np.int32).copy()),
            "mask_keys": torch.tensor([sample * 1_000 for sample in kept]),
        }

    @staticmethod
    def _ids(sample: int) -> Any:
        # A walk in steps of one from a random start: each token can be told from its neighbours.
        start = np.random.default_rng(sample).integers(56)
        return 8 + (start + np.arange(SEQ_LEN)) % 56
