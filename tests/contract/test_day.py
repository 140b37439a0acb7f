"""A competitor's day on every competition: tune and climb."""

import json
from pathlib import Path

import optuna
import pytest

from common.competition import Competition
from common.day.tuning.study import open_storage
from competitions.learning.ladder import BASE, GAIN, MEMORY
from tests.conftest import Call
from tests.contract.contract import Contract, Finished


def set_options(*settings: str) -> list[str]:
    """Settings as words of the command line."""
    return [word for setting in settings for word in ("--set", setting)]


def inputs(finished: Finished) -> list[str]:
    """Where the raw files lie and where the run worked."""
    return ["--raw", str(finished.raw), "--build", str(finished.build)]


# --- tuning ---


@pytest.mark.each_nightly
def test_the_space_is_searched_and_a_study_goes_on_where_it_ended(
    contract: Contract, finished: Finished, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The study's halves and verdict: tests/unit/cli/test_tuning.py."""
    if not (contract.competition.folder / "space.toml").exists():
        pytest.skip(f"{contract.name} has no space.toml yet")
    monkeypatch.setattr(Competition, "tuned", tmp_path / "tuned.toml")
    line = ["tune", contract.name, *inputs(finished), "--trials", "2", *set_options(*contract.small, *contract.quick)]
    code, out, err = call(*line)
    assert code == 0, err
    # Where the study lies and its name, at the start and at the end.
    journal = finished.build / contract.name / "tuning" / "journal.log"
    (study,) = optuna.get_all_study_summaries(open_storage(None, journal.parent))
    assert study.n_trials == 2
    assert f"  study {study.study_name} in {journal}" in err
    assert study.study_name in out
    kept = "Settings: " in out
    assert (tmp_path / "tuned.toml").exists() == kept
    code, _, err = call(*line)
    assert code == 0, err
    assert kept or "continues after 2 finished trials" in err  # what was kept is searched anew, from its own values


# --- the ladder ---


@pytest.mark.nightly
def test_the_ladder_leaves_a_table_and_a_plot_of_falling_simplicity(
    contract: Contract, finished: Finished, call: Call
) -> None:
    if not (contract.competition.folder.parent / "learning" / contract.name / "ladder.py").exists():
        pytest.skip(f"{contract.name} has no ladder")
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
