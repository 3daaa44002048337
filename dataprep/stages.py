"""Stage commits and resume: a stage is done when its `_stage.json` says so, and for the settings it says.

A stage writes its outputs in place, each file atomically, and its record last. A run that dies in between leaves no
record, so the next run deletes what is there and starts the stage again. The record holds the hash of the algorithm
settings and of what the stage read; a stage whose hashes match is skipped. Because a stage's inputs include the hash
of the stages before it, a changed setting redoes exactly the stages it can affect.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from dataprep import files
from dataprep.config import settings_sha256

RECORD_NAME: Final = "_stage.json"


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the pipeline.

    Attributes:
        name: what people call it.
        folder: folder of the run folder that holds its record.
        outputs: files and folders of the run folder that the stage owns.
    """

    name: str
    folder: str
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StageRecord:
    """What a finished stage left behind.

    Attributes:
        stage: its name.
        fingerprint: hash of its algorithm settings and of everything it read.
        counts: its row counts, and what later stages need to know of it.
        elapsed_s: wall time it took.
    """

    stage: str
    fingerprint: str
    counts: dict[str, Any] = field(default_factory=dict)
    elapsed_s: float = 0.0


class RunFolder:
    """The folder of one run: paths, stage records, commits.

    Attributes:
        path: the folder.
        stages: all stages, in their order.
    """

    def __init__(self, path: str, stages: Sequence[Stage]) -> None:
        self.path = path.rstrip("/")
        self.stages = tuple(stages)

    def at(self, *names: str) -> str:
        """Path of something in the run folder."""
        return files.join(self.path, *names)

    def record(self, stage: Stage) -> StageRecord | None:
        """The stage's record, whatever settings it was made with; null if the stage is not done."""
        path = self.at(stage.folder, RECORD_NAME)
        return StageRecord(**files.read_json(path)) if files.exists(path) else None

    def is_current(self, stage: Stage, inputs: object) -> bool:
        """Whether the stage is committed for these inputs."""
        done = self.record(stage)
        return done is not None and done.fingerprint == settings_sha256(inputs)

    def clear_from(self, stage: Stage) -> None:
        """Delete the outputs of a stage and of all later ones, records first.

        In this order a crash cannot leave a record without what it vouches for; and no later output survives the one
        it was made from.
        """
        later = self.stages[self.stages.index(stage) :]
        for each in later:
            files.remove_tree(self.at(each.folder, RECORD_NAME))
        for each in later:
            for output in each.outputs:
                files.remove_tree(self.at(output))

    def run(
        self, stage: Stage, inputs: object, work: Callable[[], dict[str, Any]]
    ) -> tuple[StageRecord, bool]:
        """Run a stage unless it is already committed for the same inputs.

        Args:
            stage: the stage.
            inputs: JSON value that names everything its result depends on.
            work: does the work, writes the outputs and returns the counts.

        Returns:
            The stage's record, and whether the stage was skipped.
        """
        fingerprint = settings_sha256(inputs)
        done = self.record(stage)
        if done is not None and done.fingerprint == fingerprint:
            return done, True
        self.clear_from(stage)
        started_at = time.monotonic()
        with self._cleared_on_failure(stage):
            counts = work()
        record = StageRecord(stage.name, fingerprint, counts, round(time.monotonic() - started_at, 3))
        files.write_json(self.at(stage.folder, RECORD_NAME), asdict(record))
        return record, False

    @contextmanager
    def _cleared_on_failure(self, stage: Stage) -> Iterator[None]:
        """Leave nothing half-written when a stage fails with a message; only a killed process can."""
        try:
            yield
        except BaseException:
            # Tasks that Spark is still cancelling may write while this deletes; the next run clears again, and the
            # error that brought us here is the one to tell.
            with suppress(OSError):
                self.clear_from(stage)
            raise
