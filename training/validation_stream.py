"""The validation split, once and in order, as batches like those of training.

Shape suffixes: as in packing.py.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from training.keys import KmsClientFactory
from training.manifest import VALIDATION, Manifest, StreamError, verify_shards
from training.order import Ints, key_of, mask_key
from training.packing import Array, joined, length_buckets, packed_batch, padded_batch, rows_of_rank
from training.shard_reader import Documents, ShardReader, end_to_end, gathered
from training.stream_config import StreamConfig

Batch = dict[str, torch.Tensor]


class ValidationStream(IterableDataset[Batch]):
    """The validation split once, in the order of the shards, locale by locale; no two locales share a batch.

    Batches are as in `TokenStream`, but for `mask_keys`, which hang on the locale and the place in it, and for
    `next_sample`, which is not there. Packed, a locale's documents are cut as in training and the last sequence is
    padded; bucketed, each run of `window_documents` is sorted by length. The last batch of a locale is filled up with
    rows of padding alone (`sample_ids` -1), so that every rank has as many batches.
    """

    def __init__(
        self,
        config: StreamConfig,
        manifest: Manifest,
        locales: Sequence[str] | None = None,
        *,
        rank: int = 0,
        world_size: int = 1,
        kms_client: KmsClientFactory | None = None,
    ) -> None:
        self.config, self.manifest = config, manifest
        self._rank, self._world_size, self._kms_client = rank, world_size, kms_client
        check_world(config, rank, world_size)
        there = {file.locale for file in manifest.of_split(VALIDATION)}
        self.locales = sorted(there if locales is None else set(locales))
        if missing := sorted(set(self.locales) - there):
            raise StreamError(
                f"{manifest.folder} has no validation split of {', '.join(missing)}; leave it out."
            )
        files = [file for file in manifest.of_split(VALIDATION) if file.locale in self.locales]
        verify_shards(manifest, files, config.verify)

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker is not None else (0, 1)
        batches = self._packed if self.config.mode == "packed" else self._bucketed
        at = 0
        for locale, name in enumerate(self.locales):
            for batch, sample_B in batches(name):
                if at % workers == number:
                    about = {
                        "sample_ids": sample_B,
                        "mask_keys": mask_key(key_of("validation", name), sample_B),
                        "locale_ids": np.full(len(sample_B), locale),
                    }
                    yield tensors(batch, about)
                at += 1

    def _documents(self, locale: str) -> Iterator[Documents]:
        """Documents of a locale, a row group at a time."""
        reader = ShardReader(self.manifest, self._kms_client)
        for file in self.manifest.of_split(VALIDATION):
            if file.locale != locale:
                continue
            groups = reader.row_groups([file])
            for group in groups.group_G.tolist():
                documents, _ = reader.documents(file, group)
                yield gathered(
                    documents,
                    np.arange(len(documents.start_D1) - 1),
                    begin_id=self.config.begin_id,
                    end_id=self.config.end_id,
                )
        reader.close()

    def _packed(self, locale: str) -> Iterator[tuple[dict[str, Array], Ints]]:
        rows, row_tokens = self.config.batch_sequences, self.config.seq_len
        own = rows_of_rank(rows, self._rank, self._world_size)
        batch_tokens = rows * row_tokens
        for number, documents in enumerate(_recut(self._documents(locale), batch_tokens)):
            ids_BT = np.full(batch_tokens, self.config.pad_id, np.int32)
            ids_BT[: len(documents.ids_S)] = documents.ids_S
            length_B = np.clip(len(documents.ids_S) - np.arange(rows) * row_tokens, 0, row_tokens)
            low, high = own.start * row_tokens, own.stop * row_tokens
            start_D = documents.start_D1[:-1]
            start_D = start_D[(start_D >= low) & (start_D < high)] - low
            sample_B = np.where(length_B > 0, number * rows + np.arange(rows), -1)[own]
            batch = packed_batch(
                ids_BT[low:high].reshape(-1, row_tokens), start_D, length_B[own], self.config.pad_id
            )
            yield batch, sample_B

    def _bucketed(self, locale: str) -> Iterator[tuple[dict[str, Array], Ints]]:
        multiple, size = self.config.batch_multiple, self.config.window_documents
        first = 0
        for documents in _regrouped(self._documents(locale), size):
            real = len(documents.start_D1) - 1
            filled = -(-real // multiple) * multiple
            length_N = np.zeros(filled, np.int64)
            length_N[:real] = np.minimum(np.diff(documents.start_D1), self.config.seq_len)
            for row_N in length_buckets(
                length_N, batch_tokens=self.config.batch_tokens, multiple=multiple, key=0
            ):
                row_B = row_N[rows_of_rank(len(row_N), self._rank, self._world_size)]
                row_B = np.where(row_B < real, row_B, -1)
                batch = padded_batch(documents, row_B, max(1, int(length_N[row_N].max())), self.config.pad_id)
                yield batch, np.where(row_B < 0, -1, first + row_B)
            first += real


def _recut(parts: Iterator[Documents], tokens: int) -> Iterator[Documents]:
    """The same tokens in runs of exactly so many, but for the last; documents are cut where they must be."""
    held: list[Documents] = []
    length = 0
    for part in parts:
        held.append(part)
        length += len(part.ids_S)
        while length >= tokens:
            whole = end_to_end(held)
            cut = int(np.searchsorted(whole.start_D1, tokens))
            yield Documents(whole.ids_S[:tokens], np.append(whole.start_D1[:cut], tokens))
            rest_D1 = np.concatenate([[0], whole.start_D1[cut:] - tokens])
            held, length = [Documents(whole.ids_S[tokens:], rest_D1)], length - tokens
    if length:
        yield end_to_end(held)


def _regrouped(parts: Iterator[Documents], size: int) -> Iterator[Documents]:
    """The same documents in runs of exactly so many, but for the last."""
    held: list[Documents] = []
    there = 0
    for part in parts:
        held.append(part)
        there += len(part.start_D1) - 1
        while there >= size:
            whole = end_to_end(held)
            end = int(whole.start_D1[size])
            yield Documents(whole.ids_S[:end], whole.start_D1[: size + 1])
            held, there = [Documents(whole.ids_S[end:], whole.start_D1[size:] - end)], there - size
    if there:
        yield end_to_end(held)


def check_world(config: StreamConfig, rank: int, world_size: int) -> None:
    """Refuse ranks that a global batch cannot be divided among.

    Raises:
        StreamError: the rank is not one of the ranks, or they do not divide the batch.
    """
    name = "batch_sequences" if config.mode == "packed" else "batch_multiple"
    rows = int(getattr(config, name))
    if not 0 <= rank < world_size:
        raise StreamError(f"rank {rank} is not one of {world_size} ranks, which count from 0.")
    if rows % world_size:
        raise StreamError(
            f"{world_size} ranks do not divide the global batch: {name} is {rows}; "
            f"set it to a multiple of {world_size}."
        )


def tensors(*parts: Mapping[str, Array]) -> Batch:
    """Arrays of several dictionaries as tensors in one."""
    return {name: torch.from_numpy(np.asarray(value)) for name, value in joined(*parts).items()}
