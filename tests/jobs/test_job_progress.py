import pytest

from dataprep.stages import StageRecord
from jobs.progress import StageProgress, summary

ANNOTATE = StageRecord(
    "annotate",
    "f1",
    {
        "documents": 2705,
        "text_bytes": 3_349_999,
        "repaired": 8,
        "files": 134,
        "input_bytes": 900_000,
        "read": [["mc4", "a.json.gz", "en", 2708]],
        "quarantined": [["mc4", "a.json.gz", "en", 1000], ["cc100", "en.txt", "en", 3]],
    },
    20.04,
)
DEDUP = StageRecord(
    "dedup",
    "f2",
    {"documents": 2662, "exact_removed": 104, "near_removed": 78, "candidate_pairs": 12345},
    35.1,
)
LINES = StageRecord(
    "lines",
    "f7",
    {
        "boilerplate": 1200,
        "by_source": {
            "web": {"read": 40_000, "removed": 5100, "documents_dropped": 12},
            "books": {"read": 2000, "removed": 4, "documents_dropped": 0},
        },
    },
    3.0,
)
DECONTAMINATE = StageRecord(
    "decontaminate",
    "f8",
    {
        "documents": 2480,
        "documents_matched": 9,
        "sets": [{"items": 11_000, "items_found": 4}, {"items": 240, "items_found": 1}],
    },
    4.0,
)
FATES = StageRecord(
    "fates",
    "f3",
    {
        "documents": 2705,
        "funnel": [
            {"drop_reason": None, "documents": 2000},
            {"drop_reason": "too_few_words", "documents": 225},
            {"drop_reason": None, "documents": 480},
        ],
    },
    3.9,
)
TOKENIZER = StageRecord(
    "tokenizer", "f4", {"vocab_size": 8000, "sampled_documents": 2480, "sha256": "00"}, 4.0
)
SHARDS = StageRecord("shards", "f5", {"files": 51, "documents": 2480, "tokens": 1234567, "locales": 26}, 2.25)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (ANNOTATE, "134 files, 2,705 documents, 3.3 MB of text, 1,003 malformed, 8 repaired"),
        (DEDUP, "2,662 documents, 104 exact and 78 near duplicates, 12,345 pairs verified"),
        (LINES, "1,200 boilerplate lines, 5,104 of 42,000 lines removed, 12 documents with too little left"),
        (
            DECONTAMINATE,
            "9 of 2,480 documents have something of 5 of 11,240 items of evaluation sets",
        ),
        (FATES, "2,480 of 2,705 documents kept"),
        (TOKENIZER, "8,000 pieces from 2,480 documents"),
        (SHARDS, "51 shards, 1,234,567 tokens in 26 locales"),
        (StageRecord("another", "f6"), ""),
    ],
    ids=lambda value: value.stage if isinstance(value, StageRecord) else "",
)
def test_a_stage_is_summed_up_in_words(record: StageRecord, expected: str) -> None:
    assert summary(record) == expected


@pytest.fixture
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that make rich take a pipe for a terminal."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("_no_terminal")
def test_in_a_pipe_every_stage_is_one_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    with StageProgress() as progress:
        progress.start("annotate")
        progress.end(ANNOTATE, False)
        progress.start("tokenizer")
        progress.end(TOKENIZER, True)

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "annotate   134 files, 2,705 documents, 3.3 MB of text, 1,003 malformed, 8 repaired  [20.0 s]\n"
        "tokenizer  8,000 pieces from 2,480 documents  [already done]\n"
    )


@pytest.mark.usefixtures("_no_terminal")
def test_a_long_line_with_brackets_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    line = "report     /data/[red]/" + "run/" * 60 + "index.html"

    with StageProgress() as progress:
        progress.say(line)

    assert capsys.readouterr().err == f"{line}\n"
