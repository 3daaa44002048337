"""Bad input ends `python -m jobs.prepare` with exit code 2 and one sentence, before Spark starts, and leaves nothing.

Importing the job's packages takes seconds. One fresh process imports them and forks for every command, so that each
still has its own process, output and exit code.
"""

import fcntl
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
FORK_SERVER = """
import json, os, sys
from jobs.prepare import main

for line in sys.stdin:
    arguments, output, errors = json.loads(line)
    child = os.fork()
    if child == 0:
        for path, descriptor in ((output, 1), (errors, 2)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
        sys.exit(main(arguments))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Answer(NamedTuple):
    """How a command ended: its exit code and what it printed."""

    code: int
    output: str
    errors: str


@dataclass(frozen=True)
class Case:
    """One wrong command: its overrides, and a pattern of what follows `error: `; {root} is the test's folder."""

    overrides: tuple[str, ...]
    sentence: str
    config: str = "settings.yaml"


def case(*overrides: str, sentence: str) -> Case:
    return Case(overrides, sentence)


CASES = {
    "missing_configuration": Case(
        (),
        r"cannot read the configuration {root}/none\.yaml: No such file or directory; "
        r"pass an existing file with --config\.",
        config="none.yaml",
    ),
    "missing_input_folder": case(
        "input_root={root}/none",
        sentence=r"input_root '{root}/none' does not exist; correct it or set it with --set input_root=…",
    ),
    "missing_input_file": case(
        "sources.0.paths=[fr.txt]",
        sentence=r"'fr\.txt' matches no file under '{root}/input'; check the pattern and the root\.",
    ),
    "pattern_without_match": case(
        'sources.0.paths=["**/*.xz"]',
        sentence=r"'\*\*/\*\.xz' matches no file under '{root}/input'; check the pattern and the root\.",
    ),
    "unknown_key": case(
        "near_dedup.bands=3",
        sentence=r"{root}/settings\.yaml has 1 problem\(s\):\n  near_dedup\.bands: there is no such setting",
    ),
    "wrong_value": case(
        "balance.alpha=2",
        sentence=r"{root}/settings\.yaml has 1 problem\(s\):\n"
        r"  balance\.alpha: Input should be less than or equal to 1 \(got 2\)",
    ),
    "two_problems": case(
        "balance.alpha=2",
        "shards.rows=1",
        sentence=r"{root}/settings\.yaml has 2 problem\(s\):\n  balance\.alpha: .*\n  shards\.rows: .*",
    ),
    "run_folder_below_a_file": case(
        "run_dir={root}/settings.yaml/run",
        sentence=r"the run folder {root}/settings\.yaml/run cannot be written \(Not a directory\); "
        r"choose another with --set run_dir=…",
    ),
    "run_folder_that_is_a_file": case(
        "run_dir={root}/settings.yaml",
        sentence=r"the run folder {root}/settings\.yaml cannot be written \(File exists\); "
        r"choose another with --set run_dir=…",
    ),
    "unknown_locale": case(
        "locales=[en, xx]",
        sentence=r"{root}/settings\.yaml has 1 problem\(s\):\n"
        r"  locales: unknown locale\(s\) xx; known: [a-zL -]+",
    ),
    "locale_without_data": case(
        "locales=[en, sw]",
        sentence=r"locales sw are asked for, but no input file is in them; the files are in en\. "
        r"Correct `locales` or add sources\.",
    ),
    "empty_corpus": case(
        "sources.0.paths=[empty/*.txt]",
        sentence=r"the corpus is empty: all 2 input file\(s\) have 0 bytes; check sources and input_root\.",
    ),
    "missing_language_model": case(
        "language_id.model={root}/none.ftz",
        sentence=r"language_id\.model {root}/none\.ftz cannot be loaded \(.+\); "
        r"give the path of a fastText \.bin or \.ftz model\.",
    ),
    "missing_tokenizer": case(
        "tokenizer.model={root}/none.model",
        sentence=r"the SentencePiece model {root}/none\.model cannot be read \(No such file or directory\); "
        r"correct tokenizer\.model, or leave it out to train one\.",
    ),
    "missing_removal_list": case(
        "removals=[{root}/none.txt]",
        sentence=r"the removal list {root}/none\.txt cannot be read \(No such file or directory\); "
        r"correct `removals`\.",
    ),
    "missing_evaluation_set": case(
        "decontaminate.sets=[{{name: nlu, paths: [none.jsonl], fields: [utt]}}]",
        sentence=r"evaluation set nlu: 'none\.jsonl' matches no file under '{root}/input'; "
        r"check the pattern and the root\.",
    ),
    "empty_evaluation_set": case(
        "decontaminate.sets=[{{name: nlu, paths: [empty/en.txt]}}]",
        sentence=r"evaluation set nlu is empty: there is no line of text of 1 file\(s\); "
        r"correct its paths and fields, or leave the set out\.",
    ),
    "tokenizer_that_is_none": case(
        "tokenizer.model={root}/input/en.txt",
        sentence=r"{root}/input/en\.txt is not a SentencePiece model; "
        r"correct tokenizer\.model, or leave it out to train one\.",
    ),
    "empty_tokenizer": case(
        "tokenizer.model={root}/input/empty/en.txt",
        sentence=r"{root}/input/empty/en\.txt is not a SentencePiece model; "
        r"correct tokenizer\.model, or leave it out to train one\.",
    ),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small corpus, two empty files, and settings that name the corpus."""
    root = tmp_path_factory.mktemp("bad input")
    (root / "input" / "empty").mkdir(parents=True)
    (root / "input" / "en.txt").write_text("The kettle whistles on the stove.\n")
    (root / "input" / "broken.json").write_text('{"text": \n{"text": "unfinished\n')
    (root / "input" / "empty" / "en.txt").touch()
    (root / "input" / "empty" / "de.txt").touch()
    settings = {
        "run_dir": f"{root}/run",
        "input_root": f"{root}/input",
        "sources": [{"name": "cc100", "format": "cc100", "paths": ["en.txt"]}],
    }
    (root / "settings.yaml").write_text(yaml.safe_dump(settings))
    return root


@pytest.fixture(scope="module")
def server() -> Iterator[subprocess.Popen[str]]:
    """The fork server, on a machine where Spark would find no Java and could fetch none."""
    bare = {"PATH": "", "JAVA_HOME": "", "CJDK_INDEX_URL": "http://127.0.0.1/none", "PYTHONUTF8": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", FORK_SERVER],
        cwd=PROJECT,
        env={**os.environ, **bare},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process


@pytest.fixture
def prepare(server: subprocess.Popen[str], root: Path, tmp_path: Path) -> Callable[..., Answer]:
    """Run the job with overrides, in a process of its own; how it ends."""

    def run(*overrides: str, config: str = "settings.yaml") -> Answer:
        assert server.stdin is not None
        assert server.stdout is not None
        output, errors = tmp_path / "output", tmp_path / "errors"
        arguments = [
            "--config",
            f"{root}/{config}",
            *(word for each in overrides for word in ("--set", each)),
        ]
        server.stdin.write(json.dumps([arguments, str(output), str(errors)]) + "\n")
        server.stdin.flush()
        return Answer(int(server.stdout.readline()), output.read_text(), errors.read_text())

    return run


def start(*arguments: str) -> Answer:
    """Run the job as the Makefile does."""
    done = subprocess.run(
        [sys.executable, "-m", "jobs.prepare", *arguments],
        cwd=PROJECT,
        env={**os.environ, "MASTER": "local[1]"},
        capture_output=True,
        text=True,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def names(root: Path) -> set[str]:
    """Everything that is in a folder."""
    return {str(path.relative_to(root)) for path in root.rglob("*")}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_ends_with_code_2_and_one_sentence_and_leaves_nothing(
    root: Path, prepare: Callable[..., Answer], name: str
) -> None:
    overrides = [override.format(root=root) for override in CASES[name].overrides]
    sentence = CASES[name].sentence.replace("{root}", re.escape(str(root)))

    answer = prepare(f"run_dir={root}/{name}", *overrides, config=CASES[name].config)

    assert re.fullmatch(f"error: {sentence}\n", answer.errors), answer.errors
    assert (answer.code, answer.output) == (2, "")
    assert not (root / name).exists()


def test_a_dry_run_prints_settings_and_input_and_writes_nothing(root: Path) -> None:
    before = names(root)

    answer = start("--config", f"{root}/settings.yaml", "--set", "near_dedup.num_bands=24", "--dry-run")

    assert (answer.code, answer.errors) == (0, "")
    settings = yaml.safe_load(answer.output)
    expected = {"preset": "default", "num_bands": 24, "rows_per_band": 8, "verify": True, "min_jaccard": 0.8}
    assert expected.items() <= settings["near_dedup"].items()
    assert answer.output.splitlines()[-1] == "# 1 input files, 0.0 MB; nothing was run"
    assert names(root) == before


def test_a_second_run_on_the_same_folder_is_refused(
    prepare: Callable[..., Answer], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("run")

    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = prepare(f"run_dir={folder}")

    assert answer.errors == (
        f"error: another run is working in {folder}; wait for it, or choose another folder with --set run_dir=…\n"
    )
    assert (answer.code, answer.output) == (2, "")
    assert names(folder) == {".lock"}


@pytest.mark.slow
def test_a_corpus_without_a_readable_document_ends_the_same_way_after_it_was_read(root: Path) -> None:
    sources = "sources=[{name: mc4, format: mc4, language: en, paths: [broken.json]}]"
    run_dir = f"run_dir={root}/unreadable"

    answer = start("--config", f"{root}/settings.yaml", "--set", sources, "--set", run_dir)

    assert answer.errors.splitlines() == [
        f"reading 1 files, 0.0 MB, into {root}/unreadable",
        "error: the corpus is empty: 1 input file(s) hold no readable document (2 malformed records). "
        "Check that each source's format is right.",
    ]
    assert (answer.code, answer.output) == (2, "")
    assert not (root / "unreadable").exists()
