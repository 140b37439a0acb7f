"""Searches answered from an export, one at a time: the pipeline's own order, from tables cut down to each search."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from common.day.serving.benchmark import answer_all, ignore
from common.engine.result_store import write_value
from common.learning.dataset import RankingDataset, to_matrix
from common.learning.gbdt import Ranker
from competitions.flight import split
from competitions.flight.day import export
from competitions.flight.day import service as serving
from competitions.flight.day.service import FlightService
from competitions.flight.features import booking_history
from competitions.flight.features.booking_history import History
from competitions.flight.features.build import build_features
from competitions.flight.io.reader import Searches
from competitions.flight.ranking import blending
from competitions.flight.ranking import rankers as ranking
from competitions.flight.ranking.blending import Blend
from competitions.flight.split import Snapshots
from tests.unit.flight.flight_world import draw_searches
from tests.unit.rankers import fit_rows

BLOCKS = ("core", "public", "pair", "tariff", "lift", "taste")
MARGIN = "taste_total"
BLEND = Blend((1.0, 0.7), (0.6, 0.4))


@dataclass(frozen=True)
class Example:
    """A tiny competition: the test's searches, what they see, and rankers: one of two seeds, one with a margin."""

    test: Searches
    snapshots: Snapshots
    history: History
    rankers: list[Ranker]


@pytest.fixture(scope="module")
def example() -> Example:
    train, test = draw_searches(0, count=60), draw_searches(1, count=40)
    test = Searches(test.sessions.with_columns(pl.col("time") + 40 * 86_400_000), test.options)
    snapshots = split.take_test_snapshot(train.sessions, test.sessions, cross_fitted=False, period_days=7)
    history = booking_history.build_history(booking_history.collect_bookings(train), snapshots)
    frame = build_features(test, 0, test.sessions.height, snapshots.assigned, history, BLOCKS)
    labels = np.zeros(frame.height, np.float32)
    labels[test.sessions["first"].to_numpy()] = 1
    rows = RankingDataset(tuple(frame.columns), to_matrix(frame), labels, test.sessions["size"].to_numpy())
    trees = {"num_leaves": 5, "min_data_in_leaf": 5, "feature_fraction": 0.5, "num_threads": 1}
    kinds: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("lightgbm_softmax", trees, {"seeds": 2}),
        ("xgboost_softmax", {"max_depth": 3, "nthread": 1}, {"base_margin": MARGIN}),
    ]
    return Example(
        test,
        snapshots,
        history,
        [fit_rows(kind, parameters, rows, None, 12, 0, 0, **more) for kind, parameters, more in kinds],
    )


def write(example: Example, folder: Path) -> list[Searches]:
    """Export, and the test's searches as requests."""
    history = export.take_snapshot(example.history, 0)
    write_value(folder / "export", FlightService(history, 0, example.rankers, BLEND, BLOCKS))
    sessions = np.arange(example.test.sessions.height)
    write_value(folder / "requests", export.take_searches(example.test, sessions))
    return serving.read_requests(folder / "requests")


def order_of_pipeline(example: Example) -> list[list[float]]:
    scores = ranking.score_test(example.test, example.snapshots, example.history, example.rankers, BLOCKS)
    ranks = blending.rank_test(example.test, scores, BLEND)
    return export.list_expected(example.test, ranks)


def test_one_search_at_a_time_is_ordered_as_by_the_pipeline(example: Example, tmp_path: Path) -> None:
    requests = write(example, tmp_path)
    service = serving.load(tmp_path / "export", "whole")
    expected = order_of_pipeline(example)
    assert [service.answer([request], ignore)[0] for request in requests] == expected
    assert answer_all(service, requests[::-1], batch=7)[::-1] == expected
    assert any(order != sorted(order) for order in expected)


def test_features_from_tables_that_were_cut_down_are_those_from_whole_ones(example: Example, tmp_path: Path) -> None:
    requests, run = write(example, tmp_path), serving.load(tmp_path / "export", "whole")
    made, snapshot = [], pl.lit(0, pl.Int32).alias("snapshot")
    for request in requests:
        one = serving.join_searches([request])
        history = serving.cut_history(run.history, one)
        made.append(build_features(one, 0, 1, one.sessions.select("session", snapshot), history, BLOCKS))
    test, assigned = example.test, example.snapshots.assigned
    whole = build_features(test, 0, test.sessions.height, assigned, example.history, BLOCKS)
    frame = pl.concat(made)
    assert frame.columns == whole.columns
    # A frame of one row is divided exactly, a longer one by the reciprocal: the last bit of a lone option may differ.
    several = np.repeat(test.sessions["size"] > 1, test.sessions["size"])
    assert several.sum() > 100
    np.testing.assert_array_equal(to_matrix(frame)[several], to_matrix(whole)[several])
    assert frame["tariff_usual"].max() == 1
    assert frame["taste_company"].std() > 0  # type: ignore[operator]


def test_a_stranger_is_answered(example: Example, tmp_path: Path) -> None:
    (request, *_) = write(example, tmp_path)
    unknown = request.sessions.with_columns(
        *(pl.lit(value, request.sessions.schema[name]).alias(name) for name, value in
          {"profile": 999, "company": None, "route": 77}.items())
    )  # fmt: skip
    (answer,) = serving.load(tmp_path / "export", "whole").answer([Searches(unknown, request.options)], ignore)
    assert sorted(answer) == list(range(request.options.height))


def test_only_the_snapshots_own_bookings_are_exported(example: Example) -> None:
    lifts = example.history.lifts
    both = {name: pl.concat([table, table.with_columns(snapshot=pl.lit(1, pl.Int32))]) for name, table in lifts.items()}
    taken = export.take_snapshot(History(both, example.history.preferences), 1)
    for name, table in taken.lifts.items():
        assert table.height == lifts[name].height > 0
        assert table["snapshot"].unique().to_list() == [1]
    assert all(table[serving.KEYS[name]].is_sorted() for name, table in taken.lifts.items())
