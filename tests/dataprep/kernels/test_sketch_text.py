import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.kernels.arrow_buffers import Bytes, Offsets, buffers
from dataprep.kernels.fused import annotate_batch
from dataprep.kernels.sketch_text import sketch_texts, walk_table, walk_units
from dataprep.kernels.tokenise import CHARACTER_UNITS, NUM_COUNTS, UNITS
from dataprep.kernels.unicode_tables import NUM_SCRIPTS
from dataprep.sample.sentences import Sentences, load

from . import golden, references
from .references import as_batch
from .test_tokenise import cut_sequences
from .texts import batches, texts


def assert_as_annotated(
    data: Bytes, offsets: Offsets, *, num_bands: int = 4, rows_per_band: int = 2, seed: int = 6
) -> None:
    expected = annotate_batch(data, offsets, num_bands=num_bands, rows_per_band=rows_per_band, seed=seed)

    found = sketch_texts(data, offsets, num_bands=num_bands, rows_per_band=rows_per_band, seed=seed)

    assert np.array_equal(found.content_hash, expected.content_hash)
    assert np.array_equal(found.band_keys, expected.band_keys)
    assert np.array_equal(found.has_signature, expected.has_signature)
    assert np.array_equal(found.num_chars, expected.signals["num_chars"])
    assert (found.num_shingles >= expected.num_shingles).all()
    assert np.array_equal(found.num_shingles > 0, expected.has_signature)


@given(batches)
def test_any_text_is_sketched_as_it_is_annotated(texts: list[str]) -> None:
    assert_as_annotated(*as_batch(texts))


@given(st.lists(st.one_of(st.binary(max_size=20), cut_sequences), max_size=5))
def test_broken_utf8_is_read_alike(documents: list[bytes]) -> None:
    offsets = np.cumsum([0, *map(len, documents)]).astype(np.int64)

    assert_as_annotated(np.frombuffer(b"".join(documents), np.uint8), offsets)


@pytest.mark.parametrize(("language", "sentences"), load().items())
def test_the_sentences_of_every_sample_language_are_sketched_alike(
    language: str, sentences: Sentences
) -> None:
    lines = [*sentences.all_written, *sentences.spoken, *sentences.boilerplate]
    documents = [*lines, *("\n".join(lines[at : at + 20]) for at in range(0, len(lines), 20))]

    assert_as_annotated(*as_batch(documents), num_bands=20, rows_per_band=8, seed=1)


def test_every_codepoint_is_read_alike_inside_around_and_between_units() -> None:
    codepoints = [*range(0xD800), *range(0xE000, 0x20000), *range(0xE0000, 0xE0200)]
    contexts = (
        "ab{0}cd {0}e f{0} 1{0}2 g'{0}h i\u200d{0}",
        "漢{0}字ก{0}ข {0}{0}漢\u200c{0}字字",
        "1{0}'a 1\u200d{0}’a b{0}'c",
    )

    for context in contexts:
        assert_as_annotated(*as_batch([context.format(chr(codepoint)) for codepoint in codepoints]))


@given(texts)
def test_units_and_characters_are_those_of_the_definition(text: str) -> None:
    data, offsets = as_batch([text])
    units = np.empty(data.size + 1, np.uint64)
    counts, scripts = np.zeros(NUM_COUNTS, np.int64), np.zeros(NUM_SCRIPTS, np.int64)

    num_chars = walk_units(data, offsets[0], offsets[1], walk_table(), units, counts, scripts)

    expected = references.units(text)
    assert num_chars == len(text)
    assert units[: counts[UNITS]].tolist() == [references.unit_hash(unit) for unit in expected]
    assert counts[CHARACTER_UNITS] == sum(map(references.is_character_unit, expected))


def test_the_hash_family_is_the_one_stored_signatures_were_made_with() -> None:
    stored = json.loads(golden.FILE.read_text(encoding="utf-8"))

    found = sketch_texts(
        *as_batch([entry["text"] for entry in stored]), num_bands=4, rows_per_band=3, seed=42
    )

    assert found.content_hash.tolist() == [entry["content_hash"] for entry in stored]
    assert found.band_keys.tolist() == [entry["band_keys"] for entry in stored]


def test_repeated_shingles_count_at_each_position_and_change_no_key() -> None:
    once, twice = "one two three four five one two three four", "one two three four five " * 2

    found = sketch_texts(*as_batch([once, twice]), num_bands=4, rows_per_band=2, seed=0)

    assert found.num_shingles.tolist() == [5, 6]
    assert np.array_equal(found.band_keys[0], found.band_keys[1])


def test_a_slice_of_a_column_starts_beyond_its_first_byte() -> None:
    column = pa.array(["skip this one", "one two  three", ""])[1:]

    found = sketch_texts(*buffers(column), num_bands=4, rows_per_band=2, seed=0)

    assert found.num_chars.tolist() == [14, 0]
    assert found.num_shingles.tolist() == [1, 0]
    assert [tuple(row) for row in found.content_hash.tolist()] == [
        references.content_hash("one two three"),
        references.content_hash(""),
    ]


@pytest.mark.parametrize(("bands", "rows"), [(0, 8), (8, 0), (256, 8)])
def test_settings_out_of_bounds_are_refused(bands: int, rows: int) -> None:
    with pytest.raises(ValueError, match="Expected"):
        sketch_texts(*as_batch(["a"]), num_bands=bands, rows_per_band=rows, seed=0)
