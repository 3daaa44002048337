"""The encoder in stages, for DeepSpeed's pipeline: each rank has some of the blocks (GPipe; Huang et al. 2019).

    tokens ─> embedding ─> blocks ─┆─> blocks ─┆─> blocks ─> head ─> embedding, as the output matrix ─> loss
                         stage 0   ┆  stage 1  ┆                stage 2

The first and the last stage each have the embedding; DeepSpeed adds up their gradients, so that the two stay equal.
What goes from layer to layer is a tuple of tensors, since only tensors pass from rank to rank:

    hidden_TD (tokens_T at first), segments_2S (lengths, prefixes), places_2M (rows, targets), share_2

`share_2` is a fraction, numerator and denominator, that the sum of the losses is multiplied by.

All but the first are int64, because DeepSpeed asks for a gradient of every floating-point tensor that it sends. Their
sizes differ between micro-batches and are sent with each. Parameters have the names of `MaskedLanguageModel` behind
what DeepSpeed puts before them; `Layout.own_name` takes that away.

Shape suffixes as in `model.py`; S = segments.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from training.architecture import ModelConfig
from training.attention import Segments
from training.layout import Layout
from training.micro_batches import MicroBatch
from training.model import Block, Head, layer_norm, mean_nats, rotary

Message = tuple[Tensor, Tensor, Tensor, Tensor]


class Embedding(nn.Embedding):
    """Where a pipeline begins, and with `loss` where it ends."""

    def forward(self, message: Message) -> Message:  # type: ignore[override]
        """Hidden states in place of tokens."""
        return (super().forward(message[0]), *message[1:])


class Stage(nn.Module):
    """Blocks one after the other, named as in the whole encoder.

    Args:
        config: shape of the whole model.
        first: number of the first of the blocks.
        last: number of the block after the last of them.
        checkpoint_activations: as in `model.Stack`.
    """

    def __init__(
        self, config: ModelConfig, first: int, last: int, *, checkpoint_activations: bool = False
    ) -> None:
        super().__init__()
        self.config, self.checkpoint_activations = config, checkpoint_activations
        blocks = nn.ModuleDict({str(number): Block(config, number) for number in range(first, last)})
        self.encoder = nn.ModuleDict({"blocks": blocks})
        if first == 0:
            self.encoder["embedding_norm"] = layer_norm(config)

    def forward(self, message: Message) -> Message:
        """Hidden states after these blocks."""
        hidden_TD, segments_2S, places_2M, share_2 = message
        # Made anew in each stage, once for all of its blocks.
        lengths, prefixes = segments_2S.tolist()
        segments = Segments.of(lengths, prefixes=prefixes).to(hidden_TD.device)
        angles = rotary(segments.positions_T, self.config)
        if "embedding_norm" in self.encoder:
            hidden_TD = self.encoder["embedding_norm"](hidden_TD)
        for block in self.encoder["blocks"].values():  # type: ignore[operator]
            if self.checkpoint_activations and torch.is_grad_enabled():
                hidden_TD, _ = checkpoint(block, hidden_TD, angles, segments, use_reentrant=False)
            else:
                hidden_TD, _ = block(hidden_TD, angles, segments)
        return hidden_TD, segments_2S, places_2M, share_2


class LastLayer(nn.Module):
    """The final norm and the head, at the rows that have a target."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.encoder = nn.ModuleDict({"final_norm": layer_norm(config)})
        self.head = Head(config)

    def forward(self, message: Message) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Projected hidden states [M, D], the output bias [V], targets [M], and the share."""
        hidden_TD, _, places_2M, share_2 = message
        rows_M, targets_M = places_2M
        projected_MD = self.head(self.encoder["final_norm"](hidden_TD).index_select(0, rows_M))
        return projected_MD, self.head.bias, targets_M, share_2


def loss(embedding: nn.Embedding, inputs: tuple[Tensor, Tensor, Tensor, Tensor]) -> Tensor:
    """Sum over the targets in nats, times the share, float32."""
    projected_MD, bias_V, targets_M, share_2 = inputs
    nats = mean_nats(projected_MD, embedding.weight, bias_V, targets_M).float()
    return nats * targets_M.numel() * share_2[0] / share_2[1]


def pipeline(config: ModelConfig, layout: Layout, *, checkpoint_activations: bool = False) -> Any:  # noqa: ANN401
    """This rank's stage of the encoder as DeepSpeed's `PipelineModule`, with weights that are still to be set."""
    from deepspeed.pipe import LayerSpec, PipelineModule, TiedLayerSpec

    table = (config.vocab_size, config.hidden_size)
    shares = np.array_split(np.arange(config.num_layers), layout.pipeline_stages)
    layers = [
        # Without a function of its own: DeepSpeed saves no layer that has one.
        TiedLayerSpec("embedding", Embedding, *table),
        *(
            LayerSpec(
                Stage,
                config,
                int(share[0]),
                int(share[-1]) + 1,
                checkpoint_activations=checkpoint_activations,
            )
            for share in shares
        ),
        LayerSpec(LastLayer, config),
        TiedLayerSpec("embedding", Embedding, *table, forward_fn=loss),
    ]
    with torch.no_grad():  # it broadcasts the embedding
        return PipelineModule(
            layers,
            num_stages=layout.pipeline_stages,
            # One `Stage` to each rank; what stands before the first and after the last goes with these.
            partition_method=f"type:^{Stage.__name__}$",
            dynamic_shape=True,
        )


class PipelinePasses:
    """All stages pass all micro-batches of their pipeline on; only the last knows the losses.

    Args:
        engine: DeepSpeed's `PipelineEngine`.
        layout: where this rank stands.
    """

    def __init__(self, engine: Any, layout: Layout) -> None:  # noqa: ANN401 (DeepSpeed has no types)
        self._engine, self._layout = engine, layout
        self._device = torch.device(engine.device)

    def train(self, micros: Sequence[MicroBatch], num_targets: Tensor) -> Tensor:
        """See `engine.Passes.train`."""
        mean_nats = self._engine.train_batch(self._batches(micros, num_targets))
        return self._own_part(mean_nats.double() * num_targets)

    def evaluate(self, micros: Sequence[MicroBatch]) -> Tensor:
        """See `engine.Passes.evaluate`."""
        # A mean over one target is the sum.
        nats = self._engine.eval_batch(self._batches(micros, torch.ones((), dtype=torch.int64)))
        return self._own_part(nats.double().reshape(()))  # it has one dimension where it was heard of

    def _batches(
        self, micros: Sequence[MicroBatch], num_targets: Tensor
    ) -> Iterator[tuple[Message, tuple[()]]]:
        """What DeepSpeed's first stage reads as inputs; the last one reads no labels, since they come with these."""
        # DeepSpeed takes the mean over pipelines and micro-batches, as it does over ranks.
        share_2 = torch.stack(
            (torch.full_like(num_targets, len(micros) * self._layout.data_size), num_targets)
        )
        for micro in micros:
            tokens_T, segments, rows_M, targets_M = micro.arguments
            assert isinstance(segments, Segments)
            assert isinstance(tokens_T, Tensor)
            assert isinstance(rows_M, Tensor)
            assert isinstance(targets_M, Tensor)
            segments_2S = torch.tensor([segments.lengths, segments.prefixes])
            yield (tokens_T, segments_2S, torch.stack((rows_M, targets_M)), share_2), ()

    def _own_part(self, nats: Tensor) -> Tensor:
        """DeepSpeed tells all ranks the sum of all pipelines."""
        return nats / self._layout.data_size if self._layout.has_loss else torch.zeros_like(nats)
