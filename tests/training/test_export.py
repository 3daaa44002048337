"""What is exported is a ModernBERT: transformers loads it and computes the same; and it comes back the same."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the extra `training` is not installed")
transformers = pytest.importorskip("transformers", reason="the extra `export` is not installed")

from dataclasses import replace  # noqa: E402

from training import export  # noqa: E402
from training.attention import Segments  # noqa: E402
from training.initialise import initialise  # noqa: E402
from training.model import MaskedLanguageModel, build  # noqa: E402
from training.presets import preset  # noqa: E402

CONFIG = replace(preset("tiny").config, num_layers=3, rope_theta=777.0, norm_eps=1e-6)


@pytest.fixture
def model() -> MaskedLanguageModel:
    made = build(CONFIG)
    initialise(made, CONFIG, seed=3)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(
                torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)), alpha=0.1
            )
    return made


def written(model: MaskedLanguageModel, folder: Path) -> Path:
    export.write(model.state_dict(), CONFIG, folder, pad_id=0, bos_id=2, eos_id=3)
    return folder


def test_transformers_computes_the_same_from_the_exported_files(
    model: MaskedLanguageModel, tmp_path: Path
) -> None:
    theirs, report = transformers.ModernBertForMaskedLM.from_pretrained(
        written(model, tmp_path), output_loading_info=True
    )
    ids = torch.randint(CONFIG.vocab_size, (2, 40), generator=torch.Generator().manual_seed(0))

    expected = theirs.eval()(ids).logits
    states, _ = model.encode(ids.flatten(), Segments.of([40, 40]))

    assert not any(report.values())
    assert expected.std() > 0.1
    torch.testing.assert_close(model.logits(states), expected.flatten(0, 1), atol=1e-5, rtol=1e-5)


def test_what_was_written_is_read_again(model: MaskedLanguageModel, tmp_path: Path) -> None:
    again = export.read(written(model, tmp_path))

    assert again.config == CONFIG
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())


def test_what_transformers_writes_is_read_too(model: MaskedLanguageModel, tmp_path: Path) -> None:
    theirs = transformers.ModernBertForMaskedLM.from_pretrained(written(model, tmp_path))
    theirs.save_pretrained(tmp_path / "theirs")

    again = export.read(tmp_path / "theirs")

    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())


def test_a_modernbert_with_local_attention_is_refused(model: MaskedLanguageModel, tmp_path: Path) -> None:
    path = written(model, tmp_path) / export.CONFIG
    settings = json.loads(path.read_text())
    path.write_text(json.dumps(settings | {"layer_types": ["full_attention", "sliding_attention"] * 2}))

    with pytest.raises(export.ExportError, match="layer_types"):
        export.read(tmp_path)


@pytest.mark.parametrize("name", ["tiny-encdec", "tiny-experts"])
def test_only_a_dense_encoder_is_exported(name: str, tmp_path: Path) -> None:
    config = preset(name).config

    with pytest.raises(export.ExportError, match="only a dense encoder"):
        export.write(build(config).state_dict(), config, tmp_path, pad_id=0, bos_id=2, eos_id=3)
