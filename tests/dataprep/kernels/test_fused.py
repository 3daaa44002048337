import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.kernels import compilation, fused
from dataprep.kernels.content_hash import content_hash
from dataprep.kernels.fused import annotate_batch
from dataprep.kernels.signals import signals
from dataprep.kernels.sketch import band_keys, has_shingles, sketch
from dataprep.kernels.tokenise import shingle_hashes

from . import golden
from .references import as_batch
from .texts import batches


def rows_of(texts: list[str]) -> list[dict[str, object]]:
    annotated = annotate_batch(*as_batch(texts), num_bands=4, rows_per_band=2, seed=6)
    arrays = {**annotated.signals, **annotated.of_locale, **annotated._asdict()}
    del arrays["signals"], arrays["of_locale"]
    return [{name: array[index].tolist() for name, array in arrays.items()} for index in range(len(texts))]


@given(batches)
def test_one_call_gives_what_the_kernels_give_one_by_one(texts: list[str]) -> None:
    data, offsets = as_batch(texts)
    hashes, starts = shingle_hashes(data, offsets)

    annotated = annotate_batch(data, offsets, num_bands=4, rows_per_band=2, seed=6)

    assert np.array_equal(annotated.num_shingles, np.diff(starts))
    assert np.array_equal(annotated.has_signature, has_shingles(starts))
    assert np.array_equal(annotated.band_keys, band_keys(sketch(hashes, starts, 8, 6), 4, 2))
    assert np.array_equal(annotated.content_hash, content_hash(data, offsets))
    for name, array in signals(data, offsets).items():
        assert np.array_equal(annotated.signals[name], array)


@given(batches, st.randoms())
def test_a_document_is_annotated_alike_in_every_batch(texts: list[str], random: Random) -> None:
    shuffled = sorted(range(len(texts)), key=lambda _: random.random())

    together = rows_of(texts)
    elsewhere = rows_of([texts[index] for index in shuffled])
    alone = [rows_of([text])[0] for text in texts]

    assert together == alone
    assert elsewhere == [together[index] for index in shuffled]


def test_the_hash_family_is_the_one_stored_signatures_were_made_with() -> None:
    stored = json.loads(golden.FILE.read_text(encoding="utf-8"))

    assert golden.values() == stored


@pytest.mark.parametrize(("bands", "rows"), [(0, 8), (8, 0), (256, 8)])
def test_settings_out_of_bounds_are_refused(bands: int, rows: int) -> None:
    with pytest.raises(ValueError, match="Expected"):
        annotate_batch(*as_batch(["a"]), num_bands=bands, rows_per_band=rows, seed=0)


def test_a_compiler_that_fails_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no LLVM")

    monkeypatch.setattr(fused, "warm_note", lambda: tmp_path / "absent")
    monkeypatch.setattr(fused, "screen", fail)

    with pytest.raises(RuntimeError, match=r"could not be compiled.*NUMBA_CACHE_DIR.*OSError: no LLVM"):
        fused.warm_up()


def test_a_change_in_a_called_kernels_file_makes_the_cache_stale(tmp_path: Path) -> None:
    package = tmp_path / "dataprep" / "kernels"
    package.mkdir(parents=True)
    (package / "compilation.py").write_bytes(Path(compilation.__file__).read_bytes())
    header = "from dataprep.kernels.compilation import kernel\n"
    (package / "inner.py").write_text(header + "@kernel\ndef inner():\n    return 1\n")
    (package / "outer.py").write_text(
        header + "from dataprep.kernels.inner import inner\n@kernel\ndef outer():\n    return inner()\n"
    )

    before = answer(tmp_path)
    (package / "inner.py").write_text(header + "@kernel\ndef inner():\n    return 2\n")
    after = answer(tmp_path)

    assert (before, after) == ("1", "2")


def answer(folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(folder / "cache")}
    command = [sys.executable, "-c", "from dataprep.kernels.outer import outer; print(outer())"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()
