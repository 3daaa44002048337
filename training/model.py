"""The encoder and the encoder-decoder: pre-normalised blocks with rotary positions and gated feed-forward layers.

The encoder is a subset of Hugging Face's ModernBERT (Warner et al. 2024, section 2.1): no biases but the output's, a
norm after the embedding and therefore none before the first attention, GeGLU (Shazeer 2020), tied output matrix, and
global attention in every layer. `export.py` renames its weights. The encoder-decoder has the same blocks, with
cross-attention in the decoder, and is laid out as mT5 (Xue et al. 2021) but for rotary positions and the tied output.

Inputs are packed: one row of tokens, whose segments `attention.Segments` describes. No token is padding.

Shape suffixes: T = tokens, D = hidden size, N = heads, K = size of a head, H = K / 2, M = targets, V = vocabulary,
U = tokens of the decoder.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from training.architecture import ModelConfig, is_chunked
from training.attention import Segments, attend, attend_across
from training.experts import MixtureOfExperts

# A module that takes [T, D] and gives a tuple: [T, D], the load-balancing loss, and whatever else.
# deepspeed.moe.layer.MoE is one; its expert is given to it by `make_expert`.
ExpertLayer = Callable[[ModelConfig, Callable[[], nn.Module]], nn.Module]
Rotary = tuple[Tensor, Tensor]


class Losses(NamedTuple):
    """What a step minimises.

    Attributes:
        nats: cross-entropy, mean over the targets; 0 without targets.
        balance: load-balancing loss, mean over the expert layers, 1 for an even load; 0 in a dense model. Fedus et al.
            2021, section 2.2, add it to the other with a coefficient of 0.01.
    """

    nats: Tensor
    balance: Tensor


def plain_experts(config: ModelConfig, make_expert: Callable[[], nn.Module]) -> nn.Module:
    """The layer of experts in plain torch, all on this rank."""
    return MixtureOfExperts(
        config.hidden_size,
        make_expert,
        num_experts=config.num_experts,
        num_chosen=config.num_chosen_experts,
        capacity_factor=config.expert_capacity,
    )


def layer_norm(config: ModelConfig) -> nn.LayerNorm:
    """Layer normalisation without bias."""
    return nn.LayerNorm(config.hidden_size, eps=config.norm_eps, bias=False)


def rotary(positions_T: Tensor, config: ModelConfig) -> Rotary:
    """Cosines and sines of every position's angles, each of shape [T, 1, H], in float32 (Su et al. 2021, section 3.4).

    Computed in each pass and kept in no buffer: a buffer would be cast to half precision, whose positions
    are off by whole tokens from 256 on.
    """
    steps_H = torch.arange(0, config.head_size, 2, dtype=torch.float32, device=positions_T.device)
    frequencies_H = 1.0 / (config.rope_theta ** (steps_H / config.head_size))
    angles = (positions_T[:, None].float() * frequencies_H)[:, None, :]
    return angles.cos(), angles.sin()


def rotate(vectors: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Vectors with dimension i and i + H turned by the i-th angle; the last dimension is a head's."""
    first, second = vectors.float().chunk(2, dim=-1)
    turned = torch.cat((first * cosines - second * sines, second * cosines + first * sines), dim=-1)
    return turned.to(vectors.dtype)


class SelfAttention(nn.Module):
    """Attention of each segment to itself."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size, bias=False)
        self.out = nn.Linear(config.hidden_size, config.hidden_size, bias=False)

    def forward(self, hidden_TD: Tensor, angles: Rotary, segments: Segments) -> Tensor:
        """What each token gathers from its segment, shape [T, D]."""
        num_tokens, hidden_size = hidden_TD.shape
        qkv = self.qkv(hidden_TD).view(num_tokens, 3, self.num_heads, hidden_size // self.num_heads)
        cosines, sines = angles
        turned = rotate(qkv[:, :2], cosines[:, None], sines[:, None])
        # A copy: a view would keep the unrotated queries and keys alive until the backward pass, 4 D bytes a token.
        value_TNK = qkv[:, 2].clone()
        attended_TNK = attend(turned[:, 0], turned[:, 1], value_TNK, segments)
        attended_TD: Tensor = self.out(attended_TNK.reshape(num_tokens, hidden_size))
        return attended_TD


class CrossAttention(nn.Module):
    """Attention of the decoder's segments to the encoder's. No positions: the states of the encoder carry theirs."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.query = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.key_value = nn.Linear(config.hidden_size, 2 * config.hidden_size, bias=False)
        self.out = nn.Linear(config.hidden_size, config.hidden_size, bias=False)

    def forward(self, hidden_UD: Tensor, segments: Segments, memory_TD: Tensor, memory: Segments) -> Tensor:
        """What each token of the decoder gathers from its segment of the encoder, shape [U, D]."""
        head_size = hidden_UD.shape[1] // self.num_heads
        query_UNK = self.query(hidden_UD).view(-1, self.num_heads, head_size)
        key_TNK, value_TNK = self.key_value(memory_TD).view(-1, 2, self.num_heads, head_size).unbind(dim=1)
        attended_UNK = attend_across(query_UNK, key_TNK, value_TNK, segments, memory)
        attended_UD: Tensor = self.out(attended_UNK.reshape(hidden_UD.shape))
        return attended_UD


class FeedForward(nn.Module):
    """Gated GELU (GeGLU; Shazeer 2020, equation 6)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gated = nn.Linear(config.hidden_size, 2 * config.intermediate_size, bias=False)
        self.out = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, hidden_TD: Tensor) -> Tensor:
        """Transformed tokens, shape [T, D]."""
        activated_TF, gate_TF = self.gated(hidden_TD).chunk(2, dim=-1)
        out_TD: Tensor = self.out(F.gelu(activated_TF) * gate_TF)
        return out_TD


class Block(nn.Module):
    """One layer: self-attention, cross-attention in a decoder, feed-forward; each behind a norm, added to its input."""

    def __init__(
        self,
        config: ModelConfig,
        layer: int,
        *,
        decoder: bool = False,
        make_experts: ExpertLayer = plain_experts,
    ) -> None:
        super().__init__()
        # The embedding was normalised just before.
        self.attention_norm = layer_norm(config) if layer else nn.Identity()
        self.attention = SelfAttention(config)
        self.cross_norm = layer_norm(config) if decoder else None
        self.cross_attention = CrossAttention(config) if decoder else None
        self.feed_forward_norm = layer_norm(config)
        self.has_experts = config.has_experts(layer)
        self.feed_forward = (
            make_experts(config, lambda: FeedForward(config)) if self.has_experts else FeedForward(config)
        )

    def forward(
        self,
        hidden_TD: Tensor,
        angles: Rotary,
        segments: Segments,
        memory_TD: Tensor | None = None,
        memory: Segments | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Hidden states of shape [T, D], and the load-balancing loss, which is 0 without experts."""
        hidden_TD = hidden_TD + self.attention(self.attention_norm(hidden_TD), angles, segments)
        if self.cross_attention is not None and self.cross_norm is not None:
            normed_TD = self.cross_norm(hidden_TD)
            hidden_TD = hidden_TD + self.cross_attention(normed_TD, segments, memory_TD, memory)
        transformed = self.feed_forward(self.feed_forward_norm(hidden_TD))
        if not self.has_experts:
            return hidden_TD + transformed, hidden_TD.new_zeros(())
        return hidden_TD + transformed[0], transformed[1]


class Stack(nn.Module):
    """The blocks of an encoder or a decoder, with the norms around them.

    `checkpoint_activations` keeps only the input of each block for the backward pass and computes the block again there
    (Chen et al. 2016): less memory, a third more arithmetic, the same numbers.
    """

    def __init__(
        self,
        config: ModelConfig,
        num_layers: int,
        *,
        decoder: bool = False,
        checkpoint_activations: bool = False,
        make_experts: ExpertLayer = plain_experts,
    ) -> None:
        super().__init__()
        self.config = config
        self.checkpoint_activations = checkpoint_activations
        self.embedding_norm = layer_norm(config)
        self.blocks = nn.ModuleList(
            Block(config, layer, decoder=decoder, make_experts=make_experts) for layer in range(num_layers)
        )
        self.final_norm = layer_norm(config)

    def forward(
        self,
        embedded_TD: Tensor,
        segments: Segments,
        memory_TD: Tensor | None = None,
        memory: Segments | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Hidden states of shape [T, D] after the final norm, and the mean load-balancing loss of the expert layers.

        Raises:
            ValueError: a segment is longer than the model allows, or the segments do not cover the tokens.
        """
        if max(segments.lengths) > self.config.max_positions:
            raise ValueError(
                f"a segment has {max(segments.lengths)} tokens; the model takes {self.config.max_positions} "
                "(max_positions)."
            )
        if segments.num_tokens != embedded_TD.shape[0]:
            raise ValueError(
                f"the segments have {segments.num_tokens} tokens, the input {embedded_TD.shape[0]}."
            )
        hidden_TD = self.embedding_norm(embedded_TD)
        angles = rotary(segments.positions_T, self.config)
        balance = hidden_TD.new_zeros(())
        for block in self.blocks:
            inputs = (hidden_TD, angles, segments, memory_TD, memory)
            if self.checkpoint_activations and torch.is_grad_enabled():
                hidden_TD, layer_balance = checkpoint(block, *inputs, use_reentrant=False)
            else:
                hidden_TD, layer_balance = block(*inputs)
            balance = balance + layer_balance
        num_expert_layers = sum(map(self.config.has_experts, range(len(self.blocks))))
        return self.final_norm(hidden_TD), balance / max(1, num_expert_layers)


class Head(nn.Module):
    """From hidden states to the space of the embedding, as ModernBERT's head for masked tokens; and the output bias."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.norm = layer_norm(config)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, hidden_MD: Tensor) -> Tensor:
        """Shape [M, D]; its product with the embedding, plus the bias, are the logits."""
        projected_MD: Tensor = self.norm(F.gelu(self.dense(hidden_MD)))
        return projected_MD


class MaskedLanguageModel(nn.Module):
    """The encoder with its head. UniLM's objectives differ in the segments' masks only."""

    def __init__(
        self,
        config: ModelConfig,
        *,
        checkpoint_activations: bool = False,
        make_experts: ExpertLayer = plain_experts,
    ) -> None:
        super().__init__()
        if config.num_decoder_layers:
            raise ValueError(
                f"an encoder has no decoder layers (got num_decoder_layers {config.num_decoder_layers})."
            )
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.encoder = Stack(
            config,
            config.num_layers,
            checkpoint_activations=checkpoint_activations,
            make_experts=make_experts,
        )
        self.head = Head(config)

    def encode(self, tokens_T: Tensor, segments: Segments) -> tuple[Tensor, Tensor]:
        """Hidden states of shape [T, D], and the load-balancing loss."""
        hidden_TD, balance = self.encoder(self.embedding(tokens_T), segments)
        return hidden_TD, balance

    def logits(self, hidden_MD: Tensor) -> Tensor:
        """Logits of shape [M, V] of some hidden states. Large: give it only rows that are needed."""
        return F.linear(self.head(hidden_MD), self.embedding.weight, self.head.bias)

    def forward(self, tokens_T: Tensor, segments: Segments, rows_M: Tensor, targets_M: Tensor) -> Losses:
        """Losses of predicting `targets_M` at the places `rows_M` of the batch."""
        hidden_TD, balance = self.encode(tokens_T, segments)
        projected_MD = self.head(hidden_TD.index_select(0, rows_M))
        nats = mean_nats(projected_MD, self.embedding.weight, self.head.bias, targets_M)
        return Losses(nats, balance)


class EncoderDecoder(nn.Module):
    """An encoder and a causal decoder over one embedding, which is the output matrix as well."""

    def __init__(
        self,
        config: ModelConfig,
        *,
        checkpoint_activations: bool = False,
        make_experts: ExpertLayer = plain_experts,
    ) -> None:
        super().__init__()
        if not config.num_decoder_layers:
            raise ValueError("an encoder-decoder needs decoder layers (got num_decoder_layers 0).")
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.encoder = Stack(
            config,
            config.num_layers,
            checkpoint_activations=checkpoint_activations,
            make_experts=make_experts,
        )
        self.decoder = Stack(
            config,
            config.num_decoder_layers,
            decoder=True,
            checkpoint_activations=checkpoint_activations,
            make_experts=make_experts,
        )
        self.output_bias = nn.Parameter(torch.zeros(config.vocab_size))

    def decode(
        self, tokens_T: Tensor, segments: Segments, decoder_tokens_U: Tensor, decoder_segments: Segments
    ) -> tuple[Tensor, Tensor]:
        """Hidden states of the decoder, shape [U, D], and the load-balancing loss.

        Args:
            tokens_T: input of the encoder.
            segments: its segments.
            decoder_tokens_U: input of the decoder.
            decoder_segments: its segments, as many, made with prefixes of 0: the decoder must be causal.
        """
        memory_TD, encoder_balance = self.encoder(self.embedding(tokens_T), segments)
        hidden_UD, balance = self.decoder(
            self.embedding(decoder_tokens_U), decoder_segments, memory_TD, segments
        )
        return hidden_UD, (encoder_balance + balance) / 2

    def logits(self, hidden_MD: Tensor) -> Tensor:
        """Logits of shape [M, V] of some hidden states of the decoder."""
        return F.linear(hidden_MD, self.embedding.weight, self.output_bias)

    def forward(
        self,
        tokens_T: Tensor,
        segments: Segments,
        decoder_tokens_U: Tensor,
        decoder_segments: Segments,
        targets_U: Tensor,
    ) -> Losses:
        """Losses of predicting `targets_U`, one at each place of the decoder."""
        hidden_UD, balance = self.decode(tokens_T, segments, decoder_tokens_U, decoder_segments)
        return Losses(mean_nats(hidden_UD, self.embedding.weight, self.output_bias, targets_U), balance)


def build(
    config: ModelConfig, *, checkpoint_activations: bool = False, make_experts: ExpertLayer = plain_experts
) -> MaskedLanguageModel | EncoderDecoder:
    """The model of a configuration, with weights that `initialise.initialise` still has to set."""
    kind = EncoderDecoder if config.num_decoder_layers else MaskedLanguageModel
    return kind(config, checkpoint_activations=checkpoint_activations, make_experts=make_experts)


def mean_nats(projected_MD: Tensor, weight_VD: Tensor, bias_V: Tensor, targets_M: Tensor) -> Tensor:
    """Cross-entropy in nats, mean over the targets, without holding all logits where these are many.

    Where `architecture.is_chunked` says so, `torch.nn.functional.linear_cross_entropy` goes through them in chunks,
    forward and again backward, and never holds M × V logits. Without targets it is 0, with a gradient of 0.
    """
    if targets_M.numel() == 0:
        return F.linear(projected_MD, weight_VD, bias_V).sum()
    if not is_chunked(projected_MD.shape[0], *weight_VD.shape):
        return F.cross_entropy(F.linear(projected_MD, weight_VD, bias_V).float(), targets_M)
    # Not its mean: in bf16 that would be rounded to 1/32 of a nat, while rounded losses of many targets average out.
    nats_M = F.linear_cross_entropy(
        projected_MD, weight_VD, targets_M, linear_bias=bias_V, reduction="none", options=_CHUNKED
    )
    return nats_M.float().mean()


_CHUNKED: Final = nn.LinearCrossEntropyOptions()
