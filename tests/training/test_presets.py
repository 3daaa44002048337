"""The table of presets: the counts are those of the modules."""

import pytest

from training.architecture import active_body, classic_counts, counts
from training.presets import PRESETS, VOCABULARY, PresetError, preset


@pytest.mark.parametrize("name", PRESETS)
def test_the_table_has_the_parameters_of_the_modules(name: str) -> None:
    torch = pytest.importorskip("torch", reason="the extra `training` is not installed")
    from training.model import build

    with torch.device("meta"):
        model = build(PRESETS[name].config)

    sizes = {parameter_name: value.numel() for parameter_name, value in model.named_parameters()}
    embedding = sizes.pop("embedding.weight")
    head = sum(
        size for parameter_name, size in sizes.items() if parameter_name.startswith(("head.", "output_bias"))
    )
    expected = PRESETS[name].counts
    assert (sum(sizes.values()) - head, head, embedding) == (expected.body, expected.head, expected.embedding)
    assert counts(PRESETS[name].config) == expected


@pytest.mark.parametrize(
    ("name", "billions"),
    [("1b", 0.981), ("2b", 2.016), ("2.3b", 2.700), ("9.3b", 9.811), ("9.7b", 9.753), ("100b", 100.644)],
)
def test_totals_of_the_large_ones(name: str, billions: float) -> None:
    assert preset(name).counts.total / 1e9 == pytest.approx(billions, abs=0.0005)


@pytest.mark.parametrize(
    ("name", "without_head", "with_head", "published"),
    [("student-17m", 134.8, 135.5, 135), ("student-170m", 325.1, 326.3, 327)],
)
def test_students_have_the_published_sizes_within_one_percent(
    name: str, without_head: float, with_head: float, published: float
) -> None:
    number = preset(name).counts

    assert (number.body + number.embedding) / 1e6 == pytest.approx(without_head, abs=0.05)
    assert number.total / 1e6 == pytest.approx(with_head, abs=0.05)
    assert number.total / 1e6 == pytest.approx(published, rel=0.01)


@pytest.mark.parametrize(
    ("layers", "hidden", "intermediate", "millions"), [(4, 768, 1200, 136.0), (16, 1024, 3072, 327.4)]
)
def test_the_classic_form_without_positions_and_output_bias(
    layers: int, hidden: int, intermediate: int, millions: float
) -> None:
    number = classic_counts(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_layers=layers,
        max_positions=512,
    )

    assert (number.total - 512 * hidden - VOCABULARY) / 1e6 == pytest.approx(millions, abs=0.05)


def test_the_classic_form_counts_as_bert_base_does() -> None:
    number = classic_counts(
        vocab_size=30522, hidden_size=768, intermediate_size=3072, num_layers=12, max_positions=512
    )

    # BertModel has 109,482,240 with its 2 x 768 segment embeddings; the head adds a dense layer, a norm and the bias.
    assert number.total == 109_482_240 - 2 * 768 + 768 * 768 + 768 + 2 * 768 + 30522


def test_a_token_goes_through_the_chosen_experts_only() -> None:
    config = preset("tiny-experts").config

    # One of two blocks has four experts of 3 x 64 x 96 weights; one of them is used.
    assert active_body(config) == preset("tiny-experts").counts.body - 3 * 18_432


def test_an_unknown_preset_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(PresetError, match=r"there is no preset '3b'; choose one of tiny, .*9\.7b"):
        preset("3b")
