"""Which learning rate, schedule and global batch train best: what is drawn, how trials compare, what the best becomes.

Asynchronous successive halving (Li et al. 2020, algorithm 2, in the variant that stops trials and does not take them
up again). Every trial trains until a rung; there, those that are not in the best 1/η of all that came so far are
stopped. What makes losses comparable at a rung:

- Rungs are counted in tokens: as steps of the base's global batch. A trial with twice that batch is there after half
  as many steps of its own.
- The schedule of every trial is that of the whole search length, `max_steps`, of which warm-up and fall are shares. At
  a rung, all are at the same share of it; a kind that falls late shows its worth late, which a larger `min_steps`
  respects.
- The validation tokens are the same ones, however large the batch. In bucketed mode they would not be, so only one
  batch is allowed there.

The value of a trial is the mean over locales of its validation loss, replayed corpora left out. Pure; `jobs/search.py`
runs the trials.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final, Literal, Protocol, Self

from pydantic import Field, model_validator

from training.config import PretrainConfig, StrictConfig, ValidationSettings

# What may be changed between two starts of one search.
ENGINEERING: Final = frozenset(
    {"search_dir", "pretrain", "num_trials", "workers", "processes_per_trial", "poll_s", "stop_timeout_s"}
)


class SearchError(ValueError):
    """The search cannot start or has no answer; the message says what to do."""


class Range(StrictConfig):
    """Between two numbers, both included."""

    low: float = Field(ge=0, description="lowest value")
    high: float = Field(ge=0, description="highest value")

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}; exchange them")
        return self


class SearchConfig(StrictConfig):
    """All settings of a search."""

    search_dir: str = Field(description="folder of the trials and of what is found")
    pretrain: str = Field(description="YAML file of the pretraining that is searched for: the base")
    learning_rate: Range = Field(description="optimizer.learning_rate, drawn evenly by its logarithm")
    schedules: tuple[Literal["constant", "linear", "cosine", "wsd"], ...] = Field(
        default=("linear", "cosine", "wsd"), min_length=1, description="values of schedule.kind"
    )
    warmup_share: Range = Field(
        default=Range(low=0, high=0.1), description="schedule.warmup_steps, as a share of all steps"
    )
    decay_share: float = Field(
        default=0.2, gt=0, le=1, description="of wsd: schedule.decay_steps, as a share of all steps"
    )
    global_batch_tokens: tuple[int, ...] = Field(
        default=(), description="values of global_batch_tokens; none: the base's"
    )
    min_steps: int = Field(ge=1, description="first rung, in steps of the base's global batch")
    reduction_factor: int = Field(
        default=3, ge=2, description="η: each rung is so many times the last, and one in so many goes on"
    )
    max_steps: int = Field(ge=1, description="last rung, in steps of the base's global batch")
    num_trials: int = Field(ge=1, description="trials in all; may be raised later")
    workers: int = Field(default=1, ge=1, description="trials that train at the same time")
    processes_per_trial: int = Field(default=1, ge=1, description="processes of a trial, one per device")
    poll_s: float = Field(default=1.0, gt=0, description="seconds between two looks at the trials")
    stop_timeout_s: int = Field(
        default=600, ge=1, description="seconds a stopped trial has for its checkpoint, before it is killed"
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="of what is drawn; the base's seed trains")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.learning_rate.low == 0:
            raise ValueError("learning_rate.low must be above 0, for it is drawn by its logarithm")
        if self.min_steps > self.max_steps:
            raise ValueError(
                f"min_steps {self.min_steps} is above max_steps {self.max_steps}; lower the one or raise the other"
            )
        shares = self.warmup_share.high + ("wsd" in self.schedules) * self.decay_share
        if shares > 1:
            raise ValueError(
                f"warmup_share.high and wsd's decay_share make {shares:g} of the steps; lower them to 1 at most"
            )
        return self


@dataclass(frozen=True, slots=True)
class Choice:
    """What a trial was given, named as in `PretrainConfig` where it is the same."""

    learning_rate: float
    kind: str
    warmup_share: float
    global_batch_tokens: int


class Draws(Protocol):
    """What an Optuna trial draws with; a value that was drawn once stays."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number."""

    def suggest_categorical(self, name: str, choices: Any) -> Any:  # noqa: ANN401 (as Optuna has it)
        """One of several."""


def drawn(trial: Draws, config: SearchConfig, base: PretrainConfig) -> Choice:
    """The values of a trial."""
    rate, share = config.learning_rate, config.warmup_share
    batches = config.global_batch_tokens or (base.global_batch_tokens,)
    return Choice(
        learning_rate=trial.suggest_float("learning_rate", rate.low, rate.high, log=True),
        kind=str(trial.suggest_categorical("kind", config.schedules)),
        warmup_share=trial.suggest_float("warmup_share", share.low, share.high),
        global_batch_tokens=int(trial.suggest_categorical("global_batch_tokens", batches)),
    )


def with_choice(base: PretrainConfig, choice: Choice, *, steps: int, decay_share: float) -> dict[str, Any]:
    """The base's settings with a choice's, for as many tokens as `steps` of the base's global batch, or a few more.

    What `PretrainConfig` takes; defaults stay out.
    """
    own = math.ceil(steps * base.global_batch_tokens / choice.global_batch_tokens)
    values = base.model_dump(mode="json", exclude_unset=True)
    values["optimizer"] = {**values.get("optimizer", {}), "learning_rate": choice.learning_rate}
    values["schedule"] = {
        **values.get("schedule", {}),
        "kind": choice.kind,
        "warmup_steps": int(choice.warmup_share * own),
        "decay_steps": max(1, int(decay_share * own)) if choice.kind == "wsd" else 0,
    }
    return values | {"steps": own, "global_batch_tokens": choice.global_batch_tokens}


def rungs(config: SearchConfig) -> tuple[int, ...]:
    """Where trials are compared, in steps of the base's global batch, ascending; the last is the end."""
    return (*_before_the_end(config), config.max_steps)


def _before_the_end(config: SearchConfig) -> Iterator[int]:
    rung = config.min_steps
    while rung < config.max_steps:
        yield rung
        rung *= config.reduction_factor


def own_step(base: PretrainConfig, choice: Choice, rung: int) -> int:
    """The trial's step at a rung.

    Raises:
        SearchError: the trial's global batch does not divide the tokens of the rung.
    """
    tokens = rung * base.global_batch_tokens
    if tokens % choice.global_batch_tokens:
        raise SearchError(
            f"min_steps and max_steps must be whole steps of every global batch: {rung} of {base.global_batch_tokens} "
            f"tokens are none of {choice.global_batch_tokens}; change the steps or the batch."
        )
    return tokens // choice.global_batch_tokens


def trial_settings(
    base: PretrainConfig, choice: Choice, config: SearchConfig, run_dir: str
) -> PretrainConfig:
    """Settings of a trial's training: validated at every rung, on as many tokens as the base is.

    Raises:
        SearchError: the global batch does not divide the tokens of rungs or validation.
        ValidationError: the choice's values do not fit the base's others.
    """
    validation = base.validation or ValidationSettings()
    tokens = validation.batches_per_locale * base.global_batch_tokens
    if tokens % choice.global_batch_tokens:
        raise SearchError(
            f"the base's validation.batches_per_locale are {tokens} tokens, which are no whole batches of "
            f"{choice.global_batch_tokens}; change it, or the global batch."
        )
    own_step(base, choice, config.max_steps)
    values = with_choice(base, choice, steps=config.max_steps, decay_share=config.decay_share)
    return PretrainConfig.model_validate(
        values
        | {
            "run_dir": run_dir,
            # Enough to go on from, and there are many trials.
            "checkpoints": {**values.get("checkpoints", {}), "keep_last": 1},
            "validation": {
                "every_steps": own_step(base, choice, config.min_steps),
                "batches_per_locale": tokens // choice.global_batch_tokens,
            },
        }
    )


@dataclass(frozen=True, slots=True)
class Progress:
    """What a trial's metrics.jsonl says.

    Attributes:
        step: the last one that is named.
        losses: by step, the mean over locales of the validation loss in nats.
    """

    step: int
    losses: dict[int, float]


def progress(metrics: str) -> Progress:
    """Read the lines of metrics.jsonl; of a step that was done again, the last ones count.

    Half a line is left out: it is still being written, or of a process that was killed, and the next one went on in it.
    """
    step = 0
    losses: dict[int, float] = {}
    for line in metrics.splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        step = max(step, told["step"])
        if told["event"] == "validation":
            own = [loss for name, loss in told["loss_nats_by_locale"].items() if "/" not in name]
            losses |= {told["step"]: fmean(own)} if own else {}
    return Progress(step, losses)


@dataclass(frozen=True, slots=True)
class Row:
    """A trial in the table.

    Attributes:
        number: of the trial.
        choice: its values.
        step: steps it reached, of its own.
        steps: steps it would have had.
        loss_nats: of its last rung, if it came to one.
        state: running, finished, stopped (at a rung) or failed.
        reason: why it failed.
    """

    number: int
    choice: Choice
    step: int
    steps: int
    loss_nats: float | None
    state: str
    reason: str = ""


def best(rows: list[Row]) -> Row | None:
    """Of the finished trials, the one with the lowest loss, then the first."""
    finished = [(row.loss_nats, row.number, row) for row in rows if row.state == "finished"]
    compared = [(loss, number, row) for loss, number, row in finished if loss is not None]
    return min(compared, key=lambda entry: entry[:2])[2] if compared else None


def table(rows: list[Row]) -> str:
    """One line per trial, under a header."""
    lines = ["trial  learning rate  schedule  warm-up  global batch           step   loss  state"]
    for row in rows:
        choice = row.choice
        loss = "" if row.loss_nats is None else f"{row.loss_nats:.3f}"
        lines.append(
            f"{row.number:>5}  {choice.learning_rate:>13.3g}  {choice.kind:<8}  {choice.warmup_share:>7.1%}  "
            f"{choice.global_batch_tokens:>12,}  {f'{row.step:,}/{row.steps:,}':>13}  {loss:>5}  {row.state}"
            + (f": {row.reason}" if row.reason else "")
        )
    return "\n".join(lines)
