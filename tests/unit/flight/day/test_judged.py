"""What a flight run reports: sessions counted, the truth, one row a session."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from common.day.hosts import REPORT, TRUTH
from common.io.submission import Checked
from common.learning.blending import Blend
from common.simulation.oracle import Oracle
from competitions.flight.day.judged import score_truth
from competitions.flight.day.validation import collect_evidence, list_queries, merge_twins, name_lists
from competitions.flight.io import schema
from competitions.flight.io.reader import RawFiles
from competitions.flight.pipeline import Outcome
from competitions.flight.ranking.submitted_order import judge_orders
from competitions.flight.split import split_folds
from tests.results import as_result
from tests.unit.flight.flight_world import join_folds, make_fold, make_searches, option, search

ONE = Blend((1.0,), (1.0,))
RATES = {"hit_rate@1": 0.3, "hit_rate@3": 0.6, "hit_rate@5": 0.7, "hit_rate@10": 0.8, "hit_rate@3[161+]": 0.2}
ORACLE = Oracle(9, 0.6, 0.02, 0.61, RATES)


def stand(folder: Path, **values: Any) -> Outcome:
    """The parts of an outcome that the truth is measured with."""
    parts = {"files": RawFiles(folder / schema.TRAIN, folder / schema.TEST), "names": ["logit", "other"]}
    fields: dict[str, Any] = dict.fromkeys(Outcome.__dataclass_fields__) | parts | values
    return Outcome(**fields)


def test_the_submission_and_each_model_are_scored_on_the_simulated_truth(tmp_path: Path) -> None:
    test = make_searches(search(*(option(out_flight=flight) for flight in range(11))))
    ids = range(100, 111)
    pl.DataFrame({"Id": ids}).write_parquet(tmp_path / schema.TEST)
    pl.DataFrame({"Id": ids, "ranker_id": ["a"] * 11, "selected": range(1, 12)}).write_csv(tmp_path / "mine.csv")
    (tmp_path / TRUTH).write_text("Id,ranker_id\n102,a\n")
    (tmp_path / REPORT).write_text(json.dumps({"oracle": vars(ORACLE)}))
    answers = np.column_stack([-np.arange(11), np.arange(11)]).astype(np.float32)

    checked = [Checked(tmp_path / "mine.csv", 11, ())]
    outcome = stand(
        tmp_path,
        test=as_result(test),
        test_scores=as_result(answers),
        blend=as_result(Blend((1.0, 1.0), (1.0, 0.0))),
        checked=checked,
    )
    truth = score_truth(outcome, tmp_path)
    assert (truth.score, truth.oracle, truth.scores["hit_rate@3"]) == (1, 0.6, 1)
    ((_, rows),) = truth.tables
    hits = {row["model"]: (row["@1"], row["@3"]) for row in rows}
    models = {"logit": (0, 1), "other": (0, 0), "blend": (0, 1)}
    assert hits == models | {"oracle": (0.3, 0.6)}
    best = {"@1": 0.3, "@3": 0.6, "@3 error": 0.02, "@5": 0.7, "@10": 0.8}  # no session is of more than 160 options
    assert rows[-1] == {"model": "oracle", **best}


def test_a_session_that_several_fits_judge_is_one_query_with_the_share_of_its_hits() -> None:
    """Three sessions judged in two repeats, each in its own order; the last is too small to be scored."""
    train = make_searches(
        search(*[option(out_flight=number) for number in range(11)], day=0, profile=1),
        search(*[option(out_flight=number) for number in range(12)], day=1, profile=1, round_trip=False),
        search(*[option(out_flight=number) for number in range(3)], day=2, profile=2),
    )
    sizes = train.sessions["size"].to_list()
    folds, scores = [], []
    for order, last_is_best in (([0, 1, 2], [False, False, False]), ([2, 1, 0], [False, False, True])):
        own = [sizes[number] for number in order]
        folds.append(make_fold(own, [0, 0, 0], order))
        scores += [np.arange(size) * (1 if last else -1) for size, last in zip(own, last_is_best, strict=True)]
    data = join_folds(*folds)
    columns = np.concatenate(scores)[:, None].astype(np.float64)

    outcome = stand(
        Path(),
        names=["one"],
        train=as_result(train),
        data=as_result(data),
        scores=as_result(columns),
        chain=as_result(judge_orders(data, ["one"], columns, ONE, np.arange(3), "auto")),
        blend=as_result(ONE),
        split=as_result(split_folds(train.sessions, 3, 2, 0)),
    )
    queries, evidence = list_queries(outcome), collect_evidence(outcome)
    assert queries["query"].to_list() == train.sessions["ranker_id"].to_list()[:2]
    assert queries["weight"].to_list() == [1, 1]
    assert queries["score"].to_list() == [0.5, 1.0]
    assert queries["trip"].to_list() == ["return", "one way"]
    assert queries["traveller"].to_list() == ["is new", "has booked"]
    assert queries["options"].to_list() == ["11-27", "11-27"]
    assert queries["fold"].unique().to_list() == ["folds of whole sessions"]
    random, shown = evidence.rivals
    assert random.score == pytest.approx((3 / 11 + 3 / 12) / 2)
    assert random.error == pytest.approx((3 / 11 - 3 / 12) / 2 / 2**0.5)  # of two sessions, not of four
    assert (shown.name, shown.score) == ("In the order shown", 1.0)
    # Ranks are of the sessions of more than ten options, as often as they are judged; candidates are of all.
    assert (evidence.ranks.tolist(), evidence.repeats) == ([1, 1, 1, 11], 2)
    items = evidence.candidates
    named = items.select("query", "search").unique(maintain_order=True).rows()
    assert named == [
        (name, None if size == 3 else name) for name, size in zip(train.sessions["ranker_id"], sizes, strict=True)
    ]
    assert items.group_by("round", maintain_order=True).len().rows() == [(0, 26), (1, 26)]
    assert items.filter(round=1)["item"].to_list() == [*range(3), *range(12), *range(11)]
    example = evidence.example(2)
    assert (example.answer, example.listed[0]) == (example.listed[0], example.answer)
    assert example.context.startswith("12 options, one way")


def test_twin_sessions_are_one_query_that_weighs_as_much_as_they() -> None:
    sessions = make_searches(*[search(day=day) for day in (0, 3e-4, 0.5)]).sessions  # twenty-six seconds, half a day
    names = sessions["ranker_id"].cast(pl.String)
    queries = pl.DataFrame({"query": names[[2, 0, 1]], "score": [1.0, 1.0, 0.0], "trip": ["return"] * 3})
    listed = name_lists(sessions, np.array([2, 1, 0]), np.array([12, 12, 3], np.int32))
    assert listed.rows() == [(names[2], names[2]), (names[1], names[1]), (names[0], None)]
    listed = name_lists(sessions, np.array([2, 0, 1]), np.array([12, 12, 12], np.int32))
    assert listed["search"].to_list() == [names[2], names[0], names[0]]
    merged = merge_twins(queries, sessions)
    assert merged.select("query", "score", "trip", "weight").rows() == [
        (names[2], 1.0, "return", 1.0),
        (names[0], 0.5, "return", 2.0),
    ]
