"""Fixtures of all tests: one SparkSession, the Hypothesis profiles, the folder of the real samples."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from pyspark.sql import SparkSession

from dataprep.config import EngineConfig
from jobs.spark import build_session

settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("dev", max_examples=30, deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that uses the `spark` fixture, so that `pytest -m "not spark"` needs no JVM."""
    for item in items:
        if "spark" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.spark)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The session of all tests: two cores, few partitions, as little memory as will do."""
    os.environ["MASTER"] = "local[2]"
    local = tmp_path_factory.mktemp("spark")
    engine = EngineConfig(driver_memory="1g", shuffle_partitions=4, spark={"spark.local.dir": str(local)})
    session = build_session("tests", engine, log_path=local / "spark.log")
    del os.environ["MASTER"]
    yield session
    session.stop()


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of the real public samples; tests that need it skip when it is not named."""
    folder = os.environ.get("MAGISTER_REALDATA")
    if not folder:
        pytest.skip("MAGISTER_REALDATA does not name the folder of the real samples")
    return Path(folder)
