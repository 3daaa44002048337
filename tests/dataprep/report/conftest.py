import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from report_helpers import REMOVALS, TEXTS, write_removals
from signal_helpers import add_signals, document, write_documents

from dataprep.report.numbers import build_report
from dataprep.report.page import render

# source, locale, file, fate (null: kept; "!": quarantined), records, text bytes. Small enough to add up by hand.
FATES: list[tuple[str, str, str, str | None, int, int]] = [
    ("mc4", "en", "en/a.json.gz", None, 620, 1_240_000),
    ("mc4", "en", "en/a.json.gz", "too_few_words", 150, 9_000),
    ("mc4", "en", "en/a.json.gz", "curly_braces", 40, 60_000),
    ("mc4", "en", "en/a.json.gz", "exact_duplicate", 60, 110_000),
    ("mc4", "en", "en/a.json.gz", "near_duplicate", 90, 190_000),
    ("mc4", "en", "en/a.json.gz", "!", 3, 0),
    ("mc4", "ar", "ar/a.json.gz", None, 210, 610_000),
    ("mc4", "ar", "ar/a.json.gz", "uncertain_language", 24, 20_000),
    ("mc4", "ar", "ar/a.json.gz", "near_duplicate", 16, 44_000),
    ("mc4", "ur", "ur/a.json.gz", None, 48, 150_000),
    ("mc4", "ur", "ur/a.json.gz", "too_few_words", 12, 700),
    ("mc4", "th", "th/a.json.gz", None, 70, 260_000),
    ("mc4", "th", "th/a.json.gz", "near_duplicate", 9, 30_000),
    ("mc4", "ja", "ja/a.json.gz", None, 130, 400_000),
    ("mc4", "ja", "ja/a.json.gz", "too_few_characters", 21, 1_100),
    ("mc4", "ja", "ja/a.json.gz", "near_duplicate", 7, 22_000),
    ("wikipedia", "en", "enwiki.xml.bz2", None, 300, 2_400_000),
    ("wikipedia", "en", "enwiki.xml.bz2", "too_few_words", 35, 2_500),
    ("wikipedia", "en", "enwiki.xml.bz2", "short_lines", 14, 30_000),
    ("wikipedia", "en", "enwiki.xml.bz2", "near_duplicate", 5, 9_000),
    ("wikipedia", "he", "hewiki.xml.bz2", None, 88, 300_000),
    ("wikipedia", "he", "hewiki.xml.bz2", "bullets", 4, 6_000),
    ("opensubtitles", "de", "de.txt.gz", None, 160, 200_000),
    ("opensubtitles", "de", "de.txt.gz", "too_few_words", 55, 2_000),
    ("opensubtitles", "de", "de.txt.gz", "symbols", 6, 900),
    ("opensubtitles", "de", "de.txt.gz", "exact_duplicate", 17, 15_000),
    ("opensubtitles", "de", "de.txt.gz", "!", 4, 0),
]

EXPLANATIONS = {
    "too_few_words": "Fewer words than the minimum (Gopher A.1.1).",
    "too_few_characters": "Fewer characters than the minimum, in scripts without word separators.",
    "curly_braces": "Program code rather than prose (C4 section 2.2).",
    "uncertain_language": "The model is not sure enough of the language.",
    "short_lines": "Most lines are short, as in menus and lists (FineWeb section 3.6).",
    "bullets": "Nearly every line is a bullet point (Gopher A.1.1).",
    "symbols": "Too many hash signs and ellipses per word (Gopher A.1.1).",
    "exact_duplicate": "Another document has the same text, white space aside.",
    "near_duplicate": "Its shingles and those of a kept document are alike enough.",
    "invalid_json": "The line is no JSON object.",
    "invalid_utf8": "The bytes are no UTF-8.",
}

DEDUP = {
    "documents": 1830,
    "exact_removed": 77,
    "exact_clusters": 41,
    "short_documents": 12,
    "candidate_pairs": 400,
    "verified_pairs": 160,
    "near_removed": 127,
    "transitive_only": 9,
    "components": 58,
    "overlap": [
        ["mc4", "mc4", "exact", 60],
        ["mc4", "mc4", "near", 92],
        ["mc4", "wikipedia", "near", 30],
        ["opensubtitles", "opensubtitles", "exact", 17],
        ["wikipedia", "wikipedia", "near", 5],
    ],
    "cluster_sizes": [[2, 61], [3, 22], [4, 8], [5, 4], [8, 2], [11, 1], [40, 1]],
    "jaccard_histogram": [
        [0.4, 6], [0.45, 14], [0.5, 22], [0.55, 31], [0.6, 37], [0.65, 42],
        [0.7, 46], [0.75, 42], [0.8, 40], [0.85, 34], [0.9, 38], [0.95, 48],
    ],
    "largest_buckets": [[88, "We value your privacy. Accept all cookies."], [31, "جميع الحقوق محفوظة ٢٠٢٤"]],
    "num_bands": 20,
    "rows_per_band": 8,
    "min_jaccard": 0.8,
    "preset": "default",
    "verify": True,
    "min_containment": 0.9,
    "contained_removed": 0,
    "slice_fraction": 1.0,
    "earlier_segments": 2,
    "earlier_removed": 6,
    "max_bucket_size": 50,
    "capped_buckets": 3,
    "capped_comparisons": 44,
    "capped_examples": [[88, 38, "We value your privacy. Accept <b>all</b> cookies."]],
}  # fmt: skip

EXAMPLE_SCHEMA = pa.schema(
    [
        ("drop_reason", pa.string()), ("doc_id", pa.string()), ("source", pa.string()), ("locale", pa.string()),
        ("file", pa.string()), ("locator", pa.string()), ("signal", pa.string()), ("value", pa.float64()),
        ("threshold", pa.float64()), ("excerpt", pa.string()), ("kept_doc_id", pa.string()),
        ("kept_source", pa.string()), ("kept_locator", pa.string()), ("kept_excerpt", pa.string()),
        ("jaccard", pa.float64()),
    ]
)  # fmt: skip

QUARANTINE_SCHEMA = pa.schema(
    [
        ("source", pa.string()), ("file", pa.string()), ("locale", pa.string()), ("offset", pa.int64()),
        ("reason", pa.string()), ("sample", pa.binary()),
    ]
)  # fmt: skip


def example(reason: str, doc_id: str, excerpt: str, **changed: Any) -> dict[str, Any]:
    row = dict.fromkeys(EXAMPLE_SCHEMA.names)
    row |= {"drop_reason": reason, "doc_id": doc_id, "source": "mc4", "locale": "en", "excerpt": excerpt}
    return row | {"file": "en/a.json.gz", "locator": f"https://example.org/{doc_id}"} | changed


def duplicate(doc_id: str, excerpt: str, kept: str, **changed: Any) -> dict[str, Any]:
    fields = {
        "kept_doc_id": "ff",
        "kept_source": "wikipedia",
        "kept_locator": "Lighthouse",
        "kept_excerpt": kept,
    }
    return example("near_duplicate", doc_id, excerpt, **({"jaccard": 0.875} | fields | changed))


EXAMPLES = [
    example("too_few_words", "01", "Read more", signal="num_units", value=2.0, threshold=20.0),
    example("too_few_words", "02", "مزید پڑھیں", locale="ur", signal="num_units", value=2.0, threshold=20.0),
    example("curly_braces", "03", "function f() { return { a: 1 }; }\n</details><script>alert(1)</script>",
            signal="curly_brace_count", value=4.0, threshold=2.0),
    example("uncertain_language", "04", "مرحبا hello bonjour 123 שלום", locale="ar", signal="lid_score", value=0.31,
            threshold=0.5),
    example("bullets", "05", "• אחד\n• שתיים\n• שלוש", locale="he", source="wikipedia",
            signal="bullet_line_fraction", value=1.0, threshold=0.9),
    duplicate("06", "The old lighthouse stands on the northern cliff and was built by hand in 1871.",
              "The old lighthouse stands on the southern cliff and was built by hand in 1872."),
    duplicate("07", "المنارة القديمة تقف على الجرف الشمالي منذ زمن بعيد.",
              "المنارة القديمة تقف على الجرف الجنوبي منذ زمن بعيد.", locale="ar"),
    duplicate("08", "古い灯台は北の崖に立っています。", "古い灯台は南の崖に立っています。", locale="ja"),
    duplicate("09", "ประภาคารเก่าตั้งอยู่บนหน้าผาทางเหนือ", "ประภาคารเก่าตั้งอยู่บนหน้าผาทางใต้", locale="th"),
    example("exact_duplicate", "10", "Guten Abend, meine Damen und Herren.", source="opensubtitles", locale="de",
            kept_doc_id="ee", kept_source="opensubtitles", kept_locator="de.txt.gz:0",
            kept_excerpt="Guten Abend,  meine Damen und Herren."),
]  # fmt: skip

QUARANTINED = [
    {"source": "mc4", "file": "en/a.json.gz", "locale": "en", "offset": offset, "reason": "invalid_json",
     "sample": b'{"text": "half a rec\x00rd'}
    for offset in (4096, 1024, 2048)
] + [
    {"source": "opensubtitles", "file": "de.txt.gz", "locale": "de", "offset": offset, "reason": "invalid_utf8",
     "sample": b"Gr\xfc\xdfe <b>an alle</b>"}
    for offset in (7, 900, 1800, 2700)
]  # fmt: skip


def _entry() -> dict[str, Any]:
    return {"read": 0, "kept": 0, "dropped": {}, "quarantined": 0}


def ledger() -> dict[str, Any]:
    tables: dict[str, dict[str, Any]] = {"by_source": {}, "by_locale": {}, "by_file": {}}
    total = _entry()
    for source, locale, file, fate, n, _ in FATES:
        keys = {"by_source": source, "by_locale": locale, "by_file": f"{source}/{file}"}
        for entry in (total, *(tables[table].setdefault(key, _entry()) for table, key in keys.items())):
            entry["read"] += n
            if fate is None:
                entry["kept"] += n
            elif fate == "!":
                entry["quarantined"] += n
            else:
                entry["dropped"][fate] = entry["dropped"].get(fate, 0) + n
    for source, lines in LINES["by_source"].items():
        tables["by_source"][source]["lines"] = {name: lines[name] for name in _LINE_COUNTS}
    total["lines"] = {
        name: sum(lines[name] for lines in LINES["by_source"].values()) for name in _LINE_COUNTS
    }
    return {"schema_version": 1, "total": total, **tables}


_LINE_COUNTS = ("read", "kept", "removed", "dropped", "characters_removed")
LINES: dict[str, Any] = {
    "by_source": {
        "mc4": {
            "documents": 900, "documents_changed": 120, "documents_dropped": 8, "read": 21_000, "kept": 20_490,
            "removed": 480, "dropped": 30, "characters_removed": 24_000,
        },
        "wikipedia": {
            "documents": 400, "documents_changed": 2, "documents_dropped": 0, "read": 9_000, "kept": 8_997,
            "removed": 3, "dropped": 0, "characters_removed": 90,
        },
    },
    "boilerplate": 77,
    "most_frequent": [[95, "<b>All rights reserved</b> © 2024"], [40, "جميع الحقوق محفوظة"]],
}  # fmt: skip


DECONTAMINATION: dict[str, Any] = {
    "ngram": 13,
    "documents": 1600,
    "documents_matched": 44,
    "sets": [
        {
            "name": "utterances", "items": 12_000, "distinct_items": 11_870, "items_found": 31,
            "documents_matched": 44, "sha256": "ab" * 32,
        },
        {
            "name": "paragraphs", "items": 240, "distinct_items": 240, "items_found": 0, "documents_matched": 0,
            "sha256": "cd" * 32,
        },
    ],
}  # fmt: skip


def _plan() -> dict[str, Any]:
    shares = {
        "en": (920, 910_000, 0.65, 0.30, 0.46), "ar": (210, 170_000, 0.1214, 0.18, 1.48),
        "ja": (130, 120_000, 0.0857, 0.163, 1.9), "he": (88, 90_000, 0.0643, 0.149, 2.32),
        "th": (70, 60_000, 0.0429, 0.1, 2.3), "de": (160, 40_000, 0.0286, 0.07, 2.4),
        "ur": (48, 10_000, 0.0071, 0.038, 5.3),
    }  # fmt: skip
    names = ("documents", "tokens", "natural_share", "target_share", "expected_repeats")
    locales = {code: dict(zip(names, values, strict=True)) for code, values in shares.items()}
    web = {"documents": 1626, "tokens": 1_400_000, "natural_share": 1.0, "base_share": 1.0, "target_share": 1.0,
           "expected_tokens": 1_400_000.0, "expected_repeats": 1.0}  # fmt: skip
    phases = [
        {
            "phase": number,
            "from_token": 700_000 * number,
            "tokens": 700_000,
            "alpha": alpha,
            "locales": {},
            "cells": [],
        }
        for number, alpha in enumerate((0.5, 0.3))
    ]
    return {"schema_version": 2, "method": "temperature", "alpha": None, "total_tokens": 1_400_000,
            "budget_tokens": 1_400_000, "held": ["locale ur: max_repeats 5.3"], "locales": locales,
            "sources": {"mc4": web}, "forms": {"written": web}, "cells": [], "phases": phases}  # fmt: skip


def _manifest() -> dict[str, Any]:
    rows = {"en": 920, "ar": 210, "ur": 48, "th": 70, "ja": 130, "he": 88, "de": 160}
    shards = [("train", code, n - 1) for code, n in rows.items()] + [("validation", code, 1) for code in rows]
    return {
        "schema_version": 1,
        "tokenizer_sha256": "a1" * 32,
        "config_sha256": "b2" * 32,
        "vocab_size": 8000,
        "plan": "plan.json",
        "decontamination": [{"name": "utterances"}, {"name": "paragraphs"}],
        "files": [
            {"path": f"locale={code}/part-0.parquet", "split": split, "locale": code, "rows": n, "tokens": 700 * n,
             "bytes": 1500 * n, "sha256": "c3" * 32, "cells": [{"source": "mc4", "tokens": 700 * n}]}
            for split, code, n in shards
        ],
    }  # fmt: skip


def _stage(name: str, elapsed_s: float, counts: dict[str, Any]) -> dict[str, Any]:
    return {"stage": name, "fingerprint": "d4" * 32, "elapsed_s": elapsed_s, "counts": counts}


THRESHOLDS: dict[str, Any] = {
    "file": "builtin",
    "sha256": "e5" * 32,
    "origin": "Computed from <public> texts.",
    "reference_documents": 1234,
    "defaults": [
        {"threshold": "min_words", "value": 20},
        {"threshold": "max_digit_fraction", "value": None},
        {"threshold": "code_mixed", "value": "keep"},
    ],
    "by_locale": [
        {
            "locale": "de",
            "threshold": "max_digit_fraction",
            "value": 0.15,
            "origin": "file",
            "documents": 185,
        },
        {"locale": "he", "threshold": "max_digit_fraction", "value": 0.25, "origin": "file", "documents": 0},
        {
            "locale": "he",
            "threshold": "min_words",
            "value": None,
            "origin": "rules_by_locale",
            "documents": None,
        },
    ],
}
# Two rules that reject one document each, and documents near them; Lao, which the source calls Thai.
MEASURED = [
    document("a1", fate="too_few_words", num_units=19, text="<b>Too</b> short\x00<script>alert(1)</script>"),
    document("a2", num_units=20),
    document("a3", "de", "digits", digit_fraction=0.16),
    document("a4", "de", digit_fraction=0.14),
    document("a5", "he", num_units=3),
    document("a6", "th", detected="lo", detected_score=0.4),
    document("a7", language=None),
]
PERPLEXITY: list[dict[str, Any]] = [{"locale": "de", "bucket": "head", "documents": 77}]


def _funnel() -> list[dict[str, Any]]:
    return [
        {"source": source, "locale": locale, "drop_reason": fate, "documents": n, "text_bytes": text_bytes}
        for source, locale, _, fate, n, text_bytes in FATES
        if fate != "!"
    ]


CONFIG = """\
run_dir: runs/demo
sources:
- name: mc4
  format: mc4
  paths: ['mc4/*.json.gz']
near_dedup:
  num_bands: 20
engine:
  spark:
    spark.hadoop.fs.s3a.secret.key: hunter2
    spark.sql.shuffle.partitions: '8'
tokenizer:
  vocab_size: 8000
"""

RUN = {
    "schema_version": 1,
    "started_at": "2026-01-01T00:00:00Z",
    "commit": "0123abc",
    "versions": {"python": "3.11.9", "pyspark": "4.3.0"},
    "master": "local[*]",
    "cores": 16,
    "stages": [
        {"stage": "annotate", "elapsed_s": 12.3, "skipped": False},
        {"stage": "dedup", "elapsed_s": 0.1, "skipped": True},
        {"stage": "shards", "elapsed_s": 101.6, "skipped": False},
    ],
    "peak_memory_bytes": 1_234_567_890,
}

KEEP = {
    "doc_id": "0" * 32,
    "drop_reason": "short_lines",
    "by": "<b>Ada</b>",
    "reason": "a poem",
    "at": "2026-03-01T09:00:00+00:00",
}

WriteJson = Callable[..., None]


def _write_json(folder: Path, value: Any, *names: str) -> None:
    path = folder.joinpath(*names)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def write_rows(rows: list[dict[str, Any]], schema: pa.Schema, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema), path)


def write_run(folder: Path) -> None:
    """A complete run folder: 2,198 records from three sources in seven locales."""
    _write_json(folder, ledger(), "ledger.json")
    _write_json(folder, RUN, "run.json")
    _write_json(folder, _plan(), "plan.json")
    _write_json(folder, _manifest(), "shards", "manifest.json")
    found = [("mc4", "email", 41, 30), ("mc4", "iban", 2, 1), ("wikipedia", "email", 3, 3)]
    private_data = [
        [source, kind, what, n]
        for source, kind, *counts in found
        for what, n in zip(("found", "documents"), counts, strict=True)
    ]
    documents = {
        "documents": 2191,
        "text_bytes": 6_112_200,
        "repaired": 13,
        "files": 8,
        "private_data": private_data,
    }
    _write_json(folder, _stage("annotate", 12.3, documents), "documents", "_stage.json")
    _write_json(folder, _stage("dedup", 8.25, DEDUP), "dedup", "_stage.json")
    _write_json(folder, _stage("lines", 2.0, LINES), "lines", "_stage.json")
    _write_json(folder, _stage("decontaminate", 2.5, DECONTAMINATION), "decontamination", "_stage.json")
    fates = {"funnel": _funnel(), "thresholds": THRESHOLDS, "perplexity": PERPLEXITY}
    _write_json(folder, _stage("fates", 1.0, fates), "fates", "_stage.json")
    _write_json(folder, _stage("shards", 101.6, {}), "shards", "_stage.json")
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    write_removals(folder, TEXTS, REMOVALS, locales=["en", "en", "en", "de"])
    add_signals(folder)
    write_documents(folder, MEASURED, part=1)
    (folder / "overturned").mkdir()
    (folder / "overturned" / "keeps.jsonl").write_text(json.dumps(KEEP) + "\n", encoding="utf-8")
    write_rows(EXAMPLES[:6], EXAMPLE_SCHEMA, folder / "rejected_sample" / "part-0.parquet")
    write_rows(EXAMPLES[6:], EXAMPLE_SCHEMA, folder / "rejected_sample" / "part-1.parquet")
    write_rows(QUARANTINED[:2], QUARANTINE_SCHEMA, folder / "quarantine" / "part-0.parquet")
    write_rows(QUARANTINED[2:], QUARANTINE_SCHEMA, folder / "quarantine" / "part-1.parquet")


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A complete run folder of the test's own, to change at will."""
    write_run(tmp_path)
    return tmp_path


@pytest.fixture
def write_json(tmp_path: Path) -> WriteJson:
    """Writes a JSON value into the test's run folder: `write_json(value, "folder", "name.json")`."""
    return partial(_write_json, tmp_path)


@pytest.fixture(scope="session")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of the complete run folder; drawn once, since drawing takes longest."""
    folder = tmp_path_factory.mktemp("run")
    write_run(folder)
    return render(build_report(str(folder), EXPLANATIONS))


@pytest.fixture
def explanations() -> dict[str, str]:
    return EXPLANATIONS


WriteExamples = Callable[[list[dict[str, Any]]], None]


@pytest.fixture
def write_examples(run_dir: Path) -> WriteExamples:
    """Replaces the rejected sample; each row starts from an ordinary example and gives what differs."""

    def write(rows: list[dict[str, Any]]) -> None:
        (run_dir / "rejected_sample" / "part-1.parquet").unlink()
        complete = [
            example("too_few_words", f"{position:02}", "Read more") | row for position, row in enumerate(rows)
        ]
        write_rows(complete, EXAMPLE_SCHEMA, run_dir / "rejected_sample" / "part-0.parquet")

    return write


@pytest.fixture
def write_quarantine(run_dir: Path) -> Callable[[list[dict[str, Any]]], None]:
    """Replaces the quarantine by as many files as rows are given."""

    def write(rows: list[dict[str, Any]]) -> None:
        for position, row in enumerate(rows):
            write_rows([row], QUARANTINE_SCHEMA, run_dir / "quarantine" / f"part-{position}.parquet")

    return write
