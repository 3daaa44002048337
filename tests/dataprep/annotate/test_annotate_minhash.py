"""Signatures as MinHash objects: they are what the library itself makes, they load elsewhere, and decide alike."""

import json
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasketch import LeanMinHash, MinHash, MinHashLSH
from kernels.references import shingle_hashes
from pydantic import ValidationError

from dataprep.annotate import minhash
from dataprep.annotate.arrow_pass import AnnotateSettings
from dataprep.annotate.minhash import MinHashes, minhashes
from dataprep.annotate.task import ReadTask, run_read_task
from dataprep.config import NearDedupConfig
from dataprep.kernels.arrow_buffers import buffers
from dataprep.kernels.sketch import MAX_BINS
from dataprep.sample import reference
from dataprep.sources.record import Split

BANDS, ROWS, SEED = 20, 8, 5
TEXTS = (
    "The museum opens at nine o'clock, and children may enter without paying anything at all.",
    "Музей открывается в девять часов, и дети могут войти, ничего не заплатив за билет.",
    "संग्रहालय नौ बजे खुलता है और बच्चे बिना पैसे दिए अंदर जा सकते हैं।",
    "博物馆九点开门，孩子们可以免费进入参观。",
    "three short words",
    "two words",
    "",
)


def made(texts: list[str] | tuple[str, ...]) -> MinHashes:
    return minhashes(*buffers(pa.array(texts)), num_bands=BANDS, rows_per_band=ROWS, seed=SEED)


def loaded(value: bytes) -> LeanMinHash:
    return LeanMinHash.deserialize(value, byteorder="<")


def planted(draw: Random, kept: int) -> tuple[str, str]:
    """Two texts of 200 words that share their first `kept`."""
    words = [[f"w{draw.randrange(10**9)}" for _ in range(200)] for _ in range(2)]
    return " ".join(words[0]), " ".join(words[0][:kept] + words[1][kept:])


def test_the_objects_are_those_the_library_makes_of_the_same_shingles() -> None:
    found = [loaded(value) for value in made(TEXTS).serialised.to_pylist() if value is not None]

    expected = []
    for text in TEXTS[:5]:
        one = MinHash(num_perm=160, seed=SEED, hashfunc=lambda shingle: shingle % 2**32)
        for shingle in shingle_hashes(text):
            one.update(shingle)
        expected.append(LeanMinHash(one))
    assert found == expected


def test_texts_too_short_to_compare_have_neither_object_nor_keys() -> None:
    result = made(TEXTS)

    assert [value is None for value in result.serialised.to_pylist()] == [False] * 5 + [True] * 2
    assert result.band_keys.shape == (7, BANDS)
    assert result.band_keys[:5].all()
    assert not result.band_keys[5:].any()


def test_their_estimate_of_the_jaccard_similarity_is_right_within_its_error() -> None:
    draw = Random(3)
    pairs = [planted(draw, kept=draw.randrange(40, 200)) for _ in range(60)]

    objects = [
        loaded(value) for value in made([text for pair in pairs for text in pair]).serialised.to_pylist()
    ]

    exact = np.array([reference.jaccard(*pair) for pair in pairs])
    estimates = np.array([one.jaccard(other) for one, other in zip(objects[::2], objects[1::2], strict=True)])
    deviations = (estimates - exact) / np.sqrt(exact * (1 - exact) / (BANDS * ROWS))
    # Standard normal if right; bounds of the mean and of the mean square of 60 with 99.9 %.
    assert abs(deviations.mean()) < 3.29 / 60**0.5
    assert 0.5 < (deviations**2).mean() < 1.75


def test_the_librarys_own_index_finds_the_pairs_that_share_a_band_key() -> None:
    draw = Random(4)
    texts = [text for _ in range(80) for text in planted(draw, kept=draw.randrange(110, 190))]
    result = made(texts)
    index = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
    objects = [loaded(value) for value in result.serialised.to_pylist()]
    for number, one in enumerate(objects):
        index.insert(number, one)

    theirs = {
        (number, other) for number, one in enumerate(objects) for other in index.query(one) if number < other
    }

    keys = result.band_keys
    ours = {pair for pair in combinations(range(len(texts)), 2) if (keys[pair[0]] == keys[pair[1]]).any()}
    assert ours == theirs
    assert 20 < len(ours) < 80
    assert all(other == number + 1 and number % 2 == 0 for number, other in ours)


def test_a_document_has_the_same_object_in_every_batch() -> None:
    together = made(TEXTS)

    alone = [made([text]) for text in TEXTS]

    assert together.serialised.to_pylist() == [one.serialised[0].as_py() for one in alone]
    assert np.array_equal(together.band_keys, np.concatenate([one.band_keys for one in alone]))


def test_a_long_text_is_fed_to_the_library_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = made(TEXTS).serialised

    monkeypatch.setattr(minhash, "SHINGLES_AT_ONCE", 3)

    assert made(TEXTS).serialised == whole


def test_a_task_writes_the_objects_beside_the_signatures(tmp_path: Path) -> None:
    tables = []
    for name, batch_bytes in (("whole", 1_000_000), ("small", 10)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "x").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
        settings = AnnotateSettings(
            everything=False, repair_mojibake=True, replace_private_data=True, language_model=None,
            language_max_bytes=1200, num_bands=BANDS, rows_per_band=ROWS, seed=SEED, signature="datasketch",
        )  # fmt: skip
        task = ReadTask(3, (Split("web", "jsonl", "x", str(folder / "x"), None),))
        run_read_task(task, run_dir=str(folder), settings=settings, batch_bytes=batch_bytes)
        tables.append(
            [
                pq.read_table(folder / part / "part-000003.parquet")
                for part in ("documents", "dedup/minhash", "dedup/signatures")
            ]
        )

    documents, objects, signatures = tables[0]
    assert objects.column_names == ["doc_id", "part", "row", "minhash"]
    assert objects.select(["doc_id", "part", "row"]) == documents.select(["doc_id", "part", "row"])
    assert objects["minhash"].to_pylist() == made(TEXTS).serialised.to_pylist()
    keys = [
        value and np.frombuffer(value, np.int64).tolist() for value in signatures["band_keys"].to_pylist()
    ]
    assert keys == [*made(TEXTS).band_keys[:5].tolist(), None, None]
    assert tables[1] == tables[0]


def test_without_the_library_a_run_ends_before_spark_starts_with_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": TEXTS[0]}) + "\n")
    (tmp_path / "c.yaml").write_text(
        f"run_dir: {tmp_path}/run\ninput_root: {tmp_path}\nnear_dedup: {{signature: datasketch}}\n"
        "sources: [{name: web, format: jsonl, paths: [a.jsonl]}]\n"
    )
    command = (
        "import sys; sys.modules['datasketch'] = None; from jobs.prepare import main; main(sys.argv[1:])"
    )

    done = subprocess.run(
        [sys.executable, "-c", command, "--config", str(tmp_path / "c.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr == (
        "error: near_dedup.signature: datasketch needs the package datasketch, version 2 or later: "
        "pip install -e '.[dataprep,datasketch]', or set near_dedup.signature to fss.\n"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"signature": "datasketch", "seed": 2**32}, r"must be below 2\*\*32"),
        ({"num_bands": 256, "rows_per_band": 8}, f"must be at most {MAX_BINS}"),
    ],
)
def test_settings_that_no_signature_can_have_are_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        NearDedupConfig.model_validate(settings)
