"""Documents with their signals, for the tests of rules and of what the report says of them."""

import hashlib
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

# A document that every rule keeps.
GOOD: Final[dict[str, Any]] = {
    "language": "en",
    "locale": "en",
    "detected": "en",
    "detected_score": 0.9,
    "lid_score": 0.9,
    "script_fraction": 1.0,
    "foreign_letter_fraction": 0.0,
    "line_language_fraction": 1.0,
    "code_mixing": 0.0,
    "form": "written",
    "num_chars": 1000,
    "num_units": 200,
    "replacement_char_count": 0,
    "curly_brace": 0,
    "lorem_ipsum": False,
    "mean_word_length": 5.0,
    "alpha_fraction": 0.8,
    "symbol_to_word_ratio": 0.0,
    "bullet_line_fraction": 0.0,
    "ellipsis_line_fraction": 0.0,
    "terminal_line_fraction": 1.0,
    "short_line_fraction": 0.0,
    "newline_ratio": 0.0,
    "duplicate_line_fraction": 0.0,
    "duplicate_line_char_fraction": 0.0,
    "top_2gram_char_fraction": 0.0,
    "top_3gram_char_fraction": 0.0,
    "top_4gram_char_fraction": 0.0,
    "duplicate_5gram_char_fraction": 0.0,
    "duplicate_6gram_char_fraction": 0.0,
    "duplicate_7gram_char_fraction": 0.0,
    "duplicate_8gram_char_fraction": 0.0,
    "duplicate_9gram_char_fraction": 0.0,
    "duplicate_10gram_char_fraction": 0.0,
    "url_is_blocked": False,
    "mojibake_fraction": 0.0,
    "alpha_unit_fraction": 1.0,
    "digit_fraction": 0.0,
    "punctuation_fraction": 0.0,
    "symbol_fraction": 0.0,
    "upper_fraction": 0.0,
    "url_fraction": 0.0,
    "num_stop_words": 5,
    "stop_word_fraction": 0.3,
    "max_unit_length": 10,
    "num_listed_words": 0,
    "duplicate_paragraph_fraction": 0.0,
    "duplicate_paragraph_char_fraction": 0.0,
    "list_line_fraction": 0.0,
    "few_word_line_fraction": 0.0,
    "policy_line_fraction": 0.0,
    "num_sentences": 10,
    "num_long_lines": 5,
    "perplexity": 100.0,
}
TYPES: Final = {str: pa.string(), float: pa.float32(), int: pa.int64(), bool: pa.bool_()}
SCHEMA: Final = pa.schema([(key, TYPES[type(value)]) for key, value in GOOD.items()])
_OTHERS: Final = pa.schema(
    [
        ("doc_id", pa.string()),
        ("source", pa.string()),
        ("locator", pa.string()),
        ("text", pa.string()),
        ("content_hash", pa.binary(16)),
        ("part", pa.int32()),
        ("row", pa.int32()),
    ]
)
_FATES: Final = pa.schema([("doc_id", pa.string()), ("locale", pa.string()), ("drop_reason", pa.string())])


def document(doc_id: str, locale: str = "en", fate: str | None = None, **signals: Any) -> dict[str, Any]:
    """A document that every rule keeps but for what is said of it, and its fate."""
    of_language = {"language": locale, "locale": locale, "detected": locale}
    text = {"text": f"The text of {doc_id}.", "locator": f"https://example.org/{doc_id}", "source": "mc4"}
    return GOOD | of_language | text | {"doc_id": doc_id, "drop_reason": fate} | signals


def write_documents(
    folder: Path, rows: list[dict[str, Any]], *, part: int = 0, row_group_rows: int = 1000
) -> None:
    """A documents file and the fates beside it, as the stages leave them."""
    placed = [
        row
        | {
            "part": part,
            "row": number,
            "content_hash": hashlib.md5(row["text"].encode(), usedforsecurity=False).digest(),
        }
        for number, row in enumerate(rows)
    ]
    for name, schema in (("documents", pa.schema([*_OTHERS, *SCHEMA])), ("fates", _FATES)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        table = pa.Table.from_pylist(placed, schema)
        pq.write_table(table, folder / name / f"part-{part:06d}.parquet", row_group_size=row_group_rows)


def add_signals(folder: Path, part: int = 0) -> None:
    """Give the documents of a file the signals of one that every rule keeps, each in its own locale."""
    path = folder / "documents" / f"part-{part:06d}.parquet"
    there = pq.read_table(path)
    rows = [document(row["doc_id"], row["locale"]) | row for row in there.to_pylist()]
    hashes = [hashlib.md5(row["text"].encode(), usedforsecurity=False).digest() for row in rows]
    rows = [row | {"content_hash": digest} for row, digest in zip(rows, hashes, strict=True)]
    extra = [field for field in pa.schema([*_OTHERS, *SCHEMA]) if field.name not in there.schema.names]
    pq.write_table(pa.Table.from_pylist(rows, pa.schema([*there.schema, *extra])), path)
