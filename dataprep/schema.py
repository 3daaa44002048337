"""Column names and Arrow schemas of every table in a run folder. The one place where a column is spelled."""

from typing import Final

import pyarrow as pa

SCHEMA_VERSION: Final = 1  # of ledger.json, shards/manifest.json and report/report.json

# --- documents/*.parquet ---------------------------------------------------------------------------------------------
DOC_ID: Final = "doc_id"  # 128-bit content address of source, locator and text; 32 hex digits
SOURCE: Final = "source"
LOCATOR: Final = "locator"  # URL, title, or file and offset
FILE: Final = "file"  # input file, relative to the input root
LANGUAGE: Final = "language"  # as declared by the source; null where it declares none
LOCALE: Final = "locale"  # the declared language, else the detected one; "und" where neither is known
DETECTED: Final = "detected"  # best label of the language identification, as a locale code
DETECTED_SCORE: Final = "detected_score"  # its probability
LID_SCORE: Final = "lid_score"  # probability of `locale`
LANGUAGES: Final = "languages"  # the up to three best labels, best first
LANGUAGE_SCORES: Final = "language_scores"  # their probabilities
LINE_LANGUAGE_FRACTION: Final = (
    "line_language_fraction"  # of the lines, by bytes, in `locale` or a close relative
)
SECOND_LANGUAGE: Final = "second_language"  # that has most of the other lines; null where none is sure
SECOND_LANGUAGE_FRACTION: Final = "second_language_fraction"  # its share of the lines, by bytes
SCRIPT_FRACTION: Final = "script_fraction"  # letters in a script that `locale` is written in / letters
FOREIGN_LETTER_FRACTION: Final = (
    "foreign_letter_fraction"  # letters that its alphabet does not have / in its scripts
)
CODE_MIXING: Final = "code_mixing"  # [0, 0.5], share of the rarer of two languages or scripts within lines
TIMESTAMP: Final = "timestamp"
FORM: Final = "form"  # written | spoken
TEXT: Final = "text"
CONTENT_HASH: Final = "content_hash"  # 16 bytes; equal for texts that differ in white space only
QUALITY: Final = "quality"  # [0, 1], see annotate.arrow_pass.quality
ROW: Final = "row"  # position in its documents file
PART: Final = "part"  # number of its documents file

# --- dedup ------------------------------------------------------------------------------------------------------------
NODE: Final = "node"  # where a document lies, as one number; see dedup/nodes.py
BAND_KEYS: Final = "band_keys"
MINHASH: Final = "minhash"  # of the datasketch library; see annotate/minhash.py
KEPT_DOC_ID: Final = "kept_doc_id"
RULE: Final = "rule"  # exact | near | contained
JACCARD: Final = "jaccard"
CONTAINMENT: Final = "containment"  # share of the removed document's shingles that the kept one has
BANDS_MATCHED: Final = "bands_matched"
CLUSTER_ID: Final = "cluster_id"
CLUSTER_SIZE: Final = "cluster_size"

# --- fates and shards -------------------------------------------------------------------------------------------------
DROP_REASON: Final = "drop_reason"  # null means the document is kept
SPLIT: Final = "split"  # train | validation
INPUT_IDS: Final = "input_ids"
NUM_TOKENS: Final = "num_tokens"

EXACT_DUPLICATE: Final = "exact_duplicate"
NEAR_DUPLICATE: Final = "near_duplicate"
CONTAINED_DUPLICATE: Final = "contained_duplicate"
DUPLICATE_REASONS: Final = {  # rule of a deduplication decision → drop reason
    "exact": EXACT_DUPLICATE,
    "near": NEAR_DUPLICATE,
    "contained": CONTAINED_DUPLICATE,
}
REMOVAL_REQUEST: Final = "removal_request"
BOILERPLATE_LINES: Final = "boilerplate_lines"

QUARANTINE: Final = pa.schema(
    [
        (SOURCE, pa.string()),
        (FILE, pa.string()),
        (LOCALE, pa.string()),
        ("offset", pa.int64()),
        ("reason", pa.string()),
        ("sample", pa.binary()),
    ]
)

# One row per document that loses lines: the numbers of those that go (blank lines have none), and what is left.
LINES: Final = pa.schema(
    [
        (PART, pa.int32()),
        (ROW, pa.int32()),
        ("removed_lines", pa.list_(pa.int32())),
        ("lines_left", pa.int32()),
        ("units_left", pa.int32()),
        ("bytes_left", pa.int64()),
        ("too_little_left", pa.bool_()),
    ]
)

SHARD: Final = pa.schema(
    [
        (DOC_ID, pa.string()),
        (SOURCE, pa.string()),
        (INPUT_IDS, pa.list_(pa.int32())),
        (NUM_TOKENS, pa.int32()),
        (CLUSTER_SIZE, pa.int32()),
    ]
)
