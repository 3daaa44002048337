"""What a changed threshold costs: writing the fates anew, beside rewriting the documents with the new column.

    python -m benchmarks.bench_rethreshold --config configs/dataprep/demo.yaml

needs a finished run of that configuration. The evidence for docs/design/0001-fates-beside-documents.md.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.common import markdown_table
from dataprep import files
from dataprep.config import PrepareConfig
from dataprep.filter.fates import run_fates
from dataprep.filter.rules import rule_set
from dataprep.tables import run_tasks
from jobs.config import load_config
from jobs.spark import build_session


def seconds(work: Callable[[], object]) -> float:
    """Wall time of a call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True)
    parser.add_argument("--set", action="append", default=[])
    args = parser.parse_args()
    config = load_config(args.config, args.set, PrepareConfig)
    run_dir = Path(config.run_dir).resolve()
    with tempfile.TemporaryDirectory() as scratch:
        spark = build_session("bench", config.engine, log_path=Path(scratch) / "spark.log")
        partitions = int(spark.conf.get("spark.sql.shuffle.partitions") or 1)
        beside = Path(scratch) / "run"
        beside.mkdir()
        for name in ("documents", "dedup"):
            (beside / name).symlink_to(run_dir / name)
        rules = rule_set(config)
        parts = [path.rpartition("/")[2] for path in files.list_files(str(run_dir / "documents"), ".parquet")]

        def rewrite(name: str) -> str:
            table = pq.read_table(run_dir / "documents" / name).combine_chunks()
            reasons = [rules.drop_reasons(batch) for batch in table.to_batches()]
            pq.write_table(
                table.append_column("drop_reason", reasons), Path(scratch) / name, compression="zstd"
            )
            return name

        run_tasks(spark, ["", ""], str)  # warms the workers up
        fates_s = seconds(lambda: run_fates(spark, config, str(beside), partitions=partitions))
        rewrite_s = seconds(lambda: run_tasks(spark, parts, rewrite))
        spark.stop()
    rows = [
        ["fates and rejected sample", f"{fates_s:.1f}", "1.0"],
        ["documents with the new column (rules only)", f"{rewrite_s:.1f}", f"{rewrite_s / fates_s:.1f}"],
    ]
    print(markdown_table(["written", "seconds", "ratio"], rows))


if __name__ == "__main__":
    main()
