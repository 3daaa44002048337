"""What changed between two runs: settings, counts, and documents that met another fate. Reads the run folders alone."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from dataprep import files
from dataprep import schema as s
from dataprep.parts import part_number, texts_at
from dataprep.report.definitions import COMPARISON
from dataprep.report.numbers import ReportError
from dataprep.report.settings import public_settings
from dataprep.report.text import clip, visible

KEPT: Final = "kept"
ABSENT: Final = "not in the run"
EXAMPLES: Final = 3  # of each change of fate
EXCERPT_CHARACTERS: Final = 160
ROWS_AT_A_TIME: Final = 4_000_000
_NO_RESULT: Final = ("run_dir", "engine")  # settings that change none
_COLUMNS: Final = (s.DOC_ID, s.DROP_REASON, s.SOURCE, s.LOCALE, s.PART, s.ROW)

Row = dict[str, Any]


def compare_runs(first: str, second: str) -> Row:
    """The differences between two finished runs, as JSON values.

    Documents are matched by their ids, which are hashes of source, locator and text: a document whose text changed is
    absent from one run and new in the other. Records with one id are matched in the order of their fates.

    Args:
        first: run folder.
        second: run folder.

    Raises:
        ReportError: one of them holds no finished run.
    """
    ledgers = [_json(run, "ledger.json") for run in (first, second)]
    moves, examples = _moves(first, second)
    return {
        "schema_version": 1,
        "definitions": COMPARISON,
        "runs": [first, second],
        "commits": [_json(run, "run.json").get("commit") for run in (first, second)],
        "settings": _settings(first, second),
        "totals": _counts({"": ledger["total"]} for ledger in ledgers),
        "sources": _counts(ledger["by_source"] for ledger in ledgers),
        "locales": _counts(ledger["by_locale"] for ledger in ledgers),
        "reasons": _reasons(*ledgers),
        "unchanged": sum(n for (before, after), n in moves.items() if before == after),
        "same": [
            {"fate": before, "documents": n}
            for (before, after), n in sorted(moves.items(), key=lambda item: (-item[1], item[0]))
            if before == after
        ],
        "moves": [
            {"before": before, "after": after, "documents": n, "examples": examples[before, after]}
            for (before, after), n in sorted(moves.items(), key=lambda item: (-item[1], item[0]))
            if before != after
        ],
    }


def _json(run: str, name: str) -> Row:
    path = files.join(run, name)
    if not files.exists(path):
        raise ReportError(
            f"{run} holds no finished run (there is no {name}); compare two folders of make prepare."
        )
    value: Row = files.read_json(path)
    return value


def _settings(first: str, second: str) -> list[Row]:
    """Settings that differ, by their dotted names; null where a run has none."""
    flat = []
    for run in (first, second):
        with files.open_binary(files.join(run, "config.yaml")) as file:
            values = yaml.safe_load(public_settings(file.read().decode())) or {}
        flat.append(dict(_flattened({key: value for key, value in values.items() if key not in _NO_RESULT})))
    before, after = flat
    return [
        {"setting": name, "before": before.get(name), "after": after.get(name)}
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def _flattened(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 (YAML)
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flattened(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for number, item in enumerate(value):
            # Sources are known by their names, not by their places.
            key = item.get("name", number) if isinstance(item, dict) else number
            yield from _flattened(item, f"{name}.{key}")
    else:
        yield name, value


def _counts(entries: Iterator[Mapping[str, Row]]) -> list[Row]:
    before, after = entries
    nothing = {"read": 0, "kept": 0, "dropped": {}, "quarantined": 0}
    rows = []
    for name in sorted(before.keys() | after.keys()):
        row: Row = {"name": name}
        for when, entry in (("before", before.get(name, nothing)), ("after", after.get(name, nothing))):
            row[when] = {key: entry[key] for key in ("read", "kept", "quarantined")}
            row[when]["dropped"] = sum(entry["dropped"].values())
        rows.append(row)
    return rows


def _reasons(before: Row, after: Row) -> list[Row]:
    one, other = before["total"]["dropped"], after["total"]["dropped"]
    return [
        {"reason": reason, "before": one.get(reason, 0), "after": other.get(reason, 0)}
        for reason in sorted(one.keys() | other.keys())
        if one.get(reason, 0) != other.get(reason, 0)
    ]


# --- fates ------------------------------------------------------------------------------------------------------------


def _moves(first: str, second: str) -> tuple[Counter[tuple[str, str]], dict[tuple[str, str], list[Row]]]:
    """Documents by their fates in both runs, and the first of each change by id."""
    total = max(_rows(first), _rows(second), 1)
    buckets = -(-total // ROWS_AT_A_TIME)
    moves: Counter[tuple[str, str]] = Counter()
    chosen: dict[tuple[str, str], list[Row]] = {}
    for bucket in range(buckets):
        one, other = (_fates(run, bucket, buckets) for run in (first, second))
        joined = one.join(other, [s.DOC_ID, "nth"], join_type="full outer", right_suffix="_after")
        fates = [pc.fill_null(joined[name], ABSENT) for name in ("fate", "fate_after")]
        joined = joined.set_column(joined.schema.get_field_index("fate"), "fate", fates[0])
        joined = joined.set_column(joined.schema.get_field_index("fate_after"), "fate_after", fates[1])
        for row in joined.group_by(["fate", "fate_after"]).aggregate([([], "count_all")]).to_pylist():
            moves[row["fate"], row["fate_after"]] += row["count_all"]
        changed = joined.filter(pc.not_equal(joined["fate"], joined["fate_after"]))
        for before, after in [key for key in moves if key[0] != key[1]]:
            of_move = changed.filter(
                pc.and_(pc.equal(changed["fate"], before), pc.equal(changed["fate_after"], after))
            )
            smallest = of_move.sort_by(s.DOC_ID).slice(0, EXAMPLES).to_pylist()
            held = chosen.get((before, after), []) + smallest
            chosen[before, after] = sorted(held, key=lambda row: str(row[s.DOC_ID]))[:EXAMPLES]
    return moves, {key: _with_excerpts(rows, first, second) for key, rows in chosen.items()}


def _rows(run: str) -> int:
    total = 0
    for path in files.list_files(files.join(run, "fates"), ".parquet"):
        with files.open_binary(path) as file:
            total += pq.read_metadata(file).num_rows
    return total


def _fates(run: str, bucket: int, buckets: int) -> pa.Table:
    """Fates of a share of the documents, by id; `nth` counts records with one id."""
    tables = []
    for path in files.list_files(files.join(run, "fates"), ".parquet"):
        with files.open_binary(path) as file:
            table = pq.read_table(file, columns=[name for name in _COLUMNS if name not in (s.PART, s.ROW)])
        table = table.append_column(s.PART, pa.array(np.full(len(table), part_number(path), np.int32)))
        table = table.append_column(s.ROW, pa.array(np.arange(len(table), dtype=np.int32)))
        if buckets > 1:
            digits = pc.utf8_slice_codeunits(table[s.DOC_ID], 0, 6).to_pylist()
            table = table.filter(pa.array([int(each, 16) % buckets == bucket for each in digits], pa.bool_()))
        tables.append(table)
    fates = pa.concat_tables(tables)
    fates = fates.append_column("fate", pc.fill_null(fates[s.DROP_REASON], KEPT)).drop_columns(
        [s.DROP_REASON]
    )
    fates = fates.sort_by([(s.DOC_ID, "ascending"), ("fate", "ascending")])
    ids = fates[s.DOC_ID].to_numpy()
    is_first = np.append(True, ids[1:] != ids[:-1]) if len(ids) else np.zeros(0, np.bool_)
    starts = np.flatnonzero(is_first)
    nth = np.arange(len(ids)) - np.repeat(starts, np.diff(np.append(starts, len(ids))))
    return fates.append_column("nth", pa.array(nth.astype(np.int32)))


def _with_excerpts(rows: list[Row], first: str, second: str) -> list[Row]:
    """Where the documents are from, and how they begin; not what somebody asked to be removed."""
    shown = []
    for row in rows:
        is_there = row["fate_after"] != ABSENT
        run, suffix = (second, "_after") if is_there else (first, "")
        place = (row[f"{s.PART}{suffix}"], row[f"{s.ROW}{suffix}"])
        is_secret = s.REMOVAL_REQUEST in (row["fate"], row["fate_after"])
        text = "" if is_secret else texts_at(files.join(run, "documents"), [place])[place]
        shown.append(
            {
                "doc_id": row[s.DOC_ID],
                "source": row[f"{s.SOURCE}{suffix}"],
                "locale": row[f"{s.LOCALE}{suffix}"],
                "excerpt": clip(" ".join(text.split()), EXCERPT_CHARACTERS),
            }
        )
    return shown


# --- for people -------------------------------------------------------------------------------------------------------


def as_text(found: Row) -> str:
    """The comparison in Markdown; control characters of documents are shown as signs."""
    first, second = found["runs"]
    lines = [f"# {first} → {second}", ""]
    if found["commits"][0] != found["commits"][1]:
        lines += [f"Commits: {found['commits'][0]} → {found['commits'][1]}", ""]
    lines += ["## Settings", ""]
    lines += [
        f"- `{row['setting']}`: {_shown(row['before'])} → {_shown(row['after'])}" for row in found["settings"]
    ]
    lines += ["The same." if not found["settings"] else "", "## Counts", ""]
    lines += _table("", found["totals"])
    for title in ("sources", "locales"):
        changed = [row for row in found[title] if row["before"] != row["after"]]
        lines += ["", *_table(title.removesuffix("s"), changed)] if changed else []
    lines += ["", "## Fates", "", f"{found['unchanged']:,} documents met the same fate in both."]
    for move in found["moves"]:
        lines += ["", f"**{move['before']} → {move['after']}**: {move['documents']:,}", ""]
        lines += [
            f"- `{each['doc_id']}` ({each['source']}, {each['locale']}): {visible(each['excerpt'])}"
            for each in move["examples"]
        ]
    return "\n".join(lines) + "\n"


def _shown(value: Any) -> str:  # noqa: ANN401 (YAML)
    return "not set" if value is None else f"`{value}`"


def _table(name: str, rows: list[Row]) -> list[str]:
    keys = ("read", "kept", "dropped", "quarantined")
    lines = ["| " + " | ".join([name, *keys]) + " |", "|---|" + "---:|" * len(keys)]
    for row in rows:
        cells = []
        for key in keys:
            before, after = row["before"][key], row["after"][key]
            cells.append(f"{after:,}" if before == after else f"{before:,} → {after:,} ({after - before:+,})")
        lines.append("| " + " | ".join([row["name"], *cells]) + " |")
    return lines
