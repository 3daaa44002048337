"""Progress: a line per stage with its counts, and a bar of Spark's tasks while one runs in a terminal."""

import os
import sys
import threading
from collections.abc import Callable
from typing import Any, Self

from pyspark.sql import SparkSession
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dataprep.local_tasks import LocalTasks
from dataprep.stages import StageRecord

_POLL_S = 0.3


class StageProgress:
    """Prints what the stages do. In a pipe or in CI, only one plain line per finished stage."""

    def __init__(self) -> None:
        # A descriptor of its own: while the JVM starts, standard error leads to its log file.
        terminal = os.fdopen(os.dup(2), "w") if sys.stderr.isatty() else sys.stderr
        self._console = Console(file=terminal, highlight=False, soft_wrap=True, emoji=False)
        self._session: Callable[[], SparkSession | None] = lambda: None
        self._local: LocalTasks | None = None
        self._bar: Progress | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, session: Callable[[], SparkSession | None], local: LocalTasks | None = None) -> None:
        """Where to find the session whose tasks the bar counts, once there is one, and tasks that run without it."""
        self._session = session
        self._local = local

    def start(self, stage: str) -> None:
        """A stage begins."""
        if not self._console.is_terminal:
            return
        self._bar = Progress(
            TextColumn("{task.description:10}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TextColumn("tasks"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        task = self._bar.add_task(stage, total=None)
        self._bar.start()
        self._stop.clear()
        self._thread = threading.Thread(target=self._poll, args=(task,), daemon=True)
        self._thread.start()

    def end(self, record: StageRecord, skipped: bool) -> None:
        """A stage is done."""
        self.close()
        how = "already done" if skipped else f"{record.elapsed_s:.1f} s"
        self.say(f"{record.stage:10} {summary(record)}  [{how}]")

    def say(self, line: str) -> None:
        """Print one line above the bar."""
        self._console.print(line, markup=False)

    def close(self) -> None:
        """Remove the bar."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _poll(self, task: Any) -> None:  # noqa: ANN401 (rich's TaskID)
        while not self._stop.wait(_POLL_S):
            session, bar = self._session(), self._bar
            if bar is not None and self._local is not None and self._local.done[1]:
                bar.update(task, completed=self._local.done[0], total=self._local.done[1])
                continue
            if session is None or bar is None:
                continue
            tracker = session.sparkContext.statusTracker()
            active = [info for stage in tracker.getActiveStageIds() if (info := tracker.getStageInfo(stage))]
            if active:
                done = sum(info.numCompletedTasks for info in active)
                bar.update(task, completed=done, total=sum(info.numTasks for info in active))


def summary(record: StageRecord) -> str:
    """The counts of a stage that people want to see, in words."""
    counts = record.counts
    match record.stage:
        case "annotate":
            malformed = sum(row[-1] for row in counts["quarantined"])
            return (
                f"{counts['files']:,} files, {counts['documents']:,} documents, "
                f"{counts['text_bytes'] / 1e6:,.1f} MB of text, {malformed:,} malformed, "
                f"{counts['repaired']:,} repaired"
            )
        case "dedup":
            return (
                f"{counts['documents']:,} documents, {counts['exact_removed']:,} exact and "
                f"{counts['near_removed']:,} near duplicates, {counts['candidate_pairs']:,} pairs verified"
            )
        case "lines":
            sources = counts["by_source"].values()
            removed, read, dropped = (
                sum(source[name] for source in sources) for name in ("removed", "read", "documents_dropped")
            )
            return (
                f"{counts['boilerplate']:,} boilerplate lines, {removed:,} of {read:,} lines removed, "
                f"{dropped:,} documents with too little left"
            )
        case "decontaminate":
            items, found = (sum(each[name] for each in counts["sets"]) for name in ("items", "items_found"))
            return (
                f"{counts['documents_matched']:,} of {counts['documents']:,} documents have something of "
                f"{found:,} of {items:,} items of evaluation sets"
            )
        case "fates":
            kept = sum(row["documents"] for row in counts["funnel"] if row["drop_reason"] is None)
            return f"{kept:,} of {counts['documents']:,} documents kept"
        case "utterances":
            dropped, malformed, kept = (
                sum(row[-1] for row in counts[name]) for name in ("dropped", "quarantined", "kept")
            )
            return (
                f"{counts['files']:,} files, {kept:,} utterances kept, {dropped:,} records dropped or repeated, "
                f"{malformed:,} malformed, {counts['window']['first_day']} to {counts['window']['last_day']}"
            )
        case "tokenizer":
            return f"{counts['vocab_size']:,} pieces from {counts['sampled_documents']:,} documents"
        case "shards":
            return f"{counts['files']:,} shards, {counts['tokens']:,} tokens in {counts['locales']} locales"
        case _:
            return ""
