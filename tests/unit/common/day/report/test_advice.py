"""What a report says to try next, and how it draws what carries the score."""

from typing import Any

import pytest

from common.day.report.advice import advise
from common.day.report.formatting import MINUS
from common.day.report.model_sections import curves, features
from common.day.report.record import fill_record
from tests.unit.common.day.report.test_report_parts import calm


def advises(record: dict[str, Any], tuned: bool = True) -> list[str]:
    return [note.text for note in advise(fill_record(record), tuned)]


@pytest.mark.parametrize(
    ("cutoff", "stages", "said"),
    [
        (
            5,
            (2000, 1700, 900, 500),
            "Rank: 800 of 2,000 right answers are found and not among the first 5; 300 are not",
        ),
        (5, (2000, 900, 700, 500), "Retrieve: 1,100 of 2,000 right answers are not found; ranking loses 200 more."),
        (1, (2000, 2000, 1500, 500), "Rank: 1,500 of 2,000 right answers are found and not first. Features"),
    ],
)
def test_what_loses_most_comes_first(cutoff: int, stages: tuple[int, ...], said: str) -> None:
    record = calm()
    names = ["asked", "found", "in the first 5", "first"]
    funnel = [{"stage": name, "queries": count} for name, count in zip(names, stages, strict=True)]
    record["insight"]["answers"] = {"cutoff": cutoff, "funnel": funnel}
    assert advises(record)[0].startswith(said)
    assert "make tune-news" in advises(record, tuned=False)[-1]


def test_the_slice_that_costs_most_is_named_and_fits_that_were_cut_off() -> None:
    record = calm()
    assert advises(record, tuned=False) == []
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
        "Look into the slice costs most: .2000 ± .0100 on 200 queries (20.0 %), where all have .3000.",
        "Give more rounds: the last one allowed was the best (late).",
    ]


def test_curves_of_one_metric_have_one_scale_and_begin_before_the_first_round() -> None:
    record = calm()
    record["insight"]["curves"] = [
        {"name": "a", "metric": "likelihood", "values": [-3.0, -2.0, -1.75], "best": 3, "start": -5.0},
        {"name": "b", "metric": "QuerySoftMax", "values": [-2.5, -1.5], "best": 1, "start": None},
        {"name": "c", "metric": "ndcg@5", "values": [0.1, 0.2], "best": 2, "start": 0.05},
    ]
    first, second, third = curves(fill_record(record))
    assert first["plot"].upward == second["plot"].upward != third["plot"].upward
    assert first["plot"].lines[0].points[0] == (0.0, -5.0)
    assert first["caption"] == (
        f"likelihood {MINUS}1.7500 at round 3 of 3, .2500 gained in the second half; {MINUS}5.0000 before the first"
    )
    assert "before the first" not in second["caption"]


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
    assert column.title == "nats lost"
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
