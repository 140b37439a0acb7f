"""What is fitted on what, scores in slices, and the measure against a plain loop."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from common.ranking import gbdt
from common.ranking.dataset import RankingDataset, to_matrix
from common.ranking.gbdt import Ranker, score_rows
from competitions.flight.features.booking_history import History
from competitions.flight.features.build import build
from competitions.flight.io.reader import Searches
from competitions.flight.ranking import rankers as ranking
from competitions.flight.ranking.training_data import Labelled
from competitions.flight.split import Views
from tests.unit.flight.flight_world import draw_searches

NO_VIEWS = Views(pl.DataFrame(schema={"session": pl.Int32, "view": pl.Int32}), pl.DataFrame())
Floats = NDArray[np.float64]
Measured = tuple[Floats, NDArray[np.float32], NDArray[np.int32]]


# --- the measure ---


def ranked(*told: tuple[int, int]) -> Measured:
    """Scores, labels and sizes of sessions of (size, rank of the booked option); the booked stands in the middle."""
    scores, labels = [], []
    for size, place in told:
        falling = list(range(size, 0, -1))
        booked = falling.pop(place - 1)
        middle = size // 2
        scores += [*falling[:middle], booked, *falling[middle:]]
        labels += [*[0] * middle, 1, *[0] * (size - middle - 1)]
    return np.array(scores, float), np.array(labels, np.float32), np.array([size for size, _ in told], np.int32)


def test_only_sessions_of_more_than_ten_options_count() -> None:
    found = ranking.measure(*ranked((10, 1), (11, 2), (11, 4), (3, 1), (1, 1)))
    assert found["sessions"] == 2
    assert [found[f"hit_rate@{k}"] for k in (1, 3, 5, 10)] == [0, 0.5, 1, 1]
    assert found["error"] == pytest.approx((0.5 * 0.5 / 2) ** 0.5)


@pytest.mark.parametrize("k", [1, 3, 5, 10])
def test_the_last_rank_that_hits_is_the_cutoff_itself(k: int) -> None:
    found = ranking.measure(*ranked((40, k), (40, k + 1)))
    assert found[f"hit_rate@{k}"] == 0.5


def test_hit_rates_by_group_size_reach_from_edge_to_edge() -> None:
    sizes = (10, 11, 27, 28, 160, 161, 900)
    for right in sizes:
        found = ranking.measure(*ranked(*((size, 3 if size == right else 4) for size in sizes)))
        bands = {name: found[f"hit_rate@3[{name}]"] for name in ("11-27", "28-160", "161+")}
        own = {11: "11-27", 27: "11-27", 28: "28-160", 160: "28-160", 161: "161+", 900: "161+"}.get(right)
        assert bands == {name: 0.5 if name == own else 0 for name in bands}


def test_a_tie_counts_against_the_booked_option() -> None:
    scores, labels, sizes = np.zeros(12), np.zeros(12, np.float32), np.array([12], np.int32)
    labels[0] = 1
    assert ranking.measure(scores, labels, sizes)["hit_rate@10"] == 0
    scores[:3] = 1
    found = ranking.measure(scores, labels, sizes)
    assert (found["hit_rate@1"], found["hit_rate@3"]) == (0, 1)


def test_nothing_to_score_is_told_as_nothing() -> None:
    found = ranking.measure(*ranked((10, 1)))
    assert set(found.values()) == {0}


@pytest.mark.parametrize("seed", range(3))
def test_the_measure_is_that_of_a_plain_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.choice([1, 9, 10, 11, 12, 27, 28, 60, 160, 161, 170], 40).astype(np.int32)
    scores = rng.integers(0, 30, sizes.sum()).astype(float)
    labels = np.zeros(len(scores), np.float32)
    ranks, start = [], 0
    for size in sizes:
        booked = start + int(rng.integers(size))
        scores[booked] += rng.integers(0, 25)
        labels[booked] = 1
        ranks.append(sum(score >= scores[booked] for score in scores[start : start + size]))
        start += size
    found = ranking.measure(scores, labels, sizes)

    def share(k: int, low: int, high: float) -> float:
        own = [place <= k for size, place in zip(sizes, ranks, strict=True) if low <= size <= high]
        return sum(own) / len(own) if own else 0.0

    for k in (1, 3, 5, 10):
        assert found[f"hit_rate@{k}"] == pytest.approx(share(k, 11, 1e9))
    for name, (low, high) in {"11-27": (11, 27), "28-160": (28, 160), "161+": (161, 1e9)}.items():
        assert found[f"hit_rate@3[{name}]"] == pytest.approx(share(3, low, high))
    assert found["sessions"] == (sizes > 10).sum()


def test_every_column_is_measured_by_itself() -> None:
    scores, labels, sizes = ranked((12, 1), (12, 5))
    rows = RankingDataset(("a",), np.zeros((24, 1), np.float32), labels, sizes)
    labelled = Labelled(rows, rows, rows, np.zeros(24, np.uint64))
    found = ranking.measure_valid(labelled, np.column_stack([scores, -scores]))
    assert found == [ranking.measure(scores, labels, sizes), ranking.measure(-scores, labels, sizes)]
    assert found[0] != found[1]


# --- fits ---


def rows_of(*names: str, height: int = 4) -> RankingDataset:
    matrix = np.arange(height * len(names), dtype=np.float32).reshape(height, len(names))
    return RankingDataset(names, matrix, np.zeros(height, np.float32), np.array([height], np.int32))


def test_a_fit_is_stopped_by_the_stop_rows_and_refitted_on_both_for_its_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []

    def fit(
        kind: str, parameters: Any, train: RankingDataset, valid: RankingDataset | None, *limits: int, cutoff: int
    ) -> Ranker:
        asked.append((kind, parameters, train, valid, *limits, cutoff))
        return Ranker(kind, None, 17, {})

    monkeypatch.setattr(ranking, "fit", fit)
    names = ("option_a", "pair_a")
    labelled = Labelled(rows_of(*names), rows_of(*names, height=2), rows_of(*names, height=9), np.zeros(9, np.uint64))
    early = ranking.fit_early(labelled, "logit", {"l2": 1.0}, ["pair"], 400, 40, 5)
    ranking.refit(labelled, early, {"l2": 1.0}, ["pair"], 6)
    kind, parameters, train, valid, *rest = asked[0]
    assert (kind, parameters, train.names, valid.names, rest) == (
        "logit",
        {"l2": 1.0},
        names[1:],
        names[1:],
        [400, 40, 5, 3],
    )
    assert (len(train.labels), len(valid.labels)) == (4, 2)
    kind, parameters, both, nobody, *rest = asked[1]
    assert (kind, parameters, both.names, nobody, rest) == ("logit", {"l2": 1.0}, names[1:], None, [17, 0, 6, 3])
    assert both.group_sizes.tolist() == [4, 2]


def test_without_patience_nothing_stops_a_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[RankingDataset | None] = []

    def fit(
        kind: str, parameters: Any, train: RankingDataset, valid: RankingDataset | None, *_: int, cutoff: int
    ) -> Ranker:
        held.append(valid)
        return Ranker(kind, None, 1, {})

    monkeypatch.setattr(ranking, "fit", fit)
    rows = rows_of("option_a")
    for patience in (0, 1):
        ranking.fit_early(Labelled(rows, rows, rows, np.zeros(4, np.uint64)), "logit", {}, ["option"], 9, patience, 0)
    assert held == [None, rows]


# --- scores ---


@pytest.fixture
def adding(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ranker's score weighs its own features by their place; nobody may get another's columns."""

    def predict(ranker: Ranker, features: NDArray[np.float32]) -> Floats:
        assert features.shape[1] == len(ranker.gain)
        weights = np.arange(len(ranker.gain), 0, -1) ** 2
        return np.asarray(np.nan_to_num(features).astype(np.float64) @ weights)

    monkeypatch.setattr(gbdt, "predict", predict)


def ranker(names: Sequence[str]) -> Ranker:
    return Ranker("logit", None, 1, dict.fromkeys(names, 0.0))


@pytest.mark.usefixtures("adding")
def test_validation_scores_are_the_same_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    valid = rows_of("option_a", "pair_a", height=7)
    labelled = Labelled(rows_of("x"), rows_of("x"), valid, np.zeros(7, np.uint64))
    fitted = [ranker(valid.names), ranker(["pair_a"])]
    expected = score_rows(valid.names, valid.features, fitted)
    for rows in (3, 7, 100):
        monkeypatch.setattr(ranking, "SLICE_ROWS", rows)
        assert ranking.score_valid(labelled, fitted).tolist() == expected.tolist()


@pytest.mark.usefixtures("adding")
def test_test_scores_are_those_of_all_options_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    searches: Searches = draw_searches(3, count=20)
    frame = build(searches, 0, 20, NO_VIEWS.served, History({}, {}, {}), ["option", "within"])
    fitted = [ranker(frame.columns), ranker(["within_price_rank"])]
    expected = score_rows(frame.columns, to_matrix(frame), fitted)
    for rows in (12, 100_000):
        monkeypatch.setattr(ranking, "SLICE_ROWS", rows)
        found = ranking.score_test(searches, NO_VIEWS, History({}, {}, {}), fitted, ["option", "within"])
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-5)
