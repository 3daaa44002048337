"""Named model sizes: one table, with the parameters of each, which a test counts on the modules.

The vocabulary of the large presets is 153,600 rows: 150,000 pieces, room for reserved ones, a multiple of 1,024. The
output matrix is the embedding. For an own tokeniser, `dataclasses.replace(preset.config, vocab_size=…)`.

The students are named by their bodies. Body and embedding of student-17m have 134.8 M parameters, 135.5 M with head;
those of student-170m 325.1 M and 326.3 M. The same widths in the classic form (`classic_counts`: GELU of 1,200
and 3,072, biases, a pooler) have 136.0 M and 327.4 M, not counting learned positions and the output bias.
"""

from dataclasses import dataclass
from typing import Final

from training.architecture import Counts, ModelConfig

VOCABULARY: Final = 153_600


class PresetError(ValueError):
    """There is no such preset."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A named size.

    Attributes:
        config: the shape.
        counts: its parameters.
    """

    config: ModelConfig
    counts: Counts


def _large(  # one row of the table: layers, hidden size, intermediate size, heads
    layers: int, hidden: int, intermediate: int, heads: int, *, decoder: int = 0
) -> ModelConfig:
    return ModelConfig(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_heads=heads,
        num_layers=layers,
        num_decoder_layers=decoder,
        max_positions=1024 if decoder else 512,
    )


def _small(layers: int, hidden: int, vocabulary: int, *, decoder: int = 0, experts: int = 0) -> ModelConfig:
    return ModelConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=hidden * 3 // 2,
        num_heads=4,
        num_layers=layers,
        num_decoder_layers=decoder,
        num_experts=experts,
    )


# Counts are body, head and embedding.
PRESETS: Final = {
    # For tests: a step takes milliseconds on one core.
    "tiny": Preset(_small(2, 64, 512), Counts(69_952, 4_672, 32_768)),
    "tiny-encdec": Preset(_small(2, 64, 512, decoder=2), Counts(172_800, 512, 32_768)),
    "tiny-experts": Preset(_small(2, 64, 512, experts=4), Counts(125_504, 4_672, 32_768)),
    "mini": Preset(_small(4, 128, 2048), Counts(558_208, 18_560, 262_144)),
    # Students, distilled.
    "student-17m": Preset(_large(4, 768, 800, 12), Counts(16_816_896, 744_192, 117_964_800)),
    "student-170m": Preset(_large(16, 1024, 2048, 16), Counts(167_805_952, 1_203_200, 157_286_400)),
    # Students as encoder-decoders, laid out as mT5; decoders are the shallower half, since they run once per token.
    "encdec-18m": Preset(_large(4, 512, 1024, 8, decoder=2), Counts(17_833_984, 153_600, 78_643_200)),
    "encdec-50m": Preset(_large(8, 512, 1024, 8, decoder=8), Counts(50_353_152, 153_600, 78_643_200)),
    "encdec-170m": Preset(_large(12, 768, 2048, 12, decoder=9), Counts(169_910_016, 153_600, 117_964_800)),
    # Teachers.
    "1b": Preset(_large(18, 1792, 4864, 14), Counts(701_956_864, 3_366_656, 275_251_200)),
    "2b": Preset(_large(26, 2304, 6144, 18), Counts(1_656_347_904, 5_464_320, 353_894_400)),
    "2.3b": Preset(_large(29, 2560, 6912, 20), Counts(2_299_809_280, 6_709_760, 393_216_000)),
    "9.3b": Preset(_large(46, 4096, 10752, 32), Counts(9_164_935_168, 16_934_912, 629_145_600)),
    "9.7b": Preset(_large(45, 4096, 11008, 32), Counts(9_107_255_296, 16_934_912, 629_145_600)),
    # For plans; nobody has trained it.
    "100b": Preset(_large(78, 10240, 27648, 80), Counts(98_966_210_560, 105_021_440, 1_572_864_000)),
}


def preset(name: str) -> Preset:
    """The preset of this name.

    Raises:
        PresetError: there is none.
    """
    try:
        return PRESETS[name]
    except KeyError:
        raise PresetError(f"there is no preset {name!r}; choose one of {', '.join(PRESETS)}.") from None
