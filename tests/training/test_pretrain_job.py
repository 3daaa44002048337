"""`jobs.pretrain` on shards: it trains, goes on, and says in one sentence what does not fit."""

import base64
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet.encryption as pe
import pytest
import sentencepiece
import torch
import yaml
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from safetensors.torch import load_file
from shard_maker import plan_of, write_locale, write_manifest

from training.architecture import ModelConfig
from training.attention import Segments
from training.keys import EnvironmentKms
from training.model import build

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokeniser of some fifty pieces, shards of two locales, and a configuration."""
    folder = tmp_path_factory.mktemp("corpus")
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["der Hund sieht die Katze", "the dog sees the cat"] * 50),
        model_writer=written,
        vocab_size=50,
        hard_vocab_limit=False,
        pad_id=3,
        control_symbols=["<mask>", "<extra_id_0>", "<extra_id_1>"],
        minloglevel=2,
    )
    (folder / "tokenizer.model").write_bytes(written.getvalue())
    pieces = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue()).get_piece_size()
    shards = folder / "shards"
    documents = [[7 + (row + place) % (pieces - 7) for place in range(20)] for row in range(40)]
    files = [
        entry
        for locale in ("de", "en")
        for split in ("train", "validation")
        for entry in write_locale(shards, locale, [documents], split=split)
    ]
    plan = plan_of({"de": 0.5, "en": 0.5}, {"de": 800, "en": 800})
    digest = hashlib.sha256(written.getvalue()).hexdigest()
    write_manifest(shards, files, plan, tokenizer_sha256=digest, vocab_size=pieces)
    config = {
        "run_dir": str(folder / "run"),
        "data": {"shards": str(shards), "tokenizer": str(folder / "tokenizer.model"), "seq_len": 16},
        "model": {
            "vocab_size": 64,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "num_layers": 1,
        },
        "steps": 4,
        "global_batch_tokens": 128,
        "micro_batch_tokens": 64,
        "precision": "fp32",
        "validation": {"every_steps": 4, "batches_per_locale": 1},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return folder


def pretrain(
    corpus: Path, *options: str, ranks: int = 1, config: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the job in a process of its own, alone; or in several, by torchrun."""
    torchrun = (
        ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"] if ranks > 1 else []
    )
    job = ["-m", "jobs.pretrain", "--config", str(config or corpus / "config.yaml"), *options]
    command = [sys.executable, *torchrun, *job]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_it_trains_on_shards_and_a_second_start_finds_nothing_left_to_do(corpus: Path) -> None:
    first = pretrain(corpus)
    second = pretrain(corpus)

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    told = [json.loads(line) for line in (corpus / "run/metrics.jsonl").read_text().splitlines()]
    assert [(line["event"], line["step"]) for line in told] == [
        ("start", 0),
        ("checkpoint", 0),
        *(("step", step) for step in (1, 2, 3, 4)),
        ("validation", 4),
        ("checkpoint", 4),
        ("start", 4),
    ]
    assert sorted(told[6]["loss_nats_by_locale"]) == ["de", "en"]
    state = json.loads((corpus / "run/checkpoints/step-00000004/trainer.json").read_text())["state"]
    assert state["source"]["sample"] == 32
    assert yaml.safe_load((corpus / "run/config.yaml").read_text())["optimizer"]["beta2"] == 0.98


def test_the_stages_of_a_pipeline_read_the_same_rows(corpus: Path) -> None:
    layers = ["--set", "model.num_layers=2"]
    whole = pretrain(corpus, *layers, "--set", f"run_dir={corpus / 'whole'}")
    staged = ["--set", f"run_dir={corpus / 'staged'}", "--set", "pipeline_stages=2"]
    answer = pretrain(corpus, *layers, *staged, ranks=2)

    assert (whole.returncode, answer.returncode) == (0, 0), whole.stderr + answer.stderr
    losses = []
    for run in ("whole", "staged"):
        told = [json.loads(line) for line in (corpus / run / "metrics.jsonl").read_text().splitlines()]
        losses.append([line["loss_nats"] for line in told if line["event"] == "step"])
    assert len(losses[0]) == 4
    assert losses[1] == pytest.approx(losses[0], abs=1e-5)


def test_ranks_that_do_not_fit_the_pipeline_are_told_in_one_sentence(corpus: Path) -> None:
    one = ["--set", "model.num_layers=2", "--set", "pipeline_stages=2", "--set", f"run_dir={corpus / 'one'}"]

    answer = pretrain(corpus, *one)

    assert answer.returncode == 2
    assert "1 ranks are not a multiple of pipeline_stages 2; start a multiple of it" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_vocabulary_that_is_too_small_is_told_in_one_sentence(corpus: Path) -> None:
    answer = pretrain(corpus, "--set", "model.vocab_size=20", "--set", f"run_dir={corpus / 'small'}")

    assert answer.returncode == 2
    assert "model.vocab_size is 20; raise it to at least that." in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_tokeniser_of_other_shards_is_told_in_one_sentence(corpus: Path) -> None:
    other = corpus / "other.model"
    written = (corpus / "tokenizer.model").read_bytes()
    other.write_bytes(written + b"\x1a\x00")  # an empty field more: the same pieces in other bytes

    answer = pretrain(corpus, "--set", f"data.tokenizer={other}", "--set", f"run_dir={corpus / 'other'}")

    assert answer.returncode == 2
    assert "were written with a tokeniser whose SHA-256 is" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_dry_run_prints_the_settings_and_makes_nothing(corpus: Path) -> None:
    answer = pretrain(corpus, "--dry-run", "--set", f"run_dir={corpus / 'dry'}")

    assert yaml.safe_load(answer.stdout)["zero"]["stage"] == 1
    assert not (corpus / "dry").exists()


KEY_ID = "PRETRAIN_TEST_KEY"
KEY = base64.b64encode(b"p" * 32).decode()


class _Wrapping(EnvironmentKms):
    """Wraps a key as the data pipeline's documentation says."""

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> str:
        nonce = b"n" * 12
        sealed = AESGCM(base64.b64decode(KEY)).encrypt(nonce, key_bytes, master_key_identifier.encode())
        return base64.b64encode(nonce + sealed).decode()


@pytest.fixture(scope="module")
def second(corpus: Path) -> Path:
    """Encrypted utterances, and the settings of a second stage on them: whole ones, with a share of the first's."""
    folder = corpus / "utterances"
    properties = pe.CryptoFactory(lambda _: _Wrapping()).file_encryption_properties(
        pe.KmsConnectionConfig(kms_instance_id="env"),
        pe.EncryptionConfiguration(footer_key=KEY_ID, uniform_encryption=True, data_key_length_bits=256),
    )
    first = json.loads((corpus / "shards/manifest.json").read_text())
    said = [[7 + (row * 3 + place) % 18 for place in range(3 + row % 5)] for row in range(60)]
    weights = [1 + row % 4 for row in range(60)]
    files = [
        entry
        for split in ("train", "validation")
        for entry in write_locale(
            folder, "de-DE", [said], split=split, weights=weights, encryption_properties=properties
        )
    ]
    told = {"format": "parquet modular encryption", "kms": "env", "key_id": KEY_ID}
    write_manifest(
        folder,
        files,
        plan_of({"de-DE": 1.0}, {"de-DE": sum(map(len, said))}),
        encryption=told,
        tokenizer_sha256=first["tokenizer_sha256"],
        vocab_size=first["vocab_size"],
    )
    config = yaml.safe_load((corpus / "config.yaml").read_text())
    config |= {"run_dir": str(corpus / "second"), "start_from": str(corpus / "run"), "steps": 3}
    config["data"] |= {
        "shards": str(folder),
        "mode": "bucketed",
        "replay": [{"name": "web", "shards": str(corpus / "shards"), "share": 0.25}],
    }
    path = corpus / "second.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def test_a_second_stage_goes_on_with_encrypted_utterances_and_some_of_the_first(
    corpus: Path, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pretrain(corpus).returncode == 0
    refused = pretrain(corpus, config=second)
    monkeypatch.setenv(KEY_ID, KEY)
    answer = pretrain(corpus, config=second)

    assert refused.returncode == 2
    assert (
        f"encrypted with the key {KEY_ID}, but the environment variable {KEY_ID} is not set" in refused.stderr
    )
    assert answer.returncode == 0, answer.stderr
    told = [json.loads(line) for line in (corpus / "second/metrics.jsonl").read_text().splitlines()]
    validations = [line for line in told if line["event"] == "validation"]
    assert [line["step"] for line in validations] == [0, 3]
    assert sorted(validations[0]["loss_nats_by_locale"]) == ["de-DE", "web/de", "web/en"]
    assert sum(1 for line in told if line["event"] == "step") == 3


def test_before_its_first_step_a_second_stage_knows_what_the_first_had_learned(
    corpus: Path, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_ID, KEY)
    assert pretrain(corpus).returncode == 0
    options = ("--set", "data.mode=packed", "--set", f"run_dir={corpus / 'packed'}")
    answer = pretrain(corpus, *options, config=second)

    assert answer.returncode == 0, answer.stderr
    # The same text under the same masks, in sequences of the same length.
    ended, begun = (
        next(
            line["loss_nats_by_locale"]
            for line in map(json.loads, (corpus / run / "metrics.jsonl").read_text().splitlines())
            if line["event"] == "validation"
        )
        for run in ("run", "packed")
    )
    assert {name: begun[f"web/{name}"] for name in ("de", "en")} == pytest.approx(ended, abs=1e-6)


def test_first_weights_of_another_shape_are_told_in_one_sentence(corpus: Path) -> None:
    assert pretrain(corpus).returncode == 0

    answer = pretrain(
        corpus,
        *("--set", f"start_from={corpus / 'run'}", "--set", "model.num_layers=2"),
        *("--set", f"run_dir={corpus / 'deeper'}"),
    )

    assert answer.returncode == 2
    assert "of a model of another shape: num_layers 1, not 2; set model to its shape." in answer.stderr
    assert "Traceback" not in answer.stderr


def exported(corpus: Path, to: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "jobs.export", "--from", str(corpus / "run"), "--to", str(to), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_trained_encoder_is_exported_for_transformers(corpus: Path, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="the extra `export` is not installed")
    assert pretrain(corpus).returncode == 0
    answer = exported(corpus, tmp_path / "out")
    again = exported(corpus, tmp_path / "out")

    assert answer.returncode == 0, answer.stderr
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "holds a model already; choose another folder" in again.stderr
    theirs = transformers.ModernBertForMaskedLM.from_pretrained(tmp_path / "out").eval()
    model = build(ModelConfig(**yaml.safe_load((corpus / "config.yaml").read_text())["model"]))
    model.load_state_dict(load_file(corpus / "run/checkpoints/step-00000004/model.safetensors"))
    ids = torch.arange(7, 27)
    states, _ = model.encode(ids, Segments.of([20]))
    torch.testing.assert_close(theirs(ids[None]).logits[0], model.logits(states), atol=1e-5, rtol=1e-5)
    assert (tmp_path / "out/tokenizer.model").read_bytes() == (corpus / "tokenizer.model").read_bytes()


def test_an_export_with_another_tokeniser_is_refused(corpus: Path, tmp_path: Path) -> None:
    assert pretrain(corpus).returncode == 0
    other = tmp_path / "other.model"
    other.write_bytes((corpus / "tokenizer.model").read_bytes() + b"\x1a\x00")

    answer = exported(corpus, tmp_path / "out", "--tokenizer", str(other))

    assert answer.returncode == 2
    assert "was trained with a tokeniser whose SHA-256 is" in answer.stderr
    assert not (tmp_path / "out").exists()


def on_two_ranks(corpus: Path, *options: str) -> list[str]:
    command = [sys.executable, "-m", "jobs.pretrain", "--config", str(corpus / "config.yaml"), "--nproc", "2"]
    return [*command, *options]


def test_ranks_that_do_not_divide_the_batch_are_not_started(corpus: Path) -> None:
    options = ("--set", "micro_batch_tokens=128", "--set", f"run_dir={corpus / 'divided'}")

    answer = subprocess.run(
        on_two_ranks(corpus, *options), cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert answer.returncode == 2
    assert answer.stderr == (
        "error: 2 ranks do not divide the global batch: global_batch_tokens 128 are 1 micro-batches of 128 tokens; "
        "change one of the two, or the ranks.\n"
    )
    assert not (corpus / "divided").exists()


def test_what_fails_on_every_rank_is_told_once(corpus: Path) -> None:
    shards = corpus / "lacking"
    shutil.copytree(corpus / "shards", shards)
    (shards / "locale=de/split=train/part-00000.parquet").unlink()
    options = ("--set", f"data.shards={shards}", "--set", f"run_dir={corpus / 'lacking-run'}")

    answer = subprocess.run(
        on_two_ranks(corpus, *options), cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert answer.returncode == 2
    told = [line for line in answer.stderr.splitlines() if "part-00000.parquet" in line]
    assert len(told) == 1
    assert "is missing; the manifest names it" in told[0]
    assert "Traceback" not in answer.stderr


def test_sigterm_to_the_launcher_leaves_a_checkpoint_to_go_on_from(corpus: Path) -> None:
    run = corpus / "stopped"
    options = ("--set", f"run_dir={run}", "--set", "steps=100000")
    with subprocess.Popen(
        on_two_ranks(corpus, *options), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        deadline_s = time.monotonic() + 120
        metrics = run / "metrics.jsonl"
        while not (metrics.exists() and '"event": "step"' in metrics.read_text()):
            assert process.poll() is None
            assert time.monotonic() < deadline_s
            time.sleep(0.1)
        process.terminate()
        returncode = process.wait(timeout=120)

    assert returncode == 128 + signal.SIGTERM
    told = [json.loads(line) for line in metrics.read_text().splitlines()]
    assert told[-1]["event"] == "stop"
    assert (run / "checkpoints/latest").read_text().strip() == f"step-{told[-1]['step']:08d}"
