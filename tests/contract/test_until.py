"""A run that stops after validation: no refit, no test, no submission; it can be compared, and gone on with."""

import json
from pathlib import Path

import pytest

from tests.conftest import Call
from tests.contract.contract import SUBMISSIONS, Contract, Finished, words


def is_beyond(step: str) -> bool:
    """Whether a step is made after validation, by its name."""
    return step in ("score_test", "answer", "choose") or (
        step.startswith(("refit.", "test.", "insight.")) and step != "test.read"
    )


@pytest.mark.each_nightly
def test_a_run_until_cv_ends_with_the_score_and_is_gone_on_with(
    contract: Contract, finished: Finished, call: Call
) -> None:
    runs = finished.build / contract.name
    before = set(runs.glob("*/run.json"))
    line = words(contract, finished.raw, finished.build, *contract.quick)
    code, out, err = call(*line, "--until", "cv")
    assert code == 0, err
    (made,) = set(runs.glob("*/run.json")) - before
    record = json.loads(made.read_text())
    names = {step["name"] for step in record["steps"]}
    assert [name for name in names if is_beyond(name)] == []
    assert record["until"] == "cv"
    assert record["submission"]["paths"] == []
    assert record["truth"] is None
    assert len(record["rivals"]) == 3
    assert [path for path in made.parent.iterdir() if path.stem in SUBMISSIONS] == []
    assert "Stopped after validation: the same command without --until goes on to a submission" in out

    build = ["--build", finished.build]
    code, out, err = call("compare", finished.folder.name, made.parent.name, *build)
    assert code == 0, err
    assert "B - A = " in out
    code, out, err = call("runs", contract.name, *build)
    assert code == 0, err
    assert f"{contract.name}/{made.parent.name}" in out
    code, out, err = call("report", made.parent.name, *build)
    assert code == 0, err
    assert Path(out.strip().removeprefix("Report: file://")).exists()
    for verb in (["lb", made.parent.name, "0.5"], ["submit", contract.name, made.parent.name]):
        code, out, err = call(*verb, *build)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert "stopped after validation" in err

    code, out, err = call(*line)
    assert code == 0, err
    (whole,) = set(runs.glob("*/run.json")) - before - {made}
    kept = {step["name"] for step in json.loads(whole.read_text())["steps"] if step["kept"]}
    assert names <= kept


def test_there_is_no_other_stage_to_stop_after(contract: Contract, finished: Finished, call: Call) -> None:
    code, out, err = call(*words(contract, finished.raw, finished.build), "--until", "noon")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "'noon'" in err
    assert "--until cv" in err


@pytest.mark.each_nightly
def test_fits_by_further_seeds_and_a_note_are_recorded_with_the_score(
    contract: Contract, finished: Finished, call: Call
) -> None:
    line = [*words(contract, finished.raw, finished.build, *contract.quick), "--until", "cv"]
    code, out, err = call(*line, "--seeds", 2, "--note", "again")
    assert code == 0, err
    last = max((finished.build / contract.name).glob("*/run.json"))
    record = json.loads(last.read_text())
    assert len(record["fits"]) == 2
    assert record["cv"]["score"] == pytest.approx(sum(record["fits"]) / 2)
    assert (record["config"]["fits"], record["note"]) == (2, "again")
    assert "This is the mean of 2 fits with different seeds: " in out
