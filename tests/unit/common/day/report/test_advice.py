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
        (
            5,
            (2000, 900, 700, 500),
            "Retrieve: 1,100 of 2,000 right answers are not found; ranking loses 200 more. Ranked as the",
        ),
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
    slices = [("by chance", 0.2, 0.045, 500), ("worst", 0.1, 0.01, 50), ("costs most", 0.2, 0.01, 200)]
    record["cv"]["slices"] = [
        {"slice": name, "score": score, "error": error, "queries": queries} for name, score, error, queries in slices
    ]
    record["insight"]["curves"] = [
        {"name": "early", "metric": "m", "values": [0.1, 0.2, 0.1], "best": 2},
        {"name": "late", "metric": "m", "values": [0.1, 0.2], "best": 2},
    ]
    assert advises(record) == [
        "Study the slice costs most: .2000 ± .0100 on 200 queries (20.0 %); all queries have .3000."
        " If it scored as they do, the whole would gain .0200.",
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


def test_a_slice_is_named_only_where_so_many_of_them_would_not_bring_it_by_chance() -> None:
    record = calm()
    record["cv"]["queries"] = 1000
    lowest = {"slice": "lowest", "score": 0.2, "error": 0.04, "queries": 100}  # 2.5 standard errors below
    others = [{"slice": str(at), "score": 0.3, "error": 0.04, "queries": 100} for at in range(29)]
    record["cv"]["slices"] = [lowest]
    assert advises(record)[0].startswith("Study the slice lowest: .2000")
    record["cv"]["slices"] = [lowest, *others]
    assert advises(record) == []
    record["cv"]["slices"] = [lowest | {"queries": 2}]
    assert advises(record) == []


def test_what_the_best_possible_loses_too_is_no_gain() -> None:
    record = calm() | {"truth": {"score": 0.4, "error": 0.01, "oracle": 0.42, "scores": {}}}
    stages = {"asked": 2000, "found": 1700, "in the first 5": 900}
    record["insight"]["answers"] = {
        "cutoff": 5,
        "funnel": [{"stage": stage, "queries": count} for stage, count in stages.items()],
    }
    said = advises(record)[0]
    assert "800 of 2,000 right answers are found but not among the first 5" in said
    assert "The best possible would win about 45 more" in said  # 5 % of 900


def test_an_ablation_that_was_run_is_read() -> None:
    record = calm() | {"features": ["x"]}
    assert "make ablate-news" in advises(record)[-1]
    blocks = {
        "age": (0.02, "clear: it helps"),
        "list": (0.001, "within the noise"),
        "price": (-0.01, "clear: better .."),
    }
    record["ablation"] = [
        {"block": block, "it adds": gain, "error": 0.003, "comparison": said} for block, (gain, said) in blocks.items()
    ]
    assert advises(record) == [
        "Extend what the ablation found useful: age (.0200 ± .0030).",
        f"Leave out what it found harmful: price ({MINUS}.0100 ± .0030).",
    ]
    record["ablation"] = record["ablation"][1:2]
    assert advises(record) == ["The ablation found no block of features that helps or hurts clearly, of 1."]


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
