"""Predicted beside measured peak memory of training, for small models on one rank of the CPU.

Each model trains for three steps in a process of its own: bf16 with torch's AdamW under ZeRO stage 1 over gloo. Three
measures are printed:

- allocated: the most bytes that torch's allocator had given out at once in the last step, from the allocator's own log.
  This is what a GPU's `max_memory_allocated` says, and what the prediction is compared with.
- saved: bytes that the forward pass keeps for the backward pass, each storage once, from saved_tensors_hooks, beside
  the predicted activations.
- RSS: the process's largest resident memory less that before the model was made. It has what the C library does not
  give back and the libraries' own buffers, and misses what was allocated but not written. It is printed, not used.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.common import machine_facts, markdown_table, publish
from training.architecture import ModelConfig, counts
from training.estimate import Setup, memory

TARGET_SHARE: Final = 0.15
STEPS: Final = 3  # the first ones make the optimizer's states


@dataclass(frozen=True, slots=True)
class Case:
    """What is trained."""

    name: str
    config: ModelConfig
    tokens: int
    recompute: bool = False


def _config(hidden: int, intermediate: int, layers: int, vocabulary: int) -> ModelConfig:
    return ModelConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_heads=hidden // 64,
        num_layers=layers,
    )


SEGMENT: Final = 128
# What no formula gives (the bytes that torch holds on a CPU in Adam's step and in the loss) was read off all but the
# last two, which were predicted before they were measured.
CASES: Final = (
    Case("4 x 256, long batch", _config(256, 704, 4, 4_096), 2_048),
    Case("6 x 512, short batch", _config(512, 1_408, 6, 8_192), 512),
    Case("4 x 384, large vocabulary", _config(384, 1_024, 4, 32_768), 4_096),
    Case("8 x 256, recomputed", _config(256, 704, 8, 4_096), 8_192, recompute=True),
    Case("5 x 320, mixed", _config(320, 896, 5, 16_384), 3_072),
    Case("3 x 448, mixed", _config(448, 1_216, 3, 24_576), 6_144),
    Case("6 x 192, recomputed", _config(192, 512, 6, 8_192), 12_288, recompute=True),
)


def main() -> None:
    """Measure every case and print the table."""
    parser = argparse.ArgumentParser(description="Predicted beside measured peak memory of training.")
    parser.add_argument("--output", help="write the page here as well")
    parser.add_argument("--case", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.case is not None:
        print(json.dumps(measure(CASES[args.case])))
        return
    rows = []
    for index, case in enumerate(CASES):
        measured = _in_a_process(index)
        predicted = memory(case.config, setup(case))
        rows.append(
            [
                case.name,
                f"{counts(case.config).total / 1e6:.1f}",
                f"{case.tokens:,}",
                f"{predicted.peak / 1e6:,.1f}",
                f"{measured['allocated'] / 1e6:,.1f}",
                f"{predicted.peak / measured['allocated'] - 1:+.1%}",
                f"{predicted.activations / 1e6:,.1f}",
                f"{measured['saved'] / 1e6:,.1f}",
                f"{measured['rss'] / 1e6:,.1f}",
            ]
        )
    header = [
        "model",
        "M parameters",
        "tokens",
        "predicted MB",
        "allocated MB",
        "difference",
        "predicted activations MB",
        "saved MB",
        "RSS MB",
    ]
    facts = machine_facts("torch", "deepspeed")
    publish(f"{facts}\n\n{markdown_table(header, rows)}", args.output)


def setup(case: Case) -> Setup:
    """What the estimator is told of a case."""
    return Setup(
        micro_batch_tokens=case.tokens,
        segment_tokens=SEGMENT,
        checkpoint_activations=case.recompute,
        target_share=TARGET_SHARE,
        on_cpu=True,
    )


def _in_a_process(index: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.bench_estimate", "--case", str(index)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def measure(case: Case) -> dict[str, float]:
    """Bytes measured while the case trains in this process."""
    _one_rank()
    import deepspeed
    import psutil
    import torch
    from torch.profiler import ProfilerActivity, profile, record_function

    from training.attention import Segments
    from training.initialise import initialise
    from training.model import build

    # Its compiled shared-memory operations need a compiler and serve ranks of one machine; there is one rank.
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    deepspeed.init_distributed(dist_backend="gloo")
    process = psutil.Process()
    before = process.memory_info().rss
    bucket = counts(case.config).total
    settings = {
        "train_micro_batch_size_per_gpu": 1,
        "zero_optimization": {"stage": 1, "reduce_bucket_size": bucket, "allgather_bucket_size": bucket},
        "bf16": {"enabled": True},
        "optimizer": {"type": "AdamW", "params": {"lr": 1e-4, "torch_adam": True}},
    }
    saved: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if not isinstance(tensor, torch.nn.Parameter):
            storage = tensor.untyped_storage()
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as log:
        model = build(case.config, checkpoint_activations=case.recompute)
        initialise(model, case.config, seed=0)
        engine, *_ = deepspeed.initialize(model=model, model_parameters=model.parameters(), config=settings)
        segments = Segments.of([SEGMENT] * (case.tokens // SEGMENT))
        generator = torch.Generator().manual_seed(0)
        for step in range(STEPS):
            tokens = torch.randint(case.config.vocab_size, (case.tokens,), generator=generator)
            rows = torch.randperm(case.tokens, generator=generator)[
                : round(TARGET_SHARE * case.tokens)
            ].sort()[0]
            with record_function(f"step {step}"):
                saved.clear()
                with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
                    nats = engine(tokens, segments, rows, tokens[rows]).nats
                engine.backward(nats)
                engine.step()
    most = _largest_rss()
    masters = {parameter.data_ptr() for parameter in model.parameters()}
    kept = sum(size for address, size in saved.items() if address not in masters)
    return {"allocated": _allocated(log, STEPS - 1), "saved": kept, "rss": most - before}


def _one_rank() -> None:
    """The environment of a launcher with one rank on the CPU, before DeepSpeed is imported."""
    os.environ.update(RANK="0", WORLD_SIZE="1", LOCAL_RANK="0", MASTER_ADDR="127.0.0.1", MASTER_PORT="29713")
    os.environ.update(DS_ACCELERATOR="cpu", OMP_NUM_THREADS="1")


def _largest_rss() -> int:
    import resource

    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes if sys.platform == "darwin" else kilobytes * 1024


def _allocated(log: object, step: int) -> float:
    """Most bytes that were allocated at once during a step, from every allocation and release since the start."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        log.export_chrome_trace(str(path))  # type: ignore[attr-defined]
        events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    (span,) = (
        event for event in events if event["name"] == f"step {step}" and event["cat"] == "user_annotation"
    )
    changes = sorted((event["ts"], event["args"]["Bytes"]) for event in events if event["name"] == "[memory]")
    live, most = 0, 0
    for moment, change in changes:
        live += change
        if span["ts"] <= moment <= span["ts"] + span["dur"]:
            most = max(most, live)
    return most


if __name__ == "__main__":
    main()
