"""The training loop. Read this file first.

    batch of this rank ──> micro-batches ──> loss, gradients, step (DeepSpeed) ──> totals of all ranks
                                                                                    │
        not finite: the step was left out, and is counted                      <────┤
        a spike: back to the last checkpoint, and around that data             <────┤
        otherwise: metrics, validation, checkpoint                             <────┘

A step's loss is the mean over all targets of its global batch, however ranks and micro-batches divide it. How it passes
through a model that is whole on every rank, or divided over them, is in `engine.py` and `pipeline.py`. Learning rate
and masks are pure functions of step, sample and seed; what else a restart needs is in `State`.
"""

import os
import platform
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any, Final, NoReturn

import torch
import torch.distributed as dist
from torch import Tensor

from training import deepspeed as ds
from training.checkpoint import Checkpoints, Resumed
from training.config import PretrainConfig, SpikeSettings
from training.engine import build_engine, passes
from training.layout import Layout
from training.metrics import MetricsWriter, ProgressLine, Recorder, model_flops, peak_tflops
from training.micro_batches import MicroBatch, micro_batches
from training.schedule import learning_rate_share
from training.source import RankBatch, Source
from training.trained import first_weights
from training.vocabulary import Vocabulary

Say = Callable[[str], None]
_RECOMPUTED: Final = 4 / 3  # a second forward pass, beside one forward and two of the backward


class TrainingError(ValueError):
    """The training cannot start or go on; the message says what to do."""


@dataclass(slots=True)
class State:
    """Where a training stands, beside DeepSpeed's own state. JSON keeps it exactly.

    Attributes:
        step: steps done, those left out included; DeepSpeed's count is not used.
        skipped_steps: those left out because something was not finite.
        skipped_in_a_row: of these, the last ones without one between that counted.
        rewinds: spikes so far.
        skipped_samples: for each spike, the samples left out: above the first number, up to the second. Both as the
            `next_sample` of a batch.
        source: what the source goes on from; none at the beginning.
        losses: of the last good steps, in nats; what a spike is judged by.
        tokens: tokens of all steps done, padding not counted.
        elapsed_s: seconds since the start up to the last step, those of earlier starts included.
    """

    step: int = 0
    skipped_steps: int = 0
    skipped_in_a_row: int = 0
    rewinds: int = 0
    skipped_samples: list[list[int]] = field(default_factory=list)
    source: dict[str, Any] | None = None
    losses: list[float] = field(default_factory=list)
    tokens: int = 0
    elapsed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Totals:
    """What a step came to over all ranks.

    Attributes:
        loss_nats: mean over the targets; not finite if any rank's is not.
        num_targets: places predicted.
        num_tokens: tokens without padding.
        block_flops: operations in the blocks, without any done twice.
        head_flops: operations in the head.
        must_stop: some rank was asked to stop.
    """

    loss_nats: float
    num_targets: int
    num_tokens: int
    block_flops: float
    head_flops: float
    must_stop: bool


def is_spike(loss_nats: float, losses: list[float], settings: SpikeSettings) -> bool:
    """Whether a loss stands out from those of the last steps. Never before the window is full."""
    if len(losses) < settings.window_steps:
        return False
    rise = loss_nats - fmean(losses)
    return rise > settings.min_rise_nats and rise > settings.threshold_z * pstdev(losses)


@contextmanager
def stopping_on_sigterm() -> Iterator[Callable[[], bool]]:
    """Within it, SIGTERM only makes the function it gives say true."""
    asked = False

    def ask(*_: object) -> None:
        nonlocal asked
        asked = True

    before = signal.signal(signal.SIGTERM, ask)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGTERM, before)


def start_ranks() -> tuple[int, int]:
    """Join the other ranks that torchrun started (or be alone); rank and world size."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    ds.prepare(device)
    for name, value in {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"}.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    if "MASTER_PORT" not in os.environ:
        with socket.create_server(("127.0.0.1", 0)) as free:
            os.environ["MASTER_PORT"] = str(free.getsockname()[1])
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    import deepspeed

    deepspeed.init_distributed(dist_backend="nccl" if device == "cuda" else "gloo", auto_mpi_discovery=False)
    return dist.get_rank(), dist.get_world_size()


def leave_ranks() -> NoReturn:
    """End this process, with success, when all ranks have come here.

    Without the interpreter's teardown: now and then gloo's threads abort the process in it, and torchrun takes a
    training that is done for one that failed.
    """
    dist.barrier()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


class Trainer:
    """One training. Every rank makes one, after `start_ranks`, with its own source.

    Args:
        config: settings.
        source: this rank's batches.
        vocabulary: pieces of the tokeniser that the shards were written with.
        recorder: for a rehearsal: takes this rank's events, and nothing is written, no checkpoint either.

    Raises:
        TrainingError: the vocabulary does not fit the model.
        WorldSizeError: the ranks do not divide the global batch, or the model does not divide the ranks.
        CheckpointError: there is a checkpoint in the run folder that does not fit.
    """

    def __init__(
        self,
        config: PretrainConfig,
        source: Source,
        vocabulary: Vocabulary,
        *,
        recorder: Recorder | None = None,
    ) -> None:
        self.config, self.source, self.vocabulary = config, source, vocabulary
        self.rank, self.world_size = dist.get_rank(), dist.get_world_size()
        self.layout = Layout.of(config, rank=self.rank, world_size=self.world_size)
        self.shape = config.model.architecture()
        if len(vocabulary.is_special_V) > self.shape.vocab_size:
            raise TrainingError(
                f"the tokeniser has {len(vocabulary.is_special_V)} pieces and model.vocab_size is "
                f"{self.shape.vocab_size}; raise it to at least that."
            )
        self.accumulation = ds.accumulation_steps(config, self.world_size)
        self.checkpoints = Checkpoints(
            Path(config.run_dir),
            keep_last=config.checkpoints.keep_last,
            model=self.shape,
            manifest_sha256=source.manifest_sha256,
            tokenizer_sha256=vocabulary.sha256,
            zero_stage=config.zero.stage,
            layout=self.layout,
        )
        self.state = State()
        saved = self.checkpoints.latest()
        started_from, weights = None, None
        if saved is None and config.start_from is not None:
            started_from, weights = first_weights(config.start_from, self.shape, vocabulary.sha256)
        is_converted = saved is not None and saved.world_size != self.world_size
        self.engine = build_engine(config, self.layout, universal=is_converted, weights=weights)
        self.passes = passes(self.engine, config, self.layout)
        self.device: torch.device = torch.device(self.engine.device)
        self._positions: list[int] = []  # `next_sample` of the batches since the start or the last rewind
        self._counted_at_s = time.perf_counter()
        self._is_rehearsal = recorder is not None
        self._metrics = recorder
        if self.rank == 0 and recorder is None:
            Path(config.run_dir).mkdir(parents=True, exist_ok=True)
            self._metrics = MetricsWriter(Path(config.run_dir), tensorboard=config.tensorboard)
        self._progress = ProgressLine(config.steps)
        if saved is not None:
            self._go_back(saved)
        started = {} if started_from is None else {"started_from": str(started_from.resolve())}
        self._record("start", {**self._versions(), **started})

    def train(self) -> State:
        """Train to the last step, or until SIGTERM, and leave a checkpoint; the state then.

        Raises:
            TrainingError: too many steps in a row were not finite, or there were too many spikes.
            CheckpointError: a checkpoint cannot be written or read; older ones are as they were.
        """
        config, state = self.config, self.state
        if self.checkpoints.latest() is None:
            # A spike may come early; and a disk that is full should be known of before the first hour.
            self._save()
            if config.validation is not None and config.start_from is not None:
                self._record("validation", {"loss_nats_by_locale": self.validate()})
        if state.step >= config.steps:
            self._say(
                f"all {config.steps:,} steps are done; to go on, raise steps, or choose another run_dir."
            )
        with stopping_on_sigterm() as is_asked_to_stop:
            batches = self.source.read(state.source) if state.step < config.steps else iter(())
            while state.step < config.steps:
                started_s = time.perf_counter()
                batch = self._next(batches)
                totals = self._step(self._micro_batches(batch), state.step + 1, is_asked_to_stop)
                if self._is_spike(totals):
                    self._rewind(batch, totals)
                    batches = self.source.read(state.source)
                    continue
                self._count(batch, totals, time.perf_counter() - started_s)
                if config.validation is not None and self._is_due(config.validation.every_steps):
                    self._record("validation", {"loss_nats_by_locale": self.validate()})
                if totals.must_stop or self._is_due(config.checkpoints.every_steps):
                    self._save()
                if totals.must_stop:
                    self._record("stop", {"reason": "SIGTERM"})
                    self._say(f"stopped at step {state.step:,} as asked; the same command goes on from here.")
                    break
        if self._metrics is not None:
            self._metrics.close()
        return state

    def validate(self) -> dict[str, float]:
        """Mean loss of each locale's validation split in nats, over its first batches."""
        assert self.config.validation is not None
        sums: dict[str, Tensor] = {}
        for locale, batch in self.source.validation(self.config.validation.batches_per_locale):
            total = sums.setdefault(locale, torch.zeros(2, dtype=torch.float64, device=self.device))
            micros = self._micro_batches(batch)
            nats = self.passes.evaluate(micros)
            total += torch.stack((nats, nats.new_tensor(self._own_targets(micros))))
        for total in sums.values():
            dist.all_reduce(total)
        return {locale: float(total[0] / total[1].clamp(min=1)) for locale, total in sums.items()}

    def _step(self, micros: list[MicroBatch], step: int, is_asked_to_stop: Callable[[], bool]) -> Totals:
        """Forward, backward, update."""
        config = self.config
        rate = config.optimizer.learning_rate * learning_rate_share(step, config.steps, config.schedule)
        for group in self.engine.optimizer.param_groups:
            group["lr"] = rate
        num_targets = torch.tensor(self._own_targets(micros), device=self.device)
        dist.all_reduce(num_targets)
        nats = self.passes.train(micros, num_targets.clamp(min=1))
        return self._totals(micros, nats, is_asked_to_stop())

    def _micro_batches(self, batch: RankBatch) -> list[MicroBatch]:
        config = self.config
        return micro_batches(batch, self.accumulation, config.objective, self.vocabulary, seed=config.seed)

    def _own_targets(self, micros: list[MicroBatch]) -> int:
        """Targets that are counted on this rank: the stages of a pipeline have the same ones."""
        return sum(micro.num_targets for micro in micros) if self.layout.has_loss else 0

    def _totals(self, micros: list[MicroBatch], nats: Tensor, must_stop: bool) -> Totals:
        counted = micros if self.layout.has_loss else []
        work = [model_flops(self.shape, m.lengths, m.decoder_lengths, m.num_targets) for m in counted]
        own = [
            self._own_targets(micros),
            sum(sum(micro.lengths) + sum(micro.decoder_lengths) for micro in counted),
            sum(blocks for blocks, _ in work),
            sum(head for _, head in work),
            must_stop,
        ]
        sums = torch.cat((nats[None], torch.tensor(own, dtype=torch.float64, device=self.device)))
        dist.all_reduce(sums)
        total_nats, targets, tokens, blocks, head, stop = sums.tolist()
        return Totals(total_nats / max(1, targets), int(targets), int(tokens), blocks, head, stop > 0)

    def _count(self, batch: RankBatch, totals: Totals, step_s: float) -> None:
        """Move on by a step: the counters, the guard, the metrics."""
        state, config = self.state, self.config
        # DeepSpeed leaves a step out on all ranks if the norm of its gradient is not finite.
        is_applied = bool(self.engine.was_step_applied())
        is_finite = bool(torch.isfinite(torch.tensor(totals.loss_nats)))
        if is_applied and not is_finite:
            raise TrainingError(
                f"step {state.step + 1} was applied although its loss is {totals.loss_nats}; "
                "start again from the last checkpoint."
            )
        state.step += 1
        state.tokens += totals.num_tokens
        now_s = time.perf_counter()
        # All that passed since the last step: validation and checkpoints cost money too.
        state.elapsed_s += now_s - self._counted_at_s
        self._counted_at_s = now_s
        state.source = self.source.state_after(batch)
        if not is_applied:
            state.skipped_steps += 1
            state.skipped_in_a_row += 1
            self._record("skip", {"loss_is_finite": is_finite, "skipped_steps": state.skipped_steps})
            if state.skipped_in_a_row > config.max_skipped_in_a_row:
                raise TrainingError(
                    f"{state.skipped_in_a_row} steps in a row had a loss or gradient that is not finite, the last is "
                    f"{state.step}; lower optimizer.learning_rate, or look at the data after the last checkpoint."
                )
            return
        state.skipped_in_a_row = 0
        if config.spikes is not None:
            state.losses = [*state.losses, totals.loss_nats][-config.spikes.window_steps :]
        if self._is_due(config.log_every_steps):
            self._log(totals, step_s)

    def _log(self, totals: Totals, step_s: float) -> None:
        config, state = self.config, self.state
        flops = totals.block_flops + totals.head_flops
        done = totals.block_flops * (_RECOMPUTED if config.checkpoint_activations else 1) + totals.head_flops
        per_device = 1e12 * step_s * self.world_size
        peak = config.peak_tflops or peak_tflops(self._device_name(), config.precision)
        price = config.price_per_device_hour
        cost = None if price is None else price * self.world_size * state.elapsed_s / 3600
        norm = self.engine.get_global_grad_norm()
        values = {
            "loss_nats": totals.loss_nats,
            "grad_norm": None if norm is None else float(norm),
            "learning_rate": self.engine.optimizer.param_groups[0]["lr"],
            "tokens": state.tokens,
            "num_targets": totals.num_targets,
            "step_s": step_s,
            "tokens_per_s": totals.num_tokens / step_s,
            "model_tflops_per_device": flops / per_device,
            "hardware_tflops_per_device": done / per_device,
            "mfu": None if peak is None else flops / per_device / peak,
            "cost_dollars": cost,
            "elapsed_s": state.elapsed_s,
            "skipped_steps": state.skipped_steps,
        }
        self._record("step", values)
        if self.rank == 0:
            shown = {
                "loss": f"{totals.loss_nats:.3f} nats",
                "": f"{totals.num_tokens / step_s:,.0f} tokens/s",
            }
            if peak is not None:
                shown["MFU"] = f"{values['mfu']:.2f}"
            if cost is not None:
                shown["$"] = f"{cost:,.2f}"
            self._progress.show(state.step, shown)

    def _is_due(self, every_steps: int) -> bool:
        return self.state.step % every_steps == 0 or self.state.step == self.config.steps

    def _is_spike(self, totals: Totals) -> bool:
        spikes = self.config.spikes
        return spikes is not None and is_spike(totals.loss_nats, self.state.losses, spikes)

    def _next(self, batches: Iterator[RankBatch]) -> RankBatch:
        """The next batch that no spike has ruled out."""
        while True:
            batch = next(batches)
            sample = int(batch["next_sample"])
            if not any(first < sample <= last for first, last in self.state.skipped_samples):
                self._positions = [*self._positions, sample]
                return batch

    def _rewind(self, batch: RankBatch, totals: Totals) -> None:
        """Back to the last checkpoint; from now on around the data of the spike and shortly before it."""
        spikes, state = self.config.spikes, self.state
        assert spikes is not None
        rewinds, step, sample = state.rewinds + 1, state.step + 1, int(batch["next_sample"])
        before = self._positions[: -spikes.skip_before_steps - 1]
        saved = self.checkpoints.latest()
        assert saved is not None  # there is one from the first step on
        first = before[-1] if before else self._first_position
        ruled_out = [*state.skipped_samples, [first, sample]]
        told = {
            "loss_nats": totals.loss_nats,
            "mean_nats": fmean(state.losses),
            "back_to_step": saved.state["step"],
            "skipped_samples": [first, sample],
            "rewinds": rewinds,
        }
        self._record("spike", told)
        self._say(
            f"step {step:,}: loss {totals.loss_nats:.3f} nats is a spike; back to step {saved.state['step']:,}, "
            f"without samples {first:,} to {sample:,}"
        )
        if rewinds > spikes.max_rewinds:
            raise TrainingError(
                f"step {step} is spike number {rewinds}, more than spikes.max_rewinds {spikes.max_rewinds}; lower "
                "optimizer.learning_rate, or look at the data that metrics.jsonl names."
            )
        elapsed_s = state.elapsed_s
        self._go_back(saved)
        state.rewinds, state.skipped_samples, state.elapsed_s = rewinds, ruled_out, elapsed_s

    def _go_back(self, saved: Resumed) -> None:
        self.checkpoints.load(self.engine, saved)
        for name, value in saved.state.items():
            setattr(self.state, name, value)
        self._positions = []

    @property
    def _first_position(self) -> int:
        """Sample that the source stood at when the training was last started or set back."""
        saved = self.checkpoints.latest()
        source = saved.state["source"] if saved is not None else None
        return 0 if source is None else int(source["sample"])

    def _save(self) -> None:
        if self._is_rehearsal:
            return
        folder = self.checkpoints.save(self.engine, self.state.step, asdict(self.state))
        self._record("checkpoint", {"folder": str(folder)})

    def _versions(self) -> Mapping[str, Any]:
        return {
            "world_size": self.world_size,
            "accumulation": self.accumulation,
            "device": self._device_name(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "deepspeed": version("deepspeed"),
            "config": self.config.model_dump(mode="json"),
        }

    def _device_name(self) -> str:
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"

    def _record(self, event: str, values: Mapping[str, Any]) -> None:
        if self._metrics is not None:
            self._metrics.write(event, self.state.step, values)

    def _say(self, text: str) -> None:
        if self.rank == 0:
            self._progress.say(text)
