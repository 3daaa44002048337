"""The balance plan: what share of training each locale, source and form gets, and how often its documents repeat.

    temperature   p_l ∝ n_l ** α over the tokens n_l of each locale (Conneau et al. 2020, section 3.1), with one α or
                  with phases, each with its own, constant or going from one value to another
    unimax        equal shares, but no document more than `max_repeats` times (Chung et al. 2023, section 3)
    natural       as the tokens are;  uniform: equal;  fixed: as given

Within a locale, shares are those of the tokens, or with `duplicates: rehydrate` those of the tokens times a weight by
the size of the documents' clusters (after FineWeb-2, Penedo et al. 2025). Bounds on shares and repeats move all of it
as little as they can (quotas.py). The plan is data; a reader applies it, so no shard ever holds a copied row.

**How a reader applies it.** Training is `phases` one after the other, each of `tokens` tokens from `from_token` on. In
a phase, cell i of `cells` (all documents of one locale, source and form) has the share
`phases[k].cells[i].target_share`, and in a cell with `clusters` each class of cluster sizes has that times its
`share_of_cell`. `step_at` and `shares_at` are that in code; draw.py is a complete reader in a few lines.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from math import cos, pi
from typing import Any, Final, NamedTuple

import numpy as np

from dataprep import schema as s
from dataprep.config import BalanceConfig, PhaseConfig
from dataprep.shards.cells import CLUSTERS, Size, Stratum, sizes_of_files
from dataprep.shards.quotas import (
    BalanceError,
    Floats,
    bounds_of,
    check_bounds,
    closest_shares,
    filled_shares,
    held_bounds,
)

ALL_CLUSTERS: Final = 0  # class of the cluster sizes of a stratum in which they do not matter


def temperature_shares(sizes: Mapping[str, int], alpha: float) -> dict[str, float]:
    """Share of each locale, in (0, 1], summing to 1: proportional to size ** alpha.

    Args:
        sizes: tokens (or bytes) per locale; locales of size 0 are left out.
        alpha: 1 keeps the natural shares, 0 makes all equal.

    Raises:
        ValueError: no locale has any tokens.
    """
    present = {locale: size for locale, size in sorted(sizes.items()) if size > 0}
    if not present:
        raise ValueError("no locale has any tokens; there is nothing to balance")
    largest = max(present.values())
    # Relative to the largest, so that n ** alpha cannot overflow.
    weights = {locale: (size / largest) ** alpha for locale, size in present.items()}
    total = sum(weights.values())
    return {locale: weight / total for locale, weight in weights.items()}


class Step(NamedTuple):
    """A stretch of training with constant shares.

    Attributes:
        phase: number of its phase in the settings.
        from_token: where it begins.
        tokens: how long it is.
        alpha: exponent of the temperature; null with other methods.
        locales: locales that are drawn; null for all.
    """

    phase: int
    from_token: int
    tokens: int
    alpha: float | None
    locales: Sequence[str] | None


def steps_of(config: BalanceConfig, total_tokens: int) -> list[Step]:
    """The steps of training, without a gap and of at least one token each; a phase with one exponent is one step.

    Args:
        config: settings.
        total_tokens: tokens of the train split: the budget, if none is set.
    """
    in_phases = sum(phase.tokens or 0 for phase in config.phases)
    budget = config.budget_tokens or in_phases or total_tokens
    if not config.phases:
        return [Step(0, 0, budget, config.alpha if config.method == "temperature" else None, None)]
    steps: list[Step] = []
    begin = 0.0
    for number, phase in enumerate(config.phases):
        length = budget * phase.share if phase.share is not None else float(phase.tokens or 0)
        alphas = _alphas(phase)
        bounds = [round(begin + length * i / len(alphas)) for i in range(len(alphas) + 1)]
        if number == len(config.phases) - 1:
            bounds[-1] = budget
        steps += [
            Step(number, first, last - first, alpha, phase.locales)
            for alpha, (first, last) in zip(alphas, pairwise(bounds), strict=True)
            if last > first
        ]
        begin += length
    return steps


def _alphas(phase: PhaseConfig) -> list[float]:
    """The exponents of a phase's steps: the curve in the middle of each."""
    if phase.alpha_end is None or phase.alpha_end == phase.alpha:
        return [phase.alpha]
    middles = [(step + 0.5) / phase.steps for step in range(phase.steps)]
    if phase.curve == "cosine":
        middles = [(1 - cos(pi * middle)) / 2 for middle in middles]
    return [phase.alpha + (phase.alpha_end - phase.alpha) * middle for middle in middles]


def check_names(config: BalanceConfig, locales: Collection[str], sources: Collection[str]) -> None:
    """Make sure that there is text of everything that must have a share.

    Args:
        config: settings.
        locales: locales that text was kept of.
        sources: sources that text was kept of.

    Raises:
        BalanceError: there is none; the message names it.
    """
    for kind, quotas, there in ((s.LOCALE, config.locales, locales), (s.SOURCE, config.sources, sources)):
        for name, quota in sorted(quotas.items()):
            if quota.min_share is not None and name not in there:
                raise BalanceError(
                    f"balance: {kind} {name}: min_share {quota.min_share:g}, but no document of it was kept; add text, "
                    "or take the quota away."
                )
    if config.method == "fixed":
        _check_fixed(config.shares, locales)


def _check_fixed(shares: Mapping[str, float], locales: Collection[str]) -> None:
    if missing := sorted(set(locales) - set(shares)):
        raise BalanceError(f"balance.shares has no share for {', '.join(missing)}; add it (0 leaves it out).")
    if absent := sorted(name for name, share in shares.items() if share and name not in locales):
        raise BalanceError(f"balance.shares: there is no text in {', '.join(absent)}; take the share away.")


def plan_of_files(files: Iterable[Mapping[str, Any]], config: BalanceConfig) -> dict[str, Any]:
    """The plan for the files of a manifest: `balance_plan` of what their train split holds."""
    return balance_plan(sizes_of_files(files), config)


def plan_after_removal(files: Sequence[Mapping[str, Any]], config: BalanceConfig) -> dict[str, Any]:
    """The plan for what a removal leaves, also where quotas cannot be kept any more: a removal must not fail on them.

    Then the plan is that of the method without quotas and bounds on repeats, and `unmet` says what could not be.
    """
    try:
        return plan_of_files(files, config)
    except BalanceError as error:
        left = {stratum.locale for stratum in sizes_of_files(files)}
        of_left = sum(config.shares.get(locale, 0.0) for locale in left)
        equal = config.method == "unimax" or (config.method == "fixed" and not of_left)
        free = config.model_copy(
            update={
                "method": "uniform" if equal else config.method,
                "shares": {
                    locale: config.shares.get(locale, 0.0) / (of_left or 1) for locale in sorted(left)
                },
                "phases": [phase.model_copy(update={"locales": None}) for phase in config.phases],
                "max_repeats": None,
                "locales": {},
                "sources": {},
                "forms": {},
            }
        )
        plan = plan_of_files(files, free)
        return plan | {
            "unmet": str(error),
            "method": config.method,
            "settings": config.model_dump(mode="json"),
        }


def balance_plan(sizes: Mapping[Stratum, Size], config: BalanceConfig) -> dict[str, Any]:
    """What `plan.json` holds. Depends on the sizes and the settings alone, not on their order.

    Args:
        sizes: training documents and tokens per stratum, exact.
        config: settings.

    Returns:
        - `schema_version`, `method`, `settings` (all of the balance), `total_tokens` (of the train split),
          `budget_tokens` (drawn in training), `alpha` (null unless it is one for the whole training), `held`: the
          quotas that make the shares differ from the method's, and `unmet`: null; see `plan_after_removal`.
        - `locales`, `sources`, `forms`: per name `documents`, `tokens`, `natural_share`, `base_share` (what the method
          gives before repeats and quotas), `target_share`, `expected_tokens` (target share of the budget) and
          `expected_repeats` (how often a token of it is drawn; below 1, only that fraction).
        - `cells`: the same for each locale, source and form that there is, sorted; and `clusters`, which is empty
          unless duplicates are rehydrated: per class of cluster sizes `clusters` (its upper end), `documents`,
          `tokens`, `weight`, `share_of_cell` and `expected_repeats`.
        - `phases`: the steps of training, with `phase` (their number in the settings), `from_token`, `tokens`, `alpha`,
          and per locale and cell `target_share` (in the step; they sum to 1), `expected_tokens` and `expected_repeats`
          (of the step alone).

    Raises:
        ValueError: no locale has any tokens.
        BalanceError: the settings ask for what cannot be had; the message names it and the shortfall.
    """
    strata = _strata(sizes, with_clusters=config.duplicates == "rehydrate")
    keys = sorted(strata)
    tokens_S = np.array([strata[key].tokens for key in keys], np.float64)
    total = sum(size.tokens for size in strata.values())
    steps = steps_of(config, total)
    budget = sum(step.tokens for step in steps)
    base_KS = _base_shares(strata, keys, config, steps)
    shares_KS, held = _shares(keys, tokens_S, base_KS, config, budget)
    length_K = np.array([step.tokens / budget for step in steps])
    table = _Table(keys, strata, total, budget, base_KS.sum(axis=0), shares_KS.sum(axis=0))
    cells = table.groups(s.LOCALE, s.SOURCE, s.FORM)
    return {
        "schema_version": s.PLAN_SCHEMA_VERSION,
        "method": config.method,
        "settings": config.model_dump(mode="json"),
        "alpha": steps[0].alpha if not config.phases else None,
        "total_tokens": total,
        "budget_tokens": budget,
        "held": held,
        "unmet": None,
        **{
            f"{name}s": {key[0]: table.entry(members) for key, members in table.groups(name).items()}
            for name in (s.LOCALE, s.SOURCE, s.FORM)
        },
        "cells": [
            {**_named(key), **table.entry(members), CLUSTERS: table.clusters(members, config)}
            for key, members in cells.items()
        ],
        "phases": [
            {
                **step._asdict(),
                "locales": {
                    key[0]: _in_step(members, share_S, step, tokens_S)
                    for key, members in table.groups(s.LOCALE).items()
                },
                "cells": [
                    {**_named(key), **_in_step(members, share_S, step, tokens_S)}
                    for key, members in cells.items()
                ],
            }
            for step, share_S in zip(steps, shares_KS / length_K[:, None], strict=True)
        ],
    }


def _named(key: Sequence[str]) -> dict[str, str]:
    return dict(zip((s.LOCALE, s.SOURCE, s.FORM), key, strict=True))


def _strata(sizes: Mapping[Stratum, Size], *, with_clusters: bool) -> dict[Stratum, Size]:
    """Strata that have tokens; those that differ in the size of clusters only are one, unless that matters."""
    strata: dict[Stratum, Size] = {}
    for stratum, size in sorted(sizes.items()):
        if size.tokens > 0:
            key = stratum if with_clusters else stratum._replace(clusters=ALL_CLUSTERS)
            there = strata.get(key, Size(0, 0))
            strata[key] = Size(there.documents + size.documents, there.tokens + size.tokens)
    return strata


def duplicate_weight(clusters: int, weights: Mapping[int, float]) -> float:
    """Weight of a class of cluster sizes: that of the largest start which its sizes reach.

    Args:
        clusters: upper end of the class.
        weights: weight by first size.
    """
    smallest = clusters // 2 + 1
    return weights[max(start for start in weights if start <= smallest)]


def _base_shares(
    strata: Mapping[Stratum, Size], keys: Sequence[Stratum], config: BalanceConfig, steps: Sequence[Step]
) -> Floats:
    """What the method gives each stratum in each step, as a share of all tokens drawn; sums to 1."""
    tokens: dict[str, int] = {}
    weighted: dict[str, float] = {}
    rehydrated = [strata[key].tokens * _weight(key, config) for key in keys]
    for key, weight in zip(keys, rehydrated, strict=True):
        tokens[key.locale] = tokens.get(key.locale, 0) + strata[key].tokens
        weighted[key.locale] = weighted.get(key.locale, 0.0) + weight
    budget = sum(step.tokens for step in steps)
    rows = []
    for step in steps:
        shares = _locale_shares(tokens, config, step)
        rows.append(
            [
                step.tokens / budget * shares.get(key.locale, 0.0) * weight / weighted[key.locale]
                for key, weight in zip(keys, rehydrated, strict=True)
            ]
        )
    return np.array(rows)


def _weight(stratum: Stratum, config: BalanceConfig) -> float:
    if stratum.clusters == ALL_CLUSTERS:
        return 1.0
    return duplicate_weight(stratum.clusters, config.duplicate_weights)


def _locale_shares(tokens: Mapping[str, int], config: BalanceConfig, step: Step) -> dict[str, float]:
    """Shares of the locales by the method alone; UniMax is equal shares whose repeats are bounded."""
    if config.method == "fixed":
        _check_fixed(config.shares, tokens)
        return dict(config.shares)
    alpha = {"natural": 1.0, "uniform": 0.0, "unimax": 0.0}.get(config.method, step.alpha)
    assert alpha is not None
    drawn = {name: size for name, size in tokens.items() if step.locales is None or name in step.locales}
    if tokens and not drawn:
        raise BalanceError(
            f"balance.phases.{step.phase}.locales: the train split has no text in any of them; name others."
        )
    return temperature_shares(drawn, alpha)


def _shares(
    keys: Sequence[Stratum], tokens_S: Floats, base_KS: Floats, config: BalanceConfig, budget: int
) -> tuple[Floats, list[str]]:
    """The shares of the plan, and the quotas that made them so."""
    bounds = bounds_of(keys, tokens_S, config, budget)
    if not bounds:
        return base_KS, []
    check_bounds(keys, tokens_S, base_KS, bounds, budget)
    if len(base_KS) == 1 and all(bound.is_limit and bound.low == -np.inf for bound in bounds):
        limit_S = np.full(len(keys), np.inf)
        limit_S[[bound.strata[0] for bound in bounds]] = [bound.high for bound in bounds]
        shares_S = filled_shares(base_KS[0], limit_S)
        at_limit = np.array([-1.0 if shares_S[bound.strata[0]] == bound.high else 0.0 for bound in bounds])
        return shares_S[None, :], held_bounds(bounds, at_limit)
    shares_KS, multiplier_B = closest_shares(base_KS, bounds)
    return shares_KS, held_bounds(bounds, multiplier_B)


class _Table:
    """Sums over groups of strata."""

    def __init__(
        self,
        keys: Sequence[Stratum],
        strata: Mapping[Stratum, Size],
        total: int,
        budget: int,
        base_S: Floats,
        target_S: Floats,
    ) -> None:
        self._keys = keys
        self._sizes = [strata[key] for key in keys]
        self._total = total
        self._budget = budget
        self._base_S = base_S
        self._target_S = target_S

    def groups(self, *names: str) -> dict[tuple[str, ...], list[int]]:
        """Numbers of the strata by the values of some of their fields, sorted."""
        found: dict[tuple[str, ...], list[int]] = {}
        for number, key in enumerate(self._keys):
            found.setdefault(tuple(getattr(key, name) for name in names), []).append(number)
        return dict(sorted(found.items()))

    def entry(self, members: Sequence[int]) -> dict[str, Any]:
        """The numbers of a group."""
        tokens = sum(self._sizes[number].tokens for number in members)
        share = float(sum(self._target_S[number] for number in members))
        return {
            "documents": sum(self._sizes[number].documents for number in members),
            "tokens": tokens,
            "natural_share": tokens / self._total,
            "base_share": float(sum(self._base_S[number] for number in members)),
            "target_share": share,
            "expected_tokens": share * self._budget,
            "expected_repeats": share * self._budget / tokens,
        }

    def clusters(self, members: Sequence[int], config: BalanceConfig) -> list[dict[str, Any]]:
        """The classes of cluster sizes of a cell; none where they do not matter."""
        share = sum(self._target_S[number] for number in members)
        return [
            {
                CLUSTERS: self._keys[number].clusters,
                "documents": self._sizes[number].documents,
                "tokens": self._sizes[number].tokens,
                "weight": _weight(self._keys[number], config),
                "share_of_cell": float(self._target_S[number] / share) if share else 0.0,
                "expected_repeats": float(self._target_S[number]) * self._budget / self._sizes[number].tokens,
            }
            for number in members
            if self._keys[number].clusters != ALL_CLUSTERS
        ]


def _in_step(members: Sequence[int], share_S: Floats, step: Step, tokens_S: Floats) -> dict[str, float]:
    """The numbers of a group in one step."""
    share = float(sum(share_S[number] for number in members))
    return {
        "target_share": share,
        "expected_tokens": share * step.tokens,
        "expected_repeats": share * step.tokens / float(sum(tokens_S[number] for number in members)),
    }


def step_at(plan: Mapping[str, Any], token: int) -> int:
    """Number of the step in `phases` that the token of training falls into, from 0 to `budget_tokens` - 1."""
    for number, step in enumerate(plan["phases"]):
        if token < step["from_token"] + step["tokens"]:
            return number
    raise ValueError(f"the plan has {plan['budget_tokens']:,} tokens; there is no token {token:,}.")


def shares_at(plan: Mapping[str, Any], token: int) -> list[float]:
    """Share of each of the plan's `cells` when so many tokens have been drawn: constant within a step."""
    return [cell["target_share"] for cell in plan["phases"][step_at(plan, token)]["cells"]]
