"""Searches answered from an export, one at a time: the pipeline's own order, from tables cut down to each search."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from common.day.serving.service import ignore
from common.engine.result_store import read_value, write_value
from common.learning.dataset import RankingDataset, to_matrix
from common.learning.gbdt import Ranker
from competitions.flight import split
from competitions.flight.day import export
from competitions.flight.day import service as serving
from competitions.flight.day.service import FlightService
from competitions.flight.features import booking_history
from competitions.flight.features.booking_history import History
from competitions.flight.features.build import build_features
from competitions.flight.io.reader import Codes, Searches
from competitions.flight.ranking import blending
from competitions.flight.ranking import rankers as ranking
from competitions.flight.ranking.blending import Blend
from competitions.flight.split import Snapshots
from tests.unit.flight.flight_world import draw_searches
from tests.unit.rankers import fit_rows

BLOCKS = ("core", "public", "pair", "lift", "taste")
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


def serve(example: Example, folder: Path) -> FlightService:
    """The service as it comes back from its export."""
    codes = Codes(*(pl.Series(name, ["a"]) for name in ("carriers", "airports", "aircraft", "routes")))
    history = export.take_snapshot(example.history, 0)
    until = example.snapshots.assigned["until"][0]
    write_value(folder, FlightService(history, 0, until, example.rankers, BLEND, BLOCKS, codes))
    service: FlightService = read_value(folder)
    return service


def take(searches: Searches, rows: Sequence[int]) -> Searches:
    """Some searches as the reader would number them."""
    parts = [searches.options.filter(pl.col("session") == searches.sessions["session"][row]) for row in rows]
    number = pl.int_range(len(parts), dtype=searches.sessions.schema["session"])
    sessions = searches.sessions[list(rows)].with_columns(
        session=number, first=pl.col("size").cum_sum().cast(pl.Int64) - pl.col("size")
    )
    options = [part.with_columns(session=pl.lit(at, pl.Int32)) for at, part in enumerate(parts)]
    return Searches(sessions, pl.concat(options))


def order_of_pipeline(example: Example) -> list[list[int]]:
    scores = ranking.score_test(example.test, example.snapshots, example.history, example.rankers, BLOCKS)
    ranks = blending.rank_test(example.test, scores, BLEND).gather(example.test.options["row"])
    first, size = (example.test.sessions[name] for name in ("first", "size"))
    return [ranks.slice(start, length).arg_sort().to_list() for start, length in zip(first, size, strict=True)]


def test_one_search_at_a_time_is_ordered_as_by_the_pipeline(example: Example, tmp_path: Path) -> None:
    service, expected, rows = serve(example, tmp_path), order_of_pipeline(example), range(example.test.sessions.height)
    alone = [service.rank(take(example.test, [row]), ignore)[0].tolist() for row in rows]
    assert alone == expected
    backwards = service.rank(take(example.test, rows[::-1]), ignore)
    assert [order.tolist() for order in backwards[::-1]] == expected
    assert any(order != sorted(order) for order in expected)


def test_features_from_tables_that_were_cut_down_are_those_from_whole_ones(example: Example, tmp_path: Path) -> None:
    run = serve(example, tmp_path)
    made, seen = [], {"snapshot": pl.lit(0, pl.Int32), "until": pl.lit(example.snapshots.assigned["until"][0])}
    for row in range(example.test.sessions.height):
        one = take(example.test, [row])
        history = serving.cut_history(run.history, one)
        made.append(build_features(one, 0, 1, one.sessions.select("session", **seen), history, BLOCKS))
    test, assigned = example.test, example.snapshots.assigned
    whole = build_features(test, 0, test.sessions.height, assigned, example.history, BLOCKS)
    frame = pl.concat(made)
    assert frame.columns == whole.columns
    # A frame of one row is divided exactly, a longer one by the reciprocal: the last bit of a lone option may differ.
    several = np.repeat(test.sessions["size"] > 1, test.sessions["size"])
    assert several.sum() > 100
    np.testing.assert_array_equal(to_matrix(frame)[several], to_matrix(whole)[several])
    assert frame["taste_company"].std() > 0  # type: ignore[operator]


def test_only_the_snapshots_own_bookings_are_exported(example: Example) -> None:
    lifts = example.history.lifts
    both = {name: pl.concat([table, table.with_columns(snapshot=pl.lit(1, pl.Int32))]) for name, table in lifts.items()}
    taken = export.take_snapshot(History(both, example.history.preferences), 1)
    for name, table in taken.lifts.items():
        assert table.height == lifts[name].height > 0
        assert table["snapshot"].unique().to_list() == [1]
    assert all(table[serving.KEYS[name]].is_sorted() for name, table in taken.lifts.items())
