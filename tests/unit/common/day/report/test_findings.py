"""What a page says of a run by rules: what is suspicious, what to try next."""

from typing import Any

import pytest

from common.day.record_schema import RunRecord
from common.day.registry import NotedScore
from common.day.report.findings import find_next_steps, find_problems
from tests.unit.common.day.records import make_record


def make(truth: dict[str, float] | None = None, **insight: Any) -> RunRecord:
    """A record in which nothing is suspicious but what is named."""
    return make_record(cv={"score": 0.3, "error": 0.01}, truth=truth, insight=insight)


def says(record: RunRecord, leaderboard: float | None = None) -> str:
    noted = [] if leaderboard is None else [NotedScore(leaderboard, "now", "r", "MRR@5", 0.5, 0.01, "ab")]
    return " ".join(finding.text for finding in find_problems(record, noted))


def advises(record: RunRecord) -> list[str]:
    return [finding.text for finding in find_next_steps(record)]


def test_truth_is_far_beyond_two_errors_of_the_difference() -> None:
    for truth, error, expected in ((0.27, 0.01, True), (0.28, 0.01, False), (0.27, 0.02, False)):
        said = says(make(truth={"score": truth, "error": error, "oracle": 0.4}))
        assert ("above the simulated truth" in said) is expected
    assert says(make()) == ""
    # So is the leaderboard's, whose error is not known.
    assert "below the leaderboard (.4000)" in says(make(), 0.4)
    assert says(make(), 0.31) == ""


def test_features_that_carry_too_much_are_noted_but_for_an_earlier_stage() -> None:
    for gain, given, said in ((0.41, [], "x alone has 41.0 % of the gain"), (0.41, ["x"], ""), (0.39, [], "")):
        assert says(make(importance=[{"feature": "x", "gain": gain}], given=given)).startswith(said)


# --- what to try next ---


@pytest.mark.parametrize(
    ("cutoff", "stages", "said"),
    [
        (5, (2000, 1700, 900), "Rank: 800 of 2,000 right answers are found but not among the first 5; 300"),
        (5, (2000, 900, 700, 500), "Retrieve: 1,100 of 2,000 right answers are not found; ranking loses 200 more."),
        (1, (2000, 2000, 1500, 500), "Rank: 1,500 of 2,000 right answers are found but not first. Better"),
    ],
)
def test_what_loses_most_comes_first(cutoff: int, stages: tuple[int, ...], said: str) -> None:
    names = ["asked", "found", "in the first 5", "first"]
    funnel = [{"stage": name, "queries": count} for name, count in zip(names, stages, strict=False)]
    answers = {"cutoff": cutoff, "funnel": funnel}
    assert advises(make(answers=answers))[0].startswith(said)
    if len(stages) == 3:  # what the best possible loses too is no gain: 5 % of 900 are left
        (found,) = advises(make(truth={"score": 0.4, "error": 0.01, "oracle": 0.42}, answers=answers))
        assert "The best possible would win about 45 more" in found


def test_fits_that_were_cut_off_are_named() -> None:
    assert advises(make()) == []
    curves = [
        {"name": "early", "metric": "m", "values": [0.1, 0.2, 0.1], "best": 2},
        {"name": "late", "metric": "m", "values": [0.1, 0.2], "best": 2},
    ]
    assert advises(make(curves=curves)) == ["Allow more rounds: the last one was the best (late)."]
