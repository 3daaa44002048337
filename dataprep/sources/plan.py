"""Which files a source has, and the splits in which they are read. Runs on the driver, before Spark starts."""

import posixpath
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.locales import canonical_language
from dataprep.sources.parquet import row_groups
from dataprep.sources.record import SourceError, Split
from dataprep.sources.registry import READERS
from dataprep.sources.streams import (
    CorruptStream,
    codec_of,
    next_bz2_stream,
    open_binary,
    opened,
    size_of,
    strip_codec,
)

# A multistream dump starts a new stream every few hundred kB; a first stream beyond this is the only one.
_MULTISTREAM_WITHIN_BYTES: Final = 64 << 20


def list_files(patterns: Sequence[str], input_root: str) -> list[tuple[str, str]]:
    """Logical file and path of every file that a pattern matches, sorted and each once.

    Args:
        patterns: paths or globs (`*`, `?`, `[...]`, `**`), relative to the root, absolute, or fsspec URLs.
        input_root: folder or fsspec URL. The logical file is relative to it where the file lies below it.

    Raises:
        SourceError: a pattern matches no file.
    """
    found: dict[str, str] = {}
    root = input_root.rstrip("/") if "://" in input_root else str(Path(input_root).absolute())
    for pattern in patterns:
        paths = list(_matches(pattern, root))
        if not paths:
            raise SourceError(
                f"{pattern!r} matches no file under {input_root!r}; check the pattern and the root."
            )
        for path in paths:
            found[path.removeprefix(root.rstrip("/") + "/")] = path
    return sorted(found.items())


def _matches(pattern: str, root: str) -> Iterator[str]:
    """Paths of the files that a pattern matches, without hidden ones and OPUS line numbers."""
    absolute = "://" in pattern or pattern.startswith("/")
    wanted = pattern if absolute else f"{root}/{pattern}"
    remote = "://" in wanted
    if not remote:
        wanted = posixpath.normpath(wanted)
    filesystem: Any
    filesystem, name = fsspec.core.url_to_fs(wanted)
    literal = name.rstrip("/")
    # A name may hold the characters of a glob; the file of that very name comes first.
    is_literal = filesystem.isfile(literal)
    infos = {literal: {"type": "file"}} if is_literal else filesystem.glob(name, detail=True)
    for path, info in infos.items():
        url = _with_protocol(wanted, str(path)) if remote else str(path)
        below = url.removeprefix(root.rstrip("/") + "/") if url.startswith(root) else posixpath.basename(url)
        hidden = any(part.startswith(".") for part in below.split("/"))
        if info["type"] == "file" and not hidden and not strip_codec(below).endswith(".ids"):
            yield url


def _with_protocol(pattern: str, path: str) -> str:
    """A URL in the spelling of the pattern: file systems give paths with or without a leading slash."""
    protocol, _, rest = pattern.partition("://")
    return f"{protocol}://{path if rest.startswith('/') else path.lstrip('/')}"


def plan_splits(
    source: str, format: str, files: Sequence[tuple[str, str]], *, language: str | None, split_bytes: int
) -> list[Split]:
    """The splits of a source's files, in their order.

    Plain files are cut into byte ranges, multistream bz2 dumps into ranges of the compressed file, Parquet into
    ranges of row groups; everything else is one split per file. Records do not depend on `split_bytes`.

    Args:
        source: name of the source in the configuration.
        format: key of `READERS`.
        files: logical file and path of each, from `list_files`.
        language: language of all files; null to take it from their names.
        split_bytes: wanted size of a split.

    Raises:
        SourceError: the format is unknown or the size is not positive.
    """
    if format not in READERS:
        raise SourceError(f"{source}: format must be one of {', '.join(READERS)}; got {format!r}.")
    if split_bytes < 1:
        raise SourceError(f"{source}: split_bytes must be at least 1; got {split_bytes}.")
    splits: list[Split] = []
    for file, path in files:
        declared = canonical_language(language) or READERS[format].language_of(file)
        bounds = _bounds(format, path, split_bytes)
        splits += [Split(source, format, file, path, declared, start, end) for start, end in bounds]
    return splits


def _bounds(format: str, path: str, split_bytes: int) -> list[tuple[int, int | None]]:
    """First byte (or row) and one past the last of each split of a file."""
    size = size_of(path)
    if size <= split_bytes:
        return [(0, None)]
    if format == "parquet":
        return _row_bounds(path, split_bytes)
    try:
        with opened(path) as raw:
            codec = codec_of(raw, path)
    except CorruptStream:
        return [(0, None)]
    plain = codec == "" and READERS[format].splits_plain_files
    if not plain and not (format == "wikipedia" and codec == "bz2" and is_multistream(path)):
        return [(0, None)]
    starts = list(range(0, size, split_bytes))
    return list(zip(starts, [*starts[1:], None], strict=True))


def is_multistream(path: str) -> bool:
    """Whether a bz2 file is made of several streams."""
    with opened(path) as raw:
        return next_bz2_stream(raw, 1, within_bytes=_MULTISTREAM_WITHIN_BYTES) is not None


def _row_bounds(path: str, split_bytes: int) -> list[tuple[int, int | None]]:
    with open_binary(path) as source:
        try:
            file = pq.ParquetFile(source)
        except (pa.ArrowException, OSError):
            return [(0, None)]
        starts: list[int] = []
        held = split_bytes
        for group, first_row in enumerate(row_groups(file)):
            if held >= split_bytes:
                starts.append(first_row)
                held = 0
            held += file.metadata.row_group(group).total_byte_size
    starts = sorted({0, *starts})
    return list(zip(starts, [*starts[1:], None], strict=True))
