"""The shape of a model, and how many parameters it has, by formula. Needs no torch.

V = rows of the vocabulary, h = hidden size, f = intermediate size, L = layers.
"""

from dataclasses import dataclass
from typing import Final

MAX_LOGITS: Final = 2**24  # that are held at once where there are more targets than dimensions: 34 MB in bf16


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """All that decides which weights a model has and what they compute.

    Attributes:
        vocab_size: rows of the embedding; at least as many as the tokeniser has pieces.
        hidden_size: width of the residual stream; a multiple of num_heads.
        intermediate_size: width inside a feed-forward layer, after the gate.
        num_heads: attention heads; their size must be even, for rotary embeddings.
        num_layers: blocks of the encoder.
        num_decoder_layers: blocks of the decoder; 0 is an encoder with a head for masked tokens.
        max_positions: longest segment, in tokens.
        rope_theta: base of the rotary wavelengths (Su et al. 2021, section 3.3).
        norm_eps: added to the variance in layer normalisation.
        num_experts: experts per expert layer; 0 is a dense model.
        num_chosen_experts: experts that a token goes through.
        expert_capacity: tokens that an expert takes, as a multiple of its even share; None is all it is given.
        expert_every: every so many blocks, the feed-forward layer is one of experts; counted from the first.
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_heads: int
    num_layers: int
    num_decoder_layers: int = 0
    max_positions: int = 512
    rope_theta: float = 10_000.0
    norm_eps: float = 1e-5
    num_experts: int = 0
    num_chosen_experts: int = 1
    expert_capacity: float | None = 1.25
    expert_every: int = 2

    def __post_init__(self) -> None:
        """Refuse shapes that no model can have.

        Raises:
            ValueError: a size is not positive, or sizes do not fit each other.
        """
        positive = (
            "vocab_size",
            "hidden_size",
            "intermediate_size",
            "num_heads",
            "num_layers",
            "max_positions",
        )
        for name in (*positive, "num_chosen_experts", "expert_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1 (got {getattr(self, name)}).")
        for name in ("num_decoder_layers", "num_experts"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0 (got {getattr(self, name)}).")
        if self.hidden_size % self.num_heads or self.head_size % 2:
            raise ValueError(
                f"hidden_size {self.hidden_size} must be an even multiple of num_heads {self.num_heads}: "
                "rotary embeddings turn pairs of dimensions of a head."
            )
        if self.num_experts and self.num_chosen_experts > self.num_experts:
            raise ValueError(
                f"num_chosen_experts {self.num_chosen_experts} must be at most num_experts {self.num_experts}."
            )
        if self.expert_capacity is not None and self.expert_capacity <= 0:
            raise ValueError(
                f"expert_capacity must be above 0, or null for no limit (got {self.expert_capacity})."
            )

    @property
    def head_size(self) -> int:
        """Dimensions of an attention head."""
        return self.hidden_size // self.num_heads

    def has_experts(self, layer: int) -> bool:
        """Whether this block, counted from 0, has experts in place of a feed-forward layer."""
        return self.num_experts > 0 and layer % self.expert_every == 0


@dataclass(frozen=True, slots=True)
class Counts:
    """Parameters of a model.

    Attributes:
        body: blocks and normalisations, all experts included.
        head: what turns hidden states into what the embedding is multiplied with, and the output bias.
        embedding: the table of token embeddings; it is the output matrix too and counts once.
    """

    body: int
    head: int
    embedding: int

    @property
    def total(self) -> int:
        """All parameters."""
        return self.body + self.head + self.embedding


def counts(config: ModelConfig) -> Counts:
    """Parameters of the model by formula; a test compares them with the modules."""
    return Counts(
        body=_stack(config, config.num_layers) + _stack(config, config.num_decoder_layers, decoder=True),
        head=_head(config),
        embedding=config.vocab_size * config.hidden_size,
    )


def active_body(config: ModelConfig) -> int:
    """Parameters of the body that one token goes through: of the experts, only the chosen ones."""
    layers = [*range(config.num_layers), *range(config.num_decoder_layers)]
    idle = (config.num_experts - config.num_chosen_experts) * sum(map(config.has_experts, layers))
    return counts(config).body - idle * _feed_forward(config)


def _stack(config: ModelConfig, num_layers: int, *, decoder: bool = False) -> int:
    """Blocks of an encoder or decoder, with the norms around them."""
    if num_layers == 0:
        return 0
    h = config.hidden_size
    attention = 4 * h * h + h
    block = attention * (2 if decoder else 1) + h  # the last h: the norm before the feed-forward layer
    experts = sum(map(config.has_experts, range(num_layers)))
    feed_forward = (num_layers - experts) * _feed_forward(config)
    feed_forward += experts * config.num_experts * (_feed_forward(config) + h)  # h: a row of the router
    # The norm after the embedding and the final one; but the first attention has none of its own.
    return num_layers * block + feed_forward + 2 * h - h


def _feed_forward(config: ModelConfig) -> int:
    return 3 * config.hidden_size * config.intermediate_size


def _head(config: ModelConfig) -> int:
    h = config.hidden_size
    return config.vocab_size + (0 if config.num_decoder_layers else h * h + h)


def classic_counts(
    *, vocab_size: int, hidden_size: int, intermediate_size: int, num_layers: int, max_positions: int
) -> Counts:
    """Parameters of a stack as in BERT and RoBERTa: GELU, biases everywhere, learned positions, a pooler.

    For comparison with sizes in papers. The pooler is in `head`, with the dense layer, norm and bias of the masked
    language model; positions are in `body`.
    """
    h, f = hidden_size, intermediate_size
    norm = 2 * h
    block = (4 * h * h + 4 * h) + (2 * h * f + f + h) + 2 * norm
    body = num_layers * block + norm + max_positions * h
    dense = h * h + h
    return Counts(body=body, head=dense + dense + norm + vocab_size, embedding=vocab_size * h)


def is_chunked(num_targets: float, vocab_size: int, hidden_size: int) -> bool:
    """Whether the loss goes through the logits in chunks: where they are larger than the embedding, and large at all.

    Chunks save memory and cost time: on a CPU six times as much, for 154 targets of 128 dimensions and 8,064 pieces.
    """
    return num_targets > hidden_size and num_targets * vocab_size > MAX_LOGITS
