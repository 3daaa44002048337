"""Train a small causal model of `transformers` on a stream of shards, with its own Trainer.

    pip install -e '.[training,export]' accelerate
    python examples/huggingface_trainer.py run/shards --steps 100

The stream makes whole batches and takes the slice of each rank itself. So the Trainer is given our DataLoader as it
is: its own would batch the batches, and share them out among the ranks a second time. The state of the stream is put
beside every checkpoint, and `--resume CHECKPOINT` goes on with the next unseen sequence, on any number of ranks.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from training.stream import StreamState, TokenStream
from training.stream_config import StreamConfig

STATE_FILE = "stream.json"


class ModelBatches:
    """The batches as the model's arguments; remembers how far the stream has been used.

    Position ids begin at 0 in every document, by which `transformers` keeps attention within documents.

    Attributes:
        state: the stream's state after the batches handed out so far.
    """

    def __init__(self, stream: TokenStream, num_workers: int) -> None:
        self._stream = stream
        self._loader = DataLoader(stream, batch_size=None, num_workers=num_workers)
        self.state = stream.start

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        for batch in self._loader:
            self.state = self._stream.state_after(batch)
            first_of_document = batch["position_ids"] == 0
            yield {
                "input_ids": batch["input_ids"],
                "position_ids": batch["position_ids"].long(),
                # The model shifts labels; no document is asked for the first token of the next.
                "labels": batch["input_ids"].masked_fill(first_of_document, -100),
            }


class StreamTrainer(Trainer):  # type: ignore[misc]
    """A Trainer whose batches come from a stream as they are."""

    def __init__(self, batches: ModelBatches, **arguments: Any) -> None:  # noqa: ANN401 (of Trainer)
        super().__init__(train_dataset=None, callbacks=[SaveState(batches)], **arguments)
        self._batches = batches

    def get_train_dataloader(self) -> Any:  # noqa: ANN401
        """The stream's batches of this rank."""
        return self._batches


class SaveState(TrainerCallback):  # type: ignore[misc]
    """Writes the stream's state into every checkpoint.

    The Trainer fetches a step's batches before the step, and no further; so what was handed out was used.
    """

    def __init__(self, batches: ModelBatches) -> None:
        self._batches = batches

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Write the state."""
        if state.is_world_process_zero:
            folder = Path(args.output_dir, f"checkpoint-{state.global_step}")
            (folder / STATE_FILE).write_text(json.dumps(self._batches.state.to_dict()))


def tiny_model(vocab_size: int, seq_len: int) -> LlamaForCausalLM:
    """A model of two layers."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocab_size,
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=seq_len,
        )
    )


def train(
    shards: str, output: str, *, steps: int, seq_len: int = 128, sequences: int = 8, resume: str | None = None
) -> StreamTrainer:
    """Train for so many steps in all; the trainer, when it is done.

    Args:
        shards: folder of the shards.
        output: folder of the checkpoints.
        steps: optimizer steps.
        seq_len: tokens of a sequence.
        sequences: sequences of a global batch.
        resume: checkpoint to go on from.
    """
    arguments = TrainingArguments(
        output_dir=output,
        max_steps=steps,
        save_steps=max(1, steps // 2),
        logging_steps=1,
        report_to=[],
        # The stream stands where the checkpoint left it; the Trainer must not skip batches on top.
        ignore_data_skip=True,
    )
    state = None
    if resume is not None:
        state = StreamState.from_dict(json.loads(Path(resume, STATE_FILE).read_text()))
    stream = TokenStream(
        StreamConfig(shards=shards, seq_len=seq_len, batch_sequences=sequences),
        rank=arguments.process_index,
        world_size=arguments.world_size,
        state=state,
    )
    trainer = StreamTrainer(
        ModelBatches(stream, num_workers=1),
        model=tiny_model(stream.manifest.vocab_size, seq_len),
        args=arguments,
    )
    trainer.train(resume_from_checkpoint=resume)
    return trainer


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shards")
    parser.add_argument("--output", default="trainer")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--resume")
    options = parser.parse_args()
    train(options.shards, options.output, steps=options.steps, resume=options.resume)
