"""What a step costs and how fast it was: arithmetic by formula, metrics.jsonl, TensorBoard, a line of progress."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Protocol

from training.architecture import ModelConfig, active_body

# Dense bf16 TFLOPS of one device, from the vendors' data sheets, without sparsity; keyed by a part of its name.
PEAK_TFLOPS: Final = {"B200": 2250.0, "H200": 989.0, "H100": 989.0, "A100": 312.0, "L40S": 362.0, "L4": 121.0}


def model_flops(
    config: ModelConfig, lengths: Sequence[int], decoder_lengths: Sequence[int], num_targets: int
) -> tuple[float, float]:
    """Operations of one step's forward and backward pass: of the blocks, and of the head.

    Each parameter costs 6 a token (2 forward, 4 backward; Kaplan et al. 2020, section 2.1), attention 12 times hidden
    size times the square of a segment's length in each layer; a causal mask is not taken off. Cross-attention's
    projections are counted for the decoder's tokens.

    Args:
        config: the model.
        lengths: tokens of each segment of the encoder.
        decoder_lengths: the same of the decoder.
        num_targets: places that logits are computed for.
    """
    encoder = active_body(replace(config, num_decoder_layers=0))
    decoder = active_body(config) - encoder
    h = config.hidden_size
    squares = config.num_layers * sum(length**2 for length in lengths)
    if decoder_lengths:
        pairs = zip(lengths, decoder_lengths, strict=True)
        squares += config.num_decoder_layers * sum(own * (own + other) for other, own in pairs)
    blocks = 6 * (encoder * sum(lengths) + decoder * sum(decoder_lengths)) + 12 * h * squares
    dense = 0 if config.num_decoder_layers else h * h
    return float(blocks), 6.0 * num_targets * (config.vocab_size * h + dense)


def peak_tflops(device_name: str, precision: str) -> float | None:
    """TFLOPS that a device can reach in bf16, or none if unknown; in fp32 it hangs on settings, so none."""
    if precision != "bf16":
        return None
    # Longer names first: L4 is a part of L40S.
    names = sorted(PEAK_TFLOPS, key=len, reverse=True)
    return next((PEAK_TFLOPS[name] for name in names if name in device_name), None)


class Recorder(Protocol):
    """What a training tells its events to."""

    def write(self, event: str, step: int, values: Mapping[str, Any]) -> None:
        """Take one: the event, its step, its values."""

    def close(self) -> None:
        """There will be no more."""


class MetricsWriter:
    """Appends lines to metrics.jsonl, and events of TensorBoard where it is installed. One process writes.

    A step that was done again, after a restart or a rewind, has several lines: the last one counts.
    """

    def __init__(self, folder: Path, *, tensorboard: bool) -> None:
        self._file = (folder / "metrics.jsonl").open("a", encoding="utf-8", buffering=1)
        self._events: Any = None
        if tensorboard and find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._events = SummaryWriter(str(folder / "tensorboard"))

    def write(self, event: str, step: int, values: Mapping[str, Any]) -> None:
        """One line: the event (start, step, skip, spike, validation, checkpoint, stop), its step, its values."""
        self._file.write(json.dumps({"event": event, "step": step, **values}) + "\n")
        if self._events is not None:
            for name, value in values.items():
                if isinstance(value, int | float):
                    self._events.add_scalar(f"{event}/{name}", value, step)

    def close(self) -> None:
        """Write what is left."""
        self._file.close()
        if self._events is not None:
            self._events.close()


class ProgressLine:
    """One line on standard error that is written over in a terminal; elsewhere, a line from time to time."""

    _WIDTH: Final = 24

    def __init__(self, steps: int, *, plain_every: int = 100) -> None:
        self._steps, self._plain_every = steps, plain_every
        self._is_terminal = sys.stderr.isatty()

    def show(self, step: int, values: Mapping[str, str]) -> None:
        """A bar, the step, and values with their units."""
        text = f"{step:,}/{self._steps:,}  " + "  ".join(f"{name} {value}" for name, value in values.items())
        if self._is_terminal:
            done = self._WIDTH * step // self._steps
            sys.stderr.write(f"\r\x1b[K{'━' * done}{'─' * (self._WIDTH - done)} {text}")
            sys.stderr.flush()
        elif step % self._plain_every == 0 or step == self._steps:
            self._say(text)

    def say(self, text: str) -> None:
        """A line that stays."""
        if self._is_terminal:
            sys.stderr.write("\r\x1b[K")
        self._say(text)

    @staticmethod
    def _say(text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
