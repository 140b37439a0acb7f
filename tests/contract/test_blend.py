"""A blend of finished runs: a checked submission, known to every verb; equal runs mix to themselves."""

import pytest

from tests.conftest import Call
from tests.contract.contract import Contract, Finished, list_runs, refusal, require, solve


def blend(call: Call, contract: Contract, *runs: Finished) -> tuple[Finished, str]:
    """The blend of some runs of one build folder, and what was printed."""
    build = runs[0].build
    known = list_runs(build)
    code, out, err = call("blend", contract.name, *(run.folder.name for run in runs), "--build", build)
    assert code == 0, out + err
    (made,) = list_runs(build) - known
    return Finished(runs[0].raw, runs[0].truth, build, made, out, err), out


@pytest.mark.each_nightly
def test_runs_are_blended_into_a_checked_submission(contract: Contract, finished: Finished, call: Call) -> None:
    require(contract, contract.competition.blending, "blending")
    repeated = solve(call, contract, finished.raw, finished.build)
    other = solve(call, contract, finished.raw, finished.build, "fit_seed=3")
    same, out = blend(call, contract, finished, repeated)
    assert "no query is scored differently" in out
    for mine, own in zip(same.submissions, finished.submissions, strict=True):
        assert mine.read_bytes() == own.read_bytes()
    one = {row["name"]: row["score"] for row in same.record["ranking"]}[finished.folder.name]
    assert one == pytest.approx(finished.record["cv"]["score"])

    mixed, out = blend(call, contract, finished, other)
    assert f" {contract.competition.metric} " in out
    assert "The mix less the best run, " in out
    names = [row["name"] for row in mixed.record["ranking"]]
    assert names == [finished.folder.name, other.folder.name, "mix"]
    assert mixed.record["submission"]["rows"] == finished.record["submission"]["rows"]
    code, out, _ = call("compare", finished.folder.name, mixed.folder.name, "--build", finished.build)
    assert (code, "B - A = " in out) == (0, True)
    again = call("blend", contract.name, finished.folder.name, mixed.folder.name, "--build", finished.build)
    assert "is a blend itself" in refusal(again)
    code, out, _ = call("runs", contract.name, "--build", finished.build)
    assert (code, "blend of" in out) == (0, True)


def test_what_cannot_be_blended_is_refused_and_nothing_is_written(
    contract: Contract, finished: Finished, call: Call
) -> None:
    """Runs of other questions, and damaged ones: tests/unit/common/day/test_blend.py."""
    require(contract, contract.competition.blending, "blending")
    known, name = list_runs(finished.build), finished.folder.name
    for runs, said in (([name], "One run is no blend"), ([name, name], "named twice")):
        assert said in refusal(call("blend", contract.name, *runs, "--build", finished.build))
    assert list_runs(finished.build) == known
