"""Locale balance: temperature sampling as a plan with target shares and expected repeats.

p_l ∝ n_l ** α over the tokens n_l of each locale (Devlin's multilingual BERT; Conneau et al. 2020, section 3.1). The
plan is data; the reader applies it, so no shard ever holds a copied row.
"""

from collections.abc import Mapping
from typing import Any


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


def balance_plan(
    tokens: Mapping[str, int], documents: Mapping[str, int], *, alpha: float, budget_tokens: int | None
) -> dict[str, Any]:
    """The plan: what share of training each locale gets, and how often its documents repeat on the way.

    Args:
        tokens: training tokens per locale.
        documents: training documents per locale.
        alpha: exponent of the temperature sampling.
        budget_tokens: tokens that training will draw; null for as many as there are.

    Returns:
        `alpha`, `total_tokens`, `budget_tokens` and, per locale, `documents`, `tokens`, `natural_share`,
        `target_share` and `expected_repeats` (how often a token of the locale is seen; below 1, only that fraction).
    """
    total = sum(tokens.values())
    budget = budget_tokens or total
    shares = temperature_shares(tokens, alpha)
    return {
        "alpha": alpha,
        "total_tokens": total,
        "budget_tokens": budget,
        "locales": {
            locale: {
                "documents": documents[locale],
                "tokens": tokens[locale],
                "natural_share": tokens[locale] / total,
                "target_share": share,
                "expected_repeats": share * budget / tokens[locale],
            }
            for locale, share in shares.items()
        },
    }
