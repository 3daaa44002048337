"""First half: records of one task's input to rows per utterance and file, in spoken form, without names.

What is outside of the window or in another locale, and what is left empty, is counted and goes. The rest is normalised
(each spelling once), and its rows lie in `work/part-N.parquet`, a row group per range of utterance ids, so that the
second half can gather a range from all files. Nothing depends on how the input was cut into tasks.
"""

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from dataprep import files
from dataprep import schema as s
from dataprep.annotate.normalise import normalise
from dataprep.annotate.privacy.search import private_data
from dataprep.annotate.spoken_form import spoken_forms
from dataprep.annotate.task import ReadTask
from dataprep.encryption import Vault
from dataprep.locales import UNDETERMINED
from dataprep.parts import PartWriter, part_name
from dataprep.sources.record import Malformed, Split
from dataprep.sources.utterances import Utterance, read_utterances

KEY: Final = "key"  # 16 bytes: what doc_id spells
GATHERED: Final = pa.schema(
    [
        (KEY, pa.binary(16)),
        (s.LOCALE, pa.string()),
        (s.TEXT, pa.string()),
        (s.NUMBERS_LEFT, pa.int32()),
        (s.SOURCE, pa.string()),
        (s.FILE, pa.string()),
        (s.DOMAIN, pa.string()),
        ("records", pa.int64()),
        (s.FREQUENCY, pa.int64()),
        ("unnamed", pa.int64()),  # of the frequency, what no record says the speaker of
        ("speakers", pa.list_(pa.uint64())),
    ]
)
OUTSIDE_WINDOW: Final = "outside_window"
EMPTY: Final = "empty"  # these two as in filter/rules.py
LOCALE_NOT_SELECTED: Final = "locale_not_selected"
_BATCH_RECORDS: Final = 8_192
_FLUSH_RECORDS: Final = 1_000_000  # held by a task at a time
_NOBODY: Final = 0

Counts = Counter[tuple[str, str, str, str]]  # source, file, locale, reason


@dataclass(frozen=True, slots=True)
class GatherSettings:
    """What decides the rows; plain values that travel to tasks.

    Attributes:
        start_s: first second of the window.
        end_s: the second behind it.
        locales: languages and locales to keep; null keeps all.
        repair_mojibake: see `normalise`.
    """

    start_s: float
    end_s: float
    locales: frozenset[str] | None
    repair_mojibake: bool


@dataclass(slots=True)
class Gathered:
    """What a task read and wrote.

    Attributes:
        part: number of its file in `work/`.
        read: (source, file, locale, "") → records, malformed ones included.
        dropped: (source, file, locale, reason) → records.
        quarantined: the same of malformed records.
        ranges: per row group of its file, the range of ids that it holds.
    """

    part: int
    read: Counts = field(default_factory=Counter)
    dropped: Counts = field(default_factory=Counter)
    quarantined: Counts = field(default_factory=Counter)
    ranges: list[int] = field(default_factory=list)

    def to_json(self) -> str:
        """The result as one line, for the way back to the driver."""
        value = asdict(self)
        for name in ("read", "dropped", "quarantined"):
            value[name] = [[*key, count] for key, count in getattr(self, name).items()]
        return json.dumps(value)

    @classmethod
    def from_json(cls, line: str) -> Self:
        """The result that `to_json` wrote."""
        value = json.loads(line)
        for name in ("read", "dropped", "quarantined"):
            value[name] = Counter({tuple(key): count for *key, count in value[name]})
        return cls(**value)


def newest_second(task: ReadTask) -> float:
    """Timestamp of the newest readable record of a task's input, in seconds since 1970; -1 if there is none."""
    return max(
        (
            record.timestamp_s
            for split in task.splits
            for record in read_utterances(split)
            if isinstance(record, Utterance)
        ),
        default=-1.0,
    )


def gather(task: ReadTask, *, run_dir: str, vault: Vault, settings: GatherSettings, ranges: int) -> Gathered:
    """Read and normalise one task's share; write `work/` and `quarantine/`.

    Args:
        task: what to read.
        run_dir: run folder.
        vault: encrypts what is written.
        settings: algorithm settings.
        ranges: into how many ranges the ids are divided.
    """
    result = Gathered(task.part)
    rows = PartWriter(files.join(run_dir, "work", part_name(task.part)), **vault.options())
    quarantine = PartWriter(files.join(run_dir, "quarantine", part_name(task.part)), **vault.options())
    held = _Held(settings, result)
    try:
        for split in task.splits:
            for batch, malformed in _batches(split, settings, result):
                if malformed:
                    quarantine.write(malformed)
                held.add(batch, split)
                if len(held) >= _FLUSH_RECORDS:
                    held.flush(rows, ranges)
        held.flush(rows, ranges)
        rows.commit()
        quarantine.commit()
    except BaseException:
        rows.discard()
        quarantine.discard()
        raise
    return result


def _batches(
    split: Split, settings: GatherSettings, result: Gathered
) -> Iterator[tuple[list[Utterance], pa.RecordBatch | None]]:
    """The split's records that count, in batches, with the malformed ones read meanwhile; counts all of them."""
    batch: list[Utterance] = []
    malformed: list[Malformed] = []
    # Per locale: records read, outside of the window. Plain lists are quicker than counters, once per record.
    counts: dict[str, list[int]] = {}
    for record in read_utterances(split):
        if isinstance(record, Malformed):
            malformed.append(record)
            continue
        of_locale = counts.get(record.locale)
        if of_locale is None:
            of_locale = counts[record.locale] = [0, 0]
        of_locale[0] += 1
        if not settings.start_s <= record.timestamp_s < settings.end_s:
            of_locale[1] += 1
            continue
        batch.append(record)
        if len(batch) >= _BATCH_RECORDS:
            yield batch, _quarantine_rows(split, malformed, result)
            batch, malformed = [], []
    yield batch, _quarantine_rows(split, malformed, result)
    for locale, (read, outside) in counts.items():
        result.read[split.source, split.file, locale, ""] += read
        if outside:
            result.dropped[split.source, split.file, locale, OUTSIDE_WINDOW] += outside


def _quarantine_rows(split: Split, malformed: list[Malformed], result: Gathered) -> pa.RecordBatch | None:
    if not malformed:
        return None
    locale = split.language or UNDETERMINED
    for record in malformed:
        result.read[split.source, split.file, locale, ""] += 1
        result.quarantined[split.source, split.file, locale, record.reason] += 1
    return pa.RecordBatch.from_pylist(
        [
            {
                s.SOURCE: split.source,
                s.FILE: split.file,
                s.LOCALE: locale,
                "offset": record.offset,
                "reason": record.reason,
                "sample": record.sample,
            }
            for record in malformed
        ],
        schema=s.QUARANTINE,
    )


class _Held:
    """Records that were read and are not yet written; every spelling is normalised once."""

    def __init__(self, settings: GatherSettings, result: Gathered) -> None:
        self._settings = settings
        self._result = result
        self._places: list[tuple[str, str]] = []  # source and file
        self._domains: dict[str, int] = {}
        self._clear()

    def __len__(self) -> int:
        return len(self._ids)

    def _clear(self) -> None:
        self._known: dict[
            tuple[str, str], int
        ] = {}  # locale and text as read → number of the utterance, -1: none
        self._by_key: dict[bytes, int] = {}
        self._utterances: list[tuple[bytes, str, str, int]] = []  # key, locale, text, numbers left
        self._ids: list[int] = []
        self._of_place: list[int] = []
        self._counts: list[int] = []
        self._speakers: list[int] = []
        self._of_domain: list[int] = []

    def add(self, batch: list[Utterance], split: Split) -> None:
        """Take some records of one file."""
        place = (split.source, split.file)
        if not self._places or self._places[-1] != place:
            self._places.append(place)
        number = len(self._places) - 1
        known = self._known
        new = {
            (record.locale, record.text): None
            for record in batch
            if (record.locale, record.text) not in known
        }
        if new:
            self._learn(list(new))
        for record in batch:
            utterance = known[record.locale, record.text]
            if utterance < 0:
                reason = EMPTY if utterance == -1 else LOCALE_NOT_SELECTED
                self._result.dropped[*place, record.locale, reason] += 1
                continue
            self._ids.append(utterance)
            self._of_place.append(number)
            self._counts.append(record.times)
            # A hash of 0 is one in 2**64; it becomes a 1.
            self._speakers.append(_NOBODY if record.speaker is None else record.speaker or 1)
            self._of_domain.append(
                self._domains.setdefault(record.domain, len(self._domains)) if record.domain else -1
            )

    def _learn(self, spellings: list[tuple[str, str]]) -> None:
        """Normalise texts that were not seen before, and give them numbers."""
        wanted = self._settings.locales
        selected = [
            spelling
            for spelling in spellings
            if wanted is None or spelling[0] in wanted or spelling[0].partition("-")[0] in wanted
        ]
        for spelling in spellings:
            self._known[spelling] = -2
        texts, _ = normalise(
            pa.array([text for _, text in selected], pa.string()),
            repair_mojibake=self._settings.repair_mojibake,
        )
        texts, _ = private_data(texts, [locale.partition("-")[0] for locale, _ in selected])
        texts, _, left = spoken_forms(texts, [locale for locale, _ in selected])
        for spelling, text, numbers_left in zip(selected, texts.to_pylist(), left.to_pylist(), strict=True):
            line = text.replace("\n", " ")
            self._known[spelling] = self._number(spelling[0], line, numbers_left) if line else -1

    def _number(self, locale: str, text: str, numbers_left: int) -> int:
        key = xxhash.xxh3_128_digest(f"{locale}\0{text}".encode())
        number = self._by_key.setdefault(key, len(self._utterances))
        if number == len(self._utterances):
            self._utterances.append((key, locale, text, numbers_left))
        return number

    def flush(self, writer: PartWriter, ranges: int) -> None:
        """Write what is held, and forget it."""
        if self._ids:
            table = self._table()
            range_N = range_of(table[KEY], ranges)
            bounds = np.flatnonzero(np.diff(range_N, prepend=-1, append=ranges)).tolist()
            for first, last in itertools.pairwise(bounds):
                (batch,) = table.slice(first, last - first).combine_chunks().to_batches()
                writer.write(batch)
                self._result.ranges.append(int(range_N[first]))
        self._clear()

    def _table(self) -> pa.Table:
        """Rows of `GATHERED` in the order of their keys: one per utterance and file."""
        key_U = pa.array([key for key, *_ in self._utterances], pa.binary(16))
        rank_U = np.empty(len(key_U), np.int64)
        rank_U[pc.sort_indices(key_U).to_numpy()] = np.arange(len(key_U))
        utterance_R = np.array(self._ids, np.int64)
        place_R = np.array(self._of_place, np.int64)
        speaker_R = np.array(self._speakers, np.uint64)
        count_R = np.array(self._counts, np.int64)
        _, first_N, row_R = np.unique(
            rank_U[utterance_R] * len(self._places) + place_R, return_index=True, return_inverse=True
        )
        size = len(first_N)
        records_N = np.bincount(row_R, minlength=size)
        frequency_N, unnamed_N = np.zeros(size, np.int64), np.zeros(size, np.int64)
        np.add.at(frequency_N, row_R, count_R)
        is_named_R = speaker_R != _NOBODY
        np.add.at(unnamed_N, row_R[~is_named_R], count_R[~is_named_R])
        offsets_N1, speakers = _distinct(row_R[is_named_R], speaker_R[is_named_R], size)
        utterances = [self._utterances[number] for number in utterance_R[first_N]]
        places = [self._places[number] for number in place_R[first_N]]
        columns = [
            pa.array([key for key, *_ in utterances], pa.binary(16)),
            pa.array([locale for _, locale, _, _ in utterances], pa.string()),
            pa.array([text for _, _, text, _ in utterances], pa.string()),
            pa.array([left for *_, left in utterances], pa.int32()),
            pa.array([source for source, _ in places], pa.string()),
            pa.array([file for _, file in places], pa.string()),
            self._least_domain(row_R, size),
            pa.array(records_N),
            pa.array(frequency_N),
            pa.array(unnamed_N),
            pa.ListArray.from_arrays(pa.array(offsets_N1, pa.int32()), pa.array(speakers)),
        ]
        return pa.Table.from_arrays(columns, schema=GATHERED)

    def _least_domain(self, row_R: npt.NDArray[np.int64], size: int) -> pa.Array:
        """Of the domains of each row's records, the first by name; null where none is named."""
        names = sorted(self._domains)
        order = np.full(len(names) + 1, len(names), np.int64)  # the last: none
        order[[self._domains[name] for name in names]] = np.arange(len(names))
        least_N = np.full(size, len(names), np.int64)
        np.minimum.at(least_N, row_R, order[np.array(self._of_domain, np.int64)])
        return pa.array(
            [names[rank] if rank < len(names) else None for rank in least_N.tolist()], pa.string()
        )


def _distinct(
    row_R: npt.NDArray[np.int64], value_R: npt.NDArray[np.uint64], size: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    """The distinct values of each row: offsets and values, as in a list array."""
    row_D, value_D = distinct_pairs(row_R, value_R)
    return np.concatenate([[0], np.cumsum(np.bincount(row_D, minlength=size))]), value_D


def distinct_pairs(
    row_R: npt.NDArray[np.int64], value_R: npt.NDArray[np.uint64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    """Pairs of row and value without repeats, sorted."""
    order = np.lexsort((value_R, row_R))
    row_S, value_S = row_R[order], value_R[order]
    is_new = np.ones(len(order), bool)
    is_new[1:] = (np.diff(row_S) != 0) | (value_S[1:] != value_S[:-1])
    return row_S[is_new], value_S[is_new]


def range_of(keys: pa.Array | pa.ChunkedArray, ranges: int) -> npt.NDArray[np.int64]:
    """Which of `ranges` equal ranges of ids a key lies in; ascending with the key."""
    return (leading_N(keys) * np.uint64(ranges) >> np.uint64(32)).astype(np.int64)


def leading_N(keys: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """The first four bytes of each key as a number."""
    data = b"".join(key[:4] for key in keys.to_pylist())
    return np.frombuffer(data, ">u4").astype(np.uint64)
