"""Files that the tests make."""

from pathlib import Path

import pytest
from source_helpers import ReadBytes, Record, read_split

from dataprep.sources.record import Split


@pytest.fixture
def read_bytes(tmp_path: Path) -> ReadBytes:
    """Records of a file of the given name and content."""

    def read(format: str, name: str, data: bytes, *, language: str | None = None) -> list[Record]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return read_split(Split("test", format, name, str(path), language))

    return read
