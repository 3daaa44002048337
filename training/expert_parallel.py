"""The experts of a layer on several ranks, by DeepSpeed's `MoE` (Rajbhandari et al. 2022).

DeepSpeed sends the tokens to the ranks of their experts and back, and keeps gradients, norms and checkpoints of divided
experts. Its own router is replaced by `Router`, which chooses as the plain layer does (`experts.route`): DeepSpeed's
balances first choices only, scales weights after tokens have lost their place instead of before, draws lots for places,
and takes it that all ranks have as many tokens. So the layer computes what the plain one does, up to the order of sums.
As there, an expert's capacity is counted on the tokens of one rank's micro-batch.

Shape suffixes as in `experts.py`.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from training.architecture import ModelConfig
from training.experts import route
from training.layout import Layout


class Router(nn.Module):
    """Takes the place of `deepspeed.moe.sharded_moe.TopKGate` in a layer; its matrix has the name of that one's."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.wg = nn.Linear(config.hidden_size, config.num_experts, bias=False)
        self.num_chosen, self.capacity_factor = config.num_chosen_experts, config.expert_capacity
        self.ranks: Any = None  # those that the experts are divided over

    def _set_ep_group(self, group: Any) -> None:  # noqa: ANN401 (DeepSpeed calls it)
        self.ranks = group

    def forward(
        self, hidden_TD: Tensor, *_: object
    ) -> tuple[Tensor, Tensor, int, Tensor, Tensor, Tensor, Tensor]:
        """What DeepSpeed's layer goes by.

        Returns:
            The balance loss; places that each expert has for this rank's tokens; number of experts; of each choice and
            token, shape [C, T], the expert (-1: none took it), the place there and the weight; tokens of each expert.
        """
        routes = route(hidden_TD, self.wg.weight, self.num_chosen, self.capacity_factor)
        experts_A = torch.where(routes.kept_A, routes.experts_A, -1)
        num_places = torch.where(routes.kept_A, routes.places_A + 1, 1).max()
        # As many on every rank, since they send each other blocks of one size.
        dist.all_reduce(num_places, op=dist.ReduceOp.MAX, group=self.ranks)
        num_experts = self.wg.out_features
        shape = (self.num_chosen, hidden_TD.shape[0])
        return (
            routes.balance,
            num_places,
            num_experts,
            experts_A.view(shape),
            routes.places_A.view(shape),
            routes.weights_A.view(shape),
            torch.bincount(routes.experts_A, minlength=num_experts),
        )


def parallel_experts(layout: Layout) -> Callable[[ModelConfig, Callable[[], nn.Module]], nn.Module]:
    """What makes the layers of experts for `model.build`; each rank holds its share of every layer's."""
    from deepspeed.moe.layer import MoE

    def make(config: ModelConfig, make_expert: Callable[[], nn.Module]) -> nn.Module:
        layer: nn.Module = MoE(
            config.hidden_size,
            make_expert(),
            num_experts=config.num_experts,
            ep_size=layout.expert_parallel,
        )
        layer.deepspeed_moe.gate = Router(config)  # type: ignore[union-attr]
        return layer

    return make
