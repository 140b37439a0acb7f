"""What a report says to try next, and how it draws what carries the score."""

from typing import Any

import pytest

from common.day.report.advice import advise
from common.day.report.formatting import MINUS
from common.day.report.model_sections import curves, features
from common.day.report.record import fill_record
from common.day.report.score_sections import folds, slices
from tests.unit.common.day.report.test_report_parts import calm


def advises(record: dict[str, Any]) -> list[str]:
    return [note.text for note in advise(fill_record(record))]


@pytest.mark.parametrize(
    ("cutoff", "stages", "said"),
    [
        (
            5,
            (2000, 1700, 900, 500),
            "Rank: 800 of 2,000 right answers are found but not among the first 5; 300 are not",
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
    record["features"] = ["x"]
    assert "make ablate-news" in advises(record)[-1]


def test_the_slice_that_costs_most_is_named_and_fits_that_were_cut_off() -> None:
    record = calm()
    assert advises(record) == []
    record["cv"]["queries"] = 1000
    slices = [("by chance", 0.2, 0.04, 500), ("worst", 0.1, 0.01, 50), ("costs most", 0.2, 0.01, 200)]
    record["cv"]["slices"] = [
        {"slice": name, "score": score, "error": error, "queries": queries} for name, score, error, queries in slices
    ]
    record["insight"]["curves"] = [
        {"name": "early", "metric": "m", "values": [0.1, 0.2, 0.1], "best": 2},
        {"name": "late", "metric": "m", "values": [0.1, 0.2], "best": 2},
    ]
    assert advises(record) == [
        "Study the slice costs most: .2000 ± .0100 on 200 queries (20.0 %); all queries have .3000.",
        "Allow more rounds: the last one was the best (late).",
    ]
    # Of lists of many lengths the one that is ranked worst for its length, not the longest.
    alike = [{"slice": "long", "score": 0.9, "error": 0.01, "queries": 200}]
    record["behind"] = {"score": 0.9, "error": 0.01, "queries": 1000, "slices": alike}
    assert "Study" not in advises(record)[0]
    alike.append({"slice": "short", "score": 0.8, "error": 0.01, "queries": 100})
    text = (
        "Study the slice short: the right answer is ahead of 80.0 % of the others there, and of 90.0 % in all queries"
    )
    assert advises(record)[0] == f"{text}; 100 queries (10.0 %)."


def test_curves_of_one_metric_have_one_scale() -> None:
    record = calm()
    record["insight"]["curves"] = [
        {"name": "a", "metric": "likelihood", "values": [-3.0, -2.0, -1.75], "best": 3},
        {"name": "b", "metric": "QuerySoftMax", "values": [-2.5, -1.5], "best": 1},
        {"name": "c", "metric": "ndcg@5", "values": [0.1, 0.2], "best": 2},
    ]
    first, second, third = curves(fill_record(record))
    assert first["plot"].upward == second["plot"].upward != third["plot"].upward
    assert first["caption"] == f"likelihood {MINUS}1.7500 at round 3 of 3, .2500 gained in the second half"


def test_small_slices_are_pale_and_a_single_fold_is_none() -> None:
    queries = {"1": 40, "2": 12, "3": 30, "4": None}
    rows = [{"slice": f"day: {day}", "score": 0.1, "error": 0.02, "queries": count} for day, count in queries.items()]
    drawn = slices(fill_record({"cv": {"slices": rows}}))
    assert drawn is not None
    assert drawn.labels == [f"day: {day}" for day in queries]
    assert [mark.pale for mark in drawn.columns[0].marks] == [False, True, False, False]
    assert folds(fill_record({"cv": {"folds": rows[:1]}})) is None


def test_what_moves_nothing_is_never_sure() -> None:
    losses = [("sure", 0.03, 0.01), ("unsure", 0.015, 0.01), ("nothing", 0.0, 0.0)]
    record = calm()
    record["insight"]["importance"] = [
        {"feature": name, "gain": 0.1, "permutation": loss, "error": error} for name, loss, error in losses
    ]
    record["insight"]["features"] = {"lost": "log likelihood", "given": []}
    drawn = features(fill_record(record))
    assert drawn is not None
    column = drawn["marks"].columns[1]
    assert column.title == "drop in log likelihood"
    assert [mark.pale for mark in column.marks] == [False, True, True]
    assert not any(mark.beyond for mark in column.marks)
    record["insight"]["importance"][0]["permutation"] = 6.4  # of the score that the fits start from
    drawn = features(fill_record(record))
    assert drawn is not None
    column = drawn["marks"].columns[1]
    assert [mark.beyond for mark in column.marks] == [True, False, False]
    scale = column.scale(3)
    assert scale is not None
    assert scale.high < 0.05
    assert column.marks[0].text.startswith("6.4000")
