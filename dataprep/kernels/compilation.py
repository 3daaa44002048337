"""How kernels are compiled: numba, without the GIL, cached on disk, stale as soon as any kernel file changes."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar, cast

import llvmlite.binding
import numba
import numpy as np

P = ParamSpec("P")
R = TypeVar("R")


def package_digest() -> str:
    """SHA-256, in hex, of the source of every module in this package, in the order of their names."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.name.encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


PACKAGE_DIGEST: Final = package_digest()


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """The function, compiled at its first call and cached on disk.

    numba looks only at the file of the outermost kernel to tell whether its cached code is stale, but a compiled
    kernel contains the kernels it calls from other files. So the cache is stamped with all files of this package.
    """
    dispatcher: Any = numba.njit(cache=True, nogil=True)(function)
    dispatcher._cache._cache_file._source_stamp = PACKAGE_DIGEST
    return cast(Callable[P, R], dispatcher)


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """A kernel that is compiled into each kernel that calls it, and that allocates no array.

    For what runs once per byte or codepoint. Otherwise LLVM calls some such functions through a pointer, and numba
    counts a reference to each array argument, atomically, at each call: twice what reading a character costs.
    """
    options: dict[str, Any] = {"cache": True, "nogil": True, "forceinline": True, "_nrt": False}
    dispatcher: Any = numba.njit(**options)(function)
    dispatcher._cache._cache_file._source_stamp = PACKAGE_DIGEST
    return cast(Callable[P, R], dispatcher)


def warm_note() -> Path:
    """File beside numba's cache that says: every kernel of this very code is compiled for this processor."""
    dispatcher: Any = integer
    folder = Path(dispatcher._cache._cache_file._cache_path)
    stamp = f"{PACKAGE_DIGEST[:24]}-{numba.__version__}-{llvmlite.binding.get_host_cpu_name()}"
    return folder / f"warm-{stamp}"


@kernel
def integer(value: np.integer[Any]) -> int:
    """The number as a signed 64-bit one.

    In compiled code `int` leaves an unsigned number unsigned, and a sum of an unsigned and a signed 64-bit number is
    a float.
    """
    return np.int64(value)  # type: ignore[return-value]
