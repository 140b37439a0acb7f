"""What a page says of a run by rules: what is suspicious, what to try next."""

import pytest

from common.day.registry import NotedScore
from common.day.report.findings import find_next_steps, find_problems
from tests.unit.common.day.report.report_record import Record, calm, read

# --- checks ---


def says(record: Record, leaderboard: float | None = None) -> str:
    noted = [] if leaderboard is None else [NotedScore(leaderboard, "now")]
    return " ".join(finding.text for finding in find_problems(read(record), noted))


def advises(record: Record) -> list[str]:
    return [finding.text for finding in find_next_steps(read(record))]


def test_truth_is_far_beyond_two_errors_of_the_difference() -> None:
    for truth, error, expected in ((0.27, 0.01, True), (0.28, 0.01, False), (0.27, 0.02, False)):
        record = calm() | {"truth": {"score": truth, "error": error, "oracle": 0.4}}
        assert ("above the simulated truth" in says(record)) is expected
    assert says(calm()) == ""
    # So is the leaderboard's, whose error is not known.
    assert "below the leaderboard (.4000)" in says(calm(), 0.4)
    assert says(calm(), 0.31) == ""


def test_features_that_carry_too_much_are_noted() -> None:
    record = calm()
    row = {"feature": "x", "gain": 0.41}
    record["insight"]["importance"] = [row]
    assert "x alone has 41.0 % of the gain" in says(record)
    record["insight"]["given"] = ["x"]  # of an earlier stage: meant to carry it
    assert says(record) == ""
    record["insight"] |= {"given": [], "importance": [row | {"gain": 0.39}]}
    assert says(record) == ""


def test_drift_that_any_two_days_have_is_no_alarm() -> None:
    record = calm()
    rows = [{"feature": "day", "auc": 0.99, "reference": 0.99}, {"feature": "age", "auc": 0.8, "reference": 0.6}]
    record["insight"]["drift"] = {"auc": 0.99, "rows": 9, "queries": 300, "features": rows, "reference": 0.97}
    record["insight"]["drift"]["between"] = "two days"
    assert says(record) == ""
    record["insight"]["drift"] |= {"reference": 0.9}
    assert "AUC .990, most by age" in says(record)  # what two days do not have led to it


def test_drift_is_noted() -> None:
    record = calm()
    drift = {"auc": 0.71, "rows": 9, "queries": 300, "features": [{"feature": "age", "auc": 0.7}]}
    record["insight"]["drift"] = drift
    assert "AUC .710, most by age" in says(record)
    drift["queries"] = 299
    assert says(record) == ""  # of few queries that is chance
    drift |= {"queries": 300, "auc": 0.69}
    assert says(record) == ""


# --- what to try next ---


@pytest.mark.parametrize(
    ("cutoff", "stages", "said"),
    [
        (
            5,
            (2000, 1700, 900, 500),
            "Rank: 800 of 2,000 right answers are found but not among the first 5; 300",
        ),
        (5, (2000, 900, 700, 500), "Retrieve: 1,100 of 2,000 right answers are not found; ranking loses 200 more."),
        (1, (2000, 2000, 1500, 500), "Rank: 1,500 of 2,000 right answers are found but not first. Better"),
    ],
)
def test_what_loses_most_comes_first(cutoff: int, stages: tuple[int, ...], said: str) -> None:
    record = calm()
    names = ["asked", "found", "in the first 5", "first"]
    funnel = [{"stage": name, "queries": count} for name, count in zip(names, stages, strict=True)]
    record["insight"]["answers"] = {"cutoff": cutoff, "funnel": funnel}
    assert advises(record)[0].startswith(said)


def test_fits_that_were_cut_off_are_named() -> None:
    record = calm()
    assert advises(record) == []
    record["insight"]["curves"] = [
        {"name": "early", "metric": "m", "values": [0.1, 0.2, 0.1], "best": 2},
        {"name": "late", "metric": "m", "values": [0.1, 0.2], "best": 2},
    ]
    assert advises(record) == ["Allow more rounds: the last one was the best (late)."]


def test_what_the_best_possible_loses_too_is_no_gain() -> None:
    record = calm() | {"truth": {"score": 0.4, "error": 0.01, "oracle": 0.42}}
    stages = {"asked": 2000, "found": 1700, "in the first 5": 900}
    funnel = [{"stage": stage, "queries": count} for stage, count in stages.items()]
    record["insight"]["answers"] = {"cutoff": 5, "funnel": funnel}
    said = advises(record)[0]
    assert "800 of 2,000 right answers are found but not among the first 5" in said
    assert "The best possible would win about 45 more" in said  # 5 % of 900
