"""The balance plan, measured: shares drawn against shares planned, UniMax, quotas, and the languages of mC4.

    python -m benchmarks.bench_balance

prints docs/results/balance.md. No Spark and no corpus: token counts of mC4 as published, documents of random lengths.
"""

import time
from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks.common import machine_facts, markdown_table
from dataprep.config import BalanceConfig
from dataprep.shards.balance import balance_plan
from dataprep.shards.cells import Size, Stratum
from dataprep.shards.draw import draws, strata_of

# Billions of tokens, by the tokeniser of mT5 (Xue et al. 2021, table of the corpus in the appendix), for locales of
# dataprep/locales.py.
MC4: Final = {
    "en": 2733, "ru": 713, "es": 433, "de": 347, "fr": 318, "ja": 164, "it": 162, "pt": 146, "pl": 130, "vi": 116,
    "nl": 73, "tr": 71, "id": 69, "ar": 57, "fa": 52, "sv": 45, "el": 43, "uk": 41, "zh": 39, "ko": 26, "hi": 24,
    "he": 17, "mr": 14, "th": 11, "bn": 7.3, "ta": 3.4, "ne": 3.2, "ml": 2.7, "ur": 2.4, "te": 1.3, "sw": 1.0,
    "my": 0.9, "km": 0.6, "am": 0.3, "lo": 0.1,
}  # fmt: skip
BUDGET: Final = 10**12  # tokens that mT5 was trained on
TRIALS: Final = 300


def main() -> None:
    """Print everything."""
    print("# Balance: measured\n")
    print(f"`python -m benchmarks.bench_balance`; {machine_facts('numpy', 'scipy')}.\n")
    worked_example()
    unimax()
    quotas()
    drawn()


def sizes_of(tokens: Mapping[str, float], *, unit: float = 1e9) -> dict[Stratum, Size]:
    """One written source."""
    return {
        Stratum(name, "mc4", "written", 1): Size(max(1, int(n * unit / 1000)), int(n * unit))
        for name, n in tokens.items()
    }


def plan(sizes: Mapping[Stratum, Size], **settings: Any) -> dict[str, Any]:  # noqa: ANN401 (settings)
    """The plan of some settings."""
    return balance_plan(sizes, BalanceConfig.model_validate(settings))


def worked_example() -> None:
    """The same counts under four settings."""
    columns: dict[str, dict[str, Any]] = {
        "α = 0.3": {"alpha": 0.3},
        "UniMax, N = 1": {"method": "unimax", "max_repeats": 1},
        "UniMax, N = 4": {"method": "unimax", "max_repeats": 4},
        "α = 0.3 and quotas": {
            "alpha": 0.3,
            "max_repeats": 4,
            "locales": {"en": {"max_share": 0.06}, "hi": {"min_share": 0.05}, "lo": {"max_repeats": 10}},
        },
    }
    plans = {
        name: plan(sizes_of(MC4), budget_tokens=BUDGET, **settings) for name, settings in columns.items()
    }
    total = sum(MC4.values())
    print("## The languages of mC4\n")
    print(
        f"{len(MC4)} locales with the token counts that the authors of mT5 give (Xue et al. 2021, arXiv 2010.11934,\n"
        "appendix, as collected in github.com/mayhewsw/multilingual-data-stats), from 0.1 to 2,733 billion,\n"
        f"{total / 1000:.2f} T in all, of which {BUDGET / 1e12:g} T are drawn: the budget of mT5. Share of the tokens\n"
        "drawn, and how often each token is drawn. The quotas: at most 4 repeats, but 10 for Lao; English at most\n"
        "6 %; Hindi at least 5 %.\n"
    )
    rows = [
        [name, f"{billions:g}", f"{billions / total:.2%}"]
        + [
            f"{each['locales'][name]['target_share']:.2%} × {each['locales'][name]['expected_repeats']:.2f}"
            for each in plans.values()
        ]
        for name, billions in MC4.items()
    ]
    rows.append(
        ["largest : smallest", "", f"{max(MC4.values()) / min(MC4.values()):,.0f}"]
        + [
            f"{ratio([entry['target_share'] for entry in each['locales'].values()]):,.1f}"
            for each in plans.values()
        ]
    )
    rows.append(
        ["most repeats", "", ""]
        + [
            f"{max(entry['expected_repeats'] for entry in each['locales'].values()):.2f}"
            for each in plans.values()
        ]
    )
    print(markdown_table(["locale", "tokens, B", "natural", *plans], rows))
    print(f"\nHeld by quotas in the last column: {'; '.join(plans['α = 0.3 and quotas']['held'])}.\n")


def ratio(values: list[float]) -> float:
    """The largest by the smallest."""
    return max(values) / min(values)


def exact_unimax(tokens: Mapping[str, int], budget: int, epochs: int) -> dict[str, Fraction]:
    """Algorithm 1 of the paper in exact arithmetic: the smallest language first."""
    left, given = Fraction(budget), {}
    for done, name in enumerate(sorted(tokens, key=lambda name: (tokens[name], name))):
        given[name] = min(left / (len(tokens) - done), Fraction(tokens[name] * epochs))
        left -= given[name]
    return {name: each / sum(given.values()) for name, each in given.items()}


def unimax() -> None:
    """Properties of UniMax on random corpora."""
    rng = np.random.default_rng(1)
    off = over = unspent = 0.0
    not_monotone = not_uniform = 0
    for _ in range(TRIALS):
        names = [f"l{number:03d}" for number in range(int(rng.integers(2, 110)))]
        tokens = {name: int(np.exp(rng.uniform(5, 28))) for name in names}
        epochs = int(rng.integers(1, 11))
        budget = int(rng.uniform(0.01, 1) * sum(tokens.values()) * epochs) + 1
        made = plan(sizes_of(tokens, unit=1), method="unimax", max_repeats=epochs, budget_tokens=budget)
        entries = made["locales"]
        exact = exact_unimax(tokens, budget, epochs)
        off = max(off, *(abs(entries[name]["target_share"] / float(exact[name]) - 1) for name in names))
        over = max(over, *(entries[name]["expected_repeats"] / epochs - 1 for name in names))
        unspent = max(unspent, abs(sum(entry["expected_tokens"] for entry in entries.values()) / budget - 1))
        by_size = [entries[name]["target_share"] for name in sorted(names, key=lambda name: tokens[name])]
        not_monotone += sum(one > two * (1 + 1e-12) for one, two in pairwise(by_size))
        small = epochs * min(tokens.values()) * len(names)
        uniform = plan(sizes_of(tokens, unit=1), method="unimax", max_repeats=epochs, budget_tokens=small)
        not_uniform += ratio([entry["target_share"] for entry in uniform["locales"].values()]) > 1 + 1e-12
    print("## UniMax\n")
    print(
        f"{TRIALS} random corpora of 2 to 110 languages, 10² to 10¹² tokens each, 1 to 10 epochs, budgets up to all\n"
        "that these give.\n"
    )
    print(
        markdown_table(
            ["property (Chung et al. 2023, section 3)", "worst case"],
            [
                [
                    "shares are those of Algorithm 1 in exact arithmetic",
                    f"{off:.0e} relative difference",
                ],
                ["no language above N epochs", f"{max(over, 0):.0e} above N, relative"],
                ["the budget is spent", f"{unspent:.0e} of it missing"],
                ["no smaller language gets more than a larger one", f"{not_monotone} pairs"],
                ["uniform while no language runs out", f"{not_uniform} corpora"],
            ],
        )
        + "\n"
    )


def quota_corpus(locales: int, rng: np.random.Generator) -> dict[Stratum, Size]:
    """Locales of very unequal sizes in four sources, one of them spoken."""
    return {
        Stratum(f"l{number:03d}", source, form, 1): Size(100, int(np.exp(rng.uniform(10, 27))))
        for number in range(locales)
        for source, form in (
            ("web", "written"), ("wiki", "written"), ("books", "written"), ("subtitles", "spoken")
        )
    }  # fmt: skip


def quotas() -> None:
    """How exactly quotas are kept, and what that takes."""
    print("## Quotas\n")
    rows = []
    for locales in (10, 30, 100, 300):
        rng = np.random.default_rng(locales)
        sizes = quota_corpus(locales, rng)
        least = 0.4 / locales
        settings: dict[str, Any] = {
            "alpha": 0.3,
            "locales": {f"l{number:03d}": {"min_share": least} for number in range(0, locales, 2)}
            | {"l001": {"max_share": least}},
            "sources": {"wiki": {"min_share": 0.3}, "web": {"max_share": 0.3}, "books": {"max_repeats": 1e5}},
            "forms": {"spoken": {"min_share": 0.2, "max_share": 0.2}},
        }
        begin = time.process_time()
        made = plan(sizes, **settings)
        elapsed_s = time.process_time() - begin
        off = [
            *(least / made["locales"][f"l{number:03d}"]["target_share"] - 1 for number in range(0, locales, 2)),
            made["locales"]["l001"]["target_share"] / least - 1,
            0.3 / made["sources"]["wiki"]["target_share"] - 1,
            made["sources"]["web"]["target_share"] / 0.3 - 1,
            *(
                abs(cell["target_share"] / made["locales"][cell["locale"]]["target_share"] / 0.2 - 1)
                for cell in made["cells"]
                if cell["form"] == "spoken"
            ),
        ]  # fmt: skip
        bounds = locales // 2 + 1 + 2 + 2 * locales
        rows.append(
            [
                str(locales),
                str(len(sizes)),
                str(bounds),
                str(len(made["held"])),
                f"{max(0.0, *off):.0e}",
                f"{elapsed_s:.2f}",
            ]
        )
    print(
        "Four sources per locale, e¹⁰ to e²⁷ tokens each; half of the locales with a minimum share, one with a\n"
        "maximum, bounds on three sources, and 20 % spoken text within every locale. The worst bound, relative to\n"
        "its value; and the processor time of all of planning, linear programme included.\n"
    )
    print(
        markdown_table(
            ["locales", "cells", "bounds", "that move shares", "worst bound off by", "seconds"], rows
        )
        + "\n"
    )


def drawn() -> None:
    """Documents drawn by a plan: their shares in tokens, and what a draw costs."""
    locales = {name: MC4[name] for name in list(MC4)[:26]}
    sources = {("web", "written"): 0.7, ("wiki", "written"): 0.2, ("subtitles", "spoken"): 0.1}
    rng = np.random.default_rng(7)
    keys: list[Stratum] = []
    lengths: list[npt.NDArray[np.int64]] = []
    for name, billions in sorted(locales.items()):
        for (source, form), share in sorted(sources.items()):
            for clusters, part in ((1, 0.9), (4, 0.1)):
                count = max(20, int(billions**0.7 * 2000 * share * part))
                keys.append(Stratum(name, source, form, clusters))
                lengths.append(np.minimum(np.exp(rng.normal(6.2, 1.0, count)).astype(np.int64) + 1, 50_000))
    tokens_N = np.concatenate(lengths)
    ids_N = rng.permutation(len(tokens_N)).astype(np.uint64)
    sizes = {key: Size(len(each), int(each.sum())) for key, each in zip(keys, lengths, strict=True)}
    of_N = np.repeat(np.arange(len(keys)), [len(each) for each in lengths])
    cases: dict[str, dict[str, Any]] = {
        "α = 0.3": {"alpha": 0.3},
        "UniMax, N = 4": {"method": "unimax", "max_repeats": 4},
        "quotas: 20 % spoken, wiki at least 30 %": {
            "forms": {"spoken": {"min_share": 0.2, "max_share": 0.2}},
            "sources": {"wiki": {"min_share": 0.3}},
        },
        "phases: α 0.7, 0.5 → 0.3, 0.3": {
            "phases": [
                {"share": 0.5, "alpha": 0.7},
                {"share": 0.3, "alpha": 0.5, "alpha_end": 0.3, "curve": "cosine"},
                {"share": 0.2, "alpha": 0.3},
            ]
        },
        "rehydrated, α = 0.3": {"alpha": 0.3, "duplicates": "rehydrate"},
    }
    rows = []
    for name, settings in cases.items():
        made = plan(sizes, **settings)
        numbers = {key: number for number, key in enumerate(strata_of(made))}
        of_key = np.array([numbers.get(key, numbers.get(key._replace(clusters=0), -1)) for key in keys])
        begin = time.process_time()
        result = draws(made, of_key[of_N], tokens_N, ids_N, seed=1)
        elapsed_s = time.process_time() - begin
        key_D, tokens_D = of_N[result.document_D], tokens_N[result.document_D]
        worst = [
            deviation(made[f"{group}s"], keys, key_D, tokens_D, lambda key, group=group: getattr(key, group))
            for group in ("locale", "source", "form")
        ]
        cells = {(cell["locale"], cell["source"], cell["form"]): cell for cell in made["cells"]}
        worst.append(deviation(cells, keys, key_D, tokens_D, lambda key: key[:3]))
        rows.append(
            [
                name,
                f"{len(result.document_D):,}",
                *(f"{each:.4%}" for each in worst),
                f"{len(result.document_D) / elapsed_s / 1e6:.1f}",
            ]
        )
    print("## Documents drawn by the plan\n")
    print(
        f"{len(tokens_N):,} documents of log-normal lengths, {tokens_N.sum() / 1e6:,.0f} M tokens in {len(locales)}\n"
        "locales, three sources and two forms, drawn by `dataprep/shards/draw.py` until the budget is spent. The\n"
        "largest difference between the share of the tokens drawn and the target share, relative to the target\n"
        "share. Asked for: 0.1 %. Draws are planned on one core, in processor time.\n"
    )
    print(
        markdown_table(
            ["settings", "draws", "locales", "sources", "forms", "cells", "M draws a second"], rows
        )
    )


def deviation(
    entries: Mapping[Any, Mapping[str, float]],
    keys: list[Stratum],
    key_D: npt.NDArray[np.int64],
    tokens_D: npt.NDArray[np.int64],
    group_of: Callable[[Stratum], Any],
) -> float:
    """The largest relative difference between drawn and planned shares of some groups."""
    names = list(entries)
    number_of = np.array([names.index(group_of(key)) for key in keys])
    share = np.bincount(number_of[key_D], tokens_D, len(names)) / tokens_D.sum()
    target = np.array([entries[name]["target_share"] for name in names])
    return float(np.abs(share / target - 1).max())


if __name__ == "__main__":
    main()
