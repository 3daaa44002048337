"""A small encoder on real text: loss per locale beside the unigram's, its curve, and a second stage on utterances.

    MAGISTER_REALDATA=… python -m benchmarks.bench_training --keep FOLDER --output docs/results/training-curve.md

Runs the whole way: the pipeline on the real samples, a first stage on its shards, the utterance track on real
utterances (encrypted), and second stages with and without replay. What is finished in the folder is not done again.
"""

import argparse
import base64
import csv
import gzip
import json
import math
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow.parquet as pq
import yaml

from benchmarks.bench_utterances import real_texts
from benchmarks.common import machine_facts, markdown_table, module_command, publish, work_folder

VOCABULARY: Final = 8_000
KEY_ID: Final = "MAGISTER_BENCH_KEY"
REPLAY_SHARE: Final = 0.5
LAST_DAY: Final = datetime(2026, 3, 31, tzinfo=UTC)
_SMOOTHING: Final = 0.1  # added to every piece's count, so that none has probability 0
_ZIPF: Final = 1.1
_MEAN: Final = "mean of locales"

FIRST: Final[dict[str, Any]] = {
    "model": {
        "vocab_size": 8064,
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_heads": 4,
        "num_layers": 3,
    },
    "optimizer": {"learning_rate": 3e-3},
    "schedule": {"kind": "wsd", "warmup_steps": 300, "decay_steps": 5000},
    "steps": 20_000,
    "global_batch_tokens": 1024,
    "micro_batch_tokens": 1024,
    "precision": "fp32",
    "checkpoints": {"every_steps": 2500},
    "tensorboard": False,
    "validation": {"every_steps": 1000, "batches_per_locale": 10},
}
SECOND: Final[dict[str, Any]] = {
    **FIRST,
    "optimizer": {"learning_rate": 4e-4},
    "schedule": {"kind": "linear", "warmup_steps": 50},
    "steps": 1_500,
    "validation": {"every_steps": 250, "batches_per_locale": 10},
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark with the arguments of the command line."""
    parser = argparse.ArgumentParser(description="A small encoder on real text, and a second stage.")
    parser.add_argument("--keep", help="folder of the runs; temporary if not given")
    parser.add_argument("--output", help="Markdown file to write; the plot lies beside it")
    args = parser.parse_args(argv)
    realdata = Path(os.environ["MAGISTER_REALDATA"])
    os.environ["OMP_NUM_THREADS"] = "1"
    # Kept with the runs, so that a second start can read the shards: this is a benchmark of public text.
    # A folder that is kept may be there: the runs in it are gone on with.
    with nullcontext(Path(args.keep)) if args.keep else work_folder(None) as folder:
        folder.mkdir(parents=True, exist_ok=True)
        _set_key(folder)
        if not (folder / "run/report/index.html").exists():
            _run("jobs.prepare", "configs/dataprep/realdata.yaml", folder / "run", _sets(folder))
        data = {
            "shards": str(folder / "run/shards"),
            "tokenizer": str(folder / "run/tokenizer/tokenizer.model"),
            "seq_len": 64,
        }
        first = _trained(folder, "first", {**FIRST, "data": data})
        utterances = _utterances(folder, realdata)
        web = {"name": "web", "shards": data["shards"], "share": REPLAY_SHARE}
        begun = {"start_from": str(folder / "first")}
        seconds = {
            name: _trained(
                folder,
                name,
                {**SECOND, **begun, "data": {**data, "shards": str(utterances), "replay": replay}},
            )
            for name, replay in (
                ("second", [web]),
                # A share so small that it is in no batch: the other corpus is only validated on.
                ("second-alone", [{**web, "share": 1e-9}]),
            )
        }
        page = _page(folder, first, seconds)
        picture = (Path(args.output) if args.output else folder / "training").with_suffix(".svg")
        _plot(first, seconds["second"], picture, _unigrams(folder))
    publish("\n\n".join(page), args.output)


def _set_key(folder: Path) -> None:
    path = folder / "key"
    if not path.exists():
        path.write_text(base64.b64encode(os.urandom(32)).decode())
    os.environ[KEY_ID] = path.read_text()


def _sets(folder: Path) -> list[str]:
    return ["--set", f"run_dir={folder / 'run'}", "--set", f"tokenizer.vocab_size={VOCABULARY}"]


def _run(module: str, config: str, folder: Path, more: Sequence[str] = ()) -> None:
    """Run a job; the CPU time of it and its children, in seconds, lies in its folder."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(module_command(module, "--config", config, *more), check=True, stdout=sys.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    (folder / "cpu_s").write_text(
        f"{after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime:.0f}\n"
    )


def _trained(folder: Path, name: str, config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Lines of the metrics of a training, which is done if it was not."""
    run = folder / name
    path = folder / f"{name}.yaml"
    if not (run / "cpu_s").exists():
        path.write_text(yaml.safe_dump({"run_dir": str(run), **config}))
        _run("jobs.pretrain", str(path), run)
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def _utterances(folder: Path, realdata: Path) -> Path:
    """Encrypted shards of real utterances, each said by five people and more."""
    run = folder / "utterances"
    if (run / "shards/manifest.json").exists():
        return run / "shards"
    corpus = folder / "said"
    corpus.mkdir(exist_ok=True)
    for number, (locale, texts) in enumerate(sorted(_texts(realdata).items())):
        _write_events(corpus / f"{locale}.jsonl.gz", locale, texts, np.random.default_rng([9, number]))
    config = {
        "run_dir": str(run),
        "input_root": str(corpus),
        "sources": [{"name": "assistant", "format": "utterances", "paths": ["*.jsonl.gz"]}],
        "window": {"days": 98, "end": LAST_DAY.date().isoformat()},
        "min_sources": 5,
        "tokenizer": str(folder / "run/tokenizer/tokenizer.model"),
        "encryption": {"kms": "env", "key_id": KEY_ID},
        "shards": {"validation_fraction": 0.2},
    }
    path = folder / "utterances.yaml"
    path.write_text(yaml.safe_dump(config))
    run.mkdir(exist_ok=True)
    _run("jobs.utterances", str(path), run)
    return run / "shards"


def _texts(realdata: Path) -> dict[str, list[str]]:
    """Distinct utterances per locale: xSID and SLURP, MASSIVE in English, Schuster et al. 2019 in Spanish."""
    texts = {locale: set(of_locale) for locale, of_locale in real_texts(realdata).items()}
    for path in sorted((realdata / "nlu/massive_en-US_intent").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            texts["en-US"] |= {json.loads(line)["text"] for line in lines}
    with gzip.open(
        realdata / "nlu/facebook_multilingual_task_oriented/train-es.tsv.gz", "rt", encoding="utf-8"
    ) as lines:
        rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        texts["es-ES"] = {row[2].strip() for row in rows if len(row) > 2}
    return {locale: sorted(of_locale) for locale, of_locale in texts.items()}


def _write_events(path: Path, locale: str, texts: Sequence[str], rng: np.random.Generator) -> None:
    """How often each text was said is drawn by Zipf's law, from five times upwards, each time by somebody else."""
    times = np.maximum(5, 200 / (1 + rng.permutation(len(texts))) ** _ZIPF).astype(int)
    with gzip.open(path, "wb", compresslevel=1) as file:
        for text, count in zip(texts, times.tolist(), strict=True):
            for person in range(count):
                at = LAST_DAY - timedelta(seconds=int(rng.integers(90 * 86_400)))
                record = {"text": text, "locale": locale, "timestamp": at.isoformat(), "user": f"u{person}"}
                file.write(orjson.dumps(record) + b"\n")


def _validations(lines: Sequence[Mapping[str, Any]]) -> dict[int, dict[str, float]]:
    """Loss per locale, by step."""
    return {line["step"]: line["loss_nats_by_locale"] for line in lines if line["event"] == "validation"}


def _page(
    folder: Path, first: list[dict[str, Any]], seconds: Mapping[str, list[dict[str, Any]]]
) -> list[str]:
    measured = _unigrams(folder)
    ended = max(_validations(first).items())[1]
    rows = [
        [
            locale,
            f"{tokens:,}",
            f"{targets:,}",
            f"{entropy:.2f}",
            f"{same:.2f}",
            f"{ended[locale]:.2f}",
            f"{same - ended[locale]:.2f}",
        ]
        for locale, (tokens, targets, entropy, same) in sorted(measured.items())
    ]
    losses = [ended[locale] for locale in measured]
    entropies = [entropy for _, _, entropy, _ in measured.values()]
    same = [value for *_, value in measured.values()]
    rows.append(
        [
            _MEAN,
            "",
            "",
            *(
                f"{np.mean(values):.2f}"
                for values in (entropies, same, losses, np.array(same) - np.array(losses))
            ),
        ]
    )
    last = [line for line in first if line["event"] == "step"][-1]
    steps = [line for line in first if line["event"] == "step"]
    cpu_s = float((folder / "first/cpu_s").read_text())
    parameters = sum(
        math.prod(pq_shape)
        for pq_shape in _shapes(folder / f"first/checkpoints/step-{last['step']:08d}/model.safetensors")
    )
    return [
        "# A small encoder on real text",
        f"`python -m benchmarks.bench_training`; {machine_facts('torch', 'deepspeed')}. Nothing but the shards of "
        f"`configs/dataprep/realdata.yaml` (vocabulary of {VOCABULARY:,}) is trained on.",
        f"First stage: {parameters / 1e6:.1f} M parameters, {last['step']:,} steps of 1,024 tokens "
        f"({last['tokens'] / 1e6:.1f} M tokens), one process with one thread: **{cpu_s / 60:.0f} minutes of CPU time** "
        f"in all, {np.median([line['tokens_per_s'] for line in steps]):,.0f} tokens/s (median of steps, wall).",
        "![Validation loss over the steps](training-curve.svg)",
        "## Loss per locale and the unigram's",
        "Masked tokens of the validation split, in nats. *Entropy*: of the locale's own distribution of pieces in the "
        "training split; *unigram*: what that distribution, smoothed, costs on the targets that the model is asked.",
        markdown_table(
            ["locale", "training tokens", "targets", "entropy", "unigram", "model", "below unigram"], rows
        ),
        "## Second stage",
        f"From the first stage's weights, {SECOND['steps']} steps on encrypted utterances in "
        f"{len(_names(seconds['second'], web=False))} locales (xSID, SLURP, MASSIVE, Schuster et al. 2019; a fifth of "
        f"the texts held out), with {REPLAY_SHARE:.0%} of the tokens from the first stage's shards, and without.",
        _second_table(seconds),
    ]


def _shapes(path: Path) -> Iterator[Sequence[int]]:
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        for name in file.keys():  # noqa: SIM118 (not a dictionary)
            yield file.get_slice(name).get_shape()


def _names(lines: Sequence[Mapping[str, Any]], *, web: bool) -> list[str]:
    return [name for name in _validations(lines)[0] if name.startswith("web/") == web]


def _second_table(seconds: Mapping[str, list[dict[str, Any]]]) -> str:
    """Losses before and after, in the domain and elsewhere, as means over locales."""
    rows = []
    for label, web in (("utterances", False), ("first stage's text", True)):
        names = _names(seconds["second"], web=web)
        before = np.mean([_validations(seconds["second"])[0][name] for name in names])
        row = [label, str(len(names)), f"{before:.3f}"]
        for lines in seconds.values():
            after = np.mean([max(_validations(lines).items())[1][name] for name in names])
            row += [f"{after:.3f}", f"{after / before - 1:+.1%}"]
        rows.append(row)
    header = ["validation", "locales", "before", "with replay", "change", "without", "change "]
    return markdown_table(header, rows)


def _unigrams(folder: Path) -> dict[str, tuple[int, int, float, float]]:
    """Per locale: training tokens, targets asked, entropy of its pieces, and their cross-entropy on the targets."""
    from training.config import PretrainConfig
    from training.micro_batches import micro_batches
    from training.source import StreamSource, stream_config
    from training.vocabulary import Vocabulary

    config = PretrainConfig.model_validate(yaml.safe_load((folder / "first/config.yaml").read_text()))
    vocabulary = Vocabulary.load(config.data.tokenizer)
    source = StreamSource(stream_config(config, vocabulary), rank=0, world_size=1, num_workers=0)
    targets: dict[str, list[np.ndarray]] = {}
    assert config.validation is not None
    for locale, batch in source.validation(config.validation.batches_per_locale):
        for micro in micro_batches(batch, 1, config.objective, vocabulary, seed=config.seed):
            targets.setdefault(locale, []).append(micro.arguments[3].numpy())  # type: ignore[union-attr]
    found = {}
    for locale, parts in targets.items():
        count_V = np.zeros(config.model.vocab_size)
        for path in (folder / f"run/shards/locale={locale}/split=train").glob("*.parquet"):
            ids = pq.read_table(path, columns=["input_ids"])["input_ids"].combine_chunks().values.to_numpy()
            count_V += np.bincount(ids, minlength=len(count_V))
        seen_V = count_V[count_V > 0] / count_V.sum()
        smooth_V = (count_V + _SMOOTHING) / (count_V + _SMOOTHING).sum()
        asked = np.concatenate(parts)
        found[locale] = (
            int(count_V.sum()),
            len(asked),
            float(-(seen_V * np.log(seen_V)).sum()),
            float(-np.log(smooth_V[asked]).mean()),
        )
    return found


def _plot(
    first: list[dict[str, Any]],
    second: list[dict[str, Any]],
    path: Path,
    unigrams: Mapping[str, tuple[int, int, float, float]],
) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    # Without these, every drawing is another file.
    mpl.rcParams["svg.hashsalt"] = "training"
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), width_ratios=(2, 1))
    by_step = _validations(first)
    steps = sorted(by_step)
    for locale in sorted(by_step[steps[-1]]):
        left.plot(steps, [by_step[step][locale] for step in steps], color="0.8", linewidth=0.8)
    for locale in ("en", "ja", "ar", "hi", "fi"):
        if locale in by_step[steps[-1]]:
            left.plot(steps, [by_step[step][locale] for step in steps], label=locale, linewidth=1.4)
    mean = [np.mean(list(by_step[step].values())) for step in steps]
    left.plot(steps, mean, color="black", linewidth=2.2, label=_MEAN)
    told = [line for line in first if line["event"] == "step"]
    width = 100
    smooth = np.convolve([line["loss_nats"] for line in told], np.ones(width) / width, mode="valid")
    shown = slice(0, None, width // 4)
    left.plot(
        np.arange(width, width + len(smooth))[shown],
        smooth[shown],
        color="tab:brown",
        linestyle=":",
        label=f"training, mean of {width}",
    )
    level = np.mean([cost for *_, cost in unigrams.values()])
    left.axhline(level, color="black", linestyle="--", linewidth=1, label="unigram, mean of locales")
    left.set(xlabel="step", ylabel="nats per masked token", title="First stage: validation loss")
    left.legend(fontsize=8)
    by_step = _validations(second)
    steps = sorted(by_step)
    for label, web in (("utterances", False), ("first stage's text", True)):
        names = _names(second, web=web)
        right.plot(steps, [np.mean([by_step[step][name] for name in names]) for step in steps], label=label)
    right.set(xlabel="step", title=f"Second stage, {REPLAY_SHARE:.0%} replay")
    right.legend(fontsize=8)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
