"""Kept documents to token ids, and the sample the tokeniser is trained on: documents and fates, side by side."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from dataprep import files
from dataprep import schema as s
from dataprep.dedup.lines import removed_lines, texts_left
from dataprep.parts import part_name
from dataprep.shards.tokenizer import load

SHARD_INDEX: Final = "shard"
IDS: Final = "ids"  # int32 little-endian token ids as raw bytes: Spark moves them much faster than an array
ENCODED_SCHEMA: Final = (
    f"{s.LOCALE} string, {s.SPLIT} string, {SHARD_INDEX} int, {s.DOC_ID} string, {s.SOURCE} string, "
    f"{s.FILE} string, {IDS} binary, {s.CLUSTER_SIZE} int, {s.FORM} string"
)


def kept_documents(run_dir: str, part: int) -> Iterator[pa.RecordBatch]:
    """Kept documents of one part, one row group at a time: the columns of `fates`, `form` and `text`.

    The text is without the lines that are boilerplate.
    """
    name = part_name(part)
    boilerplate = removed_lines(files.join(run_dir, "lines", name))
    with (
        files.open_binary(files.join(run_dir, "fates", name)) as fates_file,
        files.open_binary(files.join(run_dir, "documents", name)) as documents_file,
    ):
        fates = pq.read_table(fates_file)
        documents = pq.ParquetFile(documents_file)
        first = 0
        for group in range(documents.num_row_groups):
            rows = documents.metadata.row_group(group).num_rows
            of_group = fates.slice(first, rows)
            first += rows
            keep = pc.is_null(of_group[s.DROP_REASON])
            if not pc.any(keep).as_py():
                continue
            read = documents.read_row_group(group, columns=[s.DOC_ID, s.FORM, s.TEXT])
            assert read[s.DOC_ID].equals(of_group[s.DOC_ID]), f"{name}: fates and documents are out of step"
            form = read[s.FORM].cast(pa.string())
            both = of_group.append_column(s.FORM, form).append_column(s.TEXT, read[s.TEXT]).filter(keep)
            for batch in both.combine_chunks().to_batches():
                yield _cut(batch, boilerplate) if boilerplate else batch


def _cut(batch: pa.RecordBatch, boilerplate: Mapping[int, list[int]]) -> pa.RecordBatch:
    """The documents without their boilerplate lines."""
    text = texts_left(batch.column(s.TEXT), batch.column(s.ROW).to_numpy(), boilerplate)
    assert np.array_equal(pc.binary_length(text), batch.column("text_bytes")), (
        "fates and lines are out of step"
    )
    return batch.set_column(batch.schema.get_field_index(s.TEXT), s.TEXT, text)


def sample_documents(
    run_dir: str, fractions: Mapping[str, float], seed: int
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """A task that yields `doc_id` and `text` of a random share of each locale's kept documents.

    Whether a document is in the sample depends on its id alone, never on which task reads it.
    """

    def sample(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for part in _parts(batches):
            for batch in kept_documents(run_dir, part):
                ids = batch.column(s.DOC_ID).to_pylist()
                locales = batch.column(s.LOCALE).to_pylist()
                chosen = [
                    xxhash.xxh3_64_intdigest(doc_id.encode(), seed) < fractions[locale] * 2.0**64
                    for doc_id, locale in zip(ids, locales, strict=True)
                ]
                yield batch.select([s.DOC_ID, s.TEXT]).filter(pa.array(chosen, pa.bool_()))

    return sample


def encode_documents(
    run_dir: str, tokenizer_path: str, num_shards: Mapping[tuple[str, str], int]
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """A task that yields the token ids of its kept documents, with the shard each belongs to.

    Args:
        run_dir: run folder.
        tokenizer_path: SentencePiece model.
        num_shards: number of shards per (locale, split).

    Returns:
        A function for `mapInArrow` over rows of `part`; yields rows of `ENCODED_SCHEMA`.
    """

    def encode(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        processor = load(tokenizer_path)
        for part in _parts(batches):
            for batch in kept_documents(run_dir, part):
                # Row by row: a list of a whole batch's ids would hold them twice.
                ids = [
                    np.asarray(processor.encode(text, return_type="numpy"), np.int32).tobytes()
                    for text in batch.column(s.TEXT).to_pylist()
                ]
                doc_ids = batch.column(s.DOC_ID).to_pylist()
                places = zip(
                    batch.column(s.LOCALE).to_pylist(), batch.column(s.SPLIT).to_pylist(), strict=True
                )
                shard = [
                    int(doc_id[:12], 16) % num_shards[place]
                    for doc_id, place in zip(doc_ids, places, strict=True)
                ]
                yield pa.RecordBatch.from_pydict(
                    {
                        s.LOCALE: batch.column(s.LOCALE),
                        s.SPLIT: batch.column(s.SPLIT),
                        SHARD_INDEX: pa.array(shard, pa.int32()),
                        s.DOC_ID: batch.column(s.DOC_ID),
                        s.SOURCE: batch.column(s.SOURCE),
                        s.FILE: batch.column(s.FILE),
                        IDS: pa.array(ids, pa.binary()),
                        s.CLUSTER_SIZE: batch.column(s.CLUSTER_SIZE),
                        s.FORM: batch.column(s.FORM),
                    }
                )

    return encode


def _parts(batches: Iterator[pa.RecordBatch]) -> Iterator[int]:
    for batch in batches:
        yield from batch.column(s.PART).to_pylist()


def sample_fractions(
    kept_bytes: Mapping[str, int], shares: Mapping[str, float], sample_bytes: int
) -> dict[str, float]:
    """Share of each locale's text to sample, in [0, 1], so that the sample has `sample_bytes` in the given shares.

    What a locale is short of goes to the others in proportion, until the sample is full or the text is used up.
    """
    missing = float(sample_bytes)
    wanted = dict.fromkeys(shares, 0.0)
    open_locales = set(shares)
    while open_locales and missing > 1:
        weight = sum(shares[locale] for locale in open_locales)
        round_bytes, missing = missing, 0.0
        for locale in sorted(open_locales):
            wanted[locale] += round_bytes * shares[locale] / weight
            if wanted[locale] >= kept_bytes[locale]:
                missing += wanted[locale] - kept_bytes[locale]
                wanted[locale] = float(kept_bytes[locale])
                open_locales.discard(locale)
    return {locale: wanted[locale] / kept_bytes[locale] for locale in shares}
