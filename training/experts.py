"""A mixture of experts in place of a feed-forward layer (Switch Transformer, Fedus et al. 2021).

Plain and exact, on one rank. Where experts are to lie on several, the layer of `expert_parallel.py` takes its place:
`Block` asks only for a module that turns [T, D] into a tuple that starts with the output and the load-balancing loss.
Both choose by `route`.

Shape suffixes: T = tokens, D = hidden size, E = experts, C = chosen experts of a token, A = T * C assignments.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MixtureOfExperts(nn.Module):
    """Each token goes through the `num_chosen` experts that the router likes best, weighted by its probabilities.

    With one choice the weight is the router's probability, so that it learns from the output (Fedus et al. 2021,
    section 2.1); with more, probabilities of the chosen are scaled to sum to one (Lepikhin et al. 2020, section 2.2).
    With a single expert this is the expert itself. An expert takes `capacity_factor` times its even share of tokens;
    for what is beyond, the output is zero, and only the residual stream carries on. None takes everything.
    """

    def __init__(
        self,
        hidden_size: int,
        make_expert: Callable[[], nn.Module],
        *,
        num_experts: int,
        num_chosen: int,
        capacity_factor: float | None,
    ) -> None:
        super().__init__()
        self.router = nn.Linear(hidden_size, num_experts, bias=False)
        self.experts = nn.ModuleList(make_expert() for _ in range(num_experts))
        self.num_chosen = num_chosen
        self.capacity_factor = capacity_factor

    def forward(self, hidden_TD: Tensor) -> tuple[Tensor, Tensor]:
        """Output of shape [T, D], and the load-balancing loss: 1 for an even load, at most the number of experts."""
        routes = route(hidden_TD, self.router.weight, self.num_chosen, self.capacity_factor)
        tokens_A = torch.arange(hidden_TD.shape[0], device=hidden_TD.device).repeat(self.num_chosen)
        output_TD = torch.zeros_like(hidden_TD)
        for index, expert in enumerate(self.experts):
            # Also without a token: every rank must reach every parameter, or gradient reduction would wait for it.
            chosen = ((routes.experts_A == index) & routes.kept_A).nonzero().squeeze(-1)
            rows = tokens_A[chosen]
            result = expert(hidden_TD[rows]) * routes.weights_A[chosen, None].to(hidden_TD.dtype)
            output_TD = output_TD.index_add(0, rows, result.to(hidden_TD.dtype))
        return output_TD, routes.balance


class Routes(NamedTuple):
    """Which experts the tokens go to. All first choices come before all second ones, each in the order of tokens.

    Attributes:
        experts_A: the expert.
        weights_A: what its output is multiplied by, in float32.
        places_A: how many assignments to the same expert come before.
        kept_A: whether it is among the first that the expert takes.
        balance: load-balancing loss.
    """

    experts_A: Tensor
    weights_A: Tensor
    places_A: Tensor
    kept_A: Tensor
    balance: Tensor


def route(hidden_TD: Tensor, router_ED: Tensor, num_chosen: int, capacity_factor: float | None) -> Routes:
    """The router's choice for each token."""
    num_experts = router_ED.shape[0]
    # In half precision close experts would tie (Fedus et al. 2021, section 2.4).
    scores_TE = F.linear(hidden_TD.float(), router_ED.float())
    probabilities_TE = scores_TE.softmax(dim=-1)
    weights_TC, experts_TC = probabilities_TE.topk(num_chosen, dim=-1)
    balance = balance_loss(probabilities_TE, experts_TC)
    if num_chosen > 1:
        weights_TC = weights_TC / weights_TC.sum(dim=-1, keepdim=True)
    experts_A, weights_A = experts_TC.t().reshape(-1), weights_TC.t().reshape(-1)
    counted_AE = F.one_hot(experts_A, num_experts).cumsum(dim=0)
    places_A = counted_AE.gather(1, experts_A[:, None]).squeeze(1) - 1
    if capacity_factor is None:
        kept_A = torch.ones_like(experts_A, dtype=torch.bool)
    else:
        kept_A = places_A < math.ceil(capacity_factor * num_chosen * hidden_TD.shape[0] / num_experts)
    return Routes(experts_A, weights_A, places_A, kept_A, balance)


def balance_loss(probabilities_TE: Tensor, experts_TC: Tensor) -> Tensor:
    """Number of experts times the sum of (share of assignments × mean probability) over them, without unit.

    Fedus et al. 2021, equation 4, before its coefficient; 1 if both are even. Only the probabilities carry a gradient.
    """
    num_experts = probabilities_TE.shape[-1]
    share_E = F.one_hot(experts_TC, num_experts).float().mean(dim=(0, 1))
    return num_experts * (share_E * probabilities_TE.mean(dim=0)).sum()
