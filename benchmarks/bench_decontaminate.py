"""Decontamination: what of planted items is found, what clean text is condemned, and what it costs.

    python -m benchmarks.bench_decontaminate planted
    python -m benchmarks.bench_decontaminate kernel
    MAGISTER_REALDATA=… python -m benchmarks.bench_decontaminate real
    MAGISTER_REALDATA=… python -m benchmarks.bench_decontaminate leaks
    MAGISTER_REALDATA=… python -m benchmarks.bench_decontaminate throughput

`planted` makes items of one half of the sample sentences of 26 languages and pages by a Markov chain over the other
half, plants the items in pages, and runs the pipeline up to the fates. `kernel` is the speed of `matching_runs` on one
core, best of several runs in CPU time. `real` runs the real samples against task sets, and against a translation test
set whose texts they hold.
"""

import argparse
import json
import os
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from benchmarks.bench_kernels import ALPHABETS, best_seconds, documents
from benchmarks.common import (
    machine_facts,
    markdown_table,
    module_command,
    publish,
    run_measured,
    work_folder,
)
from dataprep.config import PrepareConfig, RulesConfig
from dataprep.filter.evaluation_sets import read_sets
from dataprep.kernels.arrow_buffers import Bytes, Offsets, buffers
from dataprep.kernels.fused import warm_up
from dataprep.kernels.overlap import OverlapIndex, build_index, item_units, matching_runs
from dataprep.kernels.tokenise import word_hashes
from dataprep.locales import LOCALES
from dataprep.pipeline import FATES, Pipeline
from dataprep.plan import plan_input
from dataprep.sample.markov import Chain
from dataprep.sample.scale import write_mc4
from dataprep.sample.sentences import TOPICS, Sentences, load
from jobs.config import load_config
from jobs.spark import build_session

SHORT_WORDS: Final = 8  # shorter items do not condemn by themselves
CLEAN_PAGES: Final = 300  # per language
PAGE_SENTENCES: Final = 12
LEAKED_SETS: Final = ("massive-format", "massive-en", "hinglish-top")
LEAKS: Final = 1_000  # of each set
THROUGHPUT_BYTES: Final = 300_000_000
NEWS: Final = "monolingual/derived_cc100_from_ntrex/*.txt.xz"
NO_RULES: Final[dict[str, Any]] = dict.fromkeys(RulesConfig.model_fields) | {
    "drop_lorem_ipsum": False,
    "drop_blocked_urls": False,
    "code_mixed": "keep",
}
_MARKS: Final = re.compile(r"[,.!?;:，。、！？।؟،۔]")
REAL_SETS: Final[list[dict[str, Any]]] = [
    {"name": "xquad-contexts", "paths": ["nli_qa/xquad/*"], "fields": ["data[].paragraphs[].context"]},
    {"name": "xquad-questions", "paths": ["nli_qa/xquad/*"], "fields": ["data[].paragraphs[].qas[].question"]},
    {"name": "massive-format", "paths": ["nlu/derived_massive_format/*"], "fields": ["utt"]},
    {"name": "massive-en", "paths": ["nlu/massive_en-US_intent/*"], "fields": ["text"]},
    {"name": "hinglish-top", "paths": ["semantic_parsing/hinglish_top/*"], "fields": ["en_query", "cs_query"]},
    {"name": "banking77", "paths": ["nlu/banking77/test.csv.gz"], "fields": ["text"]},
    {"name": "facebook", "paths": ["nlu/facebook_multilingual_task_oriented/*"], "fields": ["3"]},
    {"name": "xcopa", "paths": ["nli_qa/xcopa/*"], "fields": ["premise", "choice1", "choice2"]},
    {"name": "tatoeba", "paths": ["monolingual/tatoeba_laser/tatoeba.*"], "format": "txt"},
    # Its texts are the cc100 source of the real samples: everything of that source has to go.
    {"name": "ntrex", "paths": ["monolingual/ntrex128/newstest2019-*.txt.gz"]},
]  # fmt: skip


class Ran(NamedTuple):
    """What became of every document: source, locale, locator, reason; and the counts of the stage."""

    fates: list[dict[str, Any]]
    matches: list[dict[str, Any]]
    counts: dict[str, Any]
    elapsed_s: float


def run(config: PrepareConfig) -> Ran:
    """Run the pipeline up to the fates."""
    run_dir = Path(config.run_dir)
    run_dir.mkdir(parents=True)
    plan = plan_input(config)
    spark = build_session("bench", config.engine, log_path=run_dir / "spark.log", input_bytes=plan.size_bytes)
    elapsed: dict[str, float] = {}
    Pipeline(
        lambda: spark,
        config,
        plan,
        lambda _: None,
        lambda record, _: elapsed.update({record.stage: record.elapsed_s}),
    ).prepare(FATES)
    spark.stop()
    keys = ["part", "row"]
    told = pq.read_table(run_dir / "documents", columns=[*keys, "locator", "num_bytes"])
    fates = pq.read_table(run_dir / "fates", columns=[*keys, "source", "locale", "drop_reason"])
    paths = sorted((run_dir / "decontamination").glob("part-*.parquet"))
    matches = pa.concat_tables([pq.read_table(path) for path in paths]) if paths else None
    places = fates.select([*keys, "source", "locale", "drop_reason"])
    return Ran(
        fates.join(told, keys).to_pylist(),
        matches.join(places, keys).to_pylist() if matches is not None else [],
        json.loads((run_dir / "decontamination" / "_stage.json").read_text())["counts"],
        elapsed["decontaminate"],
    )


def num_words(text: str) -> float:
    """Words of a text, as the rules count them."""
    known = item_units(*buffers(pa.array([text])))
    return float(known.starts[1] / known.scales[0])


def other_spelling(text: str) -> str:
    """The text with its letters in capitals, other punctuation, and its words on several lines."""
    return "\n".join(re.findall(r"\S.{0,40}(?:\s|$)|\S+", _MARKS.sub(" — ", text.upper())))


def with_a_change(text: str, language: str) -> str:
    """The text with the word in its middle replaced, or a character where there are no words."""
    pieces = list(text) if LOCALES[language].unit == "char" else text.split(" ")
    middle = len(pieces) // 2
    return ("" if LOCALES[language].unit == "char" else " ").join(
        [*pieces[:middle], "7", *pieces[middle + 1 :]]
    )


def first_half(text: str, language: str) -> str:
    """The first half of a text's words, or characters."""
    pieces = list(text) if LOCALES[language].unit == "char" else text.split(" ")
    return ("" if LOCALES[language].unit == "char" else " ").join(pieces[: len(pieces) // 2])


def pages(language: str, sentences: Sentences, seed: int) -> Iterator[list[str]]:
    """Pages without end, as lists of sentences."""
    chain = Chain.of(language, sentences)
    rng = np.random.default_rng(seed)
    while True:
        lengths = chain.lengths(PAGE_SENTENCES, rng)
        pieces = np.split(chain.walk(lengths, rng), np.cumsum(lengths)[:-1])
        yield [chain.finished(chain.glue.join(chain.vocabulary[piece] for piece in each)) for each in pieces]


def planted_documents(
    language: str, sentences: Sentences, seed: int
) -> tuple[list[str], list[tuple[str, str]]]:
    """Items of a language, and documents by what was planted in them."""
    half = TOPICS[::2]
    written = [line for topic in half for line in sentences.written[topic]]
    short = [line for line in sentences.spoken[::2] if num_words(line) < SHORT_WORDS]
    others = Sentences({topic: sentences.written[topic] for topic in TOPICS if topic not in half}, (), ())
    clean = pages(language, others, seed)
    draw = random.Random(seed)
    glue = "" if LOCALES[language].unit == "char" else " "

    def in_a_page(text: str) -> str:
        page = next(clean)
        page.insert(draw.randint(2, 9), text)
        return glue.join(page)

    made = [("clean", glue.join(next(clean))) for _ in range(CLEAN_PAGES)]
    for item in written:
        made += [
            ("in a page", in_a_page(item)),
            ("other case, marks, lines", in_a_page(other_spelling(item))),
            ("a word changed", in_a_page(with_a_change(item, language))),
            ("alone", item),
            ("half of it", in_a_page(first_half(item, language))),
        ]
    for item in short:
        made += [
            ("short, a line of a page", in_a_page(f"\n{item}\n")),
            ("short, alone", other_spelling(item)),
        ]
    return written + short, made


def planted(folder: Path) -> str:
    """The table of planted items: part of the documents that went, per language and kind."""
    input_root = folder / "input"
    input_root.mkdir()
    sets = []
    for number, (language, sentences) in enumerate(load().items()):
        if sentences.written:
            items, made = planted_documents(language, sentences, number)
            (input_root / f"{language}.items.txt").write_text("".join(f"{item}\n" for item in items))
            records = [
                {"id": f"{kind}|{index}", "text": text, "language": language}
                for index, (kind, text) in enumerate(made)
            ]
            lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
            (input_root / f"{language}.jsonl").write_text(lines)
            sets.append({"name": language.lower(), "paths": [f"{language}.items.txt"]})
    ran = run(
        PrepareConfig.model_validate(
            {
                "run_dir": str(folder / "run"),
                "input_root": str(input_root),
                "sources": [{"name": "planted", "format": "jsonl", "paths": ["*.jsonl"]}],
                "rules": NO_RULES,
                "decontaminate": {"sets": sets},
            }
        )
    )
    gone: dict[str, Counter[str]] = defaultdict(Counter)
    total: dict[str, Counter[str]] = defaultdict(Counter)
    for row in ran.fates:
        kind = row["locator"].partition("|")[0]
        if row["drop_reason"] in (None, "contaminated"):
            for name in (row["locale"], "all"):
                total[name][kind] += 1
                gone[name][kind] += row["drop_reason"] is not None
    kinds = list(dict.fromkeys(row["locator"].partition("|")[0] for row in ran.fates))
    order = ["in a page", "other case, marks, lines", "alone", "short, alone", "a word changed", "half of it",
             "short, a line of a page", "clean"]  # fmt: skip
    assert set(kinds) == set(order)
    rows = [
        [name, *(f"{gone[name][kind]} / {total[name][kind]}" for kind in order)]
        for name in [*sorted(set(total) - {"all"}), "all"]
    ]
    return markdown_table(["documents dropped", *order], rows)


def _compare(data: Bytes, offsets: Offsets, index: OverlapIndex | None) -> None:
    if index is None:
        word_hashes(data, offsets)
    else:
        matching_runs(data, offsets, index)


def kernel(_: Path) -> str:
    """The table of speeds, per script and size of the index."""
    rows = []
    made = {script: documents(*alphabet, seed=1) for script, alphabet in ALPHABETS.items()}
    lines = [
        line
        for alphabet in ALPHABETS.values()
        for text in documents(*alphabet, seed=2)
        for line in text.split("\n")
    ]
    random.Random(1).shuffle(lines)
    columns = []
    for size in (0, 10_000, 300_000):
        chosen = (lines * (1 + size // len(lines)))[:size] if size else []
        # Items are cut to about ten words, as utterances are.
        texts = [line[: 10 + number % 60] for number, line in enumerate(chosen)]
        index = (
            build_index(item_units(*buffers(pa.array(sorted(set(texts)), pa.string()))), 13) if size else None
        )
        columns.append((f"{size:,} items" if size else "units alone", index))
    for script, texts in made.items():
        data, offsets = buffers(pa.array(texts))
        seconds = [best_seconds(partial(_compare, data, offsets, index)) for _, index in columns]
        rows.append([script, *(f"{data.size / each / 1e6:.0f}" for each in seconds)])
    return markdown_table(["MB/s", *(name for name, _ in columns)], rows)


def real(folder: Path) -> str:
    """What was found of each set in each source of the real samples."""
    config = load_config("configs/dataprep/realdata.yaml", [f"run_dir={folder / 'run'}"], PrepareConfig)
    values = config.model_dump() | {"decontaminate": {"sets": REAL_SETS}}
    ran = run(PrepareConfig.model_validate(values))
    took_part = [row for row in ran.fates if row["drop_reason"] in (None, "contaminated")]
    by_source = Counter(row["source"] for row in took_part)
    dropped = Counter(row["source"] for row in took_part if row["drop_reason"])
    text_bytes = sum(row["num_bytes"] for row in took_part)
    rows = []
    for each in ran.counts["sets"]:
        of_set = [row for row in ran.matches if row["set"] == each["name"]]
        enough = [
            row
            for row in of_set
            if row["item_units"] >= 8 * row["unit_scale"] and row["item_coverage"] >= 0.5
        ]
        cells = []
        for source in sorted(by_source):
            matched = {(row["part"], row["row"]) for row in of_set if row["source"] == source}
            condemned = {(row["part"], row["row"]) for row in enough if row["source"] == source}
            cells.append(f"{len(condemned)} / {len(matched)}")
        rows.append([each["name"], f"{each['items']:,}", f"{each['items_found']:,}", *cells])
    table = markdown_table(["set", "items", "found", *sorted(by_source)], rows)
    fates = [[source, f"{by_source[source]:,}", f"{dropped[source]:,}"] for source in sorted(by_source)]
    kept_locales = sorted(
        {row["locale"] for row in took_part if row["source"] == "cc100" and not row["drop_reason"]}
    )
    return "\n\n".join(
        [
            table,
            "Cells: documents with half of an item of 8 words or more / documents with any match.",
            markdown_table(["source", "took part", "dropped"], fates),
            f"cc100 documents kept, by locale: {', '.join(kept_locales) or 'none'}. The stage took "
            f"{ran.elapsed_s:.1f} s for {text_bytes / 1e6:.1f} MB of text, index and kernels' loading included.",
        ]
    )


def leaks(folder: Path) -> str:
    """What is found of planted utterances, and what of the news is taken for one."""
    root = os.environ["MAGISTER_REALDATA"]
    sets = [each for each in REAL_SETS if each["name"] in LEAKED_SETS]
    config = load_config("configs/dataprep/realdata.yaml", [f"run_dir={folder / 'run'}"], PrepareConfig)
    values = config.model_dump() | {
        "input_root": str(folder / "input"),
        "sources": [
            {"name": "planted", "format": "jsonl", "paths": ["planted.jsonl"], "language": "en"},
            {"name": "news", "format": "cc100", "paths": [f"{root}/{NEWS}"]},
        ],
        "rules": NO_RULES,
        "thresholds": "none",
        "decontaminate": {
            "sets": [each | {"paths": [f"{root}/{path}" for path in each["paths"]]} for each in sets]
        },
    }
    config = PrepareConfig.model_validate(values)
    clean, draw = pages("en", load()["en"], 1), random.Random(1)
    records = []
    for each in read_sets(config.decontaminate.sets, ""):
        items = sorted(set(each.texts))
        for number, item in enumerate(draw.sample(items, min(LEAKS, len(items)))):
            is_short = num_words(item) < SHORT_WORDS
            page = next(clean)
            page.insert(draw.randint(2, 9), item)
            kind, text = "in a page", " ".join(page)
            if is_short:
                kind, text = "short, alone", item
                if number % 2:
                    kind, text = "short, alone, other case, marks, lines", other_spelling(item)
            records.append({"id": f"{each.name}|{kind}|{number}", "text": text})
    records += [{"id": f"none|clean|{number}", "text": " ".join(next(clean))} for number in range(LEAKS)]
    (folder / "input").mkdir()
    (folder / "input" / "planted.jsonl").write_text(
        "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    )
    ran = run(config)
    gone: Counter[tuple[str, str]] = Counter()
    total: Counter[tuple[str, str]] = Counter()
    for row in ran.fates:
        name, kind = "none", "clean"
        if row["source"] == "planted":
            name, kind, _ = row["locator"].split("|")
        elif row["source"] == "news":
            kind = "news"
        if row["drop_reason"] in (None, "contaminated"):
            total[name, kind] += 1
            gone[name, kind] += row["drop_reason"] is not None
    return markdown_table(
        ["set", "planted", "documents", "dropped"],
        [[*key, f"{count:,}", f"{gone[key]:,}"] for key, count in sorted(total.items())],
        text_columns=2,
    )


def throughput(folder: Path) -> str:
    """Seconds of the whole pipeline, and of its stages, without evaluation sets and with them."""
    root, corpus = os.environ["MAGISTER_REALDATA"], folder / "corpus"
    write_mc4(str(corpus), total_bytes=THROUGHPUT_BYTES, seed=1, files=8)
    warm_up()
    sets = [each for each in REAL_SETS if each["name"] != "ntrex"]
    decontaminate = {
        "sets": [each | {"paths": [f"{root}/{path}" for path in each["paths"]]} for each in sets]
    }
    rows, whole = [], []
    for name, settings in (("without", {}), ("with", {"decontaminate": decontaminate})):
        run_dir, config = folder / name, folder / f"{name}.yaml"
        source = {"name": "mc4", "format": "mc4", "paths": ["*.json.gz"]}
        values = {"run_dir": str(run_dir), "input_root": str(corpus), "sources": [source], **settings}
        config.write_text(yaml.safe_dump(values))
        measured = run_measured(module_command("jobs.prepare", "--config", str(config)), {})
        stages = {
            each["stage"]: each["elapsed_s"]
            for each in json.loads((run_dir / "run.json").read_text())["stages"]
        }
        whole.append(measured.wall_s)
        took = f"{stages['decontaminate']:.1f}" if "decontaminate" in stages else ""
        rows.append([name, f"{measured.wall_s:.1f}", took, f"{measured.peak_bytes / 1e9:.2f}"])
    table = markdown_table(["sets", "whole run, s", "decontamination, s", "peak memory, GB"], rows)
    return (
        f"{table}\n\nWith ÷ without: {whole[1] / whole[0]:.2f}, of {THROUGHPUT_BYTES / 1e6:,.0f} MB of text."
    )


def main() -> None:
    """Print the table of one part."""
    parts = {"planted": planted, "kernel": kernel, "real": real, "leaks": leaks, "throughput": throughput}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=parts)
    parser.add_argument(
        "--keep", help="folder for input and run, which must not exist; default: a temporary one"
    )
    parser.add_argument("--output", help="Markdown file to write the table to")
    args = parser.parse_args()
    with work_folder(args.keep) as folder:
        table = parts[args.part](folder)
    publish(f"{machine_facts('pyspark', 'numba')}\n\n{table}", args.output)


if __name__ == "__main__":
    main()
