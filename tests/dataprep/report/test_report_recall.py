"""Measured recall: the arithmetic on planted copies, and runs in which every near duplicate is known."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from dataprep.annotate.arrow_pass import annotate_documents
from dataprep.config import PrepareConfig
from dataprep.dedup.deduplicate import run_dedup
from dataprep.local_tasks import InThisProcess
from dataprep.pipeline import annotate_settings
from dataprep.rehearsal import Copy, Outcome, rehearse
from dataprep.report import recall
from dataprep.report.recall import Planted, measured_recall, planted_recall
from dataprep.sample import reference
from dataprep.sources.record import Document

BANDS, ROWS = 10, 8  # few bands, so that there is something to miss
PAIRS = 250
Run = Callable[..., tuple[PrepareConfig, float]]


def words(draw: random.Random, number: int) -> list[str]:
    return [f"w{draw.randrange(10**6)}" for _ in range(number)]


def near_duplicate(page: list[str], draw: random.Random) -> list[str]:
    """The page with words at one to four places far apart replaced: similarity 0.65 to 0.9 at 80 to 110 words."""
    copy = list(page)
    for number in range(draw.randint(1, 4)):
        copy[10 + 18 * number] = f"x{draw.randrange(10**6)}"
    return copy


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Makes a run folder of planted pairs and single pages; its settings, and the share of the pairs it removed."""

    def make(seed: int, texts: Sequence[str] | None = None, **near_dedup: Any) -> tuple[PrepareConfig, float]:
        draw = random.Random(seed)
        pages = [words(draw, draw.randint(80, 110)) for _ in range(PAIRS)]
        if texts is None:
            copies = [near_duplicate(page, draw) for page in pages]
            texts = [" ".join(page) for page in (*pages, *copies)]
        folder = tmp_path / f"run{seed}"
        near = {"num_bands": BANDS, "rows_per_band": ROWS, "min_jaccard": 0.7, "seed": seed, **near_dedup}
        config = PrepareConfig.model_validate(
            {
                "run_dir": str(folder),
                "measure": "dedup",
                "sources": [{"name": "web", "format": "jsonl", "paths": ["x"], "language": "en"}],
                "near_dedup": near,
            }
        )
        write_run(folder, config, texts)
        removed = {
            row["row"]
            for row in pq.read_table(folder / "dedup" / "decisions").to_pylist()
            if row["rule"] == "near"
        }
        similar = [
            number
            for number in range(PAIRS)
            if number + PAIRS < len(texts) and reference.jaccard(texts[number], texts[number + PAIRS]) >= 0.7
        ]
        hits = sum(number in removed or number + PAIRS in removed for number in similar)
        return config, hits / len(similar) if similar else float("nan")

    return make


def write_run(folder: Path, config: PrepareConfig, texts: Sequence[str]) -> None:
    """Documents, signatures, decisions and fates, as the stages leave them."""
    documents = [Document(str(number), text, "en") for number, text in enumerate(texts)]
    found = annotate_documents(
        documents, source="web", file="x", part=0, first_row=0, settings=annotate_settings(config)
    )
    for name, batch in (("documents", found.documents), ("dedup/signatures", found.signatures)):
        (folder / name).mkdir(parents=True)
        pq.write_table(pa.Table.from_batches([batch]), folder / name / "part-000000.parquet")

    def no_spark() -> Any:
        raise AssertionError

    run_dedup(no_spark, config, str(folder), documents=len(texts), partitions=1, local=InThisProcess(1))
    decided = pq.read_table(folder / "dedup" / "decisions").to_pylist()
    reasons: list[str | None] = [None] * len(texts)
    for row in decided:
        reasons[row["row"]] = "exact_duplicate" if row["rule"] == "exact" else "near_duplicate"
    write_fates(folder, found.documents, reasons)


def write_fates(folder: Path, documents: pa.RecordBatch, reasons: list[str | None]) -> None:
    (folder / "fates").mkdir(exist_ok=True)
    fates = pa.table(
        {
            "doc_id": documents["doc_id"],
            "locale": documents["locale"],
            "drop_reason": pa.array(reasons, pa.string()),
            "text_bytes": pc.cast(documents["num_bytes"], pa.int64()),
            "part": documents["part"],
            "row": documents["row"],
        }
    )
    pq.write_table(fates, folder / "fates" / "part-000000.parquet")


def measured(config: PrepareConfig) -> tuple[dict[str, Any], list[float]]:
    """Recall of a run, and the similarities of the copies that were planted, counted again."""
    similarities = []

    def rehearsed(copies: Sequence[tuple[str, str]]) -> list[Outcome]:
        similarities.extend(reference.jaccard(*copy) for copy in copies)
        return rehearse(config, config.run_dir, [Copy(*copy) for copy in copies])

    return measured_recall(config.run_dir, config.near_dedup, rehearsed), similarities


def test_copies_are_counted_by_language_and_by_similarity(run: Run) -> None:
    config, _ = run(1)
    copies = [
        Planted("en", "", "", 0.72),
        Planted("en", "", "", 0.74),
        Planted("hi", "", "", 0.95),
        Planted("hi", "", "", 0.66),
        Planted("hi", "", "", 0.9),
    ]

    found = planted_recall(
        copies, [(True, True), (False, False), (True, True), (True, False), (True, None)], config.near_dedup
    )

    assert (found["copies"], found["removed"], found["recall"]) == (3, 2, pytest.approx(2 / 3))
    # Wilson's interval of 2 in 3, as its closed form gives it.
    assert (found["lower"], found["upper"]) == (
        pytest.approx(0.2077, abs=1e-4),
        pytest.approx(0.9385, abs=1e-4),
    )
    assert (found["not_tried"], found["below"], found["below_removed"]) == (1, 1, 0)
    assert [(row["group"], row["copies"], row["removed"]) for row in found["by_locale"]] == [
        ("en", 2, 1),
        ("hi", 1, 1),
    ]
    points = [(point["copies"], point["probability"]) for point in found["points"]]
    assert points == [(1, 1.0), (2, 0.5), (1, 1.0)]
    assert found["points"][1]["jaccard"] == pytest.approx(0.73)


def test_the_estimates_cover_the_truth(run: Run) -> None:
    by_second, by_planted = 0, 0
    for seed in range(20):
        config, truth = run(seed)
        found, similarities = measured(config)
        assert 0.5 < truth < 0.98
        # What the law of bands says of copies of these similarities (Leskovec et al., 3.4.2).
        above = np.array([each for each in similarities if each >= 0.7])
        law = float(np.mean(1 - (1 - above**ROWS) ** BANDS))
        assert found["planted"]["copies"] == len(above)
        by_second += found["second"]["lower"] <= truth <= found["second"]["upper"]
        by_planted += found["planted"]["lower"] <= law <= found["planted"]["upper"]

    assert by_second >= 18
    assert by_planted >= 18


def test_the_run_folder_is_only_read(run: Run, tmp_path: Path) -> None:
    config, _ = run(1)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    first, _ = measured(config)
    second, _ = measured(config)

    assert first == second
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_too_few_bands_are_found_out(run: Run) -> None:
    config, _ = run(1, num_bands=2)

    found, _ = measured(config)

    assert found["planted"]["upper"] < 0.75
    assert found["second"]["upper"] < 0.6


def test_everything_is_found_with_many_bands(run: Run) -> None:
    config, truth = run(1, num_bands=60, rows_per_band=4)

    found, _ = measured(config)

    assert truth == 1.0
    assert (found["planted"]["recall"], found["second"]["recall"]) == (1.0, 1.0)
    assert found["second"]["missed"] == 0
    assert found["second"]["documents"] == found["second"]["documents_in_all"] == 2 * PAIRS


def test_many_texts_are_sampled(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    config, _ = run(1)
    folder = Path(config.run_dir)
    for name in ("documents", "dedup/signatures", "fates"):
        table = pq.read_table(folder / name / "part-000000.parquet")
        for part in (1, 2):
            moved = table.set_column(
                table.schema.get_field_index("part"), "part", pa.array([part] * len(table), pa.int32())
            )
            pq.write_table(moved, folder / name / f"part-{part:06d}.parquet")
    monkeypatch.setattr(recall, "SECOND_BYTES", 1)

    found = recall.second_recall(config.run_dir, config.near_dedup)

    assert (found["documents"], found["documents_in_all"]) in (
        (2 * PAIRS, 6 * PAIRS),
        (2 * PAIRS, 6 * PAIRS - found["removed"]),
    )


def test_copies_in_a_crowd_are_left_out(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    config, _ = run(1)
    monkeypatch.setattr("dataprep.rehearsal.MAX_BUCKET", 0)

    found, similarities = measured(config)

    assert found["planted"]["not_tried"] > len(similarities) // 2
    assert found["planted"]["removed"] == 0


def test_documents_that_rules_rejected_take_no_part(run: Run) -> None:
    config, _ = run(1)
    folder = Path(config.run_dir)
    documents = pq.read_table(folder / "documents").combine_chunks().to_batches()[0]
    # All but one document are rejected: copies of that one have only it to be compared with.
    reasons: list[str | None] = ["too_few_words"] * documents.num_rows
    reasons[0] = None
    write_fates(folder, documents, reasons)

    found, similarities = measured(config)

    assert len(similarities) == 1
    assert found["second"]["documents"] == 1


@pytest.mark.parametrize(
    "text",
    [
        "これは日本語の長い文章です。"
        + "吾輩は猫である名前はまだ無いどこで生れたかとんと見当がつかぬ" * 4
        + "何でも薄暗いじめじめした所でニャーニャー泣いていた事だけは記憶している。",
        "यह एक लंबा वाक्य है " * 3 + " ".join(f"शब्द{number} कहानी" for number in range(60)),
        "ภาษาไทยไม่มีช่องว่างระหว่างคำ" * 2 + "เมื่อวานนี้ฉันไปตลาดกับแม่เพื่อซื้อผักและผลไม้หลายอย่าง" * 3,
    ],
    ids=["ja", "hi", "th"],
)
def test_copies_are_made_in_every_script(text: str) -> None:
    pieces = recall._pieces(text)
    assert "".join(pieces) == text
    made = [
        recall._edited(text, pieces, pieces[::-1], 0.7, np.random.default_rng(seed)) for seed in range(20)
    ]
    levels = [each[1] for each in made if each is not None]

    assert len(levels) >= 15
    assert max(levels) > 0.7
    for each in made:
        if each is not None:
            assert reference.jaccard(text, each[0]) == each[1]


def test_a_slice_of_the_texts_is_not_measured(run: Run) -> None:
    config, _ = run(1)
    sliced = config.near_dedup.model_copy(update={"slice_fraction": 0.5})

    found = measured_recall(config.run_dir, sliced, lambda copies: [(True, True)] * len(copies))

    assert found["reason"] == (
        "Only a slice of the texts was compared, so what was missed says nothing of the settings."
    )
    assert found["second"]["recall"] is None
