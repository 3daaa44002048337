"""The training of a trial, as a process that the search watches, stops, and finds again after it was itself killed."""

import fcntl
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jobs import launch
from training.search import Progress, SearchError, progress

SETTINGS: Final = "settings.yaml"
_LOG: Final = "log.txt"
_LOCK: Final = "lock"


@dataclass(slots=True)
class Training:
    """A training that was started.

    Attributes:
        folder: of the trial; the run folder too.
        process: what runs it.
        stop_timeout_s: seconds between asking it to stop and killing it.
        kill_at_s: when it will be killed, by the monotonic clock; none before it was asked to stop.
    """

    folder: Path
    process: subprocess.Popen[bytes]
    stop_timeout_s: float
    kill_at_s: float | None = None

    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.process.poll() is not None

    def ask_to_stop(self) -> None:
        """Ask once; when called again after the time-out, kill."""
        if self.kill_at_s is None:
            self.process.send_signal(signal.SIGTERM)
            self.kill_at_s = time.monotonic() + self.stop_timeout_s
        elif time.monotonic() > self.kill_at_s:
            launch.stop(self.process, within_s=0)

    def end(self) -> None:
        """Wait until it has stopped, or kill it."""
        launch.stop(self.process, within_s=self.stop_timeout_s)

    def failure(self) -> str:
        """Why it ended, in one line."""
        if self.process.returncode == 0:
            return "it ended before its last step"
        told = (self.folder / _LOG).read_text(encoding="utf-8", errors="replace")
        return launch.failure(told, self.process.returncode)


def start(
    folder: Path, lock: int, num_processes: int, *, stop_timeout_s: int, environment: dict[str, str]
) -> Training:
    """Start the training whose settings lie in a folder, or go on with it.

    Args:
        folder: of the trial.
        lock: what `claim` gave for it; the training holds it from now on.
        num_processes: ranks.
        stop_timeout_s: seconds it has for its checkpoint when it is stopped.
        environment: variables besides this process's.
    """
    arguments = ["--config", str(folder / SETTINGS)]
    command = launch.command("jobs.pretrain", arguments, num_processes, shutdown_s=stop_timeout_s)
    (folder / _LOG).write_text("", encoding="utf-8")  # a failure of a former start is none of this one
    process = launch.start(command, folder / _LOG, environment=environment, keep_open=lock)
    os.pwrite(lock, str(process.pid).encode(), 0)
    os.close(lock)
    return Training(folder, process, stop_timeout_s)


def claim(folder: Path, *, stop_timeout_s: float) -> int:
    """The locked descriptor of a trial's folder. A training that outlived its search is stopped first.

    The system lets go of a lock when the last process that holds it ends, whichever way. A file with a process's
    number alone would not say whose number that is by now.
    """
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    asked_at_s: float | None = None
    while not _is_locked(descriptor):
        holder = os.pread(descriptor, 20, 0)
        if holder and asked_at_s is None:
            print(
                f"trial {folder.name} is still training: it is asked to stop, and goes on from its checkpoint"
            )
            with suppress(ProcessLookupError):  # it is gone, and a process that it started still ends
                os.kill(int(holder), signal.SIGTERM)
            asked_at_s = time.monotonic()
        elif asked_at_s is not None and time.monotonic() > asked_at_s + stop_timeout_s:
            with suppress(ProcessLookupError):
                os.killpg(int(holder), signal.SIGKILL)
        time.sleep(0.1)
    os.ftruncate(descriptor, 0)
    return descriptor


def remove_checkpoints(folder: Path) -> None:
    """Free the space of a trial that nobody goes on with; its metrics and its log stay."""
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)


def lock_search(folder: Path) -> int:
    """The locked descriptor of a search's folder.

    Raises:
        SearchError: another search has it.
    """
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    if not _is_locked(descriptor):
        os.close(descriptor)
        raise SearchError(f"another search is running in {folder}; wait for it, or stop it.")
    return descriptor


def _is_locked(descriptor: int) -> bool:
    """Whether the lock is ours now."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def read_progress(folder: Path) -> Progress:
    """How far the trial in a folder has come."""
    path = folder / "metrics.jsonl"
    return progress(path.read_text(encoding="utf-8") if path.exists() else "")


def shares_of_devices(workers: int, processes: int) -> list[dict[str, str]]:
    """For each worker, the variables that show its trainings their own CUDA devices.

    A single worker has all; and none is needed where there are no devices.

    Raises:
        SearchError: there are fewer devices than all workers need.
    """
    if workers == 1:
        return [{}]
    import torch

    there = torch.cuda.device_count()
    if not there:
        return [{} for _ in range(workers)]
    if workers * processes > there:
        raise SearchError(
            f"{workers} workers with {processes} processes each need {workers * processes} devices, and there are "
            f"{there}; lower workers or processes_per_trial."
        )
    names = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(there)))).split(",")
    return [
        {"CUDA_VISIBLE_DEVICES": ",".join(names[worker * processes : (worker + 1) * processes])}
        for worker in range(workers)
    ]
