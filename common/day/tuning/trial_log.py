"""A study as a person follows it: a line a trial as it ends, where the study lies, how to open it elsewhere."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from common.day.tuning.study import JOURNAL, TODAY, hide_secrets
from common.day.tuning.task import FAILURE, FOLDS, find_value
from common.engine.progress import describe_seconds, say


class TrialLog:
    """Writes a line for every trial that has ended since the last call; nothing of those before it was made."""

    def __init__(self, study: optuna.Study, write: Callable[[str], None] = say) -> None:
        """The trials that a study has are not told again."""
        self._study, self._write = study, write
        self._seen = {trial.number for trial in self._list_ended()}

    def _list_ended(self) -> list[FrozenTrial]:
        return [trial for trial in self._study.get_trials(deepcopy=False) if trial.state.is_finished()]

    def tell(self) -> None:
        """A line for each trial that has ended since, in the order of their ends."""
        ended = self._list_ended()
        fresh = [trial for trial in ended if trial.number not in self._seen]
        for trial in sorted(fresh, key=lambda one: (one.datetime_complete is None, one.datetime_complete, one.number)):
            self._seen.add(trial.number)
            self._write(f"  {describe_trial(trial, [other for other in ended if other.number in self._seen])}")


def describe_trial(trial: FrozenTrial, ended: Sequence[FrozenTrial]) -> str:
    """A trial that has ended: number, value with its folds, time, best so far, why it was pruned or failed."""
    folds: Sequence[float] = trial.user_attrs.get(FOLDS, [])
    scores = f" ({' '.join(f'{score:.4f}' for score in folds)})" if len(folds) > 1 else ""
    name = f"trial {trial.number:3d}{', as today' if trial.user_attrs.get(TODAY) else ''}"
    if trial.state == TrialState.FAIL:
        reason = str(trial.user_attrs.get(FAILURE) or "its process ended")
        return f"{name}: failed, {reason}; {describe_best(ended)}"
    value = find_value(trial) or 0.0
    pruned = f", pruned after {len(folds)} fold{'s' * (len(folds) > 1)}" if trial.state == TrialState.PRUNED else ""
    took = f", {describe_seconds(trial.duration.total_seconds())}" if trial.duration else ""
    return f"{name}: {value:.4f}{scores}{took}{pruned}; {describe_best(ended)}"


def describe_best(trials: Sequence[FrozenTrial]) -> str:
    """The best of the whole trials."""
    whole = [trial for trial in trials if trial.state == TrialState.COMPLETE and trial.value is not None]
    if not whole:
        return "none is whole yet"
    best = max(whole, key=lambda trial: (trial.value, -trial.number))
    return f"best {best.value:.4f} (trial {best.number})"


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
