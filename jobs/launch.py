"""Trainings as processes of their own: how they are started and stopped, and why one failed, in one line."""

import logging
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

BAD_INPUT: Final = 2  # exit code: the configuration or the input must be changed
# What torchrun tells its ranks; a process that was itself started by it must not pass this on.
_OF_A_RANK: Final = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_NO_MEMORY: Final = re.compile(
    r"out of memory|can't allocate memory|cannot allocate memory|MemoryError|bad_alloc", re.IGNORECASE
)
# Of a rank that the system killed. torchrun kills ranks too, but only after another one failed with an exception.
_KILLED: Final = re.compile(r"exitcode\s*:\s*-9\b")
_RANK: Final = re.compile(r"^\[(?:rank\d+|default\d+)\]:\s*")
_EXCEPTION: Final = re.compile(r"^(?:\w+\.)*\w+(?:Error|Exception): \S")
_LONGEST: Final = 160  # characters of a reason


def command(module: str, arguments: Sequence[str], num_processes: int, *, shutdown_s: int) -> list[str]:
    """What runs a module on so many ranks of this machine.

    Args:
        module: its name.
        arguments: of the module.
        num_processes: ranks; a single one needs no torchrun.
        shutdown_s: seconds that torchrun gives its ranks after SIGTERM before it kills them.
    """
    python = [sys.executable, "-m"]
    if num_processes == 1:
        return [*python, module, *arguments]
    ranks = ["--nproc-per-node", str(num_processes), "--shutdown-timeout", str(shutdown_s)]
    return [*python, "torch.distributed.run", "--standalone", *ranks, "-m", module, *arguments]


def run_ranks(module: str, arguments: Sequence[str], num_processes: int, *, shutdown_s: int) -> int:
    """Run a module on so many ranks of this machine, as torchrun would, and wait for them.

    torchrun's own account of a rank that failed is a page long, where the rank has said why in a sentence.

    Args:
        module: its name.
        arguments: of the module.
        num_processes: ranks.
        shutdown_s: seconds that the ranks have after SIGTERM before they are killed.

    Returns:
        0; the exit code of the rank that failed first, or 1 if a signal killed it; or 128 and the signal that this
        process got and passed on.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=num_processes,
        run_id=str(uuid.uuid4()),
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        shutdown_timeout=shutdown_s,
    )
    try:
        elastic_launch(config, sys.executable)("-m", module, *arguments)
    except ChildFailedError as error:
        _, first = error.get_first_failure()
        return max(1, first.exitcode)
    except SignalException as error:
        return 128 + error.sigval
    return 0


def start(
    command: Sequence[str],
    log: Path,
    *,
    environment: Mapping[str, str] | None = None,
    keep_open: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a command in a process group of its own; what it prints is added to the log.

    Args:
        command: program and arguments.
        log: file for both of its outputs.
        environment: variables besides this process's.
        keep_open: a descriptor that the process inherits.
    """
    given = {name: value for name, value in os.environ.items() if name not in _OF_A_RANK}
    given.setdefault("OMP_NUM_THREADS", "1")
    with log.open("ab") as out:
        return subprocess.Popen(
            command,
            env={**given, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C ends them in order, through us, and not all at once
            pass_fds=() if keep_open is None else (keep_open,),
        )


def stop(process: subprocess.Popen[bytes], *, within_s: float) -> None:
    """Ask a process to stop; kill its group if it has not after so many seconds."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    deadline_s = time.monotonic() + within_s
    while process.poll() is None and time.monotonic() < deadline_s:
        time.sleep(0.05)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def ending_in_one_sentence() -> Iterator[None]:
    """Within it, bad input and Ctrl-C end the process with one sentence and a code, and not with a traceback."""
    try:
        yield
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here.", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)


@contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """Within it, SIGTERM is as Ctrl-C, so that what was started is stopped in order."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def failure(log: str, returncode: int) -> str:
    """Why a training failed, in one line, from what it printed and its exit code (below 0: a signal)."""
    lines = [_RANK.sub("", line).strip() for line in log.splitlines()]
    if any(map(_NO_MEMORY.search, lines)):
        return "out of memory"
    told = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    raised = [line for line in lines if _EXCEPTION.match(line)]  # torchrun's own has no text behind the colon
    # A kill without a word is nearly always the system's, for want of memory.
    is_killed = returncode == -signal.SIGKILL or any(map(_KILLED.search, lines))
    if is_killed and not told and not raised:
        return "out of memory"
    # Ranks that wait for one that failed fail too, after it.
    reason = (told[-1:] or raised[:1] or [f"it ended with code {returncode}"])[0]
    return reason if len(reason) <= _LONGEST else reason[: _LONGEST - 1] + "…"


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
