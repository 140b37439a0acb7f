"""A competitor's day on every competition: tune and climb."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from common.competition import Competition
from common.day.methods.ladder import BASE, GAIN, MEMORY
from common.day.tuning.study import open_storage
from common.day.tuning.task import Scores, Task
from common.engine.run import Run
from common.learning.dataset import RankingDataset
from tests.conftest import Call
from tests.contract.contract import Contract, Finished, require_room
from tests.results import as_result


def set_options(*settings: str) -> list[str]:
    """Settings as words of the command line."""
    return [word for setting in settings for word in ("--set", setting)]


def inputs(finished: Finished) -> list[str]:
    """Where the raw files lie and where the run worked."""
    return ["--raw", str(finished.raw), "--build", str(finished.build)]


# --- tuning ---


def ruin(rows: RankingDataset) -> RankingDataset:
    """Rows that tell nothing, with each query's answers in reverse order."""
    ends = np.cumsum(rows.group_sizes)
    mirrored = np.repeat(2 * ends - rows.group_sizes - 1, rows.group_sizes) - np.arange(len(rows.labels))
    return RankingDataset(rows.names, np.zeros_like(rows.features), rows.labels[mirrored], rows.group_sizes)


def ruin_rows(ready: Any) -> Any:
    labelled = ready.rows.value
    return replace(ready, rows=as_result(replace(labelled, valid=ruin(labelled.valid))))


def ruin_flight(ready: Any) -> Any:
    data = ready.data.value
    *others, last = data.folds
    return replace(ready, data=as_result(replace(data, folds=(*others, replace(last, valid=ruin(last.valid))))))


def ruin_mgtv(ready: Any) -> Any:
    served = {day: ready.labelled[day].value for day in ready.plan.valid}
    changed = {day: as_result(replace(one, rows=ruin(one.rows)), f"ruined{day}") for day, one in served.items()}
    return replace(ready, labelled=ready.labelled | changed)


def ruin_tencent(ready: Any) -> Any:
    fold = ready.valid.value
    return replace(ready, valid=as_result(replace(fold, target=np.roll(fold.target, 1))))


RUINS: dict[str, Callable[[Any], Any]] = {
    "flight": ruin_flight,
    "mgtv": ruin_mgtv,
    "tencent": ruin_tencent,
}


def measure(task: Task) -> tuple[list[float], Scores]:
    """Today's settings on the study's folds, and on the split that judges it."""
    return [float(task.score(task.current, fold).mean()) for fold in range(task.folds)], task.judge(task.current, 0)


@pytest.mark.nightly
def test_no_study_sees_the_split_that_judges_it(
    contract: Contract, finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    competition, space = contract.competition, require_room(contract, "day.tune")
    config = competition.load_config([*contract.small, *contract.quick], tuned=False)
    files, prepare = competition.locate(finished.raw, config), space.prepare
    run = Run(tmp_path / "run", finished.build / contract.name / "cache")
    before = {name: measure(space.make_task(name, files, config, run)) for name in space.list_tasks(config)}
    monkeypatch.setattr(
        space, "prepare", lambda *set_options: RUINS.get(contract.name, ruin_rows)(prepare(*set_options))
    )
    for name, (scores, judged) in before.items():
        again, ruined = measure(space.make_task(name, files, config, run))
        assert again == scores, name
        assert not np.array_equal(ruined, judged), name


@pytest.mark.each_nightly
def test_every_parameter_set_is_tuned_and_goes_on_where_it_ended(
    contract: Contract, finished: Finished, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = require_room(contract, "day.tune")
    monkeypatch.setattr(Competition, "tuned", tmp_path / "tuned.toml")
    line = ["tune", contract.name, *inputs(finished), "--trials", "2"]
    line += set_options(*contract.small, *contract.quick)
    code, out, err = call(*line)
    assert code == 0, err
    # Where each study lies and its name, at the start and at the end.
    journal = finished.build / contract.name / "tuning" / "journal.log"
    studies = optuna.get_all_study_summaries(open_storage(None, journal.parent))
    assert len(studies) >= len(space.list_tasks(contract.competition.load_config(contract.small, tuned=False)))
    for study in studies:
        assert study.n_trials >= 2
        assert f"  study {study.study_name} in {journal}" in err
        assert study.study_name in out
    assert (tmp_path / "tuned.toml").exists() == ("Settings: " in out)
    kept = err.count(", kept")  # what was kept is searched anew, from the settings that it has now
    code, _, err = call(*line)
    assert code == 0, err
    assert err.count("continues after 2 finished trials") == len(studies) - kept, err


# --- the ladder ---


@pytest.mark.nightly
def test_the_ladder_leaves_a_table_and_a_plot_of_falling_simplicity(
    contract: Contract, finished: Finished, call: Call
) -> None:
    require_room(contract, "day.ladder")
    code, out, err = call("ladder", contract.name, *inputs(finished), *set_options(*contract.small))
    assert code == 0, err
    folder = finished.build / contract.name / "ladder"
    rows = json.loads((folder / "ladder.json").read_text())["rows"]
    assert rows[0]["family"] in ("popularity", "rule")
    assert rows[-1]["score"] > rows[0]["score"]
    assert all(row["seconds"] >= 0 and row[MEMORY] >= 0 for row in rows)
    scores = {row["rung"]: row["score"] for row in rows}
    assert all(row[GAIN] == pytest.approx(row["score"] - scores[row[BASE]]) for row in rows[1:])
    assert all(row["rung"] in out for row in rows)
