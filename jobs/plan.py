"""Print the balance plan that other settings would give a finished run: no Spark, and nothing is written."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml
from rich.console import Console
from rich.table import Table

from dataprep import files
from dataprep.config import PrepareConfig
from dataprep.shards.balance import plan_of_files
from jobs.config import load_config
from jobs.run import RunFolderError, exit_with_message, parse

_WIDTH: Final = 110  # where the output is no terminal
_STEPS_SHOWN: Final = 24


def main(argv: Sequence[str] | None = None) -> None:
    """Run the job with the arguments of the command line."""
    args = parse("Print the balance plan that other settings would give a finished run.", argv)
    exit_with_message(lambda: _plan(load_config(args.config, args.set, PrepareConfig), dry_run=args.dry_run))


def _plan(config: PrepareConfig, *, dry_run: bool) -> None:
    path = files.join(files.resolved(config.run_dir), "shards", "manifest.json")
    if not files.exists(path):
        raise RunFolderError(
            f"{config.run_dir} holds no finished run; run make prepare with this configuration first."
        )
    if dry_run:
        settings = {"balance": config.balance.model_dump(mode="json")}
        print(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), end="")
        print(f"# for the tokens in {path}; nothing was planned")
        return
    manifest = files.read_json(path)
    if any("cells" not in entry for entry in manifest["files"]):
        raise RunFolderError(
            f"{path} has no tokens per source and form, which earlier versions did not count; run make shards first."
        )
    show(plan_of_files(manifest["files"], config.balance), manifest["plan"])


def show(plan: Mapping[str, Any], now: Mapping[str, Any] | None = None) -> None:
    """Print a plan as tables.

    Args:
        plan: the plan.
        now: another one, whose target shares are shown beside it; null for none.
    """
    console = Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False, emoji=False)
    console.print(
        f"{_method(plan)}: {plan['budget_tokens']:,} tokens are drawn from {plan['total_tokens']:,}"
        + (f"; the run has {_method(now)}" if now else ""),
        soft_wrap=True,
    )
    if now and now.get("unmet"):
        console.print(f"The run's own quotas cannot be kept: {now['unmet']}", markup=False, soft_wrap=True)
    for name in ("locales", "sources", "forms"):
        console.print(_groups(name.removesuffix("s"), plan[name], (now or {}).get(name)))
    if len(plan["phases"]) > 1:
        console.print(_phases(plan))
    if plan["held"]:
        console.print(
            "Quotas that move shares:\n  " + "\n  ".join(plan["held"]), markup=False, soft_wrap=True
        )


def _method(plan: Mapping[str, Any]) -> str:
    if plan.get("alpha") is not None:
        return f"temperature, alpha {plan['alpha']:g}"
    alphas = [step["alpha"] for step in plan["phases"] if step["alpha"] is not None]
    return f"temperature, alpha {alphas[0]:.3g} to {alphas[-1]:.3g}" if alphas else str(plan["method"])


def _groups(kind: str, rows: Mapping[str, Any], now: Mapping[str, Any] | None) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(kind)
    names = [
        "documents",
        "tokens",
        "natural",
        "method",
        *(["now"] if now else []),
        "target",
        "expected",
        "repeats",
    ]
    for name in names:
        table.add_column(name, justify="right")
    for name, row in sorted(rows.items(), key=lambda item: (-item[1]["tokens"], item[0])):
        table.add_row(
            name,
            f"{row['documents']:,}",
            f"{row['tokens']:,}",
            f"{row['natural_share']:.3%}",
            f"{row['base_share']:.3%}",
            *([f"{now[name]['target_share']:.3%}" if name in now else "–"] if now else []),
            f"{row['target_share']:.3%}",
            f"{row['expected_tokens']:,.0f}",
            f"{row['expected_repeats']:.3f}",
        )
    return table


def _phases(plan: Mapping[str, Any]) -> Table:
    """The first locales over the steps; the middle of very many steps is left out."""
    locales = sorted(plan["locales"], key=lambda name: (-plan["locales"][name]["tokens"], name))
    shown = [*locales[:3], *(name for name in locales[-3:] if name not in locales[:3])]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("phase", "from token", "tokens", "alpha", *shown):
        table.add_column(name, justify="right")
    steps = plan["phases"]
    half = _STEPS_SHOWN // 2
    left_out = range(half, len(steps) - half) if len(steps) > _STEPS_SHOWN else range(0)
    for number, step in enumerate(steps):
        if number in left_out:
            if number == half:
                table.add_row("…")
            continue
        shares = [f"{step['locales'][name]['target_share']:.3%}" for name in shown]
        table.add_row(
            str(step["phase"] + 1),
            f"{step['from_token']:,}",
            f"{step['tokens']:,}",
            f"{step['alpha']:.3f}",
            *shares,
        )
    return table


if __name__ == "__main__":
    main()
