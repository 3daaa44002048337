"""Kernels are compiled before the first test, and no test has a time limit: a cold numba cache is slow, not wrong."""

import pytest
from hypothesis import settings

from dataprep.kernels.fused import warm_up

settings.register_profile("kernels", deadline=None)
settings.load_profile("kernels")


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    warm_up()
