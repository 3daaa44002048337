"""One rank, DeepSpeed's layer of experts in our block: prints the losses and gradients as JSON. Run by its test."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace

os.environ.update(DS_ACCELERATOR="cpu", RANK="0", WORLD_SIZE="1", LOCAL_RANK="0")

import deepspeed
import torch
from deepspeed.moe.layer import MoE
from torch import nn

from training.architecture import ModelConfig
from training.attention import Segments
from training.initialise import initialise
from training.model import build
from training.presets import preset


def deepspeed_experts(config: ModelConfig, make_expert: Callable[[], nn.Module]) -> nn.Module:
    """DeepSpeed's layer; random token selection is off, since the plain layer has none."""
    return MoE(
        config.hidden_size,
        make_expert(),
        num_experts=config.num_experts,
        k=config.num_chosen_experts,
        drop_tokens=config.expert_capacity is not None,
        use_rts=False,
    )


def main() -> None:
    """Losses of both layers with the same weights."""
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    torch.distributed.init_process_group("gloo", init_method=f"file://{sys.argv[1]}", rank=0, world_size=1)
    deepspeed.init_distributed(dist_backend="gloo", auto_mpi_discovery=False)
    config = replace(preset("tiny-experts").config, expert_capacity=None)
    plain, parallel = build(config), build(config, make_experts=deepspeed_experts)
    for module in parallel.modules():
        if hasattr(module, "set_deepspeed_parallelism"):
            module.set_deepspeed_parallelism()
    initialise(plain, config, seed=0)
    with torch.no_grad():
        for name, parameter in plain.named_parameters():
            parameter.mul_(5 if parameter.dim() > 1 else 1)
            theirs = name.replace(".router.", ".deepspeed_moe.gate.wg.").replace(
                ".feed_forward.experts.", ".feed_forward.deepspeed_moe.experts.deepspeed_experts."
            )
            parallel.get_parameter(theirs).copy_(parameter)
    ids = torch.randint(config.vocab_size, (40,), generator=torch.Generator().manual_seed(0))
    answers = []
    for model in (plain, parallel):
        losses = model(ids, Segments.of([25, 15]), torch.arange(40), ids)
        (losses.nats + 0.01 * losses.balance).backward()
        answers.append([losses.nats.item(), losses.balance.item(), model.embedding.weight.grad.norm().item()])
    sys.stdout.write(json.dumps(answers) + "\n")


if __name__ == "__main__":
    main()
