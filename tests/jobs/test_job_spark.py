import os
from pathlib import Path

import pytest

from jobs.class_archive import archive_path
from jobs.spark import local_cores


@pytest.mark.parametrize(
    ("master", "cores"),
    [
        ("local", 1),
        ("local[3]", 3),
        ("local[4,2]", 4),
        ("local-cluster[2,1,1024]", None),
        ("spark://host:7077", None),
        ("yarn", None),
    ],
)
def test_the_cores_of_a_master(master: str, cores: int | None) -> None:
    assert local_cores(master) == cores


def test_all_cores_are_those_that_the_process_may_use() -> None:
    assert local_cores("local[*]") == len(os.sched_getaffinity(0))


def test_every_java_has_an_archive_of_its_own(tmp_path: Path) -> None:
    homes = [tmp_path / name for name in ("first", "second", "third")]
    for home, release in zip(homes, ('JAVA_VERSION="17"', 'JAVA_VERSION="21"', None), strict=True):
        home.mkdir()
        if release:
            (home / "release").write_text(release)

    paths = [archive_path(home) for home in homes]

    assert len(set(paths)) == 3
    assert {path.suffix for path in paths} == {".jsa"}
    assert archive_path(homes[0]) == paths[0]
