"""How the ranks divide a training: who has which rows, layers and experts, and what a parameter is called there.

A rank has a stage of the pipeline and a place among those of its stage, over which the rows of a batch are divided:

    rank = stage · (ranks of a stage) + place among them

Experts are divided over neighbours: of every `expert_parallel` ranks, each has the next share of them. Both are the
orders in which DeepSpeed divides (`PipeDataParallelTopology`, `groups._create_expert_and_data_parallel`).
"""

import re
from dataclasses import dataclass
from typing import Self

from training.config import PretrainConfig


class WorldSizeError(ValueError):
    """The ranks do not divide what they are to share."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where one rank stands.

    Attributes:
        rank: of all ranks.
        world_size: all ranks.
        pipeline_stages: stages that the layers are divided into.
        expert_parallel: ranks that the experts of a layer are divided over.
        num_experts: experts of a layer, on all of these ranks together.
    """

    rank: int
    world_size: int
    pipeline_stages: int = 1
    expert_parallel: int = 1
    num_experts: int = 0

    @classmethod
    def of(cls, config: PretrainConfig, *, rank: int, world_size: int) -> Self:
        """Where a rank stands in a training.

        Raises:
            WorldSizeError: the ranks are not a multiple of what the model is divided into.
        """
        stages, parallel = config.pipeline_stages, config.expert_parallel
        for setting, parts in (("pipeline_stages", stages), ("expert_parallel", parallel)):
            if world_size % parts:
                raise WorldSizeError(
                    f"{world_size} ranks are not a multiple of {setting} {parts}; start a multiple of it, or change it."
                )
        return cls(rank, world_size, stages, parallel, config.model.num_experts)

    @property
    def data_size(self) -> int:
        """Ranks that the rows of a batch are divided over."""
        return self.world_size // self.pipeline_stages

    @property
    def data_rank(self) -> int:
        """Which of these shares this rank has; all stages of a pipeline have the same one."""
        return self.rank % self.data_size

    @property
    def stage(self) -> int:
        """Stage of the pipeline, from 0."""
        return self.rank // self.data_size

    @property
    def has_loss(self) -> bool:
        """Whether the losses are computed here: the last stage of a pipeline. What is counted is counted there."""
        return self.stage == self.pipeline_stages - 1

    @property
    def is_divided(self) -> bool:
        """Whether no rank has all layers and experts."""
        return self.pipeline_stages > 1 or self.expert_parallel > 1

    def own_name(self, name: str) -> str:
        """The name in the whole model, built by `model.build`, of a parameter of this rank's part of it."""
        # Layers of a PipelineModule are numbered; each is built so that the rest is the name.
        name = re.sub(r"^(?:tied_modules|\d+)\.", "", name)
        name = name.replace(".deepspeed_moe.gate.wg.", ".router.")
        share = self.num_experts // self.expert_parallel
        first = self.rank % self.expert_parallel * share
        return re.sub(
            r"\.deepspeed_moe\.experts\.deepspeed_experts\.(\d+)\.",
            lambda found: f".experts.{first + int(found[1])}.",
            name,
        )
