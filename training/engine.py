"""The model with its optimiser as an engine of DeepSpeed, and the passes that a training makes through it."""

import os
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from training import deepspeed as ds
from training.config import PretrainConfig
from training.expert_parallel import parallel_experts
from training.initialise import Weights, initialise, take_over
from training.layout import Layout
from training.micro_batches import MicroBatch
from training.model import FeedForward, build, plain_experts
from training.pipeline import PipelinePasses, pipeline


class Passes(Protocol):
    """What differs between a model that is whole on each rank and one whose layers are divided."""

    def train(self, micros: Sequence[MicroBatch], num_targets: Tensor) -> Tensor:
        """Forward and backward pass of all micro-batches of a step, and the update.

        Args:
            micros: this rank's micro-batches, as many on every rank.
            num_targets: targets of the global batch, at least 1, int64; the loss is the mean over them.

        Returns:
            The sum of their losses in nats, float64; 0 where the losses are not computed.
        """

    def evaluate(self, micros: Sequence[MicroBatch]) -> Tensor:
        """The same sum, by forward passes alone."""


def passes(engine: Any, config: PretrainConfig, layout: Layout) -> Passes:  # noqa: ANN401 (DeepSpeed has no types)
    """How an engine is passed through."""
    if layout.pipeline_stages > 1:
        return PipelinePasses(engine, layout)
    return PlainPasses(engine, layout, balance_weight=config.balance_weight)


class PlainPasses:
    """Each rank passes its own micro-batches through the whole model.

    Args:
        engine: DeepSpeed's.
        layout: where this rank stands.
        balance_weight: of the experts' balance loss.
    """

    def __init__(self, engine: Any, layout: Layout, *, balance_weight: float) -> None:  # noqa: ANN401
        self._engine, self._layout, self._balance_weight = engine, layout, balance_weight
        self._device = torch.device(engine.device)

    def train(self, micros: Sequence[MicroBatch], num_targets: Tensor) -> Tensor:
        """See `Passes.train`."""
        # DeepSpeed takes the mean over ranks and micro-batches; this makes it the mean over targets.
        share = len(micros) * self._layout.data_size / num_targets
        nats = torch.zeros((), dtype=torch.float64, device=self._device)
        for micro in micros:
            losses = self._engine(*micro.on(self._device))
            loss = losses.nats * micro.num_targets * share
            if self._layout.num_experts:
                loss = loss + self._balance_weight * losses.balance
            self._engine.backward(loss)
            self._engine.step()  # updates after the last of them
            nats += losses.nats.detach().double() * micro.num_targets
        return nats

    def evaluate(self, micros: Sequence[MicroBatch]) -> Tensor:
        """See `Passes.evaluate`."""
        nats = torch.zeros((), dtype=torch.float64, device=self._device)
        self._engine.eval()
        with torch.no_grad():
            for micro in micros:
                nats += self._engine(*micro.on(self._device)).nats.double() * micro.num_targets
        self._engine.train()
        return nats


def build_engine(
    config: PretrainConfig, layout: Layout, *, universal: bool, weights: Weights | None = None
) -> Any:  # noqa: ANN401
    """The model with its first weights and its optimiser, divided over the ranks as the settings say.

    DeepSpeed prints its plans while it divides; that is left out.

    Args:
        config: settings of the training.
        layout: where this rank stands.
        universal: its state will come from a checkpoint that was converted for any number of ranks.
        weights: gives the first weights by name; null: they are drawn.
    """
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        return _build(config, layout, universal=universal, weights=weights)


def _build(config: PretrainConfig, layout: Layout, *, universal: bool, weights: Weights | None) -> Any:  # noqa: ANN401
    import deepspeed

    shape = config.model.architecture()
    kind = "cuda" if torch.cuda.is_available() else "cpu"
    settings = ds.settings(config, world_size=layout.world_size, device=kind, universal=universal)
    is_spread = config.zero.stage == 3
    gather: dict[str, Any] = {}
    model: nn.Module
    if layout.pipeline_stages > 1:
        model = pipeline(shape, layout, checkpoint_activations=config.checkpoint_activations)
    else:
        # At stage 3 no rank ever holds the whole model.
        with deepspeed.zero.Init(config_dict_or_path=settings, enabled=is_spread):
            model = build(
                shape,
                checkpoint_activations=config.checkpoint_activations,
                make_experts=parallel_experts(layout) if layout.expert_parallel > 1 else plain_experts,
            )
        if is_spread:
            gather["gather"] = lambda parameter: deepspeed.zero.GatheredParameters(parameter, modifier_rank=0)
    if weights is None:
        initialise(model, shape, seed=config.seed, own_name=layout.own_name, **gather)
    else:
        take_over(model, weights, own_name=layout.own_name, **gather)
    if config.compile:
        for name, module in model.named_modules():
            # Not the experts, each of which has other tokens every time.
            if name.endswith(".feed_forward") and isinstance(module, FeedForward):
                module.compile()
    groups = parameter_groups(model, config.optimizer.weight_decay, own_name=layout.own_name)
    engine, *_ = deepspeed.initialize(model=model, model_parameters=groups, config=settings)
    return engine


def parameter_groups(
    model: nn.Module, weight_decay: float, *, own_name: Callable[[str], str] = str
) -> list[dict[str, Any]]:
    """Parameters that are decayed, and those that are not: norms, biases and embeddings.

    Experts that are divided over ranks are a third group: DeepSpeed reduces their gradients over fewer ranks.

    Args:
        model: all of a model, or what a rank has of it.
        weight_decay: of the first group.
        own_name: from the names in `model` to those in the whole model.
    """
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    experts: dict[str, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        own = own_name(name)
        if not getattr(parameter, "allreduce", True):
            experts.setdefault(parameter.group_name, []).append(parameter)  # type: ignore[attr-defined]
        elif own.endswith(("norm.weight", "bias")) or own.startswith("embedding."):
            free.append(parameter)
        else:
            decayed.append(parameter)
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": free, "weight_decay": 0.0},
        *(
            {"params": divided, "weight_decay": weight_decay, "moe": True, "name": name}
            for name, divided in experts.items()
        ),
    ]
