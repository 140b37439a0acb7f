"""From searches to labelled rows: which sessions, which options, which labels; what each of them has seen."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from common.engine.errors import UserError
from common.learning.dataset import RankingDataset, to_matrix
from common.time_units import DAY_MS
from competitions.flight.config import SampleSettings
from competitions.flight.features.booking_history import LOOK_BACK, collect_bookings
from competitions.flight.features.build import build_features
from competitions.flight.io.reader import Searches
from competitions.flight.plan import MARGIN
from competitions.flight.ranking import training_data
from competitions.flight.ranking.training_data import (
    TrainingData,
    build_histories,
    build_training_data,
    cap_sessions,
    hide_values,
    mark_options,
)
from competitions.flight.split import Split, split_by_time, split_folds
from tests.unit.flight.flight_world import NO_HISTORY, START, draw_searches, make_searches, option, search

BLOCKS = ("core", "pair")


def sample(negatives: int = 50, rows: int = 1_000_000, missing: float = 0.0) -> SampleSettings:
    return SampleSettings(negatives=negatives, rows=rows, missing_share=missing)


def cut_days(searches: Searches, *days: float) -> Split:
    """A fold for each of these days after the start, in weeks."""
    cuts = [START + round(day * DAY_MS) for day in days]
    return split_by_time(searches.sessions, np.array([0]), cuts, 7, "the last days", 0)


# --- which sessions, which options ---


@pytest.mark.parametrize(
    ("rows", "kept"),
    [(1_000, (1, 1, 1, 1)), (15, (1, 1, 1, 1)), (12, (1, 0, 1, 1)), (8, (1, 0, 0, 1)), (4, (0, 0, 0, 1))],
)
def test_where_rows_are_capped_the_latest_sessions_are_taken(rows: int, kept: tuple[int, ...]) -> None:
    """Days 2, 0, 1, 3 with 4, 3, 4 and 4 rows to draw; one-option sessions and those that do not learn cost nothing."""
    cases = [(5, 2.0), (3, 0.0), (4, 1.0), (9, 3.0), (1, 1.5), (90, 1.5)]
    sessions = make_searches(*(search(*[option()] * size, day=day) for size, day in cases)).sessions
    learns = np.array([True] * 5 + [False])
    assert cap_sessions(sessions, learns, sample(negatives=3, rows=rows)).tolist() == [*map(bool, kept), False, False]


def test_the_booked_option_is_always_drawn_and_the_others_evenly_and_anew_in_each_session() -> None:
    count = 3_000
    searches = make_searches(*[search(*[option()] * 6, booked=2)] * count, search(option(), option(), booked=1))
    marked = mark_options(searches.options, searches.sessions, 2, np.random.default_rng(1))
    assert marked.columns == ["session", "label", "drawn"]
    assert marked["label"].to_list() == [0, 0, 1, 0, 0, 0] * count + [0, 1]
    assert marked["drawn"].to_list()[-2:] == [True, True]  # there is only one other
    drawn = marked["drawn"].to_numpy()[:-2].reshape(count, 6)
    share, error = drawn.mean(axis=0), (0.4 * 0.6 / count) ** 0.5
    assert share[2] == 1
    assert np.abs(np.delete(share, 2) - 0.4).max() < 4 * error
    pairs = np.unique(drawn, axis=0, return_counts=True)[1]
    assert len(pairs) == 10  # every pair of five
    assert pairs.min() > count / 10 * 0.7


def test_a_share_of_every_feature_is_hidden_and_nothing_else_nor_what_scores_start_from() -> None:
    matrix = np.arange(12_000, dtype=np.float32).reshape(4_000, 3)

    def hide(share: float) -> RankingDataset:
        rows = RankingDataset(
            ("a", "b", MARGIN), matrix.copy(), np.ones(4_000, np.float32), np.array([4_000], np.int32)
        )
        return hide_values(rows, share, np.random.default_rng(0))

    hidden = hide(0.3)
    gone = np.isnan(hidden.features)
    assert gone.mean(axis=0) == pytest.approx([0.3, 0.3, 0], abs=0.03)
    assert abs((gone[:, 0] & gone[:, 1]).mean() - 0.09) < 0.02  # single values, not whole rows
    assert (hidden.features[~gone] == matrix[~gone]).all()
    assert hidden.labels.all()
    assert not np.isnan(hide(0.0).features).any()


# --- all of it, by time ---


@pytest.fixture(scope="module")
def searches() -> Searches:
    return draw_searches(7, count=40, longest=16)


@pytest.fixture(scope="module")
def split(searches: Searches) -> Split:
    return cut_days(searches, 14, 20)


@pytest.fixture(scope="module")
def dealt(searches: Searches) -> Split:
    return split_folds(searches.sessions, 3, 2, 0)


def gather(searches: Searches, split: Split, **settings: Any) -> TrainingData:
    """The rows without a history."""
    return build_training_data(searches, split, (NO_HISTORY,) * (1 + len(split.folds)), BLOCKS, sample(**settings), 0)


def gather_past(searches: Searches, split: Split) -> TrainingData:
    """The rows with what each session may look back on."""
    histories = build_histories(collect_bookings(searches), split, LOOK_BACK)
    return build_training_data(searches, split, histories, ("core", *LOOK_BACK), sample(), 0)


def pick(searches: Searches, role: pl.Expr, roles: pl.DataFrame, over: int) -> pl.Series:
    """The options of the sessions of a role with more than ``over`` options."""
    known = searches.sessions.join(roles, on="session").filter(role & (pl.col("size") > over))
    return searches.options["session"].is_in(known["session"].implode())


def check_rows(searches: Searches, rows: RankingDataset, chosen: pl.Series, whole: NDArray[np.float32]) -> None:
    """The rows are those options, in the file's order, with their features and labels."""
    assert chosen.any()
    np.testing.assert_array_equal(rows.features, whole[chosen.to_numpy()])
    options = searches.options.join(searches.sessions, on="session", how="left", maintain_order="left")
    position = pl.int_range(pl.len(), dtype=pl.Int32).over("session")
    booked = options.select((position == pl.col("booked")).fill_null(False)).to_series()
    assert (rows.labels == booked.filter(chosen).to_numpy()).all()
    sizes = searches.options.filter(chosen).group_by("session", maintain_order=True).len()["len"]
    assert rows.group_sizes.tolist() == sizes.to_list()
    assert (rows.group_sizes.dtype, rows.labels.dtype) == (np.int32, np.float32)
    assert len(rows.names) == rows.features.shape[1]


IS_TRAIN, IS_VALID = pl.col("role") == "train", pl.col("role") == "valid"
LEARNS = pl.col("booked").is_not_null()


@pytest.mark.parametrize("slice_rows", [200_000, 20])
def test_with_room_for_all_every_row_stands_in_the_files_order(
    searches: Searches, split: Split, slice_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_data, "SLICE_ROWS", slice_rows)
    data = gather(searches, split)
    whole = to_matrix(build_features(searches, 0, searches.sessions.height, NO_HISTORY, BLOCKS))
    everyone = pick(searches, LEARNS, split.folds[0].roles, 1)
    check_rows(searches, data.final, everyone, whole)
    assert data.sessions.tolist() == searches.options.filter(everyone)["session"].unique().sort().to_list()
    assert data.final.names[0].startswith("core_")
    for fold, rows in zip(split.folds, data.folds, strict=True):
        check_rows(searches, rows.train, pick(searches, IS_TRAIN, fold.roles, 1), whole)
        judged = pick(searches, IS_VALID, fold.roles, 0)
        check_rows(searches, rows.valid, judged, whole)
        assert rows.sessions.tolist() == searches.options.filter(judged)["session"].unique().sort().to_list()


def list_learned(data: TrainingData) -> list[RankingDataset]:
    """The training rows of the final fit and of every fold."""
    return [data.final, *(fold.train for fold in data.folds)]


@pytest.mark.parametrize("way", ["split", "dealt"])
def test_training_rows_are_drawn_and_lose_values_and_validation_rows_never(
    searches: Searches, way: str, request: pytest.FixtureRequest
) -> None:
    made: Split = request.getfixturevalue(way)
    every, few, holed = (gather(searches, made, **own) for own in ({}, {"negatives": 4}, {"missing": 0.5}))
    for drawn, left, whole in zip(*map(list_learned, (few, holed, every)), strict=True):
        assert drawn.group_sizes.tolist() == np.minimum(whole.group_sizes, 5).tolist()
        ends = np.cumsum(drawn.group_sizes)
        assert np.add.reduceat(drawn.labels, ends - drawn.group_sizes).tolist() == [1] * len(ends)
        known = ~np.isnan(whole.features)
        assert 0.4 < (np.isnan(left.features) & known).sum() / known.sum() < 0.6
    for other in (few, holed):
        np.testing.assert_array_equal(other.valid.features, every.valid.features)
        assert other.group_sizes.tolist() == other.valid.group_sizes.tolist() == every.group_sizes.tolist()
        assert other.labels.tolist() == other.valid.labels.tolist()
    for fold, roles in zip(every.folds, made.folds, strict=True):
        assert set(roles.roles["role"].gather(fold.learned)) == {"train"}
        assert len(fold.learned) == len(fold.train.group_sizes)


@pytest.mark.parametrize(
    ("sizes", "cuts", "rows"),
    [((1, 1), [1], 100), ((1, 11), [1], 100), ((1, 11, 12), [1, 2], 100), ((5, 5, 5), [1], 4), ((5,) * 3, [1], 10)],
)
def test_a_fold_without_a_choice_to_learn_from_is_refused(sizes: tuple[int, ...], cuts: list[int], rows: int) -> None:
    """Because its training sessions have one option each, or because the row cap leaves later sessions only."""
    searches = make_searches(*(search(*[option()] * size, day=day) for day, size in enumerate(sizes)))
    with pytest.raises(UserError, match=r"\(the last days\) leaves no train session"):
        gather(searches, cut_days(searches, *cuts), rows=rows)


# --- all of it, cross-fitted ---


def list_parts(data: TrainingData, split: Split, searches: Searches) -> list[tuple[RankingDataset, NDArray[np.int64]]]:
    """All rows of a split, with the session of each."""
    large = searches.sessions.filter(pl.col("size") > 1)["session"].implode()
    parts = [(data.final, data.sessions)]
    for fold, rows in zip(split.folds, data.folds, strict=True):
        train = fold.roles.filter(IS_TRAIN & pl.col("session").is_in(large))["session"].to_numpy().astype(np.int64)
        np.testing.assert_array_equal(rows.learned, train)
        parts += [(rows.train, train), (rows.valid, rows.sessions)]
    return [(rows, np.repeat(sessions, rows.group_sizes)) for rows, sessions in parts]


def test_what_a_session_booked_is_in_no_feature_of_its_own(searches: Searches, dealt: Split) -> None:
    """Neither where it trains nor where it validates; in the features of others it is."""
    large = searches.sessions.filter(LEARNS & (pl.col("size") > 2))["session"]
    session = int(large[9 % len(large)])
    next_one = ((pl.col("booked") + 1) % pl.col("size")).cast(pl.Int32)
    rebooked = pl.when(pl.col("session") == session).then(next_one).otherwise("booked")
    changed = Searches(searches.sessions.with_columns(booked=rebooked), searches.options)
    one, other = (list_parts(gather_past(each, dealt), dealt, each) for each in (searches, changed))
    present, moved = 0, 0
    for (rows, owner), (again, _) in zip(one, other, strict=True):
        own = owner == session
        np.testing.assert_array_equal(rows.features[own], again.features[own])
        np.testing.assert_array_equal(rows.labels[~own], again.labels[~own])
        assert (rows.labels[own] != again.labels[own]).sum() == 2 * own.any()
        present += own.any()
        moved += not np.array_equal(rows.features[~own], again.features[~own], equal_nan=True)
    assert present == 1 + 6  # in the final fit, and in each of the six folds either as training or to be judged
    assert moved == 1 + 4 * 2  # in the final fit, and in all rows of the four folds that learn from it
