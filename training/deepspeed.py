"""DeepSpeed's settings from ours: a pure function, held to golden files, and what must be said before it starts.

The file is named as the package it speaks of; imports here are absolute, so `import deepspeed` is the package.
"""

import logging
import os
import warnings
from typing import Any, Final

from training.architecture import counts
from training.config import PretrainConfig
from training.layout import Layout, WorldSizeError

MAX_BUCKET: Final = 500_000_000  # elements that are reduced at a time


def accumulation_steps(config: PretrainConfig, world_size: int) -> int:
    """Micro-batches of a step on each rank; all stages of a pipeline have the same ones.

    Raises:
        WorldSizeError: the ranks do not divide the micro-batches of a global batch, or what the model is divided into
            does not divide the ranks.
    """
    ranks = Layout.of(config, rank=0, world_size=world_size).data_size
    of_a_stage = " of each stage" if config.pipeline_stages > 1 else ""
    micro_batches = config.global_batch_tokens // config.micro_batch_tokens
    if micro_batches % ranks:
        raise WorldSizeError(
            f"{ranks} ranks{of_a_stage} do not divide the global batch: global_batch_tokens "
            f"{config.global_batch_tokens} are {micro_batches} micro-batches of {config.micro_batch_tokens} tokens; "
            "change one of the two, or the ranks."
        )
    return micro_batches // ranks


def settings(
    config: PretrainConfig, *, world_size: int, device: str, universal: bool = False
) -> dict[str, Any]:
    """The dictionary that `deepspeed.initialize` takes.

    Args:
        config: settings of the training.
        world_size: number of ranks.
        device: "cuda" or "cpu".
        universal: the state comes from a checkpoint that was converted for any number of ranks.

    Raises:
        WorldSizeError: as `accumulation_steps`.
    """
    accumulation = accumulation_steps(config, world_size)
    values: dict[str, Any] = {
        # DeepSpeed counts rows; a packed micro-batch is one.
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": accumulation,
        "train_batch_size": accumulation * (world_size // config.pipeline_stages),
        "gradient_clipping": config.optimizer.clip_norm,
        "optimizer": {"type": "AdamW", "params": _adamw(config, device)},
        "zero_optimization": _zero(config, device),
        "steps_per_print": 2**31 - 1,  # it prints nothing; we do
    }
    if config.precision == "bf16":
        # check_grad_overflow is what makes a step with a gradient that is not finite be left out.
        values["bf16"] = {"enabled": True, "check_grad_overflow": True}
    if config.zero.offload != "none":
        # DeepSpeed wants its own Adam when state is offloaded; torch's is right too, and needs no compiler.
        values["zero_force_ds_cpu_optimizer"] = False
    if universal:
        values["checkpoint"] = {"load_universal": True}
    return values


def _adamw(config: PretrainConfig, device: str) -> dict[str, Any]:
    optimizer = config.optimizer
    values = {
        "lr": optimizer.learning_rate,
        "betas": [optimizer.beta1, optimizer.beta2],
        "eps": optimizer.eps,
        "weight_decay": optimizer.weight_decay,
        # DeepSpeed's own is compiled at the first start, for minutes, with a compiler that must be there.
        "torch_adam": True,
    }
    if device == "cuda" and config.zero.offload == "none":
        values["fused"] = True
    return values


def _zero(config: PretrainConfig, device: str) -> dict[str, Any]:
    zero = config.zero
    # DeepSpeed allocates the whole bucket, also for a model that is smaller.
    bucket = min(MAX_BUCKET, counts(config.model.architecture()).total)
    values: dict[str, Any] = {
        "stage": zero.stage,
        # A pipeline reduces gradients after its last backward pass, when there is nothing left to overlap with.
        "overlap_comm": device == "cuda" and config.pipeline_stages == 1,
        "contiguous_gradients": True,
        "reduce_bucket_size": bucket,
    }
    if zero.stage < 3:
        values["allgather_bucket_size"] = bucket
    if zero.offload == "none":
        return values
    place: dict[str, Any] = {"device": zero.offload, "pin_memory": device == "cuda"}
    if zero.nvme_path is not None:
        place["nvme_path"] = zero.nvme_path
    values["offload_optimizer"] = place
    if zero.offload_parameters:
        values["offload_param"] = dict(place)
    return values


def prepare(device: str) -> None:
    """Choose the device, and keep DeepSpeed from compiling its kernel of shared memory on CPUs. Call before it starts.

    The compilation takes most of a minute, needs ninja and g++, and fails the start where these are missing.
    """
    os.environ.setdefault("DS_ACCELERATOR", device)
    # Its own news, and torch's about functions that it calls under their former names.
    logging.getLogger("DeepSpeed").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*torch.distributed.*is deprecated", category=FutureWarning)
    if device == "cpu":
        import deepspeed.ops

        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
