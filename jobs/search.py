"""Search learning rate, schedule and global batch by asynchronous successive halving; or go on where it was stopped.

Optuna keeps the study and decides who is stopped; the trials are trainings like any other, in processes of their own,
which this one watches through their metrics.jsonl.

    search_dir/search.yaml   what the search was begun with
    search_dir/study.db      Optuna's study
    search_dir/trials/<n>/   settings.yaml, log.txt, and the run folder's own files
    search_dir/best.yaml     the base with the values of the best trial
"""

import argparse
import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import yaml
from pydantic import ValidationError

from jobs import trials
from jobs.config import load_config
from jobs.launch import ending_in_one_sentence, sigterm_as_interrupt, write_whole
from training.config import PretrainConfig
from training.deepspeed import accumulation_steps
from training.search import (
    ENGINEERING,
    Choice,
    Progress,
    Row,
    SearchConfig,
    SearchError,
    best,
    drawn,
    own_step,
    rungs,
    table,
    trial_settings,
    with_choice,
)

if TYPE_CHECKING:
    import optuna

_STOPPED_AT: Final = "stopped_at"
_REASON: Final = "reason"


def main(argv: Sequence[str] | None = None) -> None:
    """Run the job with the arguments of the command line."""
    parser = argparse.ArgumentParser(description="Search hyper-parameters, or go on where it was stopped.")
    parser.add_argument("--config", required=True, help="YAML file with the settings of the search")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override a setting; repeatable"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the resolved settings, and stop")
    args = parser.parse_args(argv)
    with ending_in_one_sentence():
        config = load_config(args.config, args.set, SearchConfig)
        if args.dry_run:
            print(_yaml(config.model_dump(mode="json")), end="")
            return
        base = load_config(config.pretrain, [], PretrainConfig)
        _check(config, base)
        folder = Path(config.search_dir)
        folder.mkdir(parents=True, exist_ok=True)
        lock = trials.lock_search(folder)
        try:
            with sigterm_as_interrupt():
                _check_begun(folder / "search.yaml", config, base)
                Search(config, base, folder).run()
        finally:
            os.close(lock)


def _check(config: SearchConfig, base: PretrainConfig) -> None:
    """Refuse what would fail in every trial, or in every one with some value.

    Raises:
        ValueError: something does not fit; the message says what to do.
    """
    if find_spec("optuna") is None:
        raise SearchError("the search needs Optuna, which is not installed; pip install -e '.[search]'.")
    batches = config.global_batch_tokens or (base.global_batch_tokens,)
    if base.data.mode == "bucketed" and len(set(batches)) > 1:
        raise SearchError(
            "global_batch_tokens must be one value where the base has data.mode bucketed: with another batch, other "
            "documents come first, and validation losses cannot be compared."
        )
    for kind, batch in product(config.schedules, batches):
        choice = Choice(config.learning_rate.high, kind, config.warmup_share.high, batch)
        try:
            settings = trial_settings(base, choice, config, "unused")
        except ValidationError as error:
            told = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise SearchError(
                f"schedule {kind} with global_batch_tokens {batch} is not possible: {told}"
            ) from error
        accumulation_steps(settings, config.processes_per_trial)
    check_data(base)


def check_data(base: PretrainConfig) -> None:
    """Refuse shards that no trial could be judged by.

    Raises:
        ValueError: shards or tokeniser cannot be used, or there is no validation split.
    """
    from training.manifest import VALIDATION, read_manifest
    from training.vocabulary import Vocabulary

    manifest, tokenizer = read_manifest(base.data.shards), Vocabulary.load(base.data.tokenizer)
    if tokenizer.sha256 != manifest.tokenizer_sha256:
        raise SearchError(
            f"the shards in {base.data.shards} were written with a tokeniser whose SHA-256 is "
            f"{manifest.tokenizer_sha256}, but {base.data.tokenizer} has {tokenizer.sha256}; set data.tokenizer to "
            "theirs."
        )
    if not manifest.of_split(VALIDATION):
        raise SearchError(
            f"{base.data.shards} has no validation split, by which trials are compared; write the shards with one "
            "(shards.validation_fraction)."
        )


def _check_begun(path: Path, config: SearchConfig, base: PretrainConfig) -> None:
    """Write down what the search is about, or compare with what it was begun with.

    Raises:
        SearchError: it was begun with other settings.
    """
    values = {
        "search": config.model_dump(mode="json", exclude=set(ENGINEERING)),
        "base": base.model_dump(mode="json", exclude={"run_dir"}),
    }
    if not path.exists():
        write_whole(path, _yaml(values))
        return
    try:
        begun = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise SearchError(f"{path} cannot be read ({error}); choose another search_dir.") from error
    if begun != values:
        raise SearchError(
            f"{path.parent} holds a search that was begun with other settings (they are in {path.name}); give it "
            "those, or choose another search_dir."
        )


@dataclass(slots=True)
class Running:
    """A trial whose training is running.

    Attributes:
        trial: as Optuna has it.
        choice: its values.
        training: its process.
        worker: number of the one it has.
        failed: why it is being stopped, if it has failed already.
    """

    trial: "optuna.Trial"
    choice: Choice
    training: trials.Training
    worker: int
    failed: str | None = None


@dataclass(slots=True)
class Search:
    """The study and its trials.

    Args:
        config: settings.
        base: settings of the pretraining that is searched for.
        folder: the search's.
    """

    config: SearchConfig
    base: PretrainConfig
    folder: Path
    running: list[Running] = field(default_factory=list)
    devices: list[dict[str, str]] = field(default_factory=list)
    study: Any = None

    def run(self) -> None:
        """Train what is left to train, and print and write what was found.

        Raises:
            SearchError: there are too few devices, or no trial finished.
        """
        config = self.config
        self.study = _study(config, self.folder / "study.db")
        left = [trial for trial in self.study.trials if trial.state.name == "RUNNING"]
        is_finished = not left and len(self.study.trials) >= config.num_trials
        if not is_finished:
            self.devices = trials.shares_of_devices(config.workers, config.processes_per_trial)
            print(table([]), flush=True)
        try:
            while self._fill(left) or self.running:
                for one in list(self.running):
                    self._look(one)
                time.sleep(config.poll_s)
        finally:
            # They leave a checkpoint, and stay running in the study.
            for one in self.running:
                one.training.ask_to_stop()
            for one in self.running:
                one.training.end()
        self._tell(is_finished=is_finished)

    def _fill(self, left: "list[optuna.trial.FrozenTrial]") -> bool:
        """Start trials while there are workers: first those that a former start left. Whether there may be more."""
        import optuna

        while len(self.running) < self.config.workers:
            number = left[0].number if left else len(self.study.trials)
            if number >= self.config.num_trials and not left:
                return False
            # What a trial is given hangs on the seed and its number alone, however often the search was restarted.
            seed = int(np.random.SeedSequence([self.config.seed, number]).generate_state(1)[0])
            self.study.sampler = optuna.samplers.RandomSampler(seed=seed)
            self._start(optuna.Trial(self.study, left.pop(0)._trial_id) if left else self.study.ask())
        return True

    def _start(self, trial: "optuna.Trial") -> None:
        config = self.config
        choice = drawn(trial, config, self.base)
        folder = self.folder / "trials" / str(trial.number)
        folder.mkdir(parents=True, exist_ok=True)
        lock = trials.claim(folder, stop_timeout_s=config.stop_timeout_s)
        # It was stopped at a rung, and the search killed before it had ended.
        if _STOPPED_AT in trial.user_attrs:
            os.close(lock)
            self.study.tell(trial, state=_state("PRUNED"))
            trials.remove_checkpoints(folder)
            return
        settings = trial_settings(self.base, choice, config, str(folder))
        write_whole(folder / trials.SETTINGS, _yaml(settings.model_dump(mode="json", exclude_unset=True)))
        worker = min(set(range(config.workers)) - {one.worker for one in self.running})
        training = trials.start(
            folder,
            lock,
            config.processes_per_trial,
            stop_timeout_s=config.stop_timeout_s,
            environment=self.devices[worker],
        )
        self.running.append(Running(trial, choice, training, worker))

    def _look(self, one: Running) -> None:
        """Report what a trial has reached; stop it, or tell the study how it ended."""
        has_ended = one.training.has_ended()  # before reading: nothing is written after that
        reached = trials.read_progress(one.training.folder)
        self._report(one, reached)
        is_stopped = _STOPPED_AT in one.trial.user_attrs
        if not has_ended:
            if one.failed or is_stopped:
                one.training.ask_to_stop()
            return
        loss = self._losses(one.choice, reached).get(self.config.max_steps)
        if one.failed is None and not is_stopped and loss is None:
            one.failed = one.training.failure()
        if one.failed is not None:
            one.trial.set_user_attr(_REASON, one.failed)
            self.study.tell(one.trial, state=_state("FAIL"))
            trials.remove_checkpoints(one.training.folder)
        elif is_stopped:
            self.study.tell(one.trial, state=_state("PRUNED"))
            trials.remove_checkpoints(one.training.folder)
        else:
            self.study.tell(one.trial, loss)
        self.running.remove(one)
        print(table([self._row(self.study.trials[one.trial.number])]).splitlines()[-1], flush=True)

    def _report(self, one: Running, reached: Progress) -> None:
        """Give the study the losses of the rungs, until one of them ends the trial."""
        for rung, loss in self._losses(one.choice, reached).items():
            if one.failed is not None or _STOPPED_AT in one.trial.user_attrs:
                return
            known = self.study.trials[one.trial.number]
            if rung in known.intermediate_values:
                # A search may have been killed between the report and the decision.
                is_decided = f"completed_rung_{rungs(self.config).index(rung)}" in known.system_attrs
                if not is_decided and rung == known.last_step:
                    self._decide(one, rung)
                continue
            if not math.isfinite(loss):
                step = own_step(self.base, one.choice, rung)
                one.failed = f"it diverged: the validation loss at step {step} is {loss}"
                return
            one.trial.report(loss, rung)
            self._decide(one, rung)

    def _decide(self, one: Running, rung: int) -> None:
        """Ask the study whether a trial goes on after a rung whose loss it knows."""
        if rung < self.config.max_steps and one.trial.should_prune():
            one.trial.set_user_attr(_STOPPED_AT, rung)

    def _losses(self, choice: Choice, reached: Progress) -> dict[int, float]:
        """By rung, as far as the trial has come."""
        steps = {rung: own_step(self.base, choice, rung) for rung in rungs(self.config)}
        return {rung: reached.losses[step] for rung, step in steps.items() if step in reached.losses}

    def _row(self, trial: "optuna.trial.FrozenTrial") -> Row:
        choice = Choice(**trial.params)
        states = {"COMPLETE": "finished", "PRUNED": "stopped", "FAIL": "failed"}
        return Row(
            number=trial.number,
            choice=choice,
            step=trials.read_progress(self.folder / "trials" / str(trial.number)).step,
            steps=own_step(self.base, choice, self.config.max_steps),
            loss_nats=trial.intermediate_values[trial.last_step] if trial.last_step is not None else None,
            state=states.get(trial.state.name, "running"),
            reason=trial.user_attrs.get(_REASON, ""),
        )

    def _tell(self, *, is_finished: bool) -> None:
        rows = [self._row(trial) for trial in self.study.trials]
        print(table(rows))
        winner = best(rows)
        if winner is None:
            raise SearchError(
                f"none of the {len(rows)} trials finished; see their log.txt in {self.folder / 'trials'}, mend the "
                "base or the ranges, and choose another search_dir."
            )
        path = self.folder / "best.yaml"
        if is_finished and path.exists():
            print("the search is finished; to go on, raise num_trials.")
        else:
            values = with_choice(
                self.base, winner.choice, steps=self.base.steps, decay_share=self.config.decay_share
            )
            # Not the base's: a training of other settings may lie there, and would be gone on with.
            values["run_dir"] = str(self.folder / "best")
            PretrainConfig.model_validate(values)
            write_whole(path, f"# trial {winner.number}: {winner.loss_nats:.4f} nats\n{_yaml(values)}")
        print(f"best: trial {winner.number} with {winner.loss_nats:.3f} nats\n{path}")


def _study(config: SearchConfig, path: Path) -> Any:  # noqa: ANN401 (imported late)
    """The study in a file, which is made if it is not there."""
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study(
            storage=f"sqlite:///{path.resolve()}",
            study_name="search",
            load_if_exists=True,
            direction="minimize",
            pruner=pruner(config),
        )
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        told = str(error).splitlines()[0]
        raise SearchError(f"{path} cannot be read ({told}); choose another search_dir.") from error


def pruner(config: SearchConfig) -> "optuna.pruners.BasePruner":
    """The rule of who is stopped at a rung."""
    import optuna

    return optuna.pruners.SuccessiveHalvingPruner(
        min_resource=config.min_steps, reduction_factor=config.reduction_factor
    )


def _state(name: str) -> Any:  # noqa: ANN401 (imported late)
    from optuna.trial import TrialState

    return TrialState[name]


def _yaml(values: Any) -> str:  # noqa: ANN401 (what YAML can say)
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


if __name__ == "__main__":
    main()
