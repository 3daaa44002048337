"""Tasks on the cores of this machine without Spark: reading and measuring need none, and can begin while it starts."""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import Pipe, forkserver, get_context
from multiprocessing.connection import Connection
from typing import Final, Self

_ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
_PRELOADED: Final = "dataprep.preloaded"


class LocalTaskError(ValueError):
    """A task's process was killed; the message says what to do."""


class LocalTasks:
    """Runs tasks in processes of their own, one per core. They stay until `close`, or the end of a `with` block.

    Attributes:
        cores: how many at a time.
        done: tasks finished and tasks in all of the call that runs, for a progress bar.
    """

    def __init__(self, cores: int) -> None:
        self.cores = cores
        self.done = (0, 0)
        self._pool: ProcessPoolExecutor | None = None
        self._alive: Connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, payloads: Sequence[str], work: Callable[[str], str]) -> list[str]:
        """Run a function, one task per payload; its answers in the same order. As `tables.run_tasks`.

        Raises:
            LocalTaskError: a process was killed.
        """
        if not payloads:
            return []
        self.done = (0, len(payloads))
        # Here, because a job starts this module's processes before it imports anything large.
        from pyspark import cloudpickle

        packed = cloudpickle.dumps(work)  # type: ignore[no-untyped-call]
        try:
            futures = [self._started().submit(_call, packed, payload) for payload in payloads]
            for _ in as_completed(futures):
                self.done = (self.done[0] + 1, len(payloads))
            return [future.result() for future in futures]
        except BrokenProcessPool as error:
            self.close()
            raise LocalTaskError(
                "a process that reads the input was killed, mostly for want of memory; use fewer cores "
                "(MASTER='local[1]') or a smaller engine.batch_bytes, and run again."
            ) from error
        except BaseException:
            self.close()
            raise
        finally:
            self.done = (0, 0)

    def close(self) -> None:
        """End the processes, if there are any; what has not begun is not run."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
            self._alive.close()

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            prepare_processes()
            # Only this process holds the other end, so its end is told at once, however it comes about.
            reader, self._alive = Pipe(duplex=False)
            self._pool = ProcessPoolExecutor(
                self.cores, get_context("forkserver"), initializer=_watch, initargs=(reader,)
            )
        return self._pool


class InThisProcess(LocalTasks):
    """Tasks run one after the other in the process that asks: for little work, and for tests that change functions."""

    def run(self, payloads: Sequence[str], work: Callable[[str], str]) -> list[str]:
        """Run a function, one task per payload; its answers in the same order."""
        return [work(payload) for payload in payloads]


def prepare_processes() -> None:
    """Start the process that others are forked from, if it is not there: it imports what they need, once, meanwhile.

    Not this process: a fork of one that has threads may inherit a lock that nobody will release.
    """
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")  # the tasks themselves fill the cores
    get_context("forkserver").set_forkserver_preload([_PRELOADED])
    forkserver.ensure_running()


def _call(packed: bytes, payload: str) -> str:
    from pyspark import cloudpickle

    work: Callable[[str], str] = cloudpickle.loads(packed)
    return work(payload)


def _watch(alive: Connection) -> None:
    """End this process when the one that started it is gone, however that ended: it must not go on writing."""

    def wait() -> None:
        with suppress(EOFError, OSError):
            alive.recv_bytes()  # nothing is ever sent
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
