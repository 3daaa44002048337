"""Rule by rule: where a rule's threshold lies in the signal it looks at, and documents on both sides of it.

The columns of `documents/` go through the pipeline's own rules, with the thresholds that the run recorded, without its
text. Each document is compared with the fate it has: where they disagree, the rules have changed since the run, and
the section stays empty rather than show what was never decided. Memory is bounded by the batch, the number of rules
and the number of locales.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from dataprep import files
from dataprep import schema as s
from dataprep.config import PrepareConfig
from dataprep.filter.overturned import read_keeps
from dataprep.filter.rules import (
    EXPLANATIONS,
    LOCALE_NOT_SELECTED,
    Booleans,
    Numbers,
    Rows,
    Rule,
    RuleSet,
    recorded_rule_set,
    rules_in_force,
)
from dataprep.parts import part_name, part_number, rows_at, texts_at
from dataprep.removals.requests import RemovalError, Requests, load_requests
from dataprep.removals.tombstones import tombstones_path
from dataprep.report.text import clip

MAX_DOCUMENTS: Final = 2_000_000  # looked at; of larger runs row groups, evenly spaced
RANGE_DOCUMENTS: Final = 200_000  # from which the range of a histogram is taken, likewise
BINS: Final = 30
QUANTILES: Final = (0.005, 0.995)  # of the signal; what lies outside is counted in two bins of its own
LOG_FROM: Final = 100.0  # ratio of the ends of the range from which its scale is logarithmic
EXAMPLES: Final = 3  # on each side of a rule
EXCERPT_CHARACTERS: Final = 300

OLD_RECORD: Final = "The run left no record of the thresholds in force."
OTHER_MEASURE: Final = "The run measured no signals (measure: dedup)."
NO_CONFIG: Final = "The run folder has no config.yaml."
OTHER_FATES: Final = (
    "The rules of this version do not give the documents the fates that the run gave them; run make prepare again to "
    "see the rules as they are now."
)
NO_EXCERPTS: Final = (
    "A removal list of the run cannot be read, so no texts are shown here: somebody may have asked for them "
    "to be removed."
)

_BATCH_ROWS: Final = 1 << 17
_PER_1000: Final = "_per_1000"
# Thresholds whose rule rejects what lies above, though the name does not begin with max.
_ABOVE: Final = ("wrong_language_score", "min_code_mixing")
_OF_SIGNAL: Final = (
    "signal", "threshold", "default", "lowest_threshold", "highest_threshold", "smallest", "largest",
)  # fmt: skip
_DIGITS: Final = 6  # significant ones of the bounds of bins

Row = dict[str, Any]
Integers = npt.NDArray[np.int64]
Place = tuple[int, int]  # part and row of a document


class _UnusableError(ValueError):
    """The run cannot be looked at rule by rule; the message says why, for the page."""


def rule_by_rule(run_dir: str, config_yaml: str, recorded: Row) -> Row:
    """Histograms, thresholds and examples of every rule in force; without rules, and with a reason, if it cannot be.

    Args:
        run_dir: run folder.
        config_yaml: text of its `config.yaml`; empty without one.
        recorded: `thresholds` in the record of its fates; empty in older runs.
    """
    empty: Row = {
        "reason": None,
        "excerpts": None,
        "documents": 0,
        "of_documents": 0,
        "rules": [],
        "idle": [],
    }
    try:
        run = _Run(run_dir, config_yaml, recorded)
        return empty | run.looked_at()
    except _UnusableError as error:
        return empty | {"reason": str(error)}


# --- which documents ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Group:
    """A row group of `documents/`: its file, its number there, its first row and how many it has."""

    path: str
    number: int
    first: int
    rows: int


def _groups(documents_dir: str) -> list[_Group]:
    found = []
    for path in files.list_files(documents_dir, ".parquet"):
        with files.open_binary(path) as file:
            metadata = pq.read_metadata(file)
        first = 0
        for number in range(metadata.num_row_groups):
            rows = metadata.row_group(number).num_rows
            found.append(_Group(path, number, first, rows))
            first += rows
    return found


def evenly(groups: Sequence[_Group], max_rows: int) -> list[_Group]:
    """All row groups, or as many, evenly spaced, as have about `max_rows` rows; at least one."""
    total = sum(group.rows for group in groups)
    if total <= max_rows:
        return list(groups)
    wanted = max(1, len(groups) * max_rows // total)
    return [groups[index * len(groups) // wanted] for index in range(wanted)]


# --- what is counted ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Nearest:
    """The documents nearest to the thresholds of their own locales, on one side of a rule.

    Different locales come first: of each locale the nearest, and only if there are fewer locales than examples, more
    of each. Of equally near ones the smallest id counts, whatever the order in which documents come.

    Attributes:
        held: by locale, (distance, id, place, value, threshold), the nearest first.
        cut: no locale whose nearest is farther can be among the examples any more.
    """

    held: dict[int, list[tuple[float, str, Place, float, float]]] = field(default_factory=dict)
    cut: float = np.inf

    def add(self, block: "_Block", wanted_N: Booleans, values: Numbers, thresholds: Numbers) -> None:
        far_N = np.full(len(wanted_N), np.inf)
        far_N[wanted_N] = np.abs(values[wanted_N].astype(np.float64) - thresholds[wanted_N])
        far_N = far_N[block.order_N]
        smallest = np.minimum.reduceat(far_N, block.starts)
        for segment in np.flatnonzero((smallest <= self.cut) & (smallest < np.inf)).tolist():
            self._add_locale(block, segment, far_N, values, thresholds)
        if len(self.held) >= EXAMPLES:
            self.cut = sorted(rows[0][0] for rows in self.held.values())[EXAMPLES - 1]

    def _add_locale(
        self, block: "_Block", segment: int, far_N: Numbers, values: Numbers, thresholds: Numbers
    ) -> None:
        start, end = block.starts[segment], block.ends[segment]
        nearest = self.held.setdefault(block.locales[segment], [])
        found = []
        for _ in range(min(EXAMPLES, end - start)):
            at = start + int(far_N[start:end].argmin())  # the first of equal ones has the smallest id
            distance = float(far_N[at])
            if distance == np.inf:
                break
            far_N[at] = np.inf
            row = int(block.order_N[at])
            found.append(
                (
                    distance,
                    block.doc_ids[row].as_py(),
                    block.place(row),
                    float(values[row]),
                    float(thresholds[row]),
                )
            )
        nearest[:] = sorted([*nearest, *found], key=lambda each: each[:3])[:EXAMPLES]

    def chosen(self) -> list[tuple[float, str, Place, float, float]]:
        """The examples: the nearest of all locales, then the second nearest, and so on."""
        turns = [
            sorted((rows[turn] for rows in self.held.values() if turn < len(rows)), key=lambda each: each[:3])
            for turn in range(EXAMPLES)
        ]
        return [each for turn in turns for each in turn][:EXAMPLES]


class _Block:
    """Rows of one documents file, and their order by locale and id.

    Attributes:
        batch: columns of the rules, and ids.
        row_N: their rows in the file.
        order_N: positions in the order of locale and id.
        starts: of each locale in that order; likewise `ends`, and `locales`: its place in the thresholds.
        locale_N: place of each row's locale in the thresholds.
    """

    def __init__(self, batch: pa.RecordBatch, part: int, row_N: Integers, rules: RuleSet) -> None:
        self.batch = batch
        self.row_N = row_N
        self.doc_ids = batch.column(s.DOC_ID)
        self._part = part
        self.locale_N = rules.places_of(batch)
        keys = pa.table({"locale": pa.array(self.locale_N), "id": self.doc_ids})
        order = pc.sort_indices(keys, sort_keys=[("locale", "ascending"), ("id", "ascending")])
        self.order_N: Integers = order.to_numpy().astype(np.int64)
        sorted_N = self.locale_N[self.order_N]
        self.starts = np.flatnonzero(np.append(True, sorted_N[1:] != sorted_N[:-1]))
        self.ends = np.append(self.starts[1:], len(sorted_N))
        self.locales: list[int] = sorted_N[self.starts].tolist()

    def place(self, row: int) -> Place:
        return self._part, int(self.row_N[row])


@dataclass(slots=True)
class Tally:
    """What is known of one rule, so far.

    Attributes:
        edges: bounds of the bins; empty if no document has a value.
        scale: of the bins: linear or log.
        documents: per bin, the first for what lies below the range, the last for what lies above; `rejected` likewise.
        without_value: documents without a value of the signal.
        credited: documents whose drop reason the rule is.
        smallest: value; `largest` likewise.
        over: the nearest documents that the rule rejects.
        under: the nearest that it looks at and does not reject.
    """

    edges: Numbers
    scale: str
    documents: Integers
    rejected: Integers
    without_value: int = 0
    rejected_without_value: int = 0
    credited: int = 0
    smallest: float = np.inf
    largest: float = -np.inf
    over: _Nearest = field(default_factory=_Nearest)
    under: _Nearest = field(default_factory=_Nearest)

    def count(self, values: Numbers, rejected_N: Booleans) -> None:
        """Count documents by their values, NaN where they have none, and those that the rule rejects."""
        has_N = ~np.isnan(values)
        missing = len(values) - int(has_N.sum())
        if missing:
            self.without_value += missing
            self.rejected_without_value += int((rejected_N & ~has_N).sum())
            values, rejected_N = values[has_N], rejected_N[has_N]
        if not len(values):
            return
        self.smallest = min(self.smallest, float(values.min()))
        self.largest = max(self.largest, float(values.max()))
        bin_N = np.searchsorted(self.edges, values, side="right")
        self.documents += np.bincount(bin_N, minlength=len(self.documents))
        self.rejected += np.bincount(bin_N[rejected_N], minlength=len(self.documents))


def bounds(values: Numbers, thresholds: Numbers, *, whole: bool) -> tuple[Numbers, str]:
    """Bounds of about BINS bins, and their scale, linear or log; none without values.

    They reach from the one quantile to the other, and as far as the thresholds, so that these can be seen.

    Args:
        values: of the signal.
        thresholds: of the locales of the run.
        whole: whether the values are whole numbers; bins then begin at whole numbers too.
    """
    values, thresholds = values[~np.isnan(values)], thresholds[~np.isnan(thresholds)]
    if not len(values):
        return np.zeros(0), "linear"
    low, high = (float(each) for each in np.quantile(values, QUANTILES))
    low, high = min([low, *thresholds.tolist()]), max([high, *thresholds.tolist()])
    if whole:
        low, high = float(np.floor(low)), float(np.floor(high)) + 1
        if low < 1 and high >= 10 * LOG_FROM:
            low = 1.0  # zeros lie below the range then
    is_log = low > 0 and high / low >= LOG_FROM
    if is_log:
        edges = np.geomspace(low, high, BINS + 1)
    elif whole:
        width = max(1, -(-int(high - low) // BINS))
        edges = np.arange(low, high + width, width)
    else:
        edges = np.linspace(low, high, BINS + 1)
    rounded = np.ceil(edges) if whole else np.array([float(f"{edge:.{_DIGITS}g}") for edge in edges])
    rounded = np.unique(rounded)
    if not whole:
        # Both ends belong to the range: of a fraction, most documents may have exactly 1.
        rounded[0] = min(rounded[0], low)
        rounded[-1] = np.nextafter(max(rounded[-1], high), np.inf)
    if len(rounded) == 1:
        rounded = np.array([low, rounded[0]])
    return rounded, "log" if is_log else "linear"


def _is_above(threshold: str) -> bool:
    """Whether the rule of a threshold rejects what lies above it."""
    return threshold.startswith("max_") or threshold in _ABOVE


def _measured(rule: Rule) -> str | None:
    """The threshold of a rule that compares a measurement with a number; null for switches and the like."""
    is_number = rule.threshold is not None and not rule.threshold.startswith("drop_")
    return rule.threshold if is_number else None


def _without_thresholds(rules: RuleSet, in_force: Sequence[Rule]) -> RuleSet:
    """Rules that reject every document they look at, whatever the measurement; those switched off stay so."""
    relaxed = dict(rules.thresholds)
    for threshold in {name for rule in in_force if (name := _measured(rule))}:
        values = relaxed[threshold]
        limit = -np.inf if _is_above(threshold) else np.inf
        relaxed[threshold] = np.where(np.isnan(values), np.nan, limit).astype(values.dtype)
    return replace(rules, thresholds=relaxed)


def _values(rule: Rule, rows: Rows) -> Numbers:
    """The measurements that a rule compares with its threshold; NaN where there is none."""
    values = rows.number(rule.signal)
    if rule.threshold is not None and rule.threshold.endswith(_PER_1000):
        with np.errstate(divide="ignore", invalid="ignore"):
            values = values * 1000.0 / rows.number("num_chars")
    return values


# --- the run --------------------------------------------------------------------------------------------------------


class _Run:
    """One run, looked at rule by rule."""

    def __init__(self, run_dir: str, config_yaml: str, recorded: Row) -> None:
        if not config_yaml:
            raise _UnusableError(NO_CONFIG)
        if not recorded.get("defaults"):
            raise _UnusableError(OLD_RECORD)
        try:
            config = PrepareConfig.model_validate(yaml.safe_load(config_yaml))
            self._rules = recorded_rule_set(config, recorded)
        except ValueError as error:
            first = str(error).splitlines()[0]
            raise _UnusableError(f"This version cannot read the settings of the run: {first}.") from error
        if config.measure == "dedup":
            raise _UnusableError(OTHER_MEASURE)
        self._run_dir = run_dir
        self._documents_dir = files.join(run_dir, "documents")
        self._in_force = rules_in_force(config)
        self._relaxed = _without_thresholds(self._rules, self._in_force)
        self._number = {reason: number for number, reason in enumerate(self._rules.reasons)}
        self._defaults = {row["threshold"]: row["value"] for row in recorded["defaults"]}
        self._groups = _groups(self._documents_dir)
        self._looked_at = evenly(self._groups, MAX_DOCUMENTS)
        self._max_kept = len(read_keeps(run_dir))
        self._kept_against_rules = 0
        self._not_selected = [0, 0]  # rejected for their locale in all, and with credit
        self._locales: Integers = np.zeros(len(self._rules.places) + 1, np.int64)
        self._asked: Requests | None
        try:
            lists = [tombstones_path(run_dir)] if files.exists(tombstones_path(run_dir)) else []
            self._asked = load_requests([*config.removals, *lists])
        except RemovalError:
            self._asked = None

    def looked_at(self) -> Row:
        tallies = self._tallies()
        for block in self._blocks(self._looked_at):
            self._add(block, tallies)
        if self._kept_against_rules > self._max_kept:
            raise _UnusableError(OTHER_FATES)
        rejecting = [rule for rule in self._in_force if self._rejected(tallies[rule.reason])]
        shown = self._shown({rule.reason: tallies[rule.reason] for rule in rejecting})
        found = [self._row(rule, tallies[rule.reason]) | shown[rule.reason] for rule in rejecting]
        if self._not_selected[0]:
            found.append(self._row_of_locales())
        return {
            "excerpts": NO_EXCERPTS if self._asked is None else None,
            "documents": sum(group.rows for group in self._looked_at),
            "of_documents": sum(group.rows for group in self._groups),
            "rules": sorted(found, key=lambda row: (-row["rejected"], row["rule"])),
            "idle": [
                self._idle(rule, tallies[rule.reason]) for rule in self._in_force if rule not in rejecting
            ],
        }

    def _blocks(self, groups: Sequence[_Group]) -> Iterator[_Block]:
        """Rows of row groups; those of one file that follow each other are read together."""
        columns = [s.DOC_ID, *self._rules.columns]
        by_path: dict[str, list[_Group]] = {}
        for group in groups:
            by_path.setdefault(group.path, []).append(group)
        for path, of_file in by_path.items():
            row_N = np.concatenate([np.arange(each.first, each.first + each.rows) for each in of_file])
            with files.open_binary(path) as file:
                parquet = pq.ParquetFile(file)
                if missing := set(columns) - set(parquet.schema_arrow.names):
                    raise _UnusableError(
                        f"The documents of the run have no {min(missing)}: they were measured by another version."
                    )
                numbers = [each.number for each in of_file]
                first = 0
                for batch in parquet.iter_batches(_BATCH_ROWS, row_groups=numbers, columns=columns):
                    if batch.num_rows:
                        rows = row_N[first : first + batch.num_rows]
                        yield _Block(batch, part_number(path), rows, self._rules)
                    first += batch.num_rows

    def _tallies(self) -> dict[str, Tally]:
        """Empty tallies, with the bins for what some of the documents have."""
        values: dict[str, list[Numbers]] = {rule.reason: [] for rule in self._in_force}
        whole: dict[str, bool] = {}
        seen = np.zeros(len(self._locales), np.bool_)
        for block in self._blocks(evenly(self._looked_at, RANGE_DOCUMENTS)):
            rows = self._rules.rows(block.batch)
            seen[block.locales] = True
            for rule in self._in_force:
                values[rule.reason].append(_values(rule, rows))
                is_rate = (rule.threshold or "").endswith(_PER_1000)
                kind = block.batch.schema.field(rule.signal).type
                whole[rule.reason] = not (is_rate or pa.types.is_floating(kind))
        tallies = {}
        for rule in self._in_force:
            measured = _measured(rule)
            thresholds = self._rules.thresholds[measured][seen] if measured else np.zeros(0)
            found = np.concatenate([np.zeros(0), *values.pop(rule.reason)])
            edges, scale = bounds(found, thresholds, whole=whole.get(rule.reason, False))
            bins = len(edges) + 1
            tallies[rule.reason] = Tally(edges, scale, np.zeros(bins, np.int64), np.zeros(bins, np.int64))
        return tallies

    def _add(self, block: _Block, tallies: dict[str, Tally]) -> None:
        rows, relaxed = self._rules.rows(block.batch), self._relaxed.rows(block.batch)
        fate_N, is_asked_N = self._fates(block)
        self._locales += np.bincount(block.locale_N, minlength=len(self._locales))
        first_N = np.full(len(rows), -1, np.int64)
        rejected = {rule.reason: rule.rejects(rows) for rule in self._in_force}
        rejected[LOCALE_NOT_SELECTED] = rows.is_other(s.LOCALE, self._rules.selected)
        for number, reason in enumerate(self._rules.reasons):
            first_N[rejected[reason] & (first_N < 0)] = number
        self._compare(first_N, fate_N, is_asked_N)
        others_N = rejected[LOCALE_NOT_SELECTED]
        self._not_selected[0] += int(others_N.sum())
        self._not_selected[1] += int((first_N == self._number[LOCALE_NOT_SELECTED]).sum())
        for rule in self._in_force:
            tally, rejected_N, values = tallies[rule.reason], rejected[rule.reason], _values(rule, rows)
            tally.credited += int((first_N == self._number[rule.reason]).sum())
            tally.count(values, rejected_N)
            measured = _measured(rule)
            if measured is None:
                # A switch has no near side; those with the smallest ids are as good as any.
                tally.over.add(block, rejected_N & ~is_asked_N, np.nan_to_num(values), np.zeros(len(rows)))
                continue
            thresholds = rows.threshold(measured)
            known_N = ~(is_asked_N | np.isnan(values) | np.isnan(thresholds))
            if rejected_N.any():
                tally.over.add(block, rejected_N & known_N, values, thresholds)
            tally.under.add(block, rule.rejects(relaxed) & ~rejected_N & known_N, values, thresholds)

    def _fates(self, block: _Block) -> tuple[Integers, Booleans]:
        """The rule behind each fate (-1: kept, -2: another reason), and which documents were asked to be removed."""
        path = files.join(self._run_dir, "fates", part_name(block.place(0)[0]))
        if not files.exists(path):
            raise _UnusableError(f"The run folder has no {path.removeprefix(self._run_dir).strip('/')}.")
        with files.open_binary(path) as file:
            read = pq.read_table(file, columns=[s.DROP_REASON])
        if read.num_rows <= int(block.row_N[-1]):
            raise _UnusableError(OTHER_FATES)
        reasons = read[s.DROP_REASON].combine_chunks().take(pa.array(block.row_N)).dictionary_encode()
        names = reasons.dictionary.to_pylist()
        numbers = np.array([*(self._number.get(name, -2) for name in names), -1], np.int64)
        codes_N = reasons.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
        is_asked = np.array([*(name == s.REMOVAL_REQUEST for name in names), False])
        return numbers[codes_N], is_asked[codes_N]

    def _compare(self, first_N: Integers, fate_N: Integers, is_asked_N: Booleans) -> None:
        """Refuse a run whose fates are not those that the rules give; reviewers may keep what a rule rejects."""
        by_rule_N = (fate_N >= 0) & (fate_N != first_N)
        by_other_N = (fate_N == -2) & (first_N >= 0) & ~is_asked_N
        if by_rule_N.any() or by_other_N.any():
            raise _UnusableError(OTHER_FATES)
        self._kept_against_rules += int(((fate_N == -1) & (first_N >= 0)).sum())

    # --- what is told ---

    @staticmethod
    def _rejected(tally: Tally) -> int:
        return int(tally.rejected.sum()) + tally.rejected_without_value

    def _of_locales(self, rule: Rule) -> Numbers:
        """The rule's thresholds in those locales of the run where it is on; none without a number to compare."""
        measured = _measured(rule)
        values = self._rules.thresholds[measured][self._locales > 0] if measured else np.zeros(0)
        return values[~np.isnan(values)]

    def _common(self, rule: Rule, tally: Tally) -> Row:
        default = self._defaults.get(rule.threshold) if rule.threshold else None
        has_values = tally.smallest <= tally.largest
        of_locales = self._of_locales(rule)
        return {
            "rule": rule.reason,
            "signal": rule.signal,
            "threshold": rule.threshold,
            "default": default if _measured(rule) else None,
            "lowest_threshold": _plain(of_locales.min()) if len(of_locales) else None,
            "highest_threshold": _plain(of_locales.max()) if len(of_locales) else None,
            "smallest": _plain(tally.smallest) if has_values else None,
            "largest": _plain(tally.largest) if has_values else None,
        }

    def _row(self, rule: Rule, tally: Tally) -> Row:
        values, locales = np.unique(self._of_locales(rule), return_counts=True)
        ends = [None, *(_plain(edge) for edge in tally.edges), None]
        return {
            **self._common(rule, tally),
            "explanation": rule.explanation,
            "rejected": self._rejected(tally),
            "credited": tally.credited,
            "without_value": tally.without_value,
            "rejected_without_value": tally.rejected_without_value,
            "scale": tally.scale,
            "bins": [
                {"lower": lower, "upper": upper, "documents": documents, "rejected": rejected}
                for lower, upper, documents, rejected in zip(
                    ends[:-1], ends[1:], tally.documents.tolist(), tally.rejected.tolist(), strict=True
                )
                if not (lower is None and upper is None)
            ],
            "locale_thresholds": [
                {"value": _plain(value), "locales": number}
                for value, number in zip(values.tolist(), locales.tolist(), strict=True)
            ],
        }

    def _row_of_locales(self) -> Row:
        """Documents in locales that were not asked for: a rule without a signal."""
        rejected, credited = self._not_selected
        nothing = dict.fromkeys(_OF_SIGNAL)
        counts = {"rejected": rejected, "credited": credited, "without_value": 0, "rejected_without_value": 0}
        return {
            "rule": LOCALE_NOT_SELECTED,
            **nothing,
            "explanation": EXPLANATIONS[LOCALE_NOT_SELECTED],
            **counts,
            "scale": None,
            "bins": [],
            "locale_thresholds": [],
            "examples_rejected": [],
            "examples_not_rejected": [],
        }

    def _idle(self, rule: Rule, tally: Tally) -> Row:
        closest = tally.under.chosen()[:1]
        return {
            **self._common(rule, tally),
            "closest": _plain(closest[0][3]) if closest else None,
            "closest_threshold": _plain(closest[0][4]) if closest else None,
        }

    def _shown(self, tallies: dict[str, Tally]) -> dict[str, Row]:
        """The examples of each rule, without texts that were asked to be removed or are empty."""
        sides = {
            (reason, side): nearest.chosen()
            for reason, tally in tallies.items()
            for side, nearest in (("examples_rejected", tally.over), ("examples_not_rejected", tally.under))
        }
        places = sorted({place for chosen in sides.values() for _, _, place, *_ in chosen})
        columns = [s.DOC_ID, s.SOURCE, s.LOCATOR, s.LOCALE, s.CONTENT_HASH]
        told = rows_at(self._documents_dir, places, columns)
        texts: dict[Place, str] = {}
        if self._asked is not None:
            secret = self._content_asked_for(self._asked)
            open_places = [
                place
                for place in places
                if told[place][s.CONTENT_HASH] not in secret
                and not self._asked.matching(told[place][s.DOC_ID], told[place][s.LOCATOR] or "")
            ]
            texts = texts_at(self._documents_dir, open_places)
        measured = {rule.reason for rule in self._in_force if _measured(rule)}
        shown: dict[str, Row] = {reason: {} for reason in tallies}
        for (reason, side), chosen in sides.items():
            shown[reason][side] = [
                {
                    **{name: told[place][name] for name in (s.DOC_ID, s.SOURCE, s.LOCALE)},
                    "value": _plain(value),
                    "threshold": _plain(threshold) if reason in measured else None,
                    "excerpt": clip(texts[place], EXCERPT_CHARACTERS),
                }
                for _, _, place, value, threshold in chosen
                if texts.get(place)
            ]
        return shown

    def _content_asked_for(self, requests: Requests) -> set[bytes]:
        """Hashes of texts that were asked to be removed: a copy that a rule rejected has the same text."""
        ids = pa.array(requests.ids, pa.string())
        places: list[Place] = []
        for path in files.list_files(files.join(self._run_dir, "fates"), ".parquet"):
            with files.open_binary(path) as file:
                read = pq.read_table(file, columns=[s.DOC_ID, s.DROP_REASON])
            is_asked = pc.equal(read[s.DROP_REASON], s.REMOVAL_REQUEST).fill_null(False)
            is_asked = pc.or_(is_asked, pc.is_in(read[s.DOC_ID], ids))
            found = np.flatnonzero(is_asked.to_numpy())
            places += [(part_number(path), row) for row in found.tolist()]
        read_back = rows_at(self._documents_dir, places, [s.CONTENT_HASH])
        return {row[s.CONTENT_HASH] for row in read_back.values()}


def _plain(value: float) -> float:
    """A number as JSON has it: without the digits that a 32-bit float does not have."""
    return float(f"{value:.7g}")
