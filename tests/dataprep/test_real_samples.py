"""The main job on real public samples, up to the fate of every document. Needs MAGISTER_REALDATA."""

from collections import Counter

import pyarrow.dataset as ds
import pytest

from dataprep import files
from dataprep.pipeline import ANNOTATE, DEDUP, FATES, Pipeline

pytestmark = [pytest.mark.realdata, pytest.mark.slow]

NTREX_LANGUAGES = 26
NTREX_DOCUMENTS = 123  # in each language, in each of the two layouts


def counts(pipeline: Pipeline, stage: str) -> dict[str, object]:
    record = pipeline.run.record({"annotate": ANNOTATE, "dedup": DEDUP, "fates": FATES}[stage])
    assert record is not None
    return record.counts


def test_every_record_of_every_file_has_a_fate(real_pipeline: Pipeline) -> None:
    annotated, fates = counts(real_pipeline, "annotate"), counts(real_pipeline, "fates")

    read = Counter[str]()
    for source, file, _, number in annotated["read"]:
        read[f"{source}/{file}"] += number
    accounted = Counter[str]()
    for source, file, _, number in annotated["quarantined"]:
        accounted[f"{source}/{file}"] += number
    for row in fates["funnel"]:
        accounted[f"{row['source']}/{row['file']}"] += row["documents"]

    assert accounted == read
    assert len(read) == len(real_pipeline.plan.inputs)


def test_four_formats_and_more_than_twenty_languages_are_kept(real_pipeline: Pipeline) -> None:
    kept = [row for row in counts(real_pipeline, "fates")["funnel"] if row["drop_reason"] is None]

    assert {row["source"] for row in kept} >= {"wikipedia", "cc100", "mc4", "opensubtitles"}
    assert len({row["locale"] for row in kept}) > 20


def test_every_news_text_that_lies_in_both_layouts_is_found_as_an_exact_duplicate(
    real_pipeline: Pipeline,
) -> None:
    in_mc4 = "common_crawl/derived_mc4_from_ntrex/"
    in_cc100 = "monolingual/derived_cc100_from_ntrex/"
    documents = ds.dataset(real_pipeline.run.at("documents"), format="parquet", exclude_invalid_files=True)
    fates = {
        (row["part"], row["row"]): row["drop_reason"]
        for path in files.list_files(real_pipeline.run.at("fates"), ".parquet")
        for row in ds.dataset(path).to_table(columns=["part", "row", "drop_reason"]).to_pylist()
    }
    by_text: dict[tuple[str, bytes], list[tuple[str, str | None]]] = {}
    for row in documents.to_table(columns=["file", "locale", "content_hash", "part", "row"]).to_pylist():
        if row["file"].startswith((in_mc4, in_cc100)):
            key = row["locale"], row["content_hash"]
            by_text.setdefault(key, []).append((row["file"], fates[row["part"], row["row"]]))

    pairs = list(by_text.values())
    found = [pair for pair in pairs if {reason for _, reason in pair} == {None, "exact_duplicate"}]
    rejected = [pair for pair in pairs if len({reason for _, reason in pair}) == 1]

    assert len(pairs) == NTREX_LANGUAGES * NTREX_DOCUMENTS
    assert all(len(pair) == 2 and pair[0][0].split("/")[0] != pair[1][0].split("/")[0] for pair in pairs)
    # Of the others both copies were rejected before, by one and the same rule; there is no third case.
    assert len(found) + len(rejected) == len(pairs)
    assert len(found) > 0.97 * len(pairs)
    assert ["cc100+mc4", 3198, 6396] in counts(real_pipeline, "dedup")["same_text"]
