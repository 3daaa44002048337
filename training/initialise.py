"""The first weights of a model, as a pure function of the seed and of each parameter's name and shape.

Weights are drawn from a normal distribution of standard deviation 0.02; those of the projections that are added to the
residual stream from a narrower one, by the root of how many of them the stack adds up, so that the stream does not grow
with depth (Radford et al. 2019, section 2.3; Shoeybi et al. 2019, section 4). Norms start at 1, biases at 0.

No draw depends on another parameter, on the order of modules, on the rank or on the number of threads: a model
split over ranks in any way starts with the same weights as a whole one.
"""

import hashlib
import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import numpy as np
import torch
from torch import nn

from training.architecture import ModelConfig

Weights = Callable[[str], torch.Tensor]

STANDARD_DEVIATION: Final = 0.02
# Two for each block of an encoder; cross-attention is the third of a decoder's.
_ENCODER_BRANCHES, _DECODER_BRANCHES = 2, 3


def initialise(
    model: nn.Module,
    config: ModelConfig,
    *,
    seed: int,
    own_name: Callable[[str], str] = str,
    gather: Callable[[nn.Parameter], AbstractContextManager[object]] = lambda _: nullcontext(),
) -> None:
    """Set every parameter, in place.

    Args:
        model: built by `model.build`, or what a rank has of it; its parameters are on a device that holds values.
        config: its configuration.
        seed: another seed, other weights.
        own_name: from the names in `model` to those in the whole model.
        gather: makes a parameter whole while its context lasts, and spreads what was written; for ZeRO stage 3,
            `lambda parameter: deepspeed.zero.GatheredParameters(parameter, modifier_rank=0)`.
    """
    for name, parameter in model.named_parameters():
        with gather(parameter), torch.no_grad():
            # A rank that is given only a stub of the parameter receives the values from the one that writes.
            if parameter.numel():
                parameter.copy_(_values(own_name(name), tuple(parameter.shape), config, seed))


def take_over(
    model: nn.Module,
    weights: Weights,
    *,
    own_name: Callable[[str], str] = str,
    gather: Callable[[nn.Parameter], AbstractContextManager[object]] = lambda _: nullcontext(),
) -> None:
    """Set every parameter to the tensor of its name, in place; names and shapes must be the model's.

    Args:
        model: as in `initialise`.
        weights: gives the tensor of a name in the whole model.
        own_name: as in `initialise`.
        gather: as in `initialise`.
    """
    for name, parameter in model.named_parameters():
        with gather(parameter), torch.no_grad():
            if parameter.numel():
                parameter.copy_(weights(own_name(name)))


def standard_deviation(name: str, config: ModelConfig) -> float:
    """Standard deviation of the first weights of the matrix with this name."""
    if not name.endswith(".out.weight"):
        return STANDARD_DEVIATION
    if name.startswith("decoder."):
        return STANDARD_DEVIATION / math.sqrt(_DECODER_BRANCHES * config.num_decoder_layers)
    return STANDARD_DEVIATION / math.sqrt(_ENCODER_BRANCHES * config.num_layers)


def _values(name: str, shape: tuple[int, ...], config: ModelConfig, seed: int) -> torch.Tensor:
    if len(shape) == 1:
        return torch.ones(shape) if name.endswith("norm.weight") else torch.zeros(shape)
    key = hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=16).digest()
    generator = np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))
    drawn = generator.standard_normal(shape, dtype=np.float32)
    return torch.from_numpy(drawn).mul_(standard_deviation(name, config))
