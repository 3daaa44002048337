"""A trained encoder as Hugging Face reads it: safetensors under ModernBERT's names, and config.json.

Only names change, so that nothing has to be trusted but the table below; a test loads the result in transformers and
compares outputs. `read` is the way back.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.architecture import ModelConfig
from training.model import MaskedLanguageModel

# Our names, in the order of the model, and theirs. The output matrix is the embedding and is not written twice.
_NAMES: Final = (
    ("embedding.", "model.embeddings.tok_embeddings."),
    ("encoder.embedding_norm.", "model.embeddings.norm."),
    ("encoder.blocks.", "model.layers."),
    ("encoder.final_norm.", "model.final_norm."),
    ("head.bias", "decoder.bias"),
    ("head.", "head."),
)
_BLOCK_NAMES: Final = (
    (".attention_norm.", ".attn_norm."),
    (".attention.qkv.", ".attn.Wqkv."),
    (".attention.out.", ".attn.Wo."),
    (".feed_forward_norm.", ".mlp_norm."),
    (".feed_forward.gated.", ".mlp.Wi."),
    (".feed_forward.out.", ".mlp.Wo."),
)
Pairs = Sequence[tuple[str, str]]
WEIGHTS: Final = "model.safetensors"
CONFIG: Final = "config.json"


class ExportError(ValueError):
    """The model has no counterpart in Hugging Face, or the files are not those of one."""


def modernbert_name(name: str) -> str:
    """The name in ModernBertForMaskedLM of a parameter of `MaskedLanguageModel`."""
    return _renamed(name, _NAMES, _BLOCK_NAMES)


def own_name(name: str) -> str:
    """The way back from `modernbert_name`."""
    return _renamed(
        name, [(theirs, ours) for ours, theirs in _NAMES], [(theirs, ours) for ours, theirs in _BLOCK_NAMES]
    )


def _renamed(name: str, prefixes: Pairs, parts: Pairs) -> str:
    for old, new in prefixes:
        if name.startswith(old):
            renamed = new + name.removeprefix(old)
            break
    else:
        raise ExportError(f"the parameter {name} has no counterpart in ModernBERT.")
    if not re.match(r"(encoder\.blocks|model\.layers)\.", renamed):
        return renamed
    for old, new in parts:
        if old in renamed:
            return renamed.replace(old, new)
    raise ExportError(f"the parameter {name} has no counterpart in ModernBERT.")


def modernbert_config(config: ModelConfig, *, pad_id: int, bos_id: int, eos_id: int) -> dict[str, Any]:
    """What config.json says: everything in which ModernBERT's defaults might differ from this model.

    Raises:
        ExportError: the model has a decoder or experts.
    """
    if config.num_decoder_layers or config.num_experts:
        raise ExportError("only a dense encoder can be exported as ModernBERT.")
    rope = {"rope_type": "default", "rope_theta": config.rope_theta}
    return {
        "model_type": "modernbert",
        "architectures": ["ModernBertForMaskedLM"],
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "max_position_embeddings": config.max_positions,
        "norm_eps": config.norm_eps,
        "hidden_activation": "gelu",
        "classifier_activation": "gelu",
        "norm_bias": False,
        "attention_bias": False,
        "mlp_bias": False,
        "classifier_bias": False,
        "decoder_bias": True,
        "tie_word_embeddings": True,
        "attention_dropout": 0.0,
        "embedding_dropout": 0.0,
        "mlp_dropout": 0.0,
        "layer_types": ["full_attention"] * config.num_layers,
        # For both kinds of layer: the defaults of the two differ.
        "rope_parameters": {"full_attention": rope, "sliding_attention": rope},
        "pad_token_id": pad_id,
        "bos_token_id": bos_id,
        "cls_token_id": bos_id,
        "eos_token_id": eos_id,
        "sep_token_id": eos_id,
    }


def write(
    weights: Mapping[str, Tensor],
    config: ModelConfig,
    folder: Path,
    *,
    pad_id: int,
    bos_id: int,
    eos_id: int,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write config.json and model.safetensors into a folder that exists.

    Args:
        weights: state of a `MaskedLanguageModel`, whole.
        config: its configuration.
        folder: where to.
        pad_id: id of the padding token, which Hugging Face's tokenisers need; so are the next two.
        bos_id: id of the token that begins a text.
        eos_id: id of the token that ends a text.
        dtype: kind of number to write.

    Raises:
        ExportError: the model is not a dense encoder.
    """
    settings = modernbert_config(config, pad_id=pad_id, bos_id=bos_id, eos_id=eos_id)
    settings["dtype"] = str(dtype).removeprefix("torch.")
    renamed = {
        modernbert_name(name): value.detach().to("cpu", dtype).contiguous() for name, value in weights.items()
    }
    save_file(renamed, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / CONFIG).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def read(folder: Path) -> MaskedLanguageModel:
    """The model that `write` wrote, or transformers after it.

    Raises:
        ExportError: it is another kind of model, or uses parts of ModernBERT that this one does not have.
    """
    settings = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    config = ModelConfig(
        vocab_size=settings["vocab_size"],
        hidden_size=settings["hidden_size"],
        intermediate_size=settings["intermediate_size"],
        num_heads=settings["num_attention_heads"],
        num_layers=settings["num_hidden_layers"],
        max_positions=settings["max_position_embeddings"],
        rope_theta=settings["rope_parameters"]["full_attention"]["rope_theta"],
        norm_eps=settings["norm_eps"],
    )
    expected = modernbert_config(
        config,
        pad_id=settings["pad_token_id"],
        bos_id=settings["bos_token_id"],
        eos_id=settings["eos_token_id"],
    )
    differing = [name for name, value in expected.items() if settings.get(name) != value]
    if differing:
        found = ", ".join(f"{name}: {settings.get(name)!r}" for name in differing)
        raise ExportError(f"{folder / CONFIG} describes a model that this one is not ({found}).")
    model = MaskedLanguageModel(config)
    weights = {own_name(name): value for name, value in load_file(folder / WEIGHTS).items()}
    model.load_state_dict(weights)
    return model
