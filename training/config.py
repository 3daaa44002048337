"""Validated settings of pretraining. All defaults live here and nowhere else.

What cannot be known before the ranks are counted (whether they divide batch and model) is checked in `deepspeed.py` and
`layout.py`; everything else is refused here, before any process starts.
"""

from dataclasses import MISSING, asdict, fields
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from training.architecture import ModelConfig
from training.objectives import Denoising, Masking, UniLM
from training.presets import preset
from training.stream_config import Replay, check_annealing, check_replay

# Defaults of the model's shape are those of ModelConfig; here are only their bounds and descriptions.
_SHAPE: Final[dict[str, Any]] = {
    field.name: field.default for field in fields(ModelConfig) if field.default is not MISSING
}


class StrictConfig(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSettings(StrictConfig):
    """Shape of the model; see `architecture.ModelConfig`. With a preset, what is not said is as there."""

    preset: str | None = Field(
        default=None, description="name of a preset (presets.py); null: a shape of one's own"
    )
    vocab_size: int = Field(ge=1, description="rows of the embedding; at least the pieces of the tokeniser")
    hidden_size: int = Field(ge=1, description="width of the residual stream")
    intermediate_size: int = Field(ge=1, description="width inside a feed-forward layer, after the gate")
    num_heads: int = Field(ge=1, description="attention heads")
    num_layers: int = Field(ge=1, description="blocks of the encoder")
    num_decoder_layers: int = Field(
        default=_SHAPE["num_decoder_layers"], ge=0, description="blocks of the decoder; 0: an encoder"
    )
    max_positions: int = Field(
        default=_SHAPE["max_positions"], ge=1, description="longest segment, in tokens"
    )
    rope_theta: float = Field(
        default=_SHAPE["rope_theta"], gt=1, description="base of the rotary wavelengths"
    )
    norm_eps: float = Field(
        default=_SHAPE["norm_eps"], gt=0, lt=1, description="added to the variance in a norm"
    )
    num_experts: int = Field(
        default=_SHAPE["num_experts"],
        ge=0,
        description="experts per expert layer; 0: dense",
    )
    num_chosen_experts: int = Field(
        default=_SHAPE["num_chosen_experts"], ge=1, description="experts that a token goes through"
    )
    expert_capacity: float | None = Field(
        default=_SHAPE["expert_capacity"],
        gt=0,
        description="tokens an expert takes, as a multiple of its even share; null: all it is given",
    )
    expert_every: int = Field(
        default=_SHAPE["expert_every"], ge=1, description="every so many blocks have experts"
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, values: Any) -> Any:  # noqa: ANN401 (whatever stands in the file)
        name = values.get("preset") if isinstance(values, dict) else None
        return values if name is None else {**asdict(preset(str(name)).config), **values}

    @model_validator(mode="after")
    def _has_a_shape(self) -> Self:
        self.architecture()
        return self

    def architecture(self) -> ModelConfig:
        """The same, as the model takes it."""
        return ModelConfig(**self.model_dump(exclude={"preset"}))


class MaskedObjective(StrictConfig):
    """Masked tokens (`objectives.Masking`)."""

    kind: Literal["masked"] = Field(default="masked", description="predict masked tokens")
    rate: float = Field(default=0.15, gt=0, le=1, description="share of ordinary tokens to predict")
    mask_share: float = Field(default=0.8, ge=0, le=1, description="of these, the share that is masked")
    random_share: float = Field(default=0.1, ge=0, le=1, description="the share replaced by a random piece")
    whole_words: bool = Field(default=False, description="choose all tokens of a word together")

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        self.masking()
        return self

    def masking(self) -> Masking:
        """The same, as the objective takes it."""
        return Masking(self.rate, self.mask_share, self.random_share, self.whole_words)


class UniLMObjective(MaskedObjective):
    """Masked tokens under three attention masks (`objectives.UniLM`); the rest of the segments is causal."""

    kind: Literal["unilm"] = Field(  # type: ignore[assignment]
        default="unilm", description="masked tokens under bidirectional, prefix and causal attention"
    )
    bidirectional: float = Field(default=1 / 3, ge=0, le=1, description="share of segments that see all")
    prefix: float = Field(default=1 / 3, ge=0, le=1, description="share of segments with a prefix")

    @model_validator(mode="after")
    def _kinds_fit(self) -> Self:
        self.unilm()
        return self

    def unilm(self) -> UniLM:
        """The same, as the objective takes it."""
        return UniLM(self.bidirectional, self.prefix)


class DenoisingObjective(StrictConfig):
    """Spans behind sentinels, mixed with continuation (`objectives.Denoising`)."""

    kind: Literal["denoising"] = Field(description="predict spans that were taken out")
    rate: float = Field(default=0.15, gt=0, lt=1, description="share of a segment that is taken out")
    mean_span: float = Field(default=3.0, ge=1, description="mean length of a span, in tokens")
    causal_share: float = Field(default=0.2, ge=0, le=1, description="share of segments to be continued")

    def denoising(self) -> Denoising:
        """The same, as the objective takes it."""
        return Denoising(self.rate, self.mean_span, self.causal_share)


class OptimizerSettings(StrictConfig):
    """AdamW (Loshchilov and Hutter 2019). Norms, biases and embeddings are not decayed."""

    learning_rate: float = Field(default=3e-4, gt=0, lt=1, description="highest learning rate")
    beta1: float = Field(default=0.9, ge=0, lt=1, description="decay of the mean of gradients")
    beta2: float = Field(default=0.98, ge=0, lt=1, description="decay of the mean of their squares")
    eps: float = Field(default=1e-8, gt=0, lt=1, description="added to the root of the second mean")
    weight_decay: float = Field(default=0.01, ge=0, lt=1, description="of matrices, times the learning rate")
    clip_norm: float = Field(
        default=1.0, ge=0, description="largest norm of the whole gradient; 0: not clipped"
    )


class ScheduleSettings(StrictConfig):
    """Learning rate over the steps: a straight rise, then as the kind says."""

    kind: Literal["constant", "linear", "cosine", "wsd"] = Field(
        default="linear",
        description="after the rise: stay; fall in a line; fall as a cosine; stay, then fall in a line at the end",
    )
    warmup_steps: int = Field(default=0, ge=0, description="steps of the rise")
    decay_steps: int = Field(default=0, ge=0, description="wsd: steps of the fall at the end; others: 0")
    final_share: float = Field(
        default=0.0, ge=0, le=1, description="what is left of the rate at the end, as a share"
    )

    @model_validator(mode="after")
    def _decay_is_of_wsd(self) -> Self:
        if (self.kind == "wsd") != (self.decay_steps > 0):
            raise ValueError(
                f"decay_steps is the length of wsd's fall (kind is {self.kind}, decay_steps {self.decay_steps}); "
                "set it above 0 with wsd, and leave it out otherwise"
            )
        return self


class ZeroSettings(StrictConfig):
    """How the training state is spread over the ranks (ZeRO; Rajbhandari et al. 2020)."""

    stage: int = Field(
        default=1, le=3, description="1: optimiser state is spread; 2: gradients too; 3: parameters too"
    )
    offload: Literal["none", "cpu", "nvme"] = Field(
        default="none", description="where optimiser state lies: on the device, in main memory, on disk"
    )
    offload_parameters: bool = Field(default=False, description="parameters lie there too; stage 3 only")
    nvme_path: str | None = Field(default=None, description="folder on a fast disk, for offload: nvme")

    @field_validator("stage")
    @classmethod
    def _not_stage_0(cls, stage: int) -> int:
        if stage < 1:
            raise ValueError(
                "stage 0 takes a first step that is too small in bf16, and in fp32 lets a NaN into the weights; "
                "use stage 1, which computes the same without these"
            )
        return stage

    @model_validator(mode="after")
    def _offload_fits(self) -> Self:
        if self.offload == "nvme" and self.stage != 3:
            raise ValueError(
                f"offload: nvme works on the shards of stage 3 (stage is {self.stage}); set it to 3"
            )
        if (self.offload == "nvme") != (self.nvme_path is not None):
            raise ValueError("offload: nvme and nvme_path go together; set both or none")
        if self.offload_parameters and (self.stage != 3 or self.offload == "none"):
            raise ValueError(
                "offload_parameters needs stage 3, which spreads parameters, and offload: cpu or nvme"
            )
        return self


class CheckpointSettings(StrictConfig):
    """When the training is saved."""

    every_steps: int = Field(
        default=1000, ge=1, description="steps between checkpoints; the last step has one too"
    )
    keep_last: int = Field(default=3, ge=1, description="checkpoints that stay; older ones are removed")


class SpikeSettings(StrictConfig):
    """When a loss is a spike, and what of the data is then left out (as Chowdhery et al. 2022, section 5.1)."""

    window_steps: int = Field(default=100, ge=10, description="steps whose losses a new one is compared with")
    threshold_z: float = Field(
        default=6.0, gt=0, description="a spike is so many standard deviations above the window's mean"
    )
    min_rise_nats: float = Field(
        default=0.5, ge=0, description="and at least so much above it, for a window that hardly varies"
    )
    skip_before_steps: int = Field(
        default=10, ge=0, description="global batches before the spike's that are left out with it"
    )
    max_rewinds: int = Field(default=10, ge=0, description="spikes after which the training gives up")


class ValidationSettings(StrictConfig):
    """When the loss on the validation split is measured, locale by locale."""

    every_steps: int = Field(default=500, ge=1, description="steps between two measurements")
    batches_per_locale: int = Field(
        default=8, ge=1, description="global batches of each locale, from the start of its split"
    )


class DataSettings(StrictConfig):
    """Shards and tokeniser."""

    shards: str = Field(description="folder with manifest.json: a path, or a URL that fsspec reads")
    tokenizer: str = Field(description="the SentencePiece model that the shards were written with")
    mode: Literal["packed", "bucketed"] = Field(
        default="packed",
        description="packed: documents end to end, cut into sequences; bucketed: whole documents of like lengths",
    )
    seq_len: int = Field(
        default=512, ge=2, description="tokens of a packed sequence; of the longest document, bucketed"
    )
    alpha: float | None = Field(
        default=None, ge=0, le=1, description="share of a locale ∝ tokens ** alpha; null: the manifest's plan"
    )
    alpha_end: float | None = Field(
        default=None, ge=0, le=1, description="alpha goes here, in a straight line, and stays; null: constant"
    )
    anneal_tokens: int | None = Field(default=None, ge=1, description="tokens of training on the way there")
    replay: tuple[Replay, ...] = Field(
        default=(), description="other shards that are mixed in, as those of an earlier stage"
    )
    num_workers: int = Field(default=0, ge=0, description="processes per rank that read ahead")

    @model_validator(mode="after")
    def _mixture_fits(self) -> Self:
        check_annealing(self.alpha, self.alpha_end, self.anneal_tokens)
        check_replay(self.replay)
        return self


class PretrainConfig(StrictConfig):
    """All settings of a pretraining."""

    run_dir: str = Field(description="folder of checkpoints and metrics")
    start_from: str | None = Field(
        default=None,
        description="first weights: those of a checkpoint, or of the newest of a run folder; null: drawn by chance",
    )
    data: DataSettings = Field(description="what is read")
    model: ModelSettings = Field(description="what is trained")
    objective: Annotated[
        MaskedObjective | UniLMObjective | DenoisingObjective, Field(discriminator="kind")
    ] = Field(default=MaskedObjective(), description="what it is asked")
    optimizer: OptimizerSettings = Field(default=OptimizerSettings(), description="AdamW")
    schedule: ScheduleSettings = Field(default=ScheduleSettings(), description="learning rate over the steps")
    steps: int = Field(ge=1, description="optimiser steps in all")
    global_batch_tokens: int = Field(default=131_072, ge=2, description="tokens of a step, over all ranks")
    micro_batch_tokens: int = Field(default=8_192, ge=2, description="tokens a rank computes at once")
    zero: ZeroSettings = Field(
        default=ZeroSettings(), description="how the state is spread and where it lies"
    )
    pipeline_stages: int = Field(
        default=1,
        ge=1,
        description="groups of layers, each on ranks of its own; 1: every rank has all layers",
    )
    expert_parallel: int = Field(
        default=1,
        ge=1,
        description="ranks that the experts of a layer are divided over; 1: every rank has all experts",
    )
    precision: Literal["bf16", "fp32"] = Field(
        default="bf16", description="numbers of forward and backward pass; the optimiser's are fp32"
    )
    checkpoint_activations: bool = Field(
        default=False,
        description="compute activations again in the backward pass: less memory, a third more work",
    )
    compile: bool = Field(
        default=False, description="compile the feed-forward layers, whose shapes do not change"
    )
    balance_weight: float = Field(
        default=0.01,
        ge=0,
        description="of the experts' balance loss, beside the nats; nothing in a dense model",
    )
    checkpoints: CheckpointSettings = Field(default=CheckpointSettings(), description="when it is saved")
    spikes: SpikeSettings | None = Field(
        default=SpikeSettings(), description="rewind on a spike; null: never"
    )
    max_skipped_in_a_row: int = Field(
        default=10, ge=0, description="steps without a finite gradient after which the training gives up"
    )
    validation: ValidationSettings | None = Field(
        default=None, description="loss on the validation split; null: never"
    )
    log_every_steps: int = Field(default=1, ge=1, description="steps between lines of metrics.jsonl")
    tensorboard: bool = Field(default=True, description="write its events too, where it is installed")
    price_per_device_hour: float | None = Field(
        default=None, ge=0, description="dollars for an hour of one device; null: no cost is shown"
    )
    peak_tflops: float | None = Field(
        default=None,
        gt=0,
        description="of one device in the precision; null: looked up, and without utilisation if unknown",
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="of weights, order and masks")

    @field_validator("precision", mode="before")
    @classmethod
    def _not_fp16(cls, precision: object) -> object:
        if precision == "fp16":
            raise ValueError(
                "fp16 needs loss scaling on GPUs and is not supported on CPUs; use bf16, or fp32 where that is slow"
            )
        return precision

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.micro_batch_tokens % self.data.seq_len:
            raise ValueError(
                f"micro_batch_tokens {self.micro_batch_tokens} is not a multiple of data.seq_len {self.data.seq_len}; "
                "a micro-batch has whole sequences"
            )
        if self.global_batch_tokens % self.micro_batch_tokens:
            raise ValueError(
                f"global_batch_tokens {self.global_batch_tokens} is not a multiple of micro_batch_tokens "
                f"{self.micro_batch_tokens}; a global batch has whole micro-batches"
            )
        if self.data.seq_len > self.model.max_positions:
            raise ValueError(
                f"data.seq_len {self.data.seq_len} is more than model.max_positions {self.model.max_positions}; "
                "raise the one or lower the other"
            )
        if (self.objective.kind == "denoising") != (self.model.num_decoder_layers > 0):
            raise ValueError(
                f"objective {self.objective.kind} does not fit {self.model.num_decoder_layers} decoder layers; "
                "denoising trains an encoder-decoder, masked and unilm an encoder"
            )
        turning = self.schedule.warmup_steps + self.schedule.decay_steps
        if turning > self.steps:
            raise ValueError(
                f"schedule.warmup_steps and decay_steps make {turning} steps, more than the "
                f"{self.steps} of the training"
            )
        return self

    @model_validator(mode="after")
    def _pipeline_fits(self) -> Self:
        stages, model = self.pipeline_stages, self.model
        if stages == 1:
            return self
        if self.zero.stage > 1:
            raise ValueError(
                f"pipeline_stages {stages} does not go with zero.stage {self.zero.stage}: from 2 on, gradients leave "
                "their rank after every backward pass, and a pipeline keeps them to the end of a step; set it to 1"
            )
        if model.num_decoder_layers:
            raise ValueError(
                f"pipeline_stages {stages} does not go with {model.num_decoder_layers} decoder layers: each needs the "
                "encoder's output, and a stage hears only from the one before it; train an encoder, or set it to 1"
            )
        if model.num_experts:
            raise ValueError(
                f"pipeline_stages {stages} does not go with {model.num_experts} experts: their balance loss would have "
                "to reach the stage of the loss; train a dense model, or set it to 1"
            )
        if stages > model.num_layers:
            raise ValueError(
                f"pipeline_stages {stages} is more than model.num_layers {model.num_layers}; every stage has a block"
            )
        return self

    @model_validator(mode="after")
    def _expert_parallel_fits(self) -> Self:
        parallel, experts = self.expert_parallel, self.model.num_experts
        if parallel == 1:
            return self
        if not experts:
            raise ValueError(
                f"expert_parallel {parallel} divides experts, but model.num_experts is 0; "
                "set that, or expert_parallel to 1"
            )
        if experts % parallel:
            raise ValueError(
                f"expert_parallel {parallel} does not divide model.num_experts {experts}; every rank has as many"
            )
        if self.zero.stage == 3:
            raise ValueError(
                f"expert_parallel {parallel} does not go with zero.stage 3, which spreads every parameter over all "
                "ranks; set zero.stage to 2, or expert_parallel to 1: stage 3 spreads experts too"
            )
        return self
