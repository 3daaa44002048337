"""The utterance track: real text in 15 locales, a million generated records, what encryption costs, and who can read.

    MAGISTER_REALDATA=… python -m benchmarks.bench_utterances --output docs/results/utterances.md

Real are the texts of xSID (and SLURP) in MASSIVE's layout; when, how often and by whom they were said is drawn here.
Without MAGISTER_REALDATA the first part is left out.
"""

import argparse
import base64
import gzip
import json
import os
import resource
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from benchmarks.common import (
    machine_facts,
    markdown_table,
    module_command,
    publish,
    run_measured,
    work_folder,
)
from dataprep import files
from dataprep.annotate.arrow_pass import AnnotateSettings, annotate_documents
from dataprep.annotate.spoken_form import spoken_form
from dataprep.encryption import Vault
from dataprep.sample.sentences import load
from dataprep.sample.utterances import LAST_DAY, write_utterances
from dataprep.shards.tokenizer import train
from dataprep.sources.record import Document

KEY_ID: Final = "MAGISTER_BENCH_KEY"
DAYS: Final = 98
MIN_SOURCES: Final = 5
_ZIPF: Final = 1.1
_SCANNED_BYTES: Final = 12  # shorter texts are in any file by chance
_NEAR: Final = 0.8


@dataclass(frozen=True, slots=True)
class Run:
    """One finished run of the job."""

    folder: Path
    records: int
    wall_s: float
    cpu_s: float
    peak_bytes: int

    @property
    def vault(self) -> Vault:
        """Opens its files; reads of the benchmark are logged like all others."""
        encryption = files.read_json(str(self.folder / "shards/manifest.json"))["encryption"]
        log = str(self.folder / "access.jsonl")
        return Vault(str(self.folder), encryption and encryption["kms"], KEY_ID, log)

    def documents(self) -> pa.Table:
        """Its unique utterances."""
        paths = sorted(map(str, (self.folder / "documents").glob("*.parquet")))
        return pa.concat_tables([file.read() for file in self.vault.opened(paths, "benchmark")])


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark with the arguments of the command line."""
    parser = argparse.ArgumentParser(description="Utterance track: real text, speed, encryption.")
    parser.add_argument("--records", type=int, default=1_000_000, help="generated records")
    parser.add_argument("--events", type=int, default=20_000, help="events drawn per real locale")
    parser.add_argument("--keep", help="folder for the corpora and runs; temporary if not given")
    parser.add_argument("--output", help="Markdown file to write")
    args = parser.parse_args(argv)
    os.environ[KEY_ID] = base64.b64encode(os.urandom(32)).decode()
    with work_folder(args.keep) as folder:
        model = folder / "tokenizer.model"
        sentences = [text for each in load().values() for text in each.all_written]
        model.write_bytes(train(sentences, vocab_size=8_000, character_coverage=0.9995, num_sentinels=10))
        page = [
            "# Utterances",
            f"`python -m benchmarks.bench_utterances --records {args.records} --events {args.events}`; "
            f"{machine_facts('pyarrow', 'num2words', 'cryptography')}, load average "
            f"{os.getloadavg()[1]:.0f} at the start. One run each; wall and CPU times include starting Python and the "
            "processes. On a machine that others use, read the CPU times.",
        ]
        if realdata := os.environ.get("MAGISTER_REALDATA"):
            page += _real(folder, Path(realdata), model, args.events)
        page += _generated(folder, model, args.records)
        page += _spoken()
    publish("\n\n".join(page), args.output)


def _job(folder: Path, name: str, corpus: Path, model: Path, records: int, **settings: Any) -> Run:  # noqa: ANN401
    config: dict[str, Any] = {
        "run_dir": str(folder / name),
        "input_root": str(corpus),
        "sources": [{"name": "assistant", "format": "utterances", "paths": ["*.jsonl.gz"]}],
        "window": {"days": DAYS, "end": LAST_DAY.isoformat()},
        "min_sources": MIN_SOURCES,
        "tokenizer": str(model),
        "encryption": {"kms": "env", "key_id": KEY_ID},
        "shards": {"validation_fraction": 0.05},
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(config | settings))
    before = _children_cpu_s()
    measured = run_measured(module_command("jobs.utterances", "--config", str(path)), {})
    return Run(folder / name, records, measured.wall_s, _children_cpu_s() - before, measured.peak_bytes)


def _children_cpu_s() -> float:
    """CPU time of all processes that this one and its children waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _real(folder: Path, realdata: Path, model: Path, events: int) -> list[str]:
    """Events over the real texts: unique and up-sampled counts per locale, leakage, and what the files show."""
    texts = real_texts(realdata)
    corpus = folder / "real"
    corpus.mkdir()
    for number, (locale, spoken) in enumerate(sorted(texts.items())):
        _write_events(
            corpus / f"{locale}.jsonl.gz", locale, spoken, events, np.random.default_rng([7, number])
        )
    records = events * len(texts)
    run = _job(folder, "real-run", corpus, model, records)
    by_words = _job(folder, "real-words", corpus, model, records, split_by="words")
    plan = files.read_json(str(run.folder / "plan.json"))
    documents = run.documents()
    repeats = Counter[str]()
    for locale, weight in zip(documents["locale"].to_pylist(), documents["weight"].to_pylist(), strict=True):
        repeats[locale] += weight
    rows = []
    for locale, entry in sorted(plan["locales"].items()):
        counts = entry["utterances"]
        assert repeats[locale] == counts["upsampled"], "the plan and the rows disagree"
        rows.append(
            [
                locale,
                f"{len(texts[locale]):,}",
                f"{counts['frequency']:,}",
                f"{counts['unique']:,}",
                f"{counts['upsampled']:,}",
                f"{counts['upsampled'] / counts['unique']:.2f}",
                f"{counts['validation']:,}",
            ]
        )
    table = markdown_table(
        ["locale", "texts", "said, kept", "unique", "up-sampled", "ratio", "of unique: validation"], rows
    )
    ledger = files.read_json(str(run.folder / "ledger.json"))["total"]
    leakage = [
        [name, *(f"{value:,}" for value in leaks(each.documents()))]
        for name, each in (("text", run), ("words", by_words))
    ]
    return [
        f"## Real text in {len(rows)} locales",
        f"{records:,} events over the texts of xSID and SLURP, by Zipf's law with exponent {_ZIPF}, 2,000 people, 130 "
        f"days; window {DAYS} days, floor {MIN_SOURCES} people, up-sampling frequency**0.5. *Texts* are the distinct "
        "ones as they are written; they become fewer in spoken form and by the floor.",
        table,
        f"Ledger: {ledger['read']:,} read = {ledger['kept']:,} kept + "
        + " + ".join(f"{count:,} {reason}" for reason, count in sorted(ledger["dropped"].items()))
        + f" + {ledger['quarantined']:,} quarantined.",
        "### Leakage between train and validation",
        "Validation utterances, counted over all locales together; *near*: with a training utterance of the same "
        f"locale whose set of words (of characters where words are not separated) has a Jaccard similarity of "
        f"at least {_NEAR}.",
        markdown_table(
            ["split_by", "validation", "same text in train", "same words in train", "near"], leakage
        ),
        "### Who can read it",
        *_readers(run, [text for spoken in texts.values() for text in spoken]),
    ]


def real_texts(realdata: Path) -> dict[str, list[str]]:
    """Distinct texts per locale of the real samples, sorted."""
    found: dict[str, set[str]] = {}
    for path in sorted((realdata / "nlu/derived_massive_format").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                found.setdefault(record["locale"], set()).add(record["utt"])
    return {locale: sorted(texts) for locale, texts in found.items()}


def _write_events(
    path: Path, locale: str, texts: Sequence[str], events: int, rng: np.random.Generator
) -> None:
    order = rng.permutation(len(texts))
    share = 1 / np.arange(1, len(texts) + 1) ** _ZIPF
    chosen = order[rng.choice(len(texts), events, p=share / share.sum())]
    people = rng.integers(0, 2_000, events)
    ages = rng.integers(0, 130 * 86_400, events)
    end = datetime(LAST_DAY.year, LAST_DAY.month, LAST_DAY.day, tzinfo=UTC) + timedelta(days=1)
    with gzip.open(path, "wb", compresslevel=1) as file:
        for text, person, age in zip(chosen.tolist(), people.tolist(), ages.tolist(), strict=True):
            timestamp = (end - timedelta(seconds=age + 1)).isoformat()
            record = {"text": texts[text], "locale": locale, "timestamp": timestamp, "user": f"u{person}"}
            file.write(orjson.dumps(record) + b"\n")


def leaks(documents: pa.Table) -> tuple[int, int, int, int]:
    """Validation utterances, and of those: in train as they are, with the same words, and nearly so."""
    rows = documents.select(["locale", "split", "text"]).to_pylist()
    validation = [row for row in rows if row["split"] == "validation"]
    train_texts = {row["text"] for row in rows if row["split"] == "train"}
    train_words: dict[str, list[frozenset[str]]] = {}
    for row in rows:
        if row["split"] == "train":
            train_words.setdefault(row["locale"], []).append(words(row["text"]))
    same_words = {each for of_locale in train_words.values() for each in of_locale}
    near = sum(
        any(len(mine & other) >= _NEAR * len(mine | other) for other in train_words.get(row["locale"], []))
        for row in validation
        for mine in (words(row["text"]),)
    )
    return (
        len(validation),
        sum(row["text"] in train_texts for row in validation),
        sum(words(row["text"]) in same_words for row in validation),
        near,
    )


def words(text: str) -> frozenset[str]:
    """The words of a text, its characters where it has no spaces to speak of."""
    unspaced = any("\u3040" <= character <= "\u9fff" for character in text)
    return (
        frozenset(text.replace(" ", ""))
        if unspaced
        else frozenset(text.replace("-", " ").replace("'", " ").split())
    )


def _readers(run: Run, texts: Sequence[str]) -> list[str]:
    """What all bytes of the run folder show of the texts, and what a reader without the key gets."""
    wanted = set()
    for text in texts:
        for form in (text, text.lower(), spoken_form(text, None).text):
            wanted |= (
                {form.encode(), form.encode("utf-16-le")} if len(form.encode()) >= _SCANNED_BYTES else set()
            )
    # The tokeniser is the first stage's: it was not trained on utterances.
    paths = [path for path in run.folder.rglob("*") if path.is_file() and path.parent.name != "tokenizer"]
    hits = sum(any(text in data for text in wanted) for data in (path.read_bytes() for path in paths))
    parquet = [path for path in paths if path.suffix == ".parquet"]
    told = Counter[str]()
    for path in parquet:
        try:
            pq.ParquetFile(path)
            told["readable"] += 1
        except OSError as error:
            told[str(error)] += 1
    key = os.environ[KEY_ID]
    reader = (
        "import sys; from dataprep.encryption import Vault; "
        f"[f.read() for f in Vault('{run.folder}', 'env', '{KEY_ID}', '/dev/null').opened(sys.argv[1:], 'try')]"
    )
    answers = []
    for name, value in (
        ("with the key", key),
        ("with another key", base64.b64encode(bytes(32)).decode()),
        ("without one", ""),
    ):
        command = [module_command("x")[0], "-c", reader, str(parquet[0])]
        answers.append([name, _answer(command, {KEY_ID: value})])
    return [
        f"Files of the run folder that hold any of {len(wanted):,} spellings of what was said: **{hits} of "
        f"{len(paths)}**. pyarrow without a key: {_told(told)}.",
        markdown_table(["reading a shard", "answer"], answers, text_columns=2),
        f"Lines of the access log: {len((run.folder / 'access.jsonl').read_text().splitlines())}.",
    ]


def _told(told: Counter[str]) -> str:
    return "; ".join(f"{count} files: {text}" for text, count in told.items())


def _answer(command: Sequence[str], env: Mapping[str, str]) -> str:
    done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, check=False)
    return "the rows" if done.returncode == 0 else done.stderr.strip().splitlines()[-1].partition(": ")[2]


def _generated(folder: Path, model: Path, records: int) -> list[str]:
    """A million records, in plain and encrypted."""
    corpus = folder / "generated"
    truth = write_utterances(corpus, records)
    size = sum(path.stat().st_size for path in corpus.iterdir())
    runs = {
        "plain": _job(folder, "plain", corpus, model, truth.records, encryption=None),
        "encrypted": _job(folder, "encrypted", corpus, model, truth.records),
    }
    rows = []
    for name, run in runs.items():
        stages = {
            stage["stage"]: stage["elapsed_s"]
            for stage in files.read_json(str(run.folder / "run.json"))["stages"]
        }
        stored = sum(path.stat().st_size for path in run.folder.rglob("*.parquet"))
        rows.append(
            [
                name,
                f"{stages['utterances']:.1f}",
                f"{stages['shards']:.1f}",
                f"{run.wall_s:.1f}",
                f"{run.records / run.wall_s:,.0f}",
                f"{run.cpu_s:.1f}",
                f"{run.records / run.cpu_s:,.0f}",
                f"{stored / 1e6:.2f}",
                f"{run.peak_bytes / 2**20:,.0f}",
            ]
        )
    total = files.read_json(str(runs["encrypted"].folder / "ledger.json"))["total"]
    validation, same, *_ = leaks_exact(runs["encrypted"].documents())
    assert total["read"] == truth.records
    assert total["dropped"]["outside_window"] == truth.outside
    return [
        f"## {records:,} generated records",
        f"{truth.records:,} records of `dataprep/sample/utterances.py` in {len(truth.per_locale)} locales, "
        f"{size / 1e6:.0f} MB as json.gz; {total['kept']:,} unique utterances kept, "
        + ", ".join(f"{count:,} {reason}" for reason, count in sorted(total["dropped"].items()))
        + f", {total['quarantined']} quarantined. {validation:,} texts in validation, {same} of them in train. "
        "Outside of the window are as many as the generator wrote there.",
        markdown_table(
            [
                "",
                "utterances s",
                "shards s",
                "wall s",
                "records/s",
                "CPU s",
                "records per CPU s",
                "Parquet MB",
                "peak MiB",
            ],
            rows,
        ),
        _codec(),
    ]


def leaks_exact(documents: pa.Table) -> tuple[int, int]:
    """Distinct texts in validation, over all locales, and how many of them are in train too."""
    texts: dict[str, set[str]] = {"train": set(), "validation": set()}
    for split, text in zip(documents["split"].to_pylist(), documents["text"].to_pylist(), strict=True):
        texts[split].add(text)
    return len(texts["validation"]), len(texts["validation"] & texts["train"])


def _codec() -> str:
    """Writing and reading alone, where the whole run hides it: a million texts in memory, best of five."""
    texts = pa.table(
        {"text": [f"call number {index} of {index * 7919 % 100_003}" for index in range(1_000_000)]}
    )
    seconds: dict[str, list[float]] = {}
    for _ in range(5):
        for name, vault in (("plain", Vault("x")), ("encrypted", Vault("x", "env", KEY_ID, "/dev/null"))):
            sink = pa.BufferOutputStream()
            begin = time.perf_counter()
            with pq.ParquetWriter(sink, texts.schema, compression="zstd", **vault.options()) as writer:
                writer.write_table(texts)
            seconds.setdefault(name, []).append(time.perf_counter() - begin)
    plain, encrypted = min(seconds["plain"]), min(seconds["encrypted"])
    return (
        f"Writing alone, {texts.nbytes / 1e6:.0f} MB of text as zstd Parquet: {plain:.2f} s in plain, {encrypted:.2f} "
        f"s encrypted ({encrypted / plain - 1:+.0%})."
    )


def _spoken() -> list[str]:
    """What spoken form costs by itself, and in the annotation pass."""
    sentences = load()
    rows = []
    for language in ("en", "de", "ru", "ar", "hi", "ja", "th"):
        text = " ".join(sentences[language].all_written)
        text *= max(1, 500_000 // len(text))
        begin = time.process_time()
        form = spoken_form(text, language)
        elapsed = time.process_time() - begin
        rows.append(
            [
                language,
                f"{len(text.encode()) / 1e6 / elapsed:.1f}",
                f"{form.numbers:,}",
                f"{form.numbers_left:,}",
            ]
        )
    settings = AnnotateSettings(
        repair_mojibake=True, replace_private_data=True, language_model=None, language_max_bytes=1_200,
        num_bands=20, rows_per_band=8, seed=1, spoken_sources=frozenset({"spoken"}),
    )  # fmt: skip
    documents = [
        Document(f"{language}:{number}", " ".join(written[number : number + 30]), language)
        for language in ("en", "de", "ru", "ar", "hi", "ja", "th")
        for written in (list(sentences[language].all_written),)
        for number in range(0, len(written), 3)
    ] * 4
    size = sum(len(document.text.encode()) for document in documents)
    rates = {}
    for source in ("written", "spoken", "written", "spoken"):  # the first of each compiles
        begin = time.process_time()
        annotate_documents(documents, source=source, file="f", part=0, first_row=0, settings=settings)
        rates[source] = size / 1e6 / (time.process_time() - begin)
    return [
        "## Spoken form",
        markdown_table(["language", "MB/s per core", "numbers said", "numbers left"], rows),
        f"The annotation pass on documents of these languages: {rates['written']:.0f} MB/s of CPU time, with "
        f"`spoken_form: true` {rates['spoken']:.0f}; sources without it are not touched.",
    ]


if __name__ == "__main__":
    main()
