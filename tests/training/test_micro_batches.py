"""From the stream's batches to what the model is called with."""

import numpy as np
import torch
from memory_source import vocabulary

from training.architecture import ModelConfig
from training.attention import Segments
from training.config import DenoisingObjective, MaskedObjective, UniLMObjective
from training.metrics import model_flops, peak_tflops
from training.micro_batches import MicroBatch, micro_batches

ALL = MaskedObjective(rate=1.0, mask_share=0.0, random_share=0.0)
PACKED = {
    "input_ids": torch.tensor([[8, 9, 10, 11], [12, 13, 0, 0], [0, 0, 0, 0]]),
    "segment_ids": torch.tensor([[0, 0, 1, 1], [0, 0, -1, -1], [-1, -1, -1, -1]], dtype=torch.int32),
    "mask_keys": torch.tensor([100, 200, 300]),
}


def segments(micro: MicroBatch) -> Segments:
    (found,) = [argument for argument in micro.arguments if isinstance(argument, Segments)]
    return found


def test_packed_rows_become_segments_without_padding() -> None:
    first, second, third = micro_batches(PACKED, 3, ALL, vocabulary(), seed=0)

    assert [micro.lengths for micro in (first, second, third)] == [(2, 2), (2,), (1,)]
    assert first.arguments[0].tolist() == [8, 9, 10, 11]
    assert segments(first).positions_T.tolist() == [0, 1, 0, 1]
    assert second.arguments[3].tolist() == [12, 13]


def test_rows_of_padding_alone_have_no_targets() -> None:
    *_, third = micro_batches(PACKED, 3, ALL, vocabulary(), seed=0)

    assert (third.num_targets, third.arguments[2].numel()) == (0, 0)


def test_padded_rows_are_cut_at_their_length() -> None:
    batch = {
        "input_ids": torch.tensor([[8, 9, 0], [10, 0, 0]]),
        "attention_mask": torch.tensor([[1, 1, 0], [1, 0, 0]]),
        "mask_keys": torch.tensor([1, 2]),
    }

    (whole,) = micro_batches(batch, 1, ALL, vocabulary(), seed=0)

    assert whole.lengths == (2, 1)
    assert whole.arguments[0].tolist() == [8, 9, 10]


def test_more_micro_batches_than_rows_leave_some_empty() -> None:
    micros = micro_batches(PACKED, 5, ALL, vocabulary(), seed=0)

    assert [micro.num_targets for micro in micros] == [4, 2, 0, 0, 0]


def test_masks_do_not_hang_on_how_a_batch_is_divided() -> None:
    half = MaskedObjective(rate=0.5)

    whole = micro_batches(PACKED, 1, half, vocabulary(), seed=0)
    divided = micro_batches(PACKED, 3, half, vocabulary(), seed=0)

    targets = [
        np.concatenate([m.arguments[3].numpy() for m in micros]).tolist() for micros in (whole, divided)
    ]
    assert targets[0] == targets[1]


def test_two_segments_of_a_row_are_masked_independently() -> None:
    ids = torch.full((200, 4), 8)
    batch = {
        "input_ids": ids,
        "segment_ids": torch.tensor([[0, 0, 1, 1]]).expand(200, 4),
        "mask_keys": torch.arange(200) * 10_000,
    }

    (whole,) = micro_batches(batch, 1, MaskedObjective(rate=0.5), vocabulary(), seed=0)

    chosen = torch.zeros(800, dtype=torch.bool)
    chosen[whole.arguments[2]] = True
    same = (chosen.view(200, 2, 2)[:, 0] == chosen.view(200, 2, 2)[:, 1]).float().mean()
    assert 0.4 < same < 0.6


def test_unilm_gives_segments_a_prefix_and_denoising_a_decoder() -> None:
    causal = UniLMObjective(bidirectional=0.0, prefix=0.0)
    (seen,) = micro_batches(PACKED, 1, causal, vocabulary(), seed=0)
    (asked,) = micro_batches(PACKED, 1, DenoisingObjective(kind="denoising"), vocabulary(), seed=0)

    assert segments(seen).calls[0].causal
    assert len(asked.decoder_lengths) == 3
    assert asked.num_targets == sum(asked.decoder_lengths) == len(asked.arguments[4])


def test_operations_are_six_a_parameter_and_token_and_twelve_for_attention() -> None:
    # Body: 2 layers of attention 4*4*4, feed-forward 3*4*8 and two norms of 4; two norms more, one less: 340.
    shape = ModelConfig(vocab_size=10, hidden_size=4, intermediate_size=8, num_heads=2, num_layers=2)

    blocks, head = model_flops(shape, [3, 5], [], 2)

    assert blocks == 6 * 340 * 8 + 12 * 4 * 2 * (9 + 25)
    assert head == 6 * 2 * (10 * 4 + 16)


def test_peaks_are_known_by_the_name_of_the_device() -> None:
    assert peak_tflops("NVIDIA H100 80GB HBM3", "bf16") == 989
    assert peak_tflops("NVIDIA L40S", "bf16") == 362
    assert peak_tflops("cpu", "bf16") is None
    assert peak_tflops("NVIDIA H100 80GB HBM3", "fp32") is None
