"""Tasks on the cores of this machine without Spark: reading and measuring need none, and can begin while it starts."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Final, Self

from pyspark import cloudpickle

_ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
_WATCH_S: Final = 0.5


class LocalTaskError(ValueError):
    """A task's process was killed; the message says what to do."""


class LocalTasks:
    """Runs tasks in processes of their own, one per core; in a `with` block, all calls in the same processes.

    Attributes:
        cores: how many at a time.
        done: tasks finished and tasks in all of the call that runs, for a progress bar.
    """

    def __init__(self, cores: int) -> None:
        self.cores = cores
        self.done = (0, 0)
        self._kept: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        self._kept = _pool(self.cores)
        return self

    def __exit__(self, *_: object) -> None:
        if self._kept is not None:
            self._kept.shutdown(cancel_futures=True)
            self._kept = None

    def run(self, payloads: Sequence[str], work: Callable[[str], str]) -> list[str]:
        """Run a function, one task per payload; its answers in the same order. As `tables.run_tasks`.

        Raises:
            LocalTaskError: a process was killed.
        """
        if not payloads:
            return []
        for name in _ONE_THREAD:
            os.environ.setdefault(name, "1")  # the tasks themselves fill the cores
        self.done = (0, len(payloads))
        packed = cloudpickle.dumps(work)  # type: ignore[no-untyped-call]
        pool = self._kept or _pool(min(self.cores, len(payloads)))
        try:
            futures = [pool.submit(_call, packed, payload) for payload in payloads]
            for _ in as_completed(futures):
                self.done = (self.done[0] + 1, len(payloads))
            return [future.result() for future in futures]
        except BrokenProcessPool as error:
            raise LocalTaskError(
                "a process that reads the input was killed, mostly for want of memory; use fewer cores "
                "(MASTER='local[1]') or a smaller engine.batch_bytes, and run again."
            ) from error
        finally:
            if pool is not self._kept:
                pool.shutdown(cancel_futures=True)
            self.done = (0, 0)


def _pool(processes: int) -> ProcessPoolExecutor:
    # New processes, not forks: a fork of a process with threads may inherit a lock that nobody will release.
    return ProcessPoolExecutor(processes, get_context("spawn"), initializer=_watch, initargs=(os.getpid(),))


def _call(packed: bytes, payload: str) -> str:
    work: Callable[[str], str] = cloudpickle.loads(packed)
    return work(payload)


def _watch(parent: int) -> None:
    """End this process when the one that started it is gone, however that ended: it must not go on writing."""

    def wait() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_S)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
