"""Column names and Arrow schemas of every table in a run folder. The one place where a column is spelled."""

from typing import Final

import pyarrow as pa

SCHEMA_VERSION: Final = 1  # of ledger.json, shards/manifest.json and report/report.json
PLAN_SCHEMA_VERSION: Final = 2  # of plan.json

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
FORM: Final = "form"  # written | spoken | spoken_converted
NUMBERS_SPOKEN: Final = (
    "numbers_spoken"  # put into words by annotate/spoken_form.py; numbers_left are still in digits
)
NUMBERS_LEFT: Final = "numbers_left"
TEXT: Final = "text"
CONTENT_HASH: Final = "content_hash"  # 16 bytes; equal for texts that differ in white space only
QUALITY: Final = "quality"  # [0, 1], see annotate.arrow_pass.quality
ROW: Final = "row"  # position in its documents file
PART: Final = "part"  # number of its documents file

# --- private data: kind → column with its number ----------------------------------------------------------------------
PRIVATE_DATA: Final = {
    "email": "num_emails",
    "ip_address": "num_ip_addresses",
    "phone_number": "num_phone_numbers",
    "iban": "num_ibans",
    "payment_card": "num_payment_cards",
    "national_id": "num_national_ids",
}

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

# --- utterances: columns beside those of documents and shards; see dataprep/utterances ------------------------------
FREQUENCY: Final = "frequency"  # how often it was said, in the window
WEIGHT: Final = "weight"  # how often the up-sampled data has it
NUM_SOURCES: Final = "num_sources"  # how many people said it
DOMAIN: Final = "domain"

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
CONTAMINATED: Final = "contaminated"

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

# One row per document and item of an evaluation set that the document holds in whole or in part. Lengths are in units
# of the tokeniser: words, or characters where a script has no spaces; `unit_scale` of them count as a word.
DECONTAMINATION: Final = pa.schema(
    [
        (DOC_ID, pa.string()),
        (PART, pa.int32()),
        (ROW, pa.int32()),
        ("set", pa.string()),
        ("item", pa.string()),  # file:record:field; the first of equal items of the set
        ("item_units", pa.int32()),
        ("unit_scale", pa.int32()),
        ("match_length", pa.int32()),  # units of the item in the longest passage
        ("item_coverage", pa.float32()),  # share of the item's units found in the document
        ("document_coverage", pa.float32()),  # share of the document's units that are the item's
        ("is_whole", pa.bool_()),  # a line of the document, or all of it, is the item
        ("documents", pa.int32()),  # that share even the rarest run of five words of the match
        ("set_items", pa.int32()),  # items of the set in the document
        ("set_coverage", pa.float32()),  # share of the document's units that are of items of the set
    ]
)

# One row per item of the evaluation sets.
EVALUATION_ITEMS: Final = pa.schema(
    [
        ("set", pa.string()),
        ("item", pa.string()),
        ("same_as", pa.string()),  # the first item of the set with the same units; null for the first
        ("item_units", pa.int32()),
        ("documents", pa.int32()),  # that have a match with it, whether they were dropped or not
    ]
)

SHARD: Final = pa.schema(
    [
        (DOC_ID, pa.string()),
        (SOURCE, pa.string()),
        (INPUT_IDS, pa.list_(pa.int32())),
        (NUM_TOKENS, pa.int32()),
        (CLUSTER_SIZE, pa.int32()),
        (FORM, pa.string()),
    ]
)
# The reader draws each row `weight` times; `cluster_size` is how many records it stands for.
UTTERANCE_SHARD: Final = pa.schema(
    [*SHARD, (DOMAIN, pa.string()), (FREQUENCY, pa.int64()), (WEIGHT, pa.int32())]
)
