"""What `bench_pipeline` and `bench_dedup_scale` run in processes of their own; each prints figures as a line of JSON.

python -m benchmarks.pipeline_processes copy INPUT_DIR OUTPUT_DIR
python -m benchmarks.pipeline_processes encode RUN_DIR PROCESSES
python -m benchmarks.pipeline_processes prepare|annotate|dedup CONFIG LOG
"""

import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

import psutil

from dataprep import files
from dataprep import schema as s
from dataprep.config import EngineConfig, PrepareConfig
from dataprep.kernels.fused import warm_up
from dataprep.parts import part_number
from dataprep.pipeline import TOKENIZER_MODEL
from dataprep.shards.encode import kept_documents
from dataprep.shards.tokenizer import load
from jobs import annotate as annotate_job
from jobs import dedup as dedup_job
from jobs import prepare as prepare_job
from jobs.config import load_config
from jobs.spark import build_session

MC4_SCHEMA: Final = "text string, timestamp string, url string"

Figures = dict[str, float]


def copy(input_dir: str, output_dir: str) -> Figures:
    """Floor: Spark reads the JSON files and writes them as Parquet, nothing else.

    Returns:
        `startup_s` from the start of the process until the session is there, and `job_s`.
    """
    spark = build_session("copy", EngineConfig(), log_path=Path(f"{output_dir}.log"))
    startup_s = _age_s()
    begin = time.perf_counter()
    # With the schema given, Spark reads the input once and not twice.
    spark.read.schema(MC4_SCHEMA).json(f"{input_dir}/*.json.gz").write.parquet(output_dir)
    job_s = time.perf_counter() - begin
    spark.stop()
    return {"startup_s": startup_s, "job_s": job_s}


def encode(run_dir: str, processes: str) -> Figures:
    """Floor: SentencePiece encodes the kept text of a run, held in memory, and the ids are thrown away.

    Returns:
        `encode_s` of the slowest process, `text_bytes` and `tokens` of all.
    """
    shares = int(processes)
    with ProcessPoolExecutor(shares, multiprocessing.get_context("spawn")) as pool:
        pending = [pool.submit(_encode_share, run_dir, share, shares) for share in range(shares)]
        done = [future.result() for future in pending]
    return {
        "encode_s": max(figures["encode_s"] for figures in done),
        "text_bytes": sum(figures["text_bytes"] for figures in done),
        "tokens": sum(figures["tokens"] for figures in done),
    }


def _encode_share(run_dir: str, share: int, shares: int) -> Figures:
    """Encode every `shares`-th document, from number `share`; only the encoding is timed."""
    processor = load(files.join(run_dir, TOKENIZER_MODEL))
    parts = [part_number(path) for path in files.list_files(files.join(run_dir, "documents"), ".parquet")]
    batches = (batch for part in parts for batch in kept_documents(run_dir, part))
    texts = [text for batch in batches for text in batch.column(s.TEXT).to_pylist()[share::shares]]
    begin = time.perf_counter()
    tokens = sum(len(processor.encode(text, return_type="numpy")) for text in texts)
    encode_s = time.perf_counter() - begin
    return {"encode_s": encode_s, "text_bytes": sum(len(text.encode()) for text in texts), "tokens": tokens}


def prepare(config: str, log: str) -> Figures:
    """`python -m jobs.prepare --config CONFIG`, with its session started beforehand."""
    return _job("prepare", prepare_job.main, config, log)


def annotate(config: str, log: str) -> Figures:
    """The same for `jobs.annotate`."""
    return _job("annotate", annotate_job.main, config, log)


def dedup(config: str, log: str) -> Figures:
    """The same for `jobs.dedup`."""
    return _job("dedup", dedup_job.main, config, log)


def _job(name: str, main: Callable[[Sequence[str]], None], config: str, log: str) -> Figures:
    """Run a job whose session is there already.

    The job itself starts the session inside its first stage; it finds this one instead, so that the seconds of the
    stages hold no start-up.

    Returns:
        `startup_s` from the start of the process until kernels are loaded and the session is there.
    """
    warm_up()
    build_session(name, load_config(config, [], PrepareConfig).engine, log_path=Path(log))
    startup_s = _age_s()
    main(["--config", config])
    return {"startup_s": startup_s}


def _age_s() -> float:
    """Seconds since this process was started."""
    return time.time() - psutil.Process().create_time()


COMMANDS: Final[dict[str, Callable[[str, str], Figures]]] = {
    "copy": copy,
    "encode": encode,
    "prepare": prepare,
    "annotate": annotate,
    "dedup": dedup,
}

if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    print(json.dumps(COMMANDS[name](*arguments)))
