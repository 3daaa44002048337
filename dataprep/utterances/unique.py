"""Second half: one range of ids from all tasks' rows to unique utterances, their frequencies, and what became of each.

An utterance is a locale and a normalised text. Those that too few people said are dropped here, and their text goes
with the work files: it is written nowhere else, not even as an example.
"""

import itertools
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from dataprep import files
from dataprep import schema as s
from dataprep.annotate.spoken_form import SPOKEN
from dataprep.encryption import Vault
from dataprep.parts import PartWriter, part_name
from dataprep.utterances.gather import GATHERED, KEY, Counts, distinct_pairs

TOO_FEW_SOURCES: Final = "too_few_sources"
REPEATED_UTTERANCE: Final = "repeated_utterance"
TRAIN: Final = "train"
VALIDATION: Final = "validation"
TEXT_BYTES: Final = "text_bytes"
UTTERANCES: Final = pa.schema(
    [
        (s.DOC_ID, pa.string()),
        (s.SOURCE, pa.string()),
        (s.FILE, pa.string()),
        (s.LOCALE, pa.string()),
        (s.SPLIT, pa.string()),
        (s.FORM, pa.string()),
        (s.DOMAIN, pa.string()),
        (s.TEXT, pa.string()),
        (s.NUMBERS_LEFT, pa.int32()),
        (s.FREQUENCY, pa.int64()),
        (s.NUM_SOURCES, pa.int64()),
        (s.CLUSTER_SIZE, pa.int32()),
        (s.WEIGHT, pa.int32()),
        (TEXT_BYTES, pa.int64()),
    ]
)
# Thai and Lao, Burmese, Khmer, Kana, Han.
_UNSPACED: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_SPLIT_SEED: Final = 1


@dataclass(frozen=True, slots=True)
class UniqueSettings:
    """What decides the utterances; see `config.UtterancesConfig` for each."""

    min_sources: int
    law: str
    beta: float
    max_weight: int
    split_by: str
    validation_fraction: float


@dataclass(slots=True)
class Unique:
    """What a task counted and wrote.

    Attributes:
        part: number of its file in `documents/`.
        kept: (source, file, locale, "") → utterances kept, at the first file that has them.
        dropped: (source, file, locale, reason) → records.
        groups: per row group of its file: locale, split, rows, UTF-8 bytes of text.
    """

    part: int
    kept: Counts = field(default_factory=Counter)
    dropped: Counts = field(default_factory=Counter)
    groups: list[tuple[str, str, int, int]] = field(default_factory=list)

    def to_json(self) -> str:
        """The result as one line, for the way back to the driver."""
        value = asdict(self)
        for name in ("kept", "dropped"):
            value[name] = [[*key, count] for key, count in getattr(self, name).items()]
        return json.dumps(value)

    @classmethod
    def from_json(cls, line: str) -> Self:
        """The result that `to_json` wrote."""
        value = json.loads(line)
        for name in ("kept", "dropped"):
            value[name] = Counter({tuple(key): count for *key, count in value[name]})
        value["groups"] = [tuple(group) for group in value["groups"]]
        return cls(**value)


def unique(
    number: int,
    places: Sequence[tuple[int, Sequence[int]]],
    *,
    run_dir: str,
    vault: Vault,
    settings: UniqueSettings,
) -> Unique:
    """Count the utterances of one range of ids; write `documents/part-<number>.parquet`.

    Args:
        number: of the range.
        places: parts of `work/` and the row groups of each that hold rows of the range.
        run_dir: run folder.
        vault: decrypts and encrypts.
        settings: algorithm settings.
    """
    result = Unique(number)
    paths = [files.join(run_dir, "work", part_name(part)) for part, _ in places]
    tables = [
        file.read_row_groups(list(groups))
        for file, (_, groups) in zip(vault.opened(paths, "count utterances"), places, strict=True)
    ]
    kept = _counted(pa.concat_tables([GATHERED.empty_table(), *tables]).combine_chunks(), settings, result)
    writer = PartWriter(
        files.join(run_dir, "documents", part_name(number)),
        use_dictionary=[s.SOURCE, s.FILE, s.LOCALE, s.SPLIT, s.FORM, s.DOMAIN],
        **vault.options(),
    )
    try:
        for locale, split, batch in _groups(kept):
            writer.write(batch)
            result.groups.append((locale, split, batch.num_rows, pc.sum(batch.column(TEXT_BYTES)).as_py()))
        writer.commit()
    except BaseException:
        writer.discard()
        raise
    return result


def _counted(rows: pa.Table, settings: UniqueSettings, result: Unique) -> pa.Table:
    """Rows of `UTTERANCES` in the order of their ids; what is dropped is counted."""
    if not rows.num_rows:
        return UTTERANCES.empty_table()
    rows = rows.take(pc.sort_indices(rows, [(name, "ascending") for name in (KEY, s.SOURCE, s.FILE)]))
    keys = rows[KEY].combine_chunks()
    key_R2 = np.frombuffer(keys.buffers()[1], np.uint64)[2 * keys.offset :][: 2 * len(keys)].reshape(-1, 2)
    is_first_R = np.ones(len(keys), bool)
    is_first_R[1:] = (key_R2[1:] != key_R2[:-1]).any(axis=1)
    start_U = np.flatnonzero(is_first_R)
    utterance_R = np.cumsum(is_first_R) - 1

    records_R = rows["records"].to_numpy()
    frequency_U = np.add.reduceat(rows[s.FREQUENCY].to_numpy(), start_U)
    sources_U = _num_sources(rows, utterance_R, start_U)
    is_kept_U = sources_U >= settings.min_sources
    is_kept_R = is_kept_U[utterance_R]
    places = list(zip(*(rows[name].to_pylist() for name in (s.SOURCE, s.FILE, s.LOCALE)), strict=True))
    _count(result.dropped, places, TOO_FEW_SOURCES, np.where(is_kept_R, 0, records_R))
    _count(result.dropped, places, REPEATED_UTTERANCE, np.where(is_kept_R, records_R - is_first_R, 0))
    _count(result.kept, places, "", (is_kept_R & is_first_R).astype(np.int64))

    first = rows.take(pa.array(start_U[is_kept_U]))
    texts = first[s.TEXT].to_pylist()
    frequency_K = frequency_U[is_kept_U]
    domains = _least(rows[s.DOMAIN].to_pylist(), start_U)
    columns = {
        s.DOC_ID: pa.array([key.hex() for key in first[KEY].to_pylist()], pa.string()),
        s.SPLIT: pa.array(
            [split_of(text, settings.split_by, settings.validation_fraction) for text in texts], pa.string()
        ),
        s.FORM: pa.array([SPOKEN] * len(texts), pa.string()),
        s.DOMAIN: pa.array([domains[number] for number in np.flatnonzero(is_kept_U)], pa.string()),
        s.FREQUENCY: pa.array(frequency_K),
        s.NUM_SOURCES: pa.array(sources_U[is_kept_U]),
        s.CLUSTER_SIZE: pa.array(np.add.reduceat(records_R, start_U)[is_kept_U].astype(np.int32)),
        s.WEIGHT: pa.array(weights(frequency_K, settings.law, settings.beta, settings.max_weight)),
        TEXT_BYTES: pc.binary_length(first[s.TEXT]).cast(pa.int64()),
    }
    for name in (s.SOURCE, s.FILE, s.LOCALE, s.TEXT, s.NUMBERS_LEFT):
        columns[name] = first[name]
    return pa.Table.from_arrays([columns[name] for name in UTTERANCES.names], schema=UTTERANCES)


def _num_sources(
    rows: pa.Table, utterance_R: npt.NDArray[np.int64], start_U: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """How many people said each utterance: distinct speakers, and as many as the count where nobody is named."""
    speakers = rows["speakers"].combine_chunks()
    parents = pc.list_parent_indices(speakers).to_numpy()
    utterance_D, _ = distinct_pairs(utterance_R[parents], speakers.flatten().to_numpy())
    named_U = np.bincount(utterance_D, minlength=len(start_U))
    total_U: npt.NDArray[np.int64] = named_U + np.add.reduceat(rows["unnamed"].to_numpy(), start_U)
    return total_U


def _count(
    counts: Counts, places: list[tuple[str, str, str]], reason: str, number_R: npt.NDArray[np.int64]
) -> None:
    for row in np.flatnonzero(number_R).tolist():
        counts[*places[row], reason] += int(number_R[row])


def _least(values: list[str | None], start_U: npt.NDArray[np.int64]) -> list[str | None]:
    """Per utterance, the first of its rows' values by name."""
    bounds = [*start_U.tolist(), len(values)]
    return [
        min((value for value in values[first:last] if value is not None), default=None)
        for first, last in itertools.pairwise(bounds)
    ]


def weights(
    frequency_N: npt.NDArray[np.int64], law: str, beta: float, max_weight: int
) -> npt.NDArray[np.int32]:
    """How often the up-sampled data has each utterance: at least once, at most `max_weight` times.

    Args:
        frequency_N: how often each was said, at least 1.
        law: `power` (frequency**beta), `log` (1 + ln(frequency)) or `none` (1).
        beta: exponent, in [0, 1].
        max_weight: the cap.
    """
    match law:
        case "power":
            drawn_N = frequency_N.astype(np.float64) ** beta
        case "log":
            drawn_N = 1 + np.log(frequency_N.astype(np.float64))
        case _:
            drawn_N = np.ones(len(frequency_N))
    return np.clip(np.rint(drawn_N), 1, max_weight).astype(np.int32)


def split_of(text: str, split_by: str, validation_fraction: float) -> str:
    """Train or validation, by the text alone: equal texts of all locales and runs share a split.

    Args:
        text: normalised text.
        split_by: `text`, or `words`: then utterances of the same words in any order and number, whatever joins them,
            share a split too; where words are not separated, of the same characters.
        validation_fraction: share of the texts in validation.
    """
    if split_by == "words":
        if _UNSPACED.search(text):
            text = "".join(sorted(set(text) - {" "}))
        else:
            text = " ".join(sorted(set(text.replace("-", " ").replace("'", " ").split())))
    position = xxhash.xxh3_64_intdigest(text.encode(), _SPLIT_SEED) / 2.0**64
    return VALIDATION if position < validation_fraction else TRAIN


def _groups(kept: pa.Table) -> list[tuple[str, str, pa.RecordBatch]]:
    """The utterances by locale and split, in the order of their ids."""
    indices: dict[tuple[str, str], list[int]] = {}
    for index, key in enumerate(zip(kept[s.LOCALE].to_pylist(), kept[s.SPLIT].to_pylist(), strict=True)):
        indices.setdefault(key, []).append(index)
    return [
        (locale, split, kept.take(pa.array(of_group)).combine_chunks().to_batches()[0])
        for (locale, split), of_group in sorted(indices.items())
    ]
