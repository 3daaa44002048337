"""Languages: declared beside detected, and what duplicates of which language stay in which. Counts only, no texts."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataprep import files
from dataprep import schema as s
from dataprep.locales import LOCALES
from dataprep.parts import rows_at

MAX_REMOVALS: Final = 200_000  # that are looked up one by one; of more, a sample
MAX_PAIRS: Final = 50  # of two languages, the most frequent ones
MAX_LANGUAGES: Final = 20  # rows of a heat table
OTHERS: Final = "others"  # languages without a column of their own
_KEY: Final = "_key"
_BATCH_ROWS: Final = 1 << 16

Row = dict[str, Any]
Pairs = Counter[tuple[str | None, str | None]]


def languages(run_dir: str) -> Row:
    """Declared and detected languages of all documents, and locales of duplicates and of what stays instead.

    Counts are documents, fractions lie in [0, 1]; null where there is nothing to divide by. Memory grows with the
    number of pairs of languages, and with MAX_REMOVALS.

    Args:
        run_dir: run folder; numbers are 0 and lists empty for what is not there, or was not measured.
    """
    return {
        **_identification(files.join(run_dir, "documents")),
        "duplicates": _duplicates(files.join(run_dir, "dedup", "decisions"), files.join(run_dir, "fates")),
    }


def _batches(folder: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Batches of the folder's files that have the columns; a run that did not measure them has none."""
    for path in files.list_files(folder, ".parquet"):
        with files.open_binary(path) as file:
            parquet = pq.ParquetFile(file)
            if set(columns) <= set(parquet.schema_arrow.names):
                for batch in parquet.iter_batches(_BATCH_ROWS, columns=list(columns)):
                    yield pa.Table.from_batches([batch])


def _identification(documents_dir: str) -> Row:
    pairs: Pairs = Counter()
    for table in _batches(documents_dir, [s.LANGUAGE, s.DETECTED]):
        groups = table.group_by([s.LANGUAGE, s.DETECTED]).aggregate([([], "count_all")])
        for group in groups.to_pylist():
            pairs[group[s.LANGUAGE], group[s.DETECTED]] += group["count_all"]
    declared = Counter[str]()
    for (language, _), documents in pairs.items():
        if language is not None:
            declared[language] += documents
    compared: Pairs = Counter({pair: n for pair, n in pairs.items() if None not in pair})
    differ: Pairs = Counter({pair: n for pair, n in compared.items() if pair[0] != pair[1]})
    close = sum(n for pair, n in differ.items() if _are_close(*pair))
    return {
        "documents": pairs.total(),
        "declared_none": pairs.total() - declared.total(),
        "compared": compared.total(),
        "differ": differ.total(),
        "differ_fraction": differ.total() / compared.total() if compared else None,
        "differ_close": close,
        "disagreements": [
            {
                "declared": one,
                "detected": other,
                "documents": documents,
                "fraction_of_declared": documents / declared[str(one)],
                "is_close": _are_close(one, other),
            }
            for (one, other), documents in _most(differ)
        ],
        "confusion": [
            {"declared": one, "detected": other, "documents": documents, "fraction_of_declared": fraction}
            for one, other, documents, fraction in matrix(pairs)
        ],
    }


def _are_close(declared: str | None, detected: str | None) -> bool:
    """Whether the model is known to confuse the two, so that no rule rejects for it."""
    return declared in LOCALES and detected in LOCALES[declared].close


def _most(pairs: Pairs) -> list[tuple[tuple[str | None, str | None], int]]:
    return sorted(pairs.items(), key=lambda item: (-item[1], str(item[0])))[:MAX_PAIRS]


def matrix(pairs: Pairs) -> list[tuple[str, str | None, int, float]]:
    """The most frequent languages against themselves: (one, other, count, its fraction of the one's).

    Others that are not among these languages are summed up as OTHERS, null (not known) apart. Pairs that do not occur
    are left out.
    """
    totals = Counter[str]()
    for (one, _), documents in pairs.items():
        if one is not None:
            totals[one] += documents
    shown = sorted(totals, key=lambda code: (-totals[code], code))[:MAX_LANGUAGES]
    cells: Counter[tuple[str, str | None]] = Counter()
    for (one, other), documents in pairs.items():
        if one in shown:
            assert one is not None
            cells[one, other if other is None or other in shown else OTHERS] += documents
    columns = [*shown, OTHERS, None]
    return [
        (one, other, cells[one, other], cells[one, other] / totals[one])
        for one in shown
        for other in columns
        if cells[one, other]
    ]


def _duplicates(decisions_dir: str, fates_dir: str) -> Row:
    """Locales of removed documents and of the documents kept in their places."""
    removals, sampled = _removals(decisions_dir)
    pairs: Pairs = Counter()
    if sampled is not None:
        parts, rows, kept_ids = (sampled[name].to_pylist() for name in (s.PART, s.ROW, s.KEPT_DOC_ID))
        places = list(zip(parts, rows, strict=True))
        removed = rows_at(fates_dir, places, [s.LOCALE])
        kept = _locales_of(fates_dir, sampled[s.KEPT_DOC_ID].combine_chunks().unique())
        pairs.update(
            (removed[place][s.LOCALE], kept.get(id_)) for place, id_ in zip(places, kept_ids, strict=True)
        )
    known: Pairs = Counter({pair: n for pair, n in pairs.items() if pair[1] is not None})
    across: Pairs = Counter({pair: n for pair, n in known.items() if pair[0] != pair[1]})
    return {
        "removals": removals,
        "compared": pairs.total(),
        "kept_elsewhere": pairs.total() - known.total(),
        "across": across.total(),
        "across_fraction": across.total() / known.total() if known else None,
        "pairs": [
            {"removed_locale": one, "kept_locale": other, "documents": documents}
            for (one, other), documents in _most(across)
        ],
        "overlap": [
            {
                "removed_locale": one,
                "kept_locale": other,
                "documents": documents,
                "fraction_of_removed": fraction,
            }
            for one, other, documents, fraction in matrix(pairs)
        ],
    }


def _removals(decisions_dir: str) -> tuple[int, pa.Table | None]:
    """How many documents were removed, and those with the smallest hashes; null without any.

    Ids are hashes; the keep rule orders by their first digits, so the last ones decide here.
    """
    number, held = 0, None
    columns = [s.DOC_ID, s.KEPT_DOC_ID, s.PART, s.ROW]
    for table in _batches(decisions_dir, columns):
        number += table.num_rows
        keyed = table.append_column(_KEY, pc.utf8_slice_codeunits(table[s.DOC_ID], 16, 32))
        held = keyed if held is None else pa.concat_tables([held, keyed])
        if held.num_rows > 2 * MAX_REMOVALS:
            held = _smallest(held)
    return number, held if held is None or held.num_rows <= MAX_REMOVALS else _smallest(held)


def _smallest(table: pa.Table) -> pa.Table:
    order = [(_KEY, "ascending"), (s.PART, "ascending"), (s.ROW, "ascending")]
    return table.take(pc.select_k_unstable(table, MAX_REMOVALS, sort_keys=order))


def _locales_of(fates_dir: str, doc_ids: pa.Array) -> dict[str, str]:
    """Locales by id; documents of other runs are not there."""
    found: dict[str, str] = {}
    for table in _batches(fates_dir, [s.DOC_ID, s.LOCALE]):
        hits = table.filter(pc.is_in(table[s.DOC_ID], doc_ids))
        found.update(zip(hits[s.DOC_ID].to_pylist(), hits[s.LOCALE].to_pylist(), strict=True))
    return found
