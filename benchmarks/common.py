"""What the benchmarks share: a command's wall time and memory, Markdown tables, facts about the machine."""

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import psutil

_SAMPLE_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Measured:
    """One command, from start to end.

    Attributes:
        wall_s: wall time, in seconds.
        peak_bytes: largest sum of the resident memory of the process and all its descendants, sampled five times a
            second. Pages that processes share count once per process.
        output: what it wrote to standard output.
    """

    wall_s: float
    peak_bytes: int
    output: str


def run_measured(command: Sequence[str], env: Mapping[str, str]) -> Measured:
    """Run a command in a fresh process and measure it; its standard error stays on the terminal.

    Args:
        command: program and arguments.
        env: environment variables to add.

    Raises:
        subprocess.CalledProcessError: the command failed.
    """
    begin = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **env}) as process:
        peak_bytes = 0
        while True:
            try:
                output, _ = process.communicate(timeout=_SAMPLE_S)
                break
            except subprocess.TimeoutExpired:
                peak_bytes = max(peak_bytes, tree_bytes(process.pid))
    wall_s = time.perf_counter() - begin
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, output)
    return Measured(wall_s, peak_bytes, output)


def tree_bytes(pid: int) -> int:
    """Resident memory of a process and all its descendants, in bytes; of what is left if some end meanwhile."""
    total = 0
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for process in family:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def module_command(module: str, *args: str) -> list[str]:
    """The command that runs a module in this interpreter."""
    return [sys.executable, "-m", module, *args]


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, text_columns: int = 1) -> str:
    """A Markdown table, padded so that it can be read as plain text too.

    Args:
        header: names of the columns.
        rows: cells, as many per row as the header has.
        text_columns: the first so many columns are set to the left, the others, numbers, to the right.
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    is_text = [index < text_columns for index in range(len(widths))]
    columns = list(zip(widths, is_text, strict=True))
    rule = ["-" * width if text else "-" * (width - 1) + ":" for width, text in columns]

    def padded(row: Sequence[str]) -> list[str]:
        cells = zip(row, columns, strict=True)
        return [cell.ljust(width) if text else cell.rjust(width) for cell, (width, text) in cells]

    return "\n".join(f"| {' | '.join(line)} |" for line in (padded(header), rule, *map(padded, rows)))


def machine_facts(*packages: str) -> str:
    """One line: cores this process may use, memory, architecture, Python, and the versions of some packages."""
    cores = len(os.sched_getaffinity(0))
    memory_gib = psutil.virtual_memory().total / 2**30
    parts = [
        f"{cores} cores ({platform.machine()})",
        f"{memory_gib:.0f} GiB of memory",
        f"Python {platform.python_version()}",
        *(f"{package} {version(package)}" for package in packages),
    ]
    return ", ".join(parts)


def publish(page: str, output: str | None) -> None:
    """Print a page, and write it to a file if one is named."""
    print(page)
    if output is not None:
        Path(output).parent.mkdir(parents=True, exist_ok=True)
        Path(output).write_text(page + "\n", encoding="utf-8")


@contextmanager
def work_folder(keep: str | None) -> Iterator[Path]:
    """The folder to keep, which must not exist yet, or a temporary one."""
    if keep is not None:
        Path(keep).mkdir(parents=True)
        yield Path(keep)
        return
    with tempfile.TemporaryDirectory(prefix="magister-") as folder:
        yield Path(folder)
