"""Spark's classes, parsed and verified once: an archive that every later start of the JVM maps into memory.

A start of Spark loads some 15,000 classes, which takes several seconds; from an archive (class data sharing of the JVM,
JEP 350) a fraction of that. Written by `make setup` for the Spark and the Java at hand, and used if it is there.
"""

import contextlib
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import pyspark
from pyspark.sql import functions as F

from dataprep.config import EngineConfig
from jobs.java import ensure_java

_EXIT_SECONDS: Final = 300  # that the JVM may take to write it


def archive_path(java_home: Path) -> Path:
    """Where the archive of this environment's Spark and a Java is; named without starting that Java."""
    release = java_home / "release"
    java = release.read_bytes() if release.exists() else str(java_home).encode()
    name = f"spark-{pyspark.__version__}-java-{hashlib.sha256(java).hexdigest()[:12]}.jsa"
    return Path(sys.prefix) / "share" / "magister" / name


def write_archive(path: Path) -> None:
    """Start Spark, do a little of everything, and have the JVM write the archive as it ends.

    Raises:
        OSError, subprocess.SubprocessError, RuntimeError: it was not written.
    """
    from jobs.spark import build_session

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        # What the JVM says of the classes that cannot be archived goes to the log.
        spark = build_session(
            "class archive",
            EngineConfig(driver_memory="1g", shuffle_partitions=2),
            log_path=Path(folder) / "spark.log",
            jvm_options=f"-XX:ArchiveClassesAtExit={temporary} -Xlog:disable",
        )
        frame = spark.range(100).withColumn("text", F.col("id").cast("string"))
        frame.write.parquet(f"{folder}/frame")
        read = spark.read.parquet(f"{folder}/frame").mapInArrow(lambda batches: batches, frame.schema)
        read.repartition(2, "id").sortWithinPartitions("id").join(frame, ["id", "text"]).groupBy(
            "text"
        ).count().collect()
        read.repartitionById(2, F.col("id").cast("int") % 2).agg(
            F.sum("id"), F.count_if(F.col("id") > 1)
        ).collect()
        gateway = spark.sparkContext._gateway
        spark.stop()
        assert gateway is not None
        process = gateway.proc
        gateway.shutdown()
        with contextlib.suppress(OSError):
            process.stdin.close()  # the JVM ends with its standard input
        process.wait(_EXIT_SECONDS)
    if not temporary.exists():
        raise RuntimeError("the JVM wrote none")
    temporary.rename(path)


def main() -> None:
    """Write the archive if it is not there. Without it Spark starts more slowly, so a failure is no error."""
    path = archive_path(ensure_java())
    if path.exists():
        return
    try:
        write_archive(path)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        print(f"no archive of Spark's classes ({' '.join(str(error).split())}); starts of Spark take longer")
    else:
        print(f"Spark's classes archived in {path}")


if __name__ == "__main__":
    main()
