"""A run that stops after validation: no refit, no test, no submission; it can be compared, and gone on with."""

from pathlib import Path

import polars as pl
import pytest

from common.day.run_record import QUERIES
from tests.conftest import Call
from tests.contract.contract import Contract, Finished, solve


def is_beyond(step: str) -> bool:
    """Whether a step is made after validation, by its name."""
    return step in ("score_test", "answer", "choose") or (
        step.startswith(("refit.", "test.", "insight.")) and step != "test.read"
    )


@pytest.mark.each_nightly
def test_a_run_until_cv_ends_with_the_score_and_is_gone_on_with(
    contract: Contract, finished: Finished, call: Call
) -> None:
    made = solve(call, contract, finished.raw, finished.build, *contract.quick, options=["--until", "cv"])
    record = made.record
    names = {step["name"] for step in record["steps"]}
    assert [name for name in names if is_beyond(name)] == []
    assert record["until"] == "cv"
    assert record["submission"]["paths"] == []
    assert record["truth"] is None
    assert [row["name"] for row in record["rivals"]] == [row["name"] for row in finished.record["rivals"]]
    assert made.submissions == []
    assert "Stopped after validation: the same command without --until goes on to a submission" in made.out

    build = ["--build", finished.build]
    code, out, err = call("compare", finished.folder.name, made.folder.name, *build)
    assert code == 0, err
    assert "B - A = " in out
    code, out, err = call("report", made.folder.name, *build)
    assert code == 0, err
    assert Path(out.strip().removeprefix("Report: file://")).exists()
    for verb in (["lb", made.folder.name, "0.5"], ["submit", contract.name, made.folder.name]):
        code, out, err = call(*verb, *build)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert "stopped after validation" in err

    assert names <= solve(call, contract, finished.raw, finished.build, *contract.quick).kept()


@pytest.mark.each_nightly
def test_a_quick_run_scores_every_query_by_several_fits_and_says_what_it_can_see(
    contract: Contract, finished: Finished, call: Call
) -> None:
    quick = contract.competition.folder / "quick.toml"
    if not quick.exists():
        pytest.skip("a new competition has no quick.toml")
    last = solve(call, contract, finished.raw, finished.build, f"@{quick}", options=["--until", "cv"])
    queries = pl.read_parquet(last.folder / QUERIES)
    assert queries["fits"].list.len().min() == len(last.record["fits"]) > 1
    assert queries.select("fold", "query").is_unique().all()
    each_fit = queries.group_by("part").len()["len"].to_list() if "part" in queries.columns else [queries.height]
    assert min(each_fit) > 0.2 * max(each_fit)  # folds of about the same size, where all that is labelled is scored
    assert "fits each gains of " in last.out or len(set(last.record["fits"])) == 1  # the planted rule is found by each
