"""Measure which micro-batch, ZeRO stage, activation checkpointing and compilation train fastest on this machine."""

import argparse
import hashlib
import json
import platform
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from jobs import launch
from jobs.config import load_config
from training.config import PretrainConfig
from training.layout import Layout
from training.tune import (
    HEADER,
    SEARCH_ONLY,
    Candidate,
    Measured,
    Outcome,
    TuneConfig,
    best,
    fits_batch,
    rehearsal,
    row,
    search,
    with_candidate,
)

SCHEMA_VERSION: Final = 1
REFUSED: Final = "refused: "  # begins the reason of a candidate that the settings exclude
_SHUTDOWN_S: Final = 5


class TuneError(ValueError):
    """There is nothing to choose from; the message says what to do."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the job with the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="YAML file with the settings of a pretraining")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a setting, those of the search included (tune.zero_stages=[1]); repeatable",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the resolved settings, and stop")
    args = parser.parse_args(argv)
    with launch.ending_in_one_sentence():
        config = load_config(args.config, args.set, TuneConfig)
        if args.dry_run:
            print(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True), end="")
            return
        with launch.sigterm_as_interrupt():
            _tune(config)


def _tune(config: TuneConfig) -> None:
    tune = config.tune
    Layout.of(
        config, rank=0, world_size=tune.num_processes
    )  # refuses ranks that the model is not divided over
    if not fits_batch(config, config.data.seq_len, tune.num_processes):
        raise TuneError(
            f"global_batch_tokens {config.global_batch_tokens} is no multiple of data.seq_len {config.data.seq_len} × "
            f"{tune.num_processes} processes, so that not even one sequence per process fits; change one of the three."
        )
    folder = Path(config.run_dir) / "tune"
    folder.mkdir(parents=True, exist_ok=True)
    results = Results(folder / "results.json", config)
    if results.outcomes:
        print(f"{len(results.outcomes)} candidates are already measured in {results.path}")
    print(HEADER.rstrip())

    def measured(candidate: Candidate) -> Outcome:
        outcome = results.outcomes.get(candidate.key)
        if outcome is None:
            outcome = _measure(config, candidate, folder)
            results.add(outcome)
        print(row(config, outcome), flush=True)
        return outcome

    outcomes = search(config, measured)
    winner = best(outcomes, min_gain=tune.min_gain)
    if winner is None:
        raise TuneError(
            f"none of the {len(outcomes)} candidates ran (the first: {outcomes[0].reason}); see {folder / 'log.txt'}, "
            "and choose a smaller model, a shorter data.seq_len, more processes or offloading."
        )
    assert winner.measured is not None
    is_cpu = winner.measured.device == "cpu"
    print(
        "peak GB per rank: "
        + ("growth of the largest resident set" if is_cpu else "allocated by torch at most")
        + "; predicted: by make estimate, in bf16 only"
    )
    path = folder / "best.yaml"
    values = with_candidate(config, winner.candidate)
    PretrainConfig.model_validate(values)
    launch.write_whole(
        path, f"# {winner.candidate.key}\n" + yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    )
    print(f"fastest: {winner.candidate.key} at {winner.measured.tokens_per_s:,.0f} tokens/s\n{path}")


class Results:
    """What was measured with these settings on this machine, in results.json; another run's is begun anew.

    Args:
        path: the file.
        config: the settings.

    Attributes:
        path: the file.
        outcomes: by the candidate's key.
    """

    def __init__(self, path: Path, config: TuneConfig) -> None:
        self.path = path
        self._head = {"schema_version": SCHEMA_VERSION, "fingerprint": fingerprint(config)}
        self.outcomes: dict[str, Outcome] = {}
        try:
            saved = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        if {name: saved.get(name) for name in self._head} == self._head:
            known = {key: _outcome(value) for key, value in saved["results"].items()}
            # What failed may run another time: the device was busy, or the machine slow.
            self.outcomes = {
                key: outcome
                for key, outcome in known.items()
                if outcome.measured is not None or str(outcome.reason).startswith(REFUSED)
            }

    def add(self, outcome: Outcome) -> None:
        """Take an outcome, and write the file anew."""
        self.outcomes[outcome.candidate.key] = outcome
        results = {key: asdict(outcome) for key, outcome in self.outcomes.items()}
        launch.write_whole(self.path, json.dumps({**self._head, "results": results}, indent=2) + "\n")


def fingerprint(config: TuneConfig) -> str:
    """Hash of all that a measurement hangs on beside the candidate: settings, machine, versions."""
    own = {"run_dir", "micro_batch_tokens", "checkpoint_activations", "compile"}
    values = config.model_dump(mode="json", exclude=own)
    values["tune"] = {name: value for name, value in values["tune"].items() if name not in SEARCH_ONLY}
    values["zero"].pop("stage")
    values["on"] = [platform.node(), version("torch"), version("deepspeed")]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _measure(config: TuneConfig, candidate: Candidate, folder: Path) -> Outcome:
    """Rehearse a candidate in processes of its own."""
    tune = config.tune
    with tempfile.TemporaryDirectory() as given:
        settings, answer, log = (Path(given) / name for name in ("settings.json", "answer.json", "log.txt"))
        try:
            # Its run folder is never made: nothing is written, and no checkpoint of a real run is found.
            rehearsed = rehearsal(config, candidate, str(Path(given) / "run"))
        except ValidationError as error:
            problem = error.errors()[0]
            return Outcome(candidate, None, f"{REFUSED}{problem['msg'].removeprefix('Value error, ')}")
        asked = {"config": rehearsed.model_dump(mode="json"), "timed_steps": tune.timed_steps}
        settings.write_text(json.dumps(asked), encoding="utf-8")
        arguments = [str(settings), str(answer)]
        command = launch.command("training.rehearsal", arguments, tune.num_processes, shutdown_s=_SHUTDOWN_S)
        process = launch.start(command, log)
        try:
            process.wait(timeout=tune.candidate_timeout_s)
        except subprocess.TimeoutExpired:
            return Outcome(candidate, None, f"timed out after {tune.candidate_timeout_s:g} s")
        finally:
            launch.stop(process, within_s=3 * _SHUTDOWN_S)
            with (folder / "log.txt").open("a", encoding="utf-8") as whole:
                told = log.read_text(encoding="utf-8", errors="replace")
                whole.write(f"--- {candidate.key}\n{told}")
        if process.returncode or not answer.exists():
            return Outcome(candidate, None, launch.failure(told, process.returncode))
        return Outcome(candidate, Measured(**json.loads(answer.read_text(encoding="utf-8"))))


def _outcome(value: dict[str, Any]) -> Outcome:
    measured = value["measured"]
    return Outcome(
        Candidate(**value["candidate"]), None if measured is None else Measured(**measured), value["reason"]
    )


if __name__ == "__main__":
    main()
