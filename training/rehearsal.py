"""A few steps of the real training on random text, for the tuner: `python -m training.rehearsal SETTINGS ANSWER`.

A process of its own per rank, because one that runs out of memory may not come back. Neither shards nor tokeniser are
read: their pieces do not change how long a step takes.
"""

import json
import resource
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from training.config import PretrainConfig
from training.source import RankBatch
from training.trainer import Trainer, leave_ranks, start_ranks
from training.tune import Measured
from training.vocabulary import Vocabulary


class RehearsalError(RuntimeError):
    """Nothing could be measured."""


def vocabulary_of(vocab_size: int, seq_len: int) -> Vocabulary:
    """A vocabulary of so many pieces, without their texts; with sentinels for any spans of a sequence, if it is large.

    Every third ordinary piece begins a word.
    """
    num_sentinels = max(1, min(seq_len // 2 + 1, vocab_size // 2 - 5))
    ids_V = np.arange(vocab_size)
    is_special_V = ids_V < 5 + num_sentinels
    return Vocabulary(
        pad_id=0,
        eos_id=2,
        mask_id=3,
        sentinel_ids=tuple(range(5, 5 + num_sentinels)),
        causal_id=4,
        is_special_V=is_special_V,
        is_word_start_V=(ids_V % 3 == 0) & ~is_special_V,
    )


class RandomSource:
    """Full sequences of two random documents each, every one a function of the seed and its number.

    Args:
        config: its lengths, batch and seed.
        vocabulary: what documents are made of.
        rank: rank of this process.
        world_size: number of ranks.
    """

    manifest_sha256 = "0" * 64

    def __init__(self, config: PretrainConfig, vocabulary: Vocabulary, *, rank: int, world_size: int) -> None:
        self._seed, self._seq_len = config.seed, config.data.seq_len
        self._ordinary_ids = vocabulary.ordinary_ids
        self._rows = config.global_batch_tokens // config.data.seq_len
        self._own = range(rank * self._rows // world_size, (rank + 1) * self._rows // world_size)

    def read(self, state: Mapping[str, Any] | None) -> Iterator[RankBatch]:
        """Endless batches, from where a state was taken, or from the beginning."""
        first = 0 if state is None else int(state["sample"])
        while True:
            yield self._batch(first)
            first += self._rows

    def state_after(self, batch: RankBatch) -> dict[str, Any]:
        """What `read` goes on from after this batch."""
        return {"sample": int(batch["next_sample"])}

    def validation(self, batches_per_locale: int) -> Iterator[tuple[str, RankBatch]]:
        """Nothing: a rehearsal has no validation."""
        return iter(())

    def _batch(self, first: int) -> RankBatch:
        # Shape suffixes: B = rows of the rank, T = tokens.
        random = np.random.default_rng([self._seed, first, self._own.start])
        shape = (len(self._own), self._seq_len)
        ids_BT = self._ordinary_ids[random.integers(len(self._ordinary_ids), size=shape)]
        cut_B = random.integers(1, self._seq_len, size=len(self._own))
        segment_BT = (np.arange(self._seq_len) >= cut_B[:, None]).astype(np.int32)
        return {
            "input_ids": torch.from_numpy(ids_BT),
            "segment_ids": torch.from_numpy(segment_BT),
            "mask_keys": torch.tensor([1_000 * (first + row) for row in self._own]),
            "next_sample": torch.tensor(first + self._rows),
        }


class _Steps:
    """Keeps the values of every step that was applied."""

    def __init__(self) -> None:
        self.values: dict[int, Mapping[str, Any]] = {}

    def write(self, event: str, step: int, values: Mapping[str, Any]) -> None:
        if event == "step":
            self.values[step] = values

    def close(self) -> None:
        pass


def rehearse(config: PretrainConfig, *, timed_steps: int) -> Measured:
    """Train as the settings say, and measure the last steps. All ranks call it together; all get the answer.

    Raises:
        RehearsalError: no step that counts had a finite gradient.
    """
    rank, world_size = start_ranks()
    before, _ = _resident_bytes()
    vocabulary = vocabulary_of(config.model.vocab_size, config.data.seq_len)
    steps = _Steps()
    source = RandomSource(config, vocabulary, rank=rank, world_size=world_size)
    trainer = Trainer(config, source, vocabulary, recorder=steps)
    trainer.train()
    timed = [values for step, values in steps.values.items() if step > config.steps - timed_steps]
    if not timed:
        raise RehearsalError("no timed step had a finite gradient")
    is_cuda = trainer.device.type == "cuda"
    own = torch.cuda.max_memory_allocated() if is_cuda else _resident_bytes()[1] - before
    peak = torch.tensor(own, dtype=torch.int64, device=trainer.device)
    dist.all_reduce(peak, op=dist.ReduceOp.MAX)
    chosen = sorted(timed, key=lambda values: float(values["step_s"]))[len(timed) // 2]
    return Measured(
        tokens_per_s=chosen["tokens_per_s"],
        step_s=chosen["step_s"],
        tflops_per_device=chosen["model_tflops_per_device"],
        mfu=chosen["mfu"],
        peak_bytes=int(peak),
        device=torch.cuda.get_device_name(trainer.device) if is_cuda else "cpu",
    )


def _resident_bytes() -> tuple[int, int]:
    """Resident set of this process: now, and at most."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
        return tuple(1024 * int(lines[name].split()[0]) for name in ("VmRSS", "VmHWM"))  # type: ignore[return-value]
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS counts bytes
    return largest, largest


def main() -> None:
    """Read what the tuner wrote, and write what it asks for; rank 0 alone writes."""
    settings, answer = sys.argv[1:]
    asked = json.loads(Path(settings).read_text(encoding="utf-8"))
    measured = rehearse(PretrainConfig.model_validate(asked["config"]), timed_steps=asked["timed_steps"])
    if dist.get_rank() == 0:
        Path(answer).write_text(json.dumps(asdict(measured)), encoding="utf-8")
    leave_ranks()


if __name__ == "__main__":
    main()
