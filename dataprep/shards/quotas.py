"""Bounds on the balance, and the shares that keep them and are closest to what the method gives.

A *step* is a stretch of training with constant shares, a *stratum* is a set of documents that are drawn alike, and
x_ks is the share of all tokens that stratum s gets in step k. Every bound is a linear one on x_s = Σ_k x_ks, the share
over the whole training. Of all shares that keep the bounds, the plan takes those with the smallest

    Σ_ks x_ks log(x_ks / base_ks)        the Kullback-Leibler divergence from the method's shares,

which are unique (Csiszár 1975, *I-divergence geometry*): every stratum gets one factor, the same in every step, and
every step is scaled back to its length. So what no bound concerns keeps its proportions. The factors are the
exponentials of the bounds' multipliers, which are found by a projected Newton method on the dual (Bertsekas 1982).

Shape suffixes: K = steps, S = strata, B = bounds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dataprep import schema as s
from dataprep.config import BalanceConfig, FormQuotaConfig, QuotaConfig
from dataprep.shards.cells import Stratum

Floats = npt.NDArray[np.float64]

_TOLERANCE: Final = 1e-12  # of a bound, relative to what it bounds
_ACCEPTED: Final = 1e-9  # the same, where rounding keeps the last step from getting there
_MAX_ITERATIONS: Final = 500
_LARGEST_STEP: Final = (
    3.0  # change of a logarithm in one iteration: where Newton's quadratic model means something
)
_HALVINGS: Final = 40
_DAMPING: Final = 1e-13  # of the Hessian's diagonal: bounds that say the same, or nothing, make it singular
_SHORTFALL: Final = 1e-9  # share of all tokens below which a contradiction is rounding
_MISSED: Final = 1e-8  # the same, of a linear programme, which is solved to 1e-10 of a bound
_LENGTH_COST: Final = 1000.0  # in the same: what is to blame is a quota, unless a phase lacks text
_HELD: Final = 1e-9  # logarithm of a factor below which a bound only touches
_SHOWN: Final = 3  # bounds in a message


class BalanceError(ValueError):
    """The balance that is asked for cannot be had; the message names the locale, source or form, and the shortfall."""


@dataclass(frozen=True, slots=True)
class Bound:
    """low ≤ Σ coefficient · x_s ≤ high over some strata.

    Attributes:
        subject: what it bounds, for messages: `locale sw`.
        low_name: the setting behind `low`, with its value: `min_share 0.05`; empty if there is none.
        high_name: the same of `high`.
        low: as a share of all tokens; -inf if there is none.
        high: the same; inf if there is none.
        strata: numbers of the strata.
        coefficients: one per stratum.
        is_limit: whether it stands for repeats of the text there is, not for a share.
    """

    subject: str
    low_name: str
    high_name: str
    low: float
    high: float
    strata: npt.NDArray[np.intp]
    coefficients: Floats
    is_limit: bool = False


def filled_shares(base_S: Floats, limit_S: Floats) -> Floats:
    """Shares in the proportions of `base_S`, none above its limit, that use up everything.

    Algorithm 1 of UniMax (Chung et al. 2023, section 3), for any base instead of an equal one: strata in the order in
    which they meet their limits, smallest first, each take their part of what is left, or their limit.

    Args:
        base_S: shares, at least 0, that sum to 1.
        limit_S: upper bounds; where the base is not 0, they sum to at least 1.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        order = np.argsort(np.where(base_S > 0, limit_S / base_S, np.inf), kind="stable")
    in_order = base_S[order]
    weights_left = np.cumsum(in_order[::-1])[::-1]
    shares_S = np.zeros_like(base_S)
    left = 1.0
    for number, weight, weight_left in zip(order, in_order, weights_left, strict=True):
        if weight > 0:
            shares_S[number] = min(left * weight / weight_left, limit_S[number])
            left -= shares_S[number]
    return shares_S


def closest_shares(base_KS: Floats, bounds: Sequence[Bound]) -> tuple[Floats, Floats]:
    """The shares that keep the bounds and are closest to the base, and the bounds' multipliers.

    Args:
        base_KS: share of all tokens that each stratum would get in each step; sums to 1. What is 0 stays 0.
        bounds: they must be possible; see `check`.

    Returns:
        Shares with the row sums of the base, exact to 1e-9 of every bound; and per bound a number that is above 0 if
        the lower bound holds the shares up, below 0 if the upper one holds them down, and 0 if neither does.

    Raises:
        BalanceError: no shares were found.
    """
    dual = _Dual(base_KS, bounds)
    y_B, off = np.zeros(len(bounds)), np.inf
    for _ in range(_MAX_ITERATIONS):
        x_KS = dual.shares(y_B)
        side_B, gap_B, off = dual.gaps(y_B, x_KS)
        if off <= _TOLERANCE:
            break
        better_B = dual.better(y_B, x_KS, side_B, gap_B, max(_DAMPING, min(off, 1.0) / 30))
        if better_B is None:  # what is left is rounding
            break
        y_B = better_B
    if off > _ACCEPTED:
        raise BalanceError(
            f"the shares that keep all quotas were not found (a bound is off by {off:.1g} of its size), because the "
            "quotas all but contradict one another; loosen them a little."
        )
    return x_KS, y_B


class _Dual:
    """The dual problem: one free number y per bound, of which e^y is the factor for the bound's strata."""

    def __init__(self, base_KS: Floats, bounds: Sequence[Bound]) -> None:
        self.base_KS = base_KS
        self.length_K = base_KS.sum(axis=1)
        self.matrix_BS = _matrix(bounds, base_KS.shape[1])
        self.absolute_BS = abs(self.matrix_BS)
        self.low_B = np.array([bound.low for bound in bounds])
        self.high_B = np.array([bound.high for bound in bounds])

    def shares(self, y_B: Floats) -> Floats:
        """Shares that belong to the multipliers."""
        exponent_S = self.matrix_BS.T @ y_B
        scaled_KS = self.base_KS * np.exp(exponent_S - exponent_S.max())
        result: Floats = scaled_KS * (self.length_K / scaled_KS.sum(axis=1))[:, None]
        return result

    def gaps(self, y_B: Floats, x_KS: Floats) -> tuple[Floats, Floats, float]:
        """Per bound: which side matters (1 lower, -1 upper, 0 none) and what is missing; the largest, relative."""
        x_S = x_KS.sum(axis=0)
        value_B = self.matrix_BS @ x_S
        broken_B = (value_B < self.low_B) * 1.0 - (value_B > self.high_B) * 1.0
        side_B = np.where(y_B == 0, broken_B, np.sign(y_B))
        aim_B = np.where(side_B > 0, self.low_B, np.where(side_B < 0, self.high_B, value_B))
        gap_B = aim_B - value_B
        size_B = np.maximum(self.absolute_BS @ x_S, np.abs(aim_B))
        return side_B, gap_B, float(np.max(np.abs(gap_B) / np.maximum(size_B, 1e-300), initial=0.0))

    def better(
        self, y_B: Floats, x_KS: Floats, side_B: Floats, gap_B: Floats, damping: float
    ) -> Floats | None:
        """Better multipliers: along Newton's direction, or the gradient's where that leads nowhere; null if none are.

        Judged by slopes, not by the objective: that is blind to what a stratum with a billionth of all tokens gets.
        """
        aim_B = gap_B + self.matrix_BS @ x_KS.sum(axis=0)
        for direction_B in self._directions(y_B, x_KS, side_B, gap_B, damping):
            step = 1.0
            for _ in range(_HALVINGS):
                candidate_B = self._clipped(y_B + step * direction_B, side_B)
                moved_B = candidate_B - y_B
                step /= 2
                if np.abs(self.matrix_BS.T @ moved_B).max() > _LARGEST_STEP:
                    continue
                slope = gap_B @ moved_B
                slope_there = (aim_B - self.matrix_BS @ self.shares(candidate_B).sum(axis=0)) @ moved_B
                # Downhill here, and not much past the lowest point there.
                if slope > 0 and slope_there >= -slope / 2:
                    return candidate_B
        return None

    def _clipped(self, y_B: Floats, side_B: Floats) -> Floats:
        """A multiplier may not cross 0, unless both sides of its bound are the same."""
        crossed = (y_B * side_B < 0) & (self.low_B < self.high_B)
        return np.where(crossed, 0.0, y_B)

    def _directions(
        self, y_B: Floats, x_KS: Floats, side_B: Floats, gap_B: Floats, damping: float
    ) -> Iterator[Floats]:
        free = np.flatnonzero(side_B)
        while True:
            direction_B = np.zeros_like(y_B)
            hessian = self._hessian(free, x_KS, damping)
            direction_B[free] = np.linalg.solve(hessian, gap_B[free])
            # A bound that does not hold anything yet cannot pull the other way.
            stuck = (y_B == 0) & (direction_B * side_B < 0) & (self.low_B < self.high_B)
            if not stuck.any():
                break
            free = free[~stuck[free]]
        yield direction_B
        free = np.flatnonzero(side_B)
        gradient_B = np.zeros_like(y_B)
        gradient_B[free] = gap_B[free] / np.diag(self._hessian(free, x_KS, damping))
        yield gradient_B

    def _hessian(self, rows: npt.NDArray[np.intp], x_KS: Floats, damping: float) -> Floats:
        """Second derivatives of the objective in some of the multipliers."""
        matrix = self.matrix_BS[rows]
        means_KB = matrix @ x_KS.T
        squares = (matrix.multiply(x_KS.sum(axis=0)) @ matrix.T).toarray()
        result: Floats = squares - (means_KB / self.length_K) @ means_KB.T
        result[np.diag_indices_from(result)] += damping * np.diag(squares) + 1e-300
        return result


def _matrix(bounds: Sequence[Bound], strata: int) -> Any:  # noqa: ANN401 (scipy.sparse has no types)
    """Coefficients as a sparse matrix."""
    from scipy.sparse import csr_matrix  # a third of a second that a plan without quotas need not wait

    starts = np.cumsum([0, *(len(bound.strata) for bound in bounds)])
    columns = np.concatenate([bound.strata for bound in bounds])
    values = np.concatenate([bound.coefficients for bound in bounds])
    return csr_matrix((values, columns, starts), shape=(len(bounds), strata))


def bounds_of(strata: Sequence[Stratum], tokens_S: Floats, config: BalanceConfig, budget: int) -> list[Bound]:
    """Everything that the settings ask of the shares, but for what nothing can break. In a fixed order.

    Args:
        strata: what there is.
        tokens_S: tokens per stratum, above 0.
        config: settings.
        budget: tokens drawn in training.
    """
    columns = {
        name: np.array([getattr(each, name) for each in strata]) for name in (s.LOCALE, s.SOURCE, s.FORM)
    }
    found = [
        _share_bound(f"{kind} {name}", quota, np.flatnonzero(columns[kind] == name))
        for kind, quotas in ((s.LOCALE, config.locales), (s.SOURCE, config.sources))
        for name, quota in sorted(quotas.items())
        if quota.min_share is not None or quota.max_share is not None
    ]
    for form, quota in sorted(config.forms.items()):
        of_form = columns[s.FORM] == form
        if quota.within == "total":
            found.append(_share_bound(f"form {form}", quota, np.flatnonzero(of_form)))
            continue
        locales = sorted(set(columns[s.LOCALE]) if quota.locales is None else quota.locales)
        for locale in locales:
            of_locale = columns[s.LOCALE] == locale
            if 0 < np.count_nonzero(of_locale & of_form) < np.count_nonzero(of_locale):
                found += _bounds_within(f"form {form} in locale {locale}", quota, of_locale, of_form)
    found += _repeats_bounds(strata, tokens_S, config, budget)
    return found


def _share_bound(subject: str, quota: QuotaConfig | FormQuotaConfig, strata: npt.NDArray[np.intp]) -> Bound:
    low, high = quota.min_share, quota.max_share
    return Bound(
        subject,
        "" if low is None else f"min_share {low:g}",
        "" if high is None else f"max_share {high:g}",
        -np.inf if low is None else low,
        np.inf if high is None else high,
        strata,
        np.ones(len(strata)),
    )


def _bounds_within(
    subject: str, quota: FormQuotaConfig, of_locale: npt.NDArray[np.bool_], of_form: npt.NDArray[np.bool_]
) -> Iterator[Bound]:
    """A share m of a part: (1 - m) Σ of the form - m Σ of the rest of the locale is at least, or at most, 0."""
    strata = np.flatnonzero(of_locale)
    for share, is_least in ((quota.min_share, True), (quota.max_share, False)):
        if share is None:
            continue
        name = f"{'min' if is_least else 'max'}_share {share:g}"
        exact = quota.min_share == quota.max_share
        if exact and not is_least:
            continue
        yield Bound(
            subject,
            name if is_least else "",
            name if exact or not is_least else "",
            0.0 if is_least else -np.inf,
            0.0 if exact or not is_least else np.inf,
            strata,
            np.where(of_form[strata], 1 - share, -share),
        )


def _repeats_bounds(
    strata: Sequence[Stratum], tokens_S: Floats, config: BalanceConfig, budget: int
) -> Iterator[Bound]:
    """How often documents may be drawn: the tightest of what locale and source say, else what is said for all."""
    for number, (stratum, tokens) in enumerate(zip(strata, tokens_S, strict=True)):
        named = [
            (f"locale {stratum.locale}", config.locales.get(stratum.locale)),
            (f"source {stratum.source}", config.sources.get(stratum.source)),
        ]
        most = [
            (q.max_repeats, subject) for subject, q in named if q is not None and q.max_repeats is not None
        ]
        if not most and config.max_repeats is not None:
            most = [(config.max_repeats, named[0][0])]
        least = [
            (q.min_repeats, subject) for subject, q in named if q is not None and q.min_repeats is not None
        ]
        if not most and not least:
            continue
        low, low_subject = max(least, default=(0.0, ""))
        high, high_subject = min(most, default=(np.inf, ""))
        yield Bound(
            high_subject or low_subject,
            f"min_repeats {low:g}" if least else "",
            f"max_repeats {high:g}" if most else "",
            low * tokens / budget if least else -np.inf,
            high * tokens / budget,
            np.array([number]),
            np.ones(1),
            is_limit=True,
        )


def check_bounds(
    strata: Sequence[Stratum], tokens_S: Floats, base_KS: Floats, bounds: Sequence[Bound], budget: int
) -> None:
    """Make sure that there are shares that keep all bounds.

    Args:
        strata: what there is.
        tokens_S: tokens per stratum.
        base_KS: share of all tokens that each stratum would get in each step.
        bounds: what is asked for.
        budget: tokens drawn in training.

    Raises:
        BalanceError: there are none; the message names what is in the way and the shortfall.
    """
    limit_S = np.where(base_KS.any(axis=0), 1.0, 0.0)
    for bound in bounds:
        if bound.is_limit:
            limit_S[bound.strata[0]] = min(limit_S[bound.strata[0]], bound.high)
    if limit_S.sum() < 1 - _SHORTFALL:
        raise BalanceError(
            f"balance.budget_tokens is {_amount(budget)}, but {_supply(tokens_S, limit_S, budget)}; shortfall "
            f"{_amount(budget * (1 - limit_S.sum()))} tokens: raise max_repeats, or lower the budget."
        )
    for bound in bounds:
        if bound.is_limit or not bound.low > 0:
            continue
        short = bound.low - limit_S[bound.strata].sum()
        if short > _SHORTFALL * bound.low:
            there = (
                _supply(tokens_S[bound.strata], limit_S[bound.strata], budget)
                if len(bound.strata)
                else "the train split has none of it"
            )
            raise BalanceError(
                f"balance: {bound.subject}: {bound.low_name} needs {_amount(budget * bound.low)} tokens, but {there}; "
                f"shortfall {_amount(budget * short)} tokens: lower min_share, raise max_repeats, or add text."
            )
    _check_together(base_KS, bounds, limit_S, budget)


def _check_together(base_KS: Floats, bounds: Sequence[Bound], limit_S: Floats, budget: int) -> None:
    """Look for the shares that miss the bounds by the least (a linear programme), and say which they miss."""
    from scipy.optimize import linprog
    from scipy.sparse import hstack, identity, kron, vstack

    # Steps that draw from the same strata are one, as far as anything is possible.
    drawn_GS, group_K = np.unique(base_KS > 0, axis=0, return_inverse=True)
    length_G = np.bincount(np.ravel(group_K), base_KS.sum(axis=1))
    groups, strata = drawn_GS.shape
    matrix = _matrix(bounds, strata)
    low_B, high_B = np.array([bound.low for bound in bounds]), np.array([bound.high for bound in bounds])
    is_limit_B = np.array([bound.is_limit for bound in bounds])
    lower, upper = np.flatnonzero(low_B > -np.inf), np.flatnonzero((high_B < np.inf) & ~is_limit_B)
    missable = vstack([-matrix[lower], matrix[upper]])
    aim = np.concatenate([-low_B[lower], high_B[upper]])
    missed = len(aim)
    totals = kron(identity(groups), np.ones((1, strata)))
    summed = kron(np.ones((1, groups)), identity(strata))
    # Variables: x per group of steps and stratum; what each bound is missed by; what each group's length is.
    answer = linprog(
        np.concatenate([np.zeros(groups * strata), np.ones(missed), np.full(groups, _LENGTH_COST)]),
        A_ub=vstack(
            [
                hstack([missable @ summed, -identity(missed), np.zeros((missed, groups))]),
                hstack([summed, np.zeros((strata, missed + groups))]),
            ]
        ),
        b_ub=np.concatenate([aim, limit_S]),
        A_eq=hstack([totals, np.zeros((groups, missed)), identity(groups)]),
        b_eq=length_G,
        bounds=[(0, None if drawn else 0) for drawn in drawn_GS.ravel()] + [(0, None)] * (missed + groups),
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if not answer.success:
        raise BalanceError(f"the quotas of the balance cannot be checked ({answer.message}); loosen them.")
    shortfalls = answer.x[groups * strata :]
    if shortfalls.sum() <= _MISSED:
        return
    told: dict[str, float] = {}
    for number, short in zip([*lower, *upper], shortfalls[:missed], strict=True):
        if short > _MISSED / missed:
            bound, is_least = bounds[number], number in lower
            name = f"{bound.subject}: {bound.low_name if is_least else bound.high_name}"
            told[name] = told.get(name, 0.0) + short
    for group in np.flatnonzero(shortfalls[missed:] > _MISSED / groups):
        told[f"phases: a part of {_amount(budget * length_G[group])} tokens"] = shortfalls[missed + group]
    worst = sorted(told, key=lambda name: (-told[name], name))[:_SHOWN]
    shown = "; ".join(f"{name} is missed by {_amount(budget * told[name])} tokens" for name in worst)
    raise BalanceError(
        f"balance: the quotas contradict one another: at best, {shown}. Lower what must be, or raise what may be."
    )


def _supply(tokens_S: Floats, limit_S: Floats, budget: int) -> str:
    """What there is of some strata: tokens times repeats."""
    repeats = np.round(limit_S * budget / tokens_S, 6)
    if not repeats.any():
        return "the method gives it no share"
    low, high = repeats.min(), repeats.max()
    times = f"{high:g}" if low == high else f"{low:g} to {high:g}"
    return f"{_amount(tokens_S.sum())} × {times} repeats give {_amount(limit_S.sum() * budget)}"


def _amount(tokens: float) -> str:
    """Tokens in three digits."""
    for size, unit in ((1e12, " T"), (1e9, " B"), (1e6, " M"), (1e3, " k")):
        if tokens >= size * 0.9995:
            return f"{tokens / size:.3g}{unit}"
    return f"{tokens:.3g}"


def held_bounds(bounds: Sequence[Bound], multiplier_B: Floats) -> list[str]:
    """The bounds that make the shares differ from the method's, each once, in order."""
    held = {
        f"{bound.subject}: {bound.low_name if multiplier > 0 else bound.high_name}"
        for bound, multiplier in zip(bounds, multiplier_B, strict=True)
        if abs(multiplier) > _HELD
    }
    return sorted(held)
