"""From searches to labelled rows: which sessions, which options, which labels; drawn evenly, hidden evenly."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from common.errors import UserError
from common.ranking.dataset import RankingDataset, to_matrix
from competitions.flight.config import SampleSettings
from competitions.flight.features.booking_history import History
from competitions.flight.features.build import build_features
from competitions.flight.features.option_attributes import mark_flights
from competitions.flight.io.reader import Searches
from competitions.flight.ranking import training_data
from competitions.flight.ranking.training_data import (
    TrainingData,
    build_training_data,
    hide_values,
    mark_options,
    plan_sessions,
)
from competitions.flight.split import DAY_MS, Snapshots, Split, split_by_time
from tests.unit.flight.flight_world import START, draw_searches, make_searches, option, search

BLOCKS = ("option", "within")
NO_SNAPSHOTS = Snapshots(
    pl.DataFrame(schema={"session": pl.Int32, "snapshot": pl.Int32}),
    pl.DataFrame(schema={"snapshot": pl.Int32, "session": pl.Int32}),
)
NO_HISTORY = History({}, {}, {})


def sample(negatives: int = 50, rows: int = 1_000_000, missing: float = 0.0) -> SampleSettings:
    return SampleSettings(negatives=negatives, rows=rows, missing_share=missing)


def sized(*cases: tuple[int, float, str]) -> tuple[pl.DataFrame, Split]:
    """Sessions of (size, day, role)."""
    searches = make_searches(*(search(*[option()] * size, day=day) for size, day, _ in cases))
    roles = pl.DataFrame({"session": range(len(cases)), "role": [role for *_, role in cases]}).cast(
        {"session": pl.Int32}
    )
    return searches.sessions, Split("x", roles, NO_SNAPSHOTS)


def plan(*cases: tuple[int, float, str], **settings: int) -> list[str]:
    sessions, split = sized(*cases)
    planned = plan_sessions(sessions, split, sample(**settings))
    assert planned["session"].to_list() == list(range(len(cases)))
    assert planned["size"].to_list() == [size for size, *_ in cases]
    return planned["role"].to_list()


# --- the plan ---


def test_one_option_is_nothing_to_learn_from_but_may_validate() -> None:
    cases = [(1, 0.0, "train"), (2, 1.0, "train"), (1, 2.0, "valid"), (3, 0.0, "unused")]
    assert plan(*cases) == ["unused", "train", "valid", "unused"]


@pytest.mark.parametrize(
    ("rows", "kept"),
    [(1_000, (1, 1, 1, 1)), (15, (1, 1, 1, 1)), (12, (1, 0, 1, 1)), (8, (1, 0, 0, 1)), (4, (0, 0, 0, 1))],
)
def test_where_rows_are_capped_the_latest_sessions_are_taken(rows: int, kept: tuple[int, ...]) -> None:
    """Days 2, 0, 1, 3 with 4, 3, 4 and 4 rows to draw; validation and one-option sessions cost nothing."""
    cases = [(5, 2.0, "train"), (3, 0.0, "train"), (4, 1.0, "train"), (9, 3.0, "train")]
    others = [(90, 1.5, "valid"), (1, 1.5, "train"), (80, 1.5, "unused")]
    roles = plan(*cases, *others, negatives=3, rows=rows)
    assert [int(role == "train") for role in roles[:4]] == list(kept)
    assert roles[4:] == ["valid", "unused", "unused"]


def test_of_sessions_at_one_time_the_last_in_the_file_is_taken() -> None:
    assert plan((4, 0, "train"), (4, 0, "train"), (4, 0, "train"), rows=8) == ["unused", "train", "train"]


# --- the draw ---


def roles_of(searches: Searches, role: str = "train") -> pl.DataFrame:
    return searches.sessions.select("session", "size", "booked", role=pl.lit(role))


def test_the_booked_option_is_always_drawn_with_so_many_others_at_most() -> None:
    searches = make_searches(*(search(*[option()] * size, booked=size - 1) for size in (1, 2, 3, 4, 9) * 20))
    marked = mark_options(searches.options, roles_of(searches), 3, np.random.default_rng(0))
    assert marked.columns == ["session", "role", "size", "label", "drawn"]
    per_session = marked.group_by("session", maintain_order=True).agg(
        pl.col("drawn").sum(), booked=(pl.col("label") * pl.col("drawn")).sum(), labels=pl.col("label").sum()
    )
    assert per_session["drawn"].to_list() == [1, 2, 3, 4, 4] * 20
    assert per_session["booked"].to_list() == per_session["labels"].to_list() == [1] * 100


def test_the_label_stands_at_the_position_that_was_booked() -> None:
    searches = make_searches(*(search(*[option()] * 3, booked=booked) for booked in (2, 0, None)))
    marked = mark_options(searches.options, roles_of(searches), 50, np.random.default_rng(0))
    assert marked["label"].to_list() == [0, 0, 1, 1, 0, 0, 0, 0, 0]
    assert marked.schema["label"] == pl.Float32
    assert marked["drawn"].all()


def test_the_others_are_drawn_evenly_and_anew_in_each_session() -> None:
    count = 3_000
    searches = make_searches(*[search(*[option()] * 6, booked=2)] * count)
    marked = mark_options(searches.options, roles_of(searches), 2, np.random.default_rng(1))
    drawn = marked["drawn"].to_numpy().reshape(count, 6)
    share, error = drawn.mean(axis=0), (0.4 * 0.6 / count) ** 0.5
    assert share[2] == 1
    assert np.abs(np.delete(share, 2) - 0.4).max() < 4 * error
    pairs = np.unique(drawn, axis=0, return_counts=True)[1]
    assert len(pairs) == 10  # every pair of five
    assert pairs.min() > count / 10 * 0.7


# --- hiding ---


def test_a_share_of_every_feature_is_hidden_and_nothing_else() -> None:
    matrix = np.arange(8_000, dtype=np.float32).reshape(4_000, 2)
    rows = RankingDataset(("a", "b"), matrix.copy(), np.ones(4_000, np.float32), np.array([4_000], np.int32))
    hidden = hide_values(rows, 0.3, np.random.default_rng(0))
    gone = np.isnan(hidden.features)
    assert np.abs(gone.mean(axis=0) - 0.3).max() < 0.03
    assert abs((gone[:, 0] & gone[:, 1]).mean() - 0.09) < 0.02  # one by one, not whole rows
    assert (hidden.features[~gone] == matrix[~gone]).all()
    assert hidden.labels.all()
    assert not np.isnan(hide_values(rows_of(matrix), 0.0, np.random.default_rng(0)).features).any()


def rows_of(matrix: NDArray[np.float32]) -> RankingDataset:
    return RankingDataset(
        ("a", "b"), matrix.copy(), np.ones(len(matrix), np.float32), np.array([len(matrix)], np.int32)
    )


# --- all of it ---


@pytest.fixture(scope="module")
def searches() -> Searches:
    return draw_searches(7, count=40, longest=16)


@pytest.fixture(scope="module")
def split(searches: Searches) -> Split:
    return split_by_time(searches.sessions, START + 14 * DAY_MS, 7, "x")


def gathered(searches: Searches, split: Split, seed: int = 0, **settings: Any) -> TrainingData:
    return build_training_data(searches, split, NO_HISTORY, BLOCKS, sample(**settings), seed)


def matrix(searches: Searches, blocks: Sequence[str] = BLOCKS) -> NDArray[np.float32]:
    frame = build_features(searches, 0, searches.sessions.height, NO_SNAPSHOTS.assigned, NO_HISTORY, blocks)
    return to_matrix(frame)


def booked_rows(searches: Searches) -> NDArray[np.bool_]:
    options = searches.options.join(searches.sessions, on="session", how="left", maintain_order="left")
    position = pl.int_range(pl.len(), dtype=pl.Int32).over("session")
    return options.select((position == pl.col("booked")).fill_null(False)).to_series().to_numpy()


def pick(searches: Searches, split: Split, role: str, over: int) -> pl.Series:
    """The options of the sessions of a role with more than ``over`` options."""
    roles = searches.sessions.join(split.roles, on="session").filter((pl.col("role") == role) & (pl.col("size") > over))
    return searches.options["session"].is_in(roles["session"].implode())


@pytest.mark.parametrize("slice_rows", [200_000, 20])
def test_with_room_for_all_every_row_stands_in_the_files_order(
    searches: Searches, split: Split, slice_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_data, "SLICE_ROWS", slice_rows)
    labelled = gathered(searches, split)
    whole, labels = matrix(searches), booked_rows(searches)
    for rows, role, over in ((labelled.train, "train", 1), (labelled.stop, "valid", 10), (labelled.valid, "valid", 0)):
        chosen = pick(searches, split, role, over)
        assert chosen.any()
        np.testing.assert_array_equal(rows.features, whole[chosen.to_numpy()])
        assert (rows.labels == labels[chosen.to_numpy()]).all()
        sizes = searches.options.filter(chosen).group_by("session", maintain_order=True).len()["len"]
        assert rows.group_sizes.tolist() == sizes.to_list()
        assert (rows.group_sizes.dtype, rows.labels.dtype) == (np.int32, np.float32)
        assert rows.names[0].startswith("option_")
        assert len(rows.names) == rows.features.shape[1]
    marks = mark_flights(searches.options).filter(pick(searches, split, "valid", 0))
    assert labelled.flights.tolist() == marks.to_list()


def test_negatives_are_drawn_for_training_and_stopping_but_never_for_validation(
    searches: Searches, split: Split
) -> None:
    few = gathered(searches, split, negatives=4)
    all_of_them = gathered(searches, split)
    assert few.train.group_sizes.tolist() == np.minimum(all_of_them.train.group_sizes, 5).tolist()
    assert few.stop.group_sizes.tolist() == [5] * len(all_of_them.stop.group_sizes)
    np.testing.assert_array_equal(few.valid.features, all_of_them.valid.features)
    for rows in (few.train, few.stop, few.valid):
        ends = np.cumsum(rows.group_sizes)
        assert np.add.reduceat(rows.labels, ends - rows.group_sizes).tolist() == [1] * len(ends)


def test_a_session_is_large_by_all_of_its_options_not_by_those_drawn() -> None:
    late = [search(*[option()] * size, day=9) for size in (10, 11)]
    searches = make_searches(search(), *late)
    split = split_by_time(searches.sessions, START + 5 * DAY_MS, 7, "x")
    labelled = gathered(searches, split, negatives=2)
    assert labelled.stop.group_sizes.tolist() == [3]
    assert labelled.valid.group_sizes.tolist() == [10, 11]


def test_only_training_rows_lose_values(searches: Searches, split: Split) -> None:
    plain, holed = gathered(searches, split), gathered(searches, split, missing=0.5)
    for name in ("stop", "valid"):
        np.testing.assert_array_equal(getattr(plain, name).features, getattr(holed, name).features)
    gone = np.isnan(holed.train.features) & ~np.isnan(plain.train.features)
    assert 0.4 < gone.sum() / (~np.isnan(plain.train.features)).sum() < 0.6


def test_the_row_cap_reaches_the_rows(searches: Searches, split: Split) -> None:
    few = gathered(searches, split, rows=30)
    assert 0 < few.train.group_sizes.sum() < 30 + 16 < gathered(searches, split).train.group_sizes.sum()
    assert few.valid.group_sizes.sum() == gathered(searches, split).valid.group_sizes.sum()


def test_the_draw_follows_the_seed(searches: Searches, split: Split) -> None:
    one, again, other = (gathered(searches, split, seed, negatives=2).train.features for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other, equal_nan=True)


@pytest.mark.parametrize(
    ("sizes", "left"),
    [((2, 10), "valid session of more than 10 options"), ((1, 11), "train session of more than 1")],
)
def test_nothing_to_learn_from_or_to_stop_by_is_refused(sizes: tuple[int, int], left: str) -> None:
    searches = make_searches(*(search(*[option()] * size, day=day) for day, size in enumerate(sizes)))
    split = split_by_time(searches.sessions, START + DAY_MS, 7, "the last days")
    with pytest.raises(UserError, match=rf"\(the last days\) leaves no {left}"):
        gathered(searches, split)
