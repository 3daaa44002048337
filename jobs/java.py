"""Java for Spark: 17 or later from the machine, else a JDK fetched into the project's own environment."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

OLDEST: Final = 17
FETCHED: Final = (
    "17"  # what is fetched when the machine has none: the oldest that Spark 4 supports, with support to 2029
)
_NOTE: Final = "java_home"  # file in the environment that says where the fetched JDK is


class JavaError(RuntimeError):
    """No usable Java, and none could be fetched."""


def java_version(home: Path) -> int | None:
    """Major version of the Java in a home folder; null if it does not run."""
    try:
        answer = subprocess.run(
            [home / "bin" / "java", "-version"], capture_output=True, text=True, errors="replace", timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if answer.returncode != 0:
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', answer.stderr + answer.stdout)
    return int(found[1]) if found else None


def find_java(environment: Path) -> Path | None:
    """Home of the first usable Java: JAVA_HOME, the PATH, then the one fetched into the environment."""
    for home in _candidates(environment):
        if (java_version(home) or 0) >= OLDEST:
            return home
    return None


def _candidates(environment: Path) -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home)
    if java := shutil.which("java"):
        yield Path(java).resolve().parent.parent
    note = environment / _NOTE
    if note.exists():
        yield Path(note.read_text(encoding="utf-8").strip())


def fetch_java(environment: Path, *, index_url: str | None = None) -> Path:
    """Fetch a JDK into the environment and remember where it is; its home.

    Args:
        environment: folder of the virtual environment.
        index_url: where the list of JDKs is; null for the package's own.

    Raises:
        JavaError: it cannot be fetched, or does not run here.
    """
    import cjdk

    try:
        home = Path(
            cjdk.java_home(
                vendor="temurin",
                version=FETCHED,
                cache_dir=environment / "jdk",
                index_url=index_url,
                progress=False,
                _allow_insecure_for_testing=(index_url or "").startswith("http://127.0.0.1:"),
            )
        )
    except Exception as error:
        raise _failed(" ".join(str(error).split())[:200]) from error
    # A JDK for another C library or processor unpacks well and does not start.
    if (java_version(home) or 0) < OLDEST:
        raise _failed(f"the JDK in {home} does not run on this machine")
    (environment / _NOTE).write_text(f"{home}\n", encoding="utf-8")
    return home


def _failed(why: str) -> JavaError:
    return JavaError(
        f"Spark needs Java {OLDEST} or later; none was found in JAVA_HOME or on the PATH, and fetching one failed "
        f"({why}). Install a JDK {OLDEST}+ and set JAVA_HOME to it."
    )


def ensure_java() -> Path:
    """Home of a usable Java, fetched if the machine has none. Says so when it fetches.

    Raises:
        JavaError: there is none, and none can be fetched.
    """
    environment = Path(sys.prefix)
    home = find_java(environment)
    if home is None:
        print(
            f"No Java {OLDEST}+ on this machine: fetching a JDK {FETCHED} into {environment / 'jdk'} …",
            flush=True,
        )
        home = fetch_java(environment)
    return home


def main() -> None:
    """Make sure that Spark will find a Java, and say which."""
    try:
        home = ensure_java()
    except JavaError as error:
        sys.exit(f"error: {error}")
    print(f"Java {java_version(home)} in {home}")


if __name__ == "__main__":
    main()
