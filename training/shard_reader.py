"""Shards as arrays: footers, blocks of documents in their order, and the tokens of any stretch of a stratum.

Bytes go from Parquet to NumPy without a Python object per document or token: a row group's list column is an array of
ids and one of offsets, and both are used where Arrow put them.

Shape suffixes: D = documents, D1 = D + 1, S = token ids, G = row groups of a stratum.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from fsspec.core import url_to_fs

from training.keys import Decryption, KmsClientFactory
from training.manifest import Manifest, ShardFile, Stratum, StreamError
from training.order import Ints, StratumOrder

Ids = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]

INPUT_IDS: Final = "input_ids"
NUM_TOKENS: Final = "num_tokens"
SOURCE: Final = "source"
FORM: Final = "form"
CLUSTER_SIZE: Final = "cluster_size"
WEIGHT: Final = "weight"  # of utterances: how often training has the row in an epoch

_OPEN_FILES: Final = 64
_LOOKED_AT: Final = 16  # row groups that stand for all, where a mean will do
_THREADS: Final = 16  # footers asked for at a time, which counts on an object store


class Documents(NamedTuple):
    """Documents end to end.

    Attributes:
        ids_S: their token ids, separators included.
        start_D1: where each begins, and where the last ends.
    """

    ids_S: Ids
    start_D1: Ints


@dataclass(frozen=True, slots=True)
class RowGroups:
    """The row groups of some shards, one entry each, by path and then by place in the file.

    Attributes:
        files: the shards.
        file_G: number in `files`.
        group_G: number in the file.
        rows_G: documents, each once.
        tokens_G: token ids, each document once, without separators.
        weighted_G: whether a row may have another weight than 1.
    """

    files: tuple[ShardFile, ...]
    file_G: Ints
    group_G: Ints
    rows_G: Ints
    tokens_G: Ints
    weighted_G: Bools


class ShardReader:
    """Opens shards and reads their row groups. Not to be shared between processes.

    Args:
        manifest: the manifest.
        kms_client: makes the client that unwraps keys; null: the one for the manifest's `kms`.
    """

    def __init__(self, manifest: Manifest, kms_client: KmsClientFactory | None = None) -> None:
        self._manifest = manifest
        self._decryption = (
            Decryption(manifest.encryption, kms_client) if manifest.encryption is not None else None
        )
        self._open: OrderedDict[str, pq.ParquetFile] = OrderedDict()

    def row_groups(self, files: Sequence[ShardFile]) -> RowGroups:
        """What the footers of shards say; reads no data.

        Raises:
            StreamError: a shard is missing, unreadable, or does not hold what the manifest says.
        """
        with ThreadPoolExecutor(_THREADS) as pool:
            footers = list(pool.map(self._footer, files))
        entries = [
            (number, group, *sizes)
            for number, footer in enumerate(footers)
            for group, sizes in enumerate(footer)
        ]
        columns = np.array(entries, np.int64).reshape(-1, 5).T
        file_G, group_G, rows_G, tokens_G, weighted_G = columns
        return RowGroups(tuple(files), file_G, group_G, rows_G, tokens_G, weighted_G.astype(np.bool_))

    def _footer(self, file: ShardFile) -> list[tuple[int, int, int]]:
        """Per row group rows, tokens, and whether it has weights."""
        with self._named(file):
            opened = self._opened(file)
            metadata = opened.metadata
            names = [metadata.schema.column(i).path.split(".")[0] for i in range(metadata.num_columns)]
            ids, weight = names.index(INPUT_IDS), names.index(WEIGHT) if WEIGHT in names else None
            sizes = []
            for number in range(metadata.num_row_groups):
                group = metadata.row_group(number)
                tokens = _values(group.column(ids))
                if tokens is None:
                    column = opened.read_row_group(number, columns=[NUM_TOKENS], use_threads=False)[
                        NUM_TOKENS
                    ]
                    tokens = pc.sum(column).as_py()
                weighted = weight is not None and not _all_ones(group.column(weight).statistics)
                sizes.append((group.num_rows, tokens, int(weighted)))
            opened.close()
        rows, tokens = sum(size[0] for size in sizes), sum(size[1] for size in sizes)
        if (rows, tokens) != (file.rows, file.tokens):
            raise StreamError(
                f"{self._manifest.path(file)} is corrupt: it holds {rows:,} documents of {tokens:,} tokens, but by the "
                f"manifest {file.rows:,} of {file.tokens:,}; copy it anew, or write the shards again."
            )
        return sizes

    def read(self, file: ShardFile, group: int, columns: Sequence[str]) -> pa.RecordBatch:
        """Columns of a row group.

        Raises:
            StreamError: the shard is corrupt or missing; names it.
        """
        with self._named(file):
            path = self._manifest.path(file)
            if path in self._open:
                self._open.move_to_end(path)
            else:
                self._open[path] = self._opened(file)
                if len(self._open) > _OPEN_FILES:
                    self._open.popitem(last=False)[1].close()
            table = self._open[path].read_row_group(group, columns=list(columns), use_threads=False)
            (batch,) = table.combine_chunks().to_batches()
            return batch

    def documents(self, file: ShardFile, group: int, columns: Sequence[str] = ()) -> tuple[Documents, Any]:
        """Documents of a row group in the order of the file, without separators, and more columns of them.

        Raises:
            StreamError: as `read`; or an id does not fit the vocabulary.
        """
        batch = self.read(file, group, [INPUT_IDS, *columns])
        lists = batch.column(INPUT_IDS)
        offset_D1 = np.asarray(lists.offsets).astype(np.int64)
        ids_S = np.asarray(lists.values)[offset_D1[0] : offset_D1[-1]].astype(np.int32, copy=False)
        # As unsigned numbers, those below 0 are large too: one look for both bounds.
        if lists.null_count or (len(ids_S) and ids_S.view(np.uint32).max() >= self._manifest.vocab_size):
            raise StreamError(
                f"{self._manifest.path(file)} is corrupt: row group {group} holds a token id that is not below "
                f"{self._manifest.vocab_size:,}, the size of the vocabulary; copy it anew, or write the shards again."
            )
        return Documents(ids_S, offset_D1 - offset_D1[0]), batch

    def close(self) -> None:
        """Close every file."""
        for opened in self._open.values():
            opened.close()
        self._open.clear()

    def _opened(self, file: ShardFile) -> pq.ParquetFile:
        path = self._manifest.path(file)
        fs, inner = url_to_fs(path)
        source = inner if fs.protocol == "file" or "file" in fs.protocol else fs.open(inner, "rb")
        options = {} if self._decryption is None else {"decryption_properties": self._decryption.properties()}
        return pq.ParquetFile(source, **options)

    @contextmanager
    def _named(self, file: ShardFile) -> Iterator[None]:
        """Turn what goes wrong with a file into one sentence that names it."""
        path = self._manifest.path(file)
        try:
            yield
        except StreamError:
            raise
        except FileNotFoundError as error:
            raise StreamError(
                f"{path} is missing; the manifest names it: bring it back, or write the shards again."
            ) from error
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            told = " ".join(str(error).split())
            raise StreamError(
                f"{path} is corrupt or cannot be read ({told}); copy it anew, or write the shards again."
            ) from error


def _values(chunk: Any) -> int | None:  # noqa: ANN401 (pyarrow has no types)
    """Values of a chunk of a list column, in all lists together; null where the footer does not say it."""
    if chunk.statistics is None or not chunk.statistics.has_null_count:
        return None
    return int(chunk.num_values - chunk.statistics.null_count)  # an empty list is counted, as a null


def _all_ones(statistics: Any) -> bool:  # noqa: ANN401 (pyarrow has no types)
    return statistics is not None and statistics.has_min_max and bool(statistics.min == statistics.max == 1)


class StratumReader:
    """The endless documents of one stratum, any stretch of them. Holds one block.

    Args:
        reader: opens the shards.
        stratum: which documents.
        row_groups: those of its locale.
        order: their order.
        begin_id: put before every document; null: nothing.
        end_id: put after it.
    """

    def __init__(
        self,
        reader: ShardReader,
        stratum: Stratum,
        row_groups: RowGroups,
        order: StratumOrder,
        *,
        begin_id: int | None,
        end_id: int | None,
    ) -> None:
        self._reader = reader
        self._stratum = stratum
        self._row_groups = row_groups
        self._order = order
        self._begin_id, self._end_id = begin_id, end_id
        self._block_at: tuple[int, int] | None = None
        self._block = Documents(np.zeros(0, np.int32), np.zeros(1, np.int64))

    def tokens(self, first: int, count: int) -> Documents:
        """The tokens `first` to `first + count - 1` of the endless order.

        Returns:
            Documents; the first may lack its beginning and the last its end.
        """
        ids, starts, length = [], [], 0
        for piece in self._order.pieces("tokens", first, count):
            block = self._block_of(piece.epoch, piece.block)
            low, high = np.searchsorted(block.start_D1, [piece.first, piece.first + piece.size])
            ids.append(block.ids_S[piece.first : piece.first + piece.size])
            starts.append(block.start_D1[low:high] + (length - piece.first))
            length += piece.size
        start_D = np.concatenate(starts)
        if not len(start_D) or start_D[0]:
            start_D = np.concatenate([[0], start_D])
        return Documents(_joined(ids), np.append(start_D, length))

    def documents(self, first: int, count: int) -> Documents:
        """The documents `first` to `first + count - 1` of the endless order."""
        parts = []
        for piece in self._order.pieces("documents", first, count):
            block = self._block_of(piece.epoch, piece.block)
            start_D1 = block.start_D1[piece.first : piece.first + piece.size + 1]
            parts.append(Documents(block.ids_S[start_D1[0] : start_D1[-1]], start_D1 - start_D1[0]))
        return end_to_end(parts)

    def _block_of(self, epoch: int, block: int) -> Documents:
        if self._block_at != (epoch, block):
            groups = self._order.row_groups(epoch, block)
            parts = [self._in_stratum(group) for group in groups.tolist()]
            documents = end_to_end([part for part, _ in parts])
            row_D = np.concatenate([row_D for _, row_D in _shifted(parts)])
            row_D = row_D[self._order.rows(epoch, block, len(row_D))]
            self._block = gathered(documents, row_D, begin_id=self._begin_id, end_id=self._end_id)
            self._block_at = epoch, block
        return self._block

    def _in_stratum(self, group: int) -> tuple[Documents, Ints]:
        """Documents of a row group, and which of them count, as often as they count."""
        groups = self._row_groups
        file = groups.files[groups.file_G[group]]
        weighted = bool(groups.weighted_G[group])
        columns = [*stratum_columns(self._stratum), *([WEIGHT] if weighted else [])]
        documents, batch = self._reader.documents(file, int(groups.group_G[group]), columns)
        count_D = counted(batch, self._stratum, weighted=weighted)
        row_D = np.arange(batch.num_rows) if count_D is None else np.repeat(np.arange(len(count_D)), count_D)
        return documents, row_D


def stratum_columns(stratum: Stratum) -> list[str]:
    """Columns that tell whether a document is of the stratum."""
    wanted = {SOURCE: stratum.source, FORM: stratum.form, CLUSTER_SIZE: stratum.clusters}
    return [name for name, value in wanted.items() if value is not None]


def counted(batch: pa.RecordBatch, stratum: Stratum, *, weighted: bool) -> Ints | None:
    """How often each row counts in the stratum, shape (D,); null: once each."""
    count_D = np.asarray(batch.column(WEIGHT)).astype(np.int64) if weighted else None
    tests: list[Bools] = []
    for name, value in ((SOURCE, stratum.source), (FORM, stratum.form)):
        if value is not None:
            tests.append(pc.equal(batch.column(name), value).to_numpy(zero_copy_only=False))
    if stratum.clusters is not None:
        size_D = np.asarray(batch.column(CLUSTER_SIZE))
        tests.append((size_D > stratum.clusters // 2) & (size_D <= stratum.clusters))
    if not tests:
        return count_D
    in_D: Ints = np.logical_and.reduce(tests).astype(np.int64)
    return in_D if count_D is None else count_D * in_D


def stratum_sizes(
    reader: ShardReader, groups: RowGroups, strata: Sequence[Stratum]
) -> Mapping[Stratum, tuple[Ints, Ints]]:
    """Documents and tokens (without separators) of each stratum in each row group, shapes (G,) and (G,).

    The footers say it where a locale is one stratum and its rows have no weights. Elsewhere a few narrow columns are
    read once.

    Args:
        reader: opens the shards.
        groups: the row groups of one locale.
        strata: strata of that locale.
    """
    sizes = {stratum: (groups.rows_G.copy(), groups.tokens_G.copy()) for stratum in strata}
    columns = sorted({name for stratum in strata for name in stratum_columns(stratum)})
    for number in range(len(groups.file_G)):
        weighted = bool(groups.weighted_G[number])
        if not columns and not weighted:
            continue
        file, group = groups.files[groups.file_G[number]], int(groups.group_G[number])
        batch = reader.read(file, group, [NUM_TOKENS, *columns, *([WEIGHT] if weighted else [])])
        tokens_D = np.asarray(batch.column(NUM_TOKENS)).astype(np.int64)
        for stratum, (rows_G, tokens_G) in sizes.items():
            count_D = counted(batch, stratum, weighted=weighted)
            if count_D is not None:
                rows_G[number], tokens_G[number] = count_D.sum(), count_D @ tokens_D
    return sizes


def kept_share(
    reader: ShardReader, groups: RowGroups, stratum: Stratum, longest: int, extra_tokens: int
) -> float:
    """Tokens that are left of a stratum, as a share, if what a document has above `longest` is cut off.

    Looked at in up to 16 row groups, spread evenly. Rows lie in shards by their hash, so that any of them will do.

    Args:
        reader: opens the shards.
        groups: the row groups of its locale.
        stratum: which documents.
        longest: tokens that stay of a document, separators counted.
        extra_tokens: separators of a document.
    """
    number = len(groups.file_G)
    kept = whole = 0
    for group in np.unique(np.linspace(0, number - 1, min(number, _LOOKED_AT)).astype(np.int64)).tolist():
        weighted = bool(groups.weighted_G[group])
        columns = [NUM_TOKENS, *stratum_columns(stratum), *([WEIGHT] if weighted else [])]
        batch = reader.read(groups.files[groups.file_G[group]], int(groups.group_G[group]), columns)
        tokens_D = np.asarray(batch.column(NUM_TOKENS)).astype(np.int64) + extra_tokens
        count_D = counted(batch, stratum, weighted=weighted)
        count_D = np.ones_like(tokens_D) if count_D is None else count_D
        kept += int(count_D @ np.minimum(tokens_D, longest))
        whole += int(count_D @ tokens_D)
    return kept / whole if whole else 1.0


def end_to_end(parts: Sequence[Documents]) -> Documents:
    """Documents of several arrays in one."""
    if len(parts) == 1:
        return parts[0]
    starts, length = [np.zeros(1, np.int64)], 0
    for part in parts:
        starts.append(part.start_D1[1:] + length)
        length += int(part.start_D1[-1])
    return Documents(_joined([part.ids_S for part in parts]), np.concatenate(starts))


def gathered(documents: Documents, row_D: Ints, *, begin_id: int | None, end_id: int | None) -> Documents:
    """Some documents, in the order and as often as `row_D` has their numbers, with separators."""
    before, after = int(begin_id is not None), int(end_id is not None)
    length_D = np.diff(documents.start_D1)[row_D] + (before + after)
    start_D1 = np.concatenate([[0], np.cumsum(length_D)])
    # Token t of the result, in document d, is token t + shift of the source. What this gives for the places of the
    # separators is written over.
    shift_D = documents.start_D1[row_D] - before - start_D1[:-1]
    source_S = np.repeat(shift_D, length_D)
    source_S += np.arange(len(source_S))
    # Without an id there is nothing to take: one is made up, to be written over.
    ids_S = (documents.ids_S if len(documents.ids_S) else np.zeros(1, np.int32)).take(source_S, mode="clip")
    if begin_id is not None:
        ids_S[start_D1[:-1]] = begin_id
    if end_id is not None:
        ids_S[start_D1[1:] - 1] = end_id
    return Documents(ids_S, start_D1)


def _joined(ids: Sequence[Ids]) -> Ids:
    return ids[0] if len(ids) == 1 else np.concatenate([np.zeros(0, np.int32), *ids])


def _shifted(parts: Iterable[tuple[Documents, Ints]]) -> Iterator[tuple[Documents, Ints]]:
    """Numbers of documents in all parts together."""
    before = 0
    for documents, row_D in parts:
        yield documents, row_D + before
        before += len(documents.start_D1) - 1
