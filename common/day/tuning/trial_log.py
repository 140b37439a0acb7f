"""A study as a person follows it: a line a trial as it ends, where the study lies, how to open it elsewhere."""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from common.day.tuning.study import JOURNAL, hide_secrets
from common.day.tuning.task import FAILURE, FINISHED, FOLDS
from common.engine.progress import say


class TrialLog:
    """Writes a line for every trial that has ended since the last call; nothing of those before it was made."""

    def __init__(
        self, study: optuna.Study, trials: int, deadline: float | None = None, write: Callable[[str], None] = say
    ) -> None:
        """``trials`` the study is to have, ``deadline`` (of ``time.monotonic``) at which it ends whatever it has."""
        self._study, self._trials, self._deadline, self._write = study, trials, deadline, write
        self._began = time.monotonic()
        ended = self._list_ended()
        self._seen = {trial.number for trial in ended}
        self._before = sum(trial.state in FINISHED for trial in ended)

    def _list_ended(self) -> list[FrozenTrial]:
        return [trial for trial in self._study.get_trials(deepcopy=False) if trial.state.is_finished()]

    def tell(self) -> None:
        """A line for each trial that has ended since, in the order of their ends."""
        ended = self._list_ended()
        left = self._time_left(sum(trial.state in FINISHED for trial in ended))
        fresh = [trial for trial in ended if trial.number not in self._seen]
        for trial in sorted(fresh, key=lambda one: (one.datetime_complete is None, one.datetime_complete, one.number)):
            self._seen.add(trial.number)
            so_far = [other for other in ended if other.number in self._seen]
            self._write(f"  {describe_trial(trial, so_far)}{left if trial is fresh[-1] else ''}")

    def _time_left(self, done: int) -> str:
        """How long the rest takes at the pace so far, at most until the deadline; nothing where none is left."""
        now, ours = time.monotonic(), done - self._before
        waits = [(now - self._began) / ours * (self._trials - done)] if ours else []
        waits += [self._deadline - now] if self._deadline is not None else []
        seconds = min(waits, default=0.0)
        return f", about {describe_seconds(seconds)} left" if seconds > 0 else ""


def describe_trial(trial: FrozenTrial, ended: Sequence[FrozenTrial]) -> str:
    """A trial that has ended: number, value with its folds, best so far, why it was pruned or failed."""
    folds: Sequence[float] = trial.user_attrs.get(FOLDS, [])
    scores = f" ({' '.join(f'{score:.4f}' for score in folds)})" if len(folds) > 1 else ""
    if trial.state == TrialState.FAIL:
        reason = str(trial.user_attrs.get(FAILURE) or "its process ended")
        return f"trial {trial.number:3d}: failed, {reason}; {describe_best(ended)}"
    # A pruned trial has the mean of the folds that it saw.
    value = trial.value if trial.value is not None else math.fsum(folds) / max(len(folds), 1)
    pruned = f", pruned after {len(folds)} fold{'s' * (len(folds) > 1)}" if trial.state == TrialState.PRUNED else ""
    return f"trial {trial.number:3d}: {value:.4f}{scores}{pruned}; {describe_best(ended)}"


def describe_best(trials: Sequence[FrozenTrial]) -> str:
    """The best of the whole trials."""
    whole = [trial for trial in trials if trial.state == TrialState.COMPLETE and trial.value is not None]
    if not whole:
        return "none is whole yet"
    best = max(whole, key=lambda trial: (trial.value, -trial.number))
    return f"best {best.value:.4f} (trial {best.number})"


def describe_seconds(seconds: float) -> str:
    """A time to wait, in words."""
    return f"{max(seconds, 1):.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def find_storage(url: str | None, folder: Path) -> str:
    """Where the trials lie, as it may be shown: the journal, or the database without its password."""
    return str(folder / JOURNAL) if url is None else hide_secrets(url, "")[0]


def explain_loading(name: str, url: str | None, folder: Path) -> str:
    """The lines of Python that load a study."""
    if url is None:
        storage: Any = f'JournalStorage(JournalFileBackend("{folder / JOURNAL}"))'
        imports = "from optuna.storages import JournalStorage; from optuna.storages.journal import JournalFileBackend"
        return f'import optuna; {imports}\nstudy = optuna.load_study(study_name="{name}", storage={storage})'
    return f'import optuna\nstudy = optuna.load_study(study_name="{name}", storage="{find_storage(url, folder)}")'
