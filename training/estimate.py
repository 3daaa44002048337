"""What training will need, before any of it is bought: memory per GPU, the largest micro-batch, days and money.

Pure functions of the model's shape, without torch. Memory is bytes per GPU for bf16 weights and gradients with Adam in
float32 under DeepSpeed's ZeRO; `benchmarks/bench_estimate.py` compares it with measured peaks. A bucket of DeepSpeed is
taken to be no larger than the model: the library allocates all of `reduce_bucket_size`, so a trainer must limit it.

Symbols: P = parameters, n = GPUs, h = hidden size, f = intermediate size, V = vocabulary, L = layers, s = segment,
T = tokens of a micro-batch, M = targets among them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from training.architecture import ModelConfig, active_body, counts, is_chunked

Offload = Literal["none", "optimizer", "all"]

_BUCKET: Final = 5e8  # elements; DeepSpeed's default for reduction
_LIVE: Final = 1e9  # elements; stage3_max_live_parameters
_GPUS_PER_NODE: Final = 8
_HOST_SLACK: Final = 1.5  # pinned buffers, as DeepSpeed's own estimators count them
# CUDA context, NCCL and fragmentation; what is planned beyond this share runs out of memory now and then.
USABLE: Final = 0.92
_SECONDS_PER_HOUR: Final = 3600


class EstimateError(ValueError):
    """There is no answer for these values; the message says which to change."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A kind of GPU.

    Attributes:
        memory_bytes: as the data sheet counts it.
        peak_tflops: dense half-precision matrix products, in 10**12 operations per second.
    """

    memory_bytes: float
    peak_tflops: float


# NVIDIA's data sheets, dense figures (the sheets of Hopper and Blackwell print twice that, for sparse matrices).
GPUS: Final[Mapping[str, Gpu]] = {
    "v100": Gpu(32e9, 125),  # V100 SXM2 32 GB; fp16, it has no bf16
    "a100-40": Gpu(40e9, 312),  # A100 40 GB SXM
    "a100-80": Gpu(80e9, 312),  # A100 80 GB SXM
    "h100": Gpu(80e9, 989.4),  # H100 SXM: 1,979 sparse
    "h200": Gpu(141e9, 989.4),  # H200 SXM: 1,979 sparse
    "b200": Gpu(180e9, 2250),  # HGX B200: 4,500 sparse
}


@dataclass(frozen=True, slots=True)
class Setup:
    """How a model is trained.

    Attributes:
        num_gpus: n, in data parallel.
        micro_batch_tokens: T, per GPU; of the encoder.
        segment_tokens: s, mean length of a segment.
        zero_stage: 1, 2 or 3 (Rajbhandari et al. 2020, section 5).
        offload: what lies in the host's memory: nothing, the optimizer's states, or with stage 3 the weights as well.
        checkpoint_activations: blocks are computed again in the backward pass.
        target_share: M / T of an encoder, the share of tokens to predict; of an encoder-decoder, tokens of the decoder
            per token of the encoder.
        on_cpu: training is tried on a CPU, where Adam and the loss are those of plain torch and hold more.
    """

    num_gpus: int = 1
    micro_batch_tokens: int = 16_384
    segment_tokens: int = 512
    zero_stage: int = 1
    offload: Offload = "none"
    checkpoint_activations: bool = False
    target_share: float = 0.15
    on_cpu: bool = False

    def __post_init__(self) -> None:
        """Refuse what DeepSpeed cannot do, and numbers that are none.

        Raises:
            EstimateError: a value is out of bounds, or weights are to be offloaded without stage 3.
        """
        for name in ("num_gpus", "micro_batch_tokens", "segment_tokens"):
            if getattr(self, name) < 1:
                raise EstimateError(f"{name} must be at least 1 (got {getattr(self, name)}).")
        if self.zero_stage not in (1, 2, 3):
            raise EstimateError(f"zero_stage must be 1, 2 or 3 (got {self.zero_stage}).")
        if self.offload == "all" and self.zero_stage != 3:
            raise EstimateError(f"only ZeRO stage 3 offloads weights (got stage {self.zero_stage}).")
        if not 0 < self.target_share <= 1:
            raise EstimateError(f"target_share must be in (0, 1] (got {self.target_share}).")


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes per GPU, by what they hold.

    The peak is in one of four moments: in the backward pass of the loss, when that of the blocks starts and all
    activations are there, when it ends and all gradients are there, or in the optimizer's step.

    Attributes:
        weights: in bf16; with stage 3, a share of them and those that are gathered at a time.
        gradients: in bf16, at the end of the backward pass.
        optimizer: weights and both moments of Adam in float32.
        buckets: what is being reduced.
        step: what only the optimizer's step holds.
        activations: what blocks keep for the backward pass.
        head: what the head and the loss hold until their own backward pass is through, which is the first.
        working: passing results of the backward pass and the gradient of the embedding, which waits for its second half
            until the end; of a checkpointed block, also its activations.
        host: bytes of the host's memory per node.
    """

    weights: float
    gradients: float
    optimizer: float
    buckets: float
    step: float
    activations: float
    head: float
    working: float
    host: float

    @property
    def peak(self) -> float:
        """Most bytes at any time."""
        states = self.weights + self.optimizer
        loss = self.activations + self.head
        start = self.buckets + self.activations + self.working
        end = self.buckets + self.gradients + self.working
        return states + max(loss, start, end, self.gradients + self.step)


def memory(config: ModelConfig, setup: Setup) -> Memory:
    """Bytes per GPU at the peak of a training step."""
    total, own = counts(config).total, counts(config).total / setup.num_gpus
    largest_layer = max(config.vocab_size * config.hidden_size, _block_parameters(config))
    sharded = setup.zero_stage == 3
    weights = 2.0 * total
    if sharded:
        gathered = max(4.0 * largest_layer, 2.0 * min(total, _LIVE))
        weights = gathered + (0 if setup.offload == "all" else 2 * own)
    on_host = setup.offload != "none"
    gradients = 2.0 * (total if setup.zero_stage == 1 and not on_host else own)
    activations, working = _activations(config, setup)
    return Memory(
        weights=weights,
        # Offloaded gradients leave by the bucket.
        gradients=0.0 if on_host else gradients,
        optimizer=0.0 if on_host else 12 * own,
        buckets=2 * min(total, _BUCKET),
        # The gradient in float32; torch's Adam computes with three more copies, measured as 10 bytes in all.
        step=0.0 if on_host else (10 if setup.on_cpu else 4) * own,
        activations=activations,
        head=_head(config, setup),
        working=working + 2 * config.vocab_size * config.hidden_size,
        host=_host(total, setup),
    )


def _block_parameters(config: ModelConfig) -> int:
    return active_body(config) // (config.num_layers + config.num_decoder_layers)


def _host(total: int, setup: Setup) -> float:
    """Host memory per node, by the formulas of DeepSpeed's own estimators."""
    if setup.offload == "none":
        return 0.0
    nodes = math.ceil(setup.num_gpus / _GPUS_PER_NODE)
    if setup.zero_stage == 3:
        return (18 if setup.offload == "all" else 16) * total / nodes * _HOST_SLACK
    return max(4 * min(setup.num_gpus, _GPUS_PER_NODE), 16) * total * _HOST_SLACK / nodes


def _activations(config: ModelConfig, setup: Setup) -> tuple[float, float]:
    """What all blocks keep, and what is held besides while the backward pass goes through one of them.

    A block keeps 16h + 8f bytes a token in bf16: for each of its two norms the input and the output, queries, keys,
    values, what attention gives, and of the feed-forward layer both halves, the activated one and their product; and
    statistics of the norms (8 bytes each) and of attention (4 per head). A block of the decoder has 12h more for
    cross-attention, of which 4h (keys and values) are per token of the encoder.
    """
    h, f = config.hidden_size, config.intermediate_size
    chosen = config.num_chosen_experts
    tokens = setup.micro_batch_tokens
    decoder_tokens = tokens * setup.target_share
    encoder_block = 16 * h + 8 * f + 16 + 4 * config.num_heads
    if setup.on_cpu:
        encoder_block += 2 * h  # what attention gives, segment by segment, before it is one tensor
    decoder_block = encoder_block + 8 * h + 8 + 4 * config.num_heads
    extra = max(0, chosen - 1) * (8 * f + 4 * h)  # each further expert of a token
    experts = [sum(map(config.has_experts, range(n))) for n in (config.num_layers, config.num_decoder_layers)]
    kept: float = tokens * (config.num_layers * encoder_block + experts[0] * extra)
    kept += config.num_decoder_layers * (decoder_tokens * decoder_block + tokens * 4 * h)
    kept += decoder_tokens * experts[1] * extra
    # Angles in float32; embedding and final norm.
    around = tokens * (4 * config.head_size + 2 * h)
    largest = max(tokens * encoder_block, decoder_tokens * decoder_block + tokens * 4 * h)
    passing = tokens * (4 * f + 2 * h)
    if not setup.checkpoint_activations:
        return kept + around, passing
    inputs = 2 * h * (tokens * config.num_layers + decoder_tokens * config.num_decoder_layers)
    return inputs + around, largest + passing


def _head(config: ModelConfig, setup: Setup) -> float:
    """Bytes of the head and the loss at their worst: of M targets, 10h; of the rest see `model.mean_nats`."""
    targets = setup.micro_batch_tokens * setup.target_share
    table = config.vocab_size * config.hidden_size
    kept = 10 * config.hidden_size * targets
    if not is_chunked(targets, config.vocab_size, config.hidden_size):
        # Log-probabilities, their gradient and that of the logits, all in float32; the gradient of the embedding.
        return kept + 12 * targets * config.vocab_size + 2 * table
    # A chunk of logits is as large as the input. The gradient of the embedding is there twice, once in float32; on a
    # CPU, torch also has a float32 copy of the embedding and a gradient per chunk, measured as 20 bytes in all.
    return kept + 8 * targets * config.hidden_size + (20 if setup.on_cpu else 6) * table


def largest_micro_batch(config: ModelConfig, setup: Setup, gpu: Gpu) -> tuple[int, Memory] | None:
    """Most tokens per GPU, in whole segments, that fit into USABLE of the memory; None if not even one segment does."""

    def planned(segments: int) -> Memory:
        return memory(config, _replaced(setup, segments * setup.segment_tokens))

    def fits(segments: int) -> bool:
        return planned(segments).peak <= USABLE * gpu.memory_bytes

    if not fits(1):
        return None
    low, high = 1, 2
    while fits(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low * setup.segment_tokens, planned(low)


def _replaced(setup: Setup, micro_batch_tokens: int) -> Setup:
    return Setup(
        setup.num_gpus,
        micro_batch_tokens,
        setup.segment_tokens,
        setup.zero_stage,
        setup.offload,
        setup.checkpoint_activations,
        setup.target_share,
        setup.on_cpu,
    )


def flops_per_token(config: ModelConfig, *, segment_tokens: int, target_share: float) -> float:
    """Operations of a training step per token of the encoder, forward and backward, without recomputation.

    Six per weight of the matrices (2 forward, 4 backward; Kaplan et al. 2020, section 2.1), of the embedding only
    for targets, and 12 · h · s per layer for attention, as Chowdhery et al. (2022, appendix B) count them.
    """
    h, s = config.hidden_size, segment_tokens
    logits = 6 * target_share * config.vocab_size * h
    if not config.num_decoder_layers:
        return 6 * active_body(config) + 12 * config.num_layers * h * s + 6 * target_share * h * h + logits
    d, layers = target_share, config.num_decoder_layers
    body = active_body(config)
    # Keys and values of the cross-attention are computed per token of the encoder.
    decoder = layers * (8 * h * h + 3 * h * config.intermediate_size * _experts_per_token(config))
    cross = layers * 2 * h * h
    encoder = body - decoder
    attention = 12 * config.num_layers * h * s + 12 * layers * h * (d * s * d + s * d)
    return 6 * (encoder + cross + d * (decoder - cross)) + attention + logits


def _experts_per_token(config: ModelConfig) -> float:
    """Mean feed-forward layers that a token goes through, per block of the decoder."""
    layers = range(config.num_decoder_layers)
    chosen = [config.num_chosen_experts if config.has_experts(layer) else 1 for layer in layers]
    return sum(chosen) / len(chosen)


def gpu_hours(flops: float, *, tflops: float) -> float:
    """Hours of one GPU for so many operations at so many 10**12 per second.

    Raises:
        EstimateError: either is not above 0.
    """
    if flops <= 0 or tflops <= 0:
        raise EstimateError(f"operations and TFLOPS must be above 0 (got {flops:g} and {tflops:g}).")
    return flops / (tflops * 1e12) / _SECONDS_PER_HOUR


def days(hours: float, *, num_gpus: int) -> float:
    """Days that so many GPU-hours take."""
    return hours / (24 * num_gpus)


def gpus_for(hours: float, *, within_days: float) -> int:
    """Fewest GPUs that get through so many GPU-hours in so many days."""
    return math.ceil(hours / (24 * within_days))
