"""Which engineering settings train fastest on this machine: the order of the search, the choice, the table.

Candidates differ in the micro-batch, the ZeRO stage, activation checkpointing and compilation. The global batch stays
(accumulation makes up for the micro-batch), so every candidate trains the same model. The search is greedy:

1. For each ZeRO stage, lower ones first since they communicate less, without checkpointing and then with it: double the
   micro-batch until a candidate fails, the global batch is used up, or throughput stops rising. The first climb starts
   from one sequence; later ones from the best micro-batch so far, for what they spare is memory, which pays only if a
   larger micro-batch comes of it.
2. From the winner, climb once more with compilation: it changes speed far more than memory, so that the stage and the
   checkpointing which win without it win with it.

That is some twenty candidates, where the whole grid has over a hundred. Pure; `rehearsal.py` measures one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import Field

from training.config import PretrainConfig, StrictConfig
from training.deepspeed import accumulation_steps
from training.estimate import Offload, Setup, memory
from training.layout import WorldSizeError

# What decides which candidates there are, and not what one of them measures.
SEARCH_ONLY: Final = frozenset({"zero_stages", "checkpoint_activations", "compile", "min_gain"})
_DECODER_SHARE: Final = 0.2  # of the estimate: 15 % of the tokens in spans of three, and a sentinel for each


class TuneSettings(StrictConfig):
    """What is tried, and how long."""

    zero_stages: tuple[int, ...] = Field(default=(1, 2, 3), min_length=1, description="ZeRO stages to try")
    checkpoint_activations: tuple[bool, ...] = Field(
        default=(False, True), min_length=1, description="values of checkpoint_activations to try"
    )
    compile: tuple[bool, ...] = Field(
        default=(False, True),
        min_length=1,
        description="values of compile to try: the first everywhere, others on the winner",
    )
    warmup_steps: int = Field(
        default=3, ge=1, description="steps before the timed ones; the first makes the optimiser's state"
    )
    timed_steps: int = Field(default=5, ge=1, description="steps whose median time counts")
    min_gain: float = Field(
        default=0.02, ge=0, lt=1, description="a gain of throughput below this share counts as none"
    )
    candidate_timeout_s: float = Field(default=600, gt=0, description="a candidate that takes longer fails")
    num_processes: int = Field(default=1, ge=1, description="processes, one per device (make's NPROC)")


class TuneConfig(PretrainConfig):
    """Settings of a pretraining, and of the search for those that are only engineering."""

    tune: TuneSettings = Field(default=TuneSettings(), description="what is tried")


@dataclass(frozen=True, slots=True)
class Candidate:
    """Engineering settings to be measured; named as in `PretrainConfig`."""

    zero_stage: int
    checkpoint_activations: bool
    compile: bool
    micro_batch_tokens: int

    @property
    def key(self) -> str:
        """Its name in results.json."""
        return (
            f"zero.stage={self.zero_stage} checkpoint_activations={str(self.checkpoint_activations).lower()} "
            f"compile={str(self.compile).lower()} micro_batch_tokens={self.micro_batch_tokens}"
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """What the timed steps of a candidate came to.

    Attributes:
        tokens_per_s: of all ranks.
        step_s: median over the timed steps.
        tflops_per_device: operations of the model, none counted twice.
        mfu: of them, as a share of the device's peak; none if that is unknown.
        peak_bytes: largest over the ranks: on CUDA what torch had allocated at most, on a CPU the growth of the largest
            resident set since before the model was made.
        device: its name.
    """

    tokens_per_s: float
    step_s: float
    tflops_per_device: float
    mfu: float | None
    peak_bytes: int
    device: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A candidate with what was measured, or with the reason why nothing was."""

    candidate: Candidate
    measured: Measured | None
    reason: str | None = None


def fits_batch(config: PretrainConfig, micro_batch_tokens: int, num_processes: int) -> bool:
    """Whether the global batch is a whole number of micro-batches on every rank."""
    if config.global_batch_tokens % micro_batch_tokens:
        return False
    try:
        accumulation_steps(_micro(config, micro_batch_tokens), num_processes)
    except WorldSizeError:
        return False
    return True


def _micro(config: PretrainConfig, micro_batch_tokens: int) -> PretrainConfig:
    return config.model_copy(update={"micro_batch_tokens": micro_batch_tokens})


def search(config: TuneConfig, measure: Callable[[Candidate], Outcome]) -> list[Outcome]:
    """All outcomes, in the order they were measured in: greedy, as the module says."""
    tune = config.tune
    outcomes: list[Outcome] = []

    def climb(zero_stage: int, checkpoint_activations: bool, compiled: bool, micro_batch_tokens: int) -> None:
        before = 0.0
        while fits_batch(config, micro_batch_tokens, tune.num_processes):
            candidate = Candidate(zero_stage, checkpoint_activations, compiled, micro_batch_tokens)
            outcomes.append(measure(candidate))
            measured = outcomes[-1].measured
            if measured is None or measured.tokens_per_s <= before * (1 + tune.min_gain):
                return
            before, micro_batch_tokens = measured.tokens_per_s, 2 * micro_batch_tokens

    for stage in tune.zero_stages:
        for checkpointed in tune.checkpoint_activations:
            winner = best(outcomes, min_gain=tune.min_gain)
            start = winner.candidate.micro_batch_tokens if winner else config.data.seq_len
            climb(stage, checkpointed, tune.compile[0], start)
    winner = best(outcomes, min_gain=tune.min_gain)
    if winner is not None:
        won = winner.candidate
        for compiled in tune.compile[1:]:
            climb(won.zero_stage, won.checkpoint_activations, compiled, won.micro_batch_tokens)
    return outcomes


def best(outcomes: Sequence[Outcome], *, min_gain: float) -> Outcome | None:
    """The fastest; of those that are as fast but for `min_gain`, the one that takes least memory, then the first."""
    ran = [(outcome, outcome.measured) for outcome in outcomes if outcome.measured is not None]
    if not ran:
        return None
    enough = max(measured.tokens_per_s for _, measured in ran) / (1 + min_gain)
    fast = [(measured.peak_bytes, outcome) for outcome, measured in ran if measured.tokens_per_s >= enough]
    return min(fast, key=lambda pair: pair[0])[1]


def with_candidate(config: TuneConfig, candidate: Candidate) -> dict[str, Any]:
    """The given settings of a pretraining, with a candidate's: what `PretrainConfig` takes. Defaults stay out."""
    values = config.model_dump(mode="json", exclude_unset=True, exclude={"tune"})
    values["zero"] = {**values.get("zero", {}), "stage": candidate.zero_stage}
    for name in ("checkpoint_activations", "compile", "micro_batch_tokens"):
        values[name] = getattr(candidate, name)
    return values


def rehearsal(config: TuneConfig, candidate: Candidate, run_dir: str) -> PretrainConfig:
    """Settings of the few steps that are measured: the same computation, and nothing around it.

    Raises:
        ValidationError: the settings exclude the candidate's.
    """
    values = with_candidate(config, candidate) | {
        "run_dir": run_dir,
        "start_from": None,  # weights do not change how long a step takes
        "steps": config.tune.warmup_steps + config.tune.timed_steps,
        "schedule": {"kind": "constant"},
        "spikes": None,
        "validation": None,
        "log_every_steps": 1,
        "tensorboard": False,
    }
    return PretrainConfig.model_validate(values)


def predicted_bytes(config: TuneConfig, candidate: Candidate, *, on_cpu: bool) -> float | None:
    """Peak per rank by the estimator, which knows bf16 only, and no model that is divided."""
    if config.precision != "bf16" or config.pipeline_stages > 1 or config.expert_parallel > 1:
        return None
    zero = config.zero
    offload: Offload = (
        "none" if zero.offload == "none" else ("all" if zero.offload_parameters else "optimizer")
    )
    is_decoding = config.objective.kind == "denoising"
    setup = Setup(
        num_gpus=config.tune.num_processes,
        micro_batch_tokens=candidate.micro_batch_tokens,
        segment_tokens=max(1, config.data.seq_len // 2),
        zero_stage=candidate.zero_stage,
        offload=offload,
        checkpoint_activations=candidate.checkpoint_activations,
        target_share=_DECODER_SHARE if is_decoding else config.objective.rate,
        on_cpu=on_cpu,
    )
    return memory(config.model.architecture(), setup).peak


HEADER: Final = (
    "ZeRO  recompute  compile  micro-batch  accum.      tokens/s  TFLOPS/device    MFU   peak GB  predicted  "
)


def row(config: TuneConfig, outcome: Outcome) -> str:
    """The line of an outcome, under `HEADER`."""
    candidate, measured = outcome.candidate, outcome.measured
    accumulation = accumulation_steps(_micro(config, candidate.micro_batch_tokens), config.tune.num_processes)
    on_cpu = measured is not None and measured.device == "cpu"
    predicted = predicted_bytes(config, candidate, on_cpu=on_cpu) if measured is not None else None
    shown = ("", "", "", "", "")
    if measured is not None:
        shown = (
            f"{measured.tokens_per_s:,.0f}",
            f"{measured.tflops_per_device:.3g}",
            "" if measured.mfu is None else f"{measured.mfu:.1%}",
            f"{measured.peak_bytes / 1e9:.3g}",
            "" if predicted is None else f"{predicted / 1e9:.3g}",
        )
    speed, tflops, mfu, peak, expected = shown
    return (
        f"{candidate.zero_stage:>4}  {_yes(candidate.checkpoint_activations):<9}  {_yes(candidate.compile):<7}  "
        f"{candidate.micro_batch_tokens:>11,}  {accumulation:>6}  {speed:>12}  {tflops:>13}  {mfu:>5}  {peak:>8}  "
        f"{expected:>9}  {outcome.reason or ''}"
    ).rstrip()


def _yes(value: bool) -> str:
    return "yes" if value else "no"
