"""The only SparkSession builder. Engineering settings only: nothing here may change a result."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pyspark.sql import SparkSession

from dataprep.config import EngineConfig
from dataprep.plan import shuffle_partitions
from jobs.class_archive import archive_path
from jobs.java import ensure_java

_LOG_SETTINGS: Final = Path(__file__).parent / "conf" / "log4j2.properties"
_SHORT_JOB_BYTES: Final = 4 << 30  # of compressed input
_ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def spark_master() -> str:
    """The cluster: MASTER from the environment, else all cores of this machine."""
    return os.environ.get("MASTER") or "local[*]"


def local_cores(master: str) -> int | None:
    """Cores that a local master uses; null for a cluster."""
    cores = re.match(r"local(?:\[(\*|\d+)[^\]]*\])?$", master)
    if cores is None:
        return None
    if cores[1] == "*":
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(cores[1] or 1)


def build_session(
    app_name: str,
    engine: EngineConfig,
    *,
    log_path: Path,
    input_bytes: int = 0,
    jvm_options: str | None = None,
) -> SparkSession:
    """A session on `spark_master()`, quiet, with Arrow and adaptive execution.

    Args:
        app_name: name on the cluster's pages.
        engine: engineering settings.
        log_path: local file for what the JVM and the Python workers write to standard error.
        input_bytes: size of the corpus as stored; large input is shuffled in more partitions.
        jvm_options: options of the driver's JVM in place of those that make short jobs start quickly.

    Raises:
        JavaError: no Java 17+ was found, and none could be fetched.
    """
    java_home = ensure_java()
    os.environ["JAVA_HOME"] = str(java_home)
    os.environ["PYSPARK_PYTHON"] = os.environ.get("PYSPARK_PYTHON") or sys.executable
    # One thread per task: the tasks themselves fill the cores.
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")
    master = spark_master()
    java_options = f"-Dlog4j2.configurationFile={_LOG_SETTINGS.as_uri()} -Djava.net.preferIPv6Addresses=false"
    if jvm_options is None and master.startswith("local"):
        jvm_options = _quick_start(java_home, input_bytes)
    builder = (
        SparkSession.builder.master(master)
        .appName(f"magister {app_name}")
        .config("spark.driver.memory", engine.driver_memory)
        .config("spark.executor.memory", engine.executor_memory)
        .config("spark.driver.extraJavaOptions", f"{java_options} {jvm_options or ''}".strip())
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.ui.enabled", "false" if master.startswith("local") else "true")
        # The work is done by Python workers, outside the heap.
        .config("spark.executor.memoryOverheadFactor", "0.5")
        .config("spark.sql.adaptive.enabled", "true")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.parquet.compression.codec", "zstd")
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        # Rows carry token ids and shingle sets; a batch is bounded by bytes, not only by rows.
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "4096")
        .config("spark.sql.execution.arrow.maxBytesPerBatch", str(64 << 20))
    )
    for name in _ONE_THREAD:
        builder = builder.config(f"spark.executorEnv.{name}", "1")
    if master.startswith("local"):
        # What is shuffled is mostly hashes, which do not compress, and it goes to this machine's own disk.
        for name in ("spark.shuffle.compress", "spark.shuffle.spill.compress"):
            builder = builder.config(name, "false")
        builder = builder.config("spark.driver.host", "127.0.0.1").config(
            "spark.driver.bindAddress", "127.0.0.1"
        )
    for key, value in engine.spark.items():
        builder = builder.config(key, value)
    with _standard_error_to(log_path):
        spark = builder.getOrCreate()
    # Executors of a cluster register while the job is already running, so the number of cores says too little there.
    partitions = shuffle_partitions(engine, spark.sparkContext.defaultParallelism, input_bytes)
    if "spark.sql.shuffle.partitions" not in engine.spark:
        spark.conf.set("spark.sql.shuffle.partitions", str(partitions))
    return spark


def _quick_start(java_home: Path, input_bytes: int) -> str:
    """Options of a JVM that is both driver and executor.

    Classes come from the archive, if there is one. For some gigabytes the JVM's work, mostly moving what the Python
    tasks pack, is over before its optimising compiler has earned its time: C1 alone halves the cost of a start.
    """
    options = []
    if (archive := archive_path(java_home)).exists():
        # Without a word if it does not fit: then classes are loaded as ever.
        options += [
            f"-XX:SharedArchiveFile={archive}",
            "-Xshare:auto",
            "-Xlog:cds=off",
            "-Xlog:cds+dynamic=off",
        ]
    if input_bytes < _SHORT_JOB_BYTES:
        options += ["-XX:TieredStopAtLevel=1"]
    return " ".join(options)


@contextmanager
def _standard_error_to(path: Path) -> Iterator[None]:
    """Send standard error to a file, for the processes started meanwhile: the JVM greets with warnings on every start.

    It keeps the file for its whole life, as do the Python workers it starts.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    try:
        with path.open("ab") as file:
            os.dup2(file.fileno(), 2)
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
