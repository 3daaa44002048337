"""What a checkpoint gives to others: the first weights of another training, and a model that transformers reads."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import sentencepiece
import yaml
from safetensors import SafetensorError, safe_open

from training import export
from training.architecture import ModelConfig
from training.checkpoint import CONFIG, FOLDER, POINTER, WEIGHTS, CheckpointError
from training.initialise import Weights
from training.vocabulary import Vocabulary

TOKENIZER: Final = "tokenizer.model"


def checkpoint_in(place: str) -> tuple[Path, dict[str, Any]]:
    """A checkpoint's folder, and what its config.json says.

    Args:
        place: folder of a checkpoint, or of a run, whose newest is taken.

    Raises:
        CheckpointError: there is none.
    """
    folder = Path(place)
    pointer = folder / FOLDER / POINTER
    try:
        if pointer.exists():
            folder = folder / FOLDER / pointer.read_text(encoding="utf-8").strip()
        described = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{place} is neither a checkpoint nor a run with one ({error}); name the folder of either."
        ) from error
    if not isinstance(described, dict) or not {"model", "tokenizer_sha256"} <= described.keys():
        raise CheckpointError(
            f"{folder} is not a checkpoint of this project, or of an earlier version: its {CONFIG} does not name model "
            "and tokenizer_sha256; name the folder of a run (an exported model cannot be gone on from)."
        )
    return folder, described


def _weights_in(folder: Path) -> Any:  # noqa: ANN401 (safetensors has no types)
    """The opened weights of a checkpoint; each is read when it is asked for."""
    try:
        return safe_open(folder / WEIGHTS, framework="pt")
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{folder / WEIGHTS} cannot be read ({error}); choose another checkpoint."
        ) from error


def first_weights(place: str, model: ModelConfig, tokenizer_sha256: str) -> tuple[Path, Weights]:
    """The weights of a checkpoint, for another training to begin with.

    Args:
        place: folder of a checkpoint, or of a run, whose newest is taken.
        model: the shape they are for; `max_positions` may differ, as no weight hangs on it.
        tokenizer_sha256: hash of the tokeniser that they are for.

    Returns:
        The checkpoint's folder, and what reads the tensor of a name, in fp32, when it is asked for.

    Raises:
        CheckpointError: there is none, or it is of another shape or tokeniser.
    """
    folder, described = checkpoint_in(place)
    theirs, ours = described["model"], asdict(model)
    if other := sorted(name for name in ours if name != "max_positions" and theirs.get(name) != ours[name]):
        told = "; ".join(f"{name} {theirs.get(name)}, not {ours[name]}" for name in other)
        raise CheckpointError(
            f"start_from: {folder} is of a model of another shape: {told}; set model to its shape."
        )
    if described["tokenizer_sha256"] != tokenizer_sha256:
        raise CheckpointError(
            f"start_from: {folder} was trained with a tokeniser whose SHA-256 is {described['tokenizer_sha256']}, but "
            f"this one has {tokenizer_sha256}: its ids mean other pieces; use that one, and shards of it."
        )
    return folder, _weights_in(folder).get_tensor


def export_transformers(place: str, target: Path, *, tokenizer: str | None = None) -> Path:
    """Write the model of a checkpoint as Hugging Face's transformers reads it, with its tokeniser beside it.

    Args:
        place: folder of a checkpoint of a dense encoder, or of a run, whose newest is taken.
        target: where to; made if it is not there.
        tokenizer: the SentencePiece model it was trained with; null: the one that the run's config.yaml names.

    Returns:
        The checkpoint's folder.

    Raises:
        CheckpointError: there is no checkpoint, the tokeniser is another, or the target holds a model already.
        ExportError: the model is not a dense encoder.
        OSError: the tokeniser cannot be read, or the files cannot be written.
    """
    folder, described = checkpoint_in(place)
    if (target / export.CONFIG).exists():
        raise CheckpointError(f"{target} holds a model already; choose another folder.")
    path = Path(tokenizer or _tokenizer_of(folder))
    vocabulary = Vocabulary.load(path)
    if vocabulary.sha256 != described["tokenizer_sha256"]:
        raise CheckpointError(
            f"{folder} was trained with a tokeniser whose SHA-256 is {described['tokenizer_sha256']}, but {path} has "
            f"{vocabulary.sha256}; name that one."
        )
    begin_id = sentencepiece.SentencePieceProcessor(model_file=str(path)).bos_id()
    config = ModelConfig(**described["model"])
    export.modernbert_config(config, pad_id=0, bos_id=0, eos_id=0)  # refuses before anything is written
    weights = _weights_in(folder)
    target.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target / TOKENIZER)
    export.write(
        {name: weights.get_tensor(name) for name in weights.keys()},  # noqa: SIM118 (no dictionary)
        config,
        target,
        pad_id=vocabulary.pad_id,
        # A tokeniser may have no piece that begins a text; ModernBERT's settings need some id.
        bos_id=begin_id if begin_id >= 0 else vocabulary.eos_id,
        eos_id=vocabulary.eos_id,
    )
    return folder


def _tokenizer_of(checkpoint: Path) -> str:
    path = checkpoint.resolve().parent.parent / "config.yaml"
    try:
        return str(yaml.safe_load(path.read_text(encoding="utf-8"))["data"]["tokenizer"])
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        raise CheckpointError(
            f"{path} does not name the tokeniser of {checkpoint} ({error}); name it: TOKENIZER=…."
        ) from error
