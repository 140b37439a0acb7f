"""Item-to-item tables against loops over dictionaries, and formulas by hand."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from common.learning.cooccurrence import HOUR_MS, count_covisits, count_transitions
from common.retrieval.settings import CovisitSettings

Click = tuple[int, int, int]  # user, item, time in ms
Weights = dict[tuple[int, int], float]
CLICKS = {"user": pl.Int32, "item": pl.Int32, "time": pl.Int64}
TABLE = {"item": pl.Int32, "neighbour": pl.Int32, "weight": pl.Float32}
START = 1_507_000_000_000


def frame(rows: Iterable[tuple[float, ...]], schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def random_log(seed: int, users: int = 60, items: int = 15, hours: int = 48) -> list[Click]:
    """Some hundred clicks, unique, with repeats of an item and with ties in time."""
    rng = np.random.default_rng(seed)
    rows = {
        (user, int(rng.integers(items)) + 100, START + int(rng.integers(hours * 4)) * HOUR_MS // 4)
        for user in range(users)
        for _ in range(rng.integers(1, 13))
    }
    return sorted(rows, key=lambda row: hash(row) % 1009)  # in no order


def by_user(rows: Iterable[Click]) -> dict[int, list[tuple[int, int]]]:
    logs = defaultdict(list)
    for user, item, time in sorted(rows, key=lambda row: (row[0], row[2], row[1])):
        logs[user].append((item, time))
    return logs


def weights_of(table: pl.DataFrame) -> Weights:
    assert dict(table.schema) == TABLE
    assert not table.select("item", "neighbour").is_duplicated().any()
    return {(item, neighbour): weight for item, neighbour, weight in table.rows()}


Settings = dict[str, float]
PLAIN: Settings = {"forward": 1.0, "reverse": 1.0, "decay": 1.0, "half_life_hours": 1e9, "power": 0.0}


def covisits(rows: Iterable[Click], reach: int, top: int = 1000, **changes: float) -> pl.DataFrame:
    return count_covisits(frame(rows, CLICKS), CovisitSettings(reach=reach, top=top, **{**PLAIN, **changes}))


def covisits_by_loop(rows: list[Click], reach: int, settings: Settings) -> Weights:
    count = Counter(item for _, item, _ in rows)
    weights: Weights = defaultdict(float)
    for log in by_user(rows).values():
        for index, (item, time) in enumerate(log):
            for gap, (other, later) in enumerate(log[index + 1 : index + 1 + reach], 1):
                if item != other:
                    wait = (later - time) / HOUR_MS / settings["half_life_hours"]
                    weight = settings["decay"] ** (gap - 1) * 0.5**wait / math.log(1 + len(log))
                    weights[item, other] += settings["forward"] * weight
                    weights[other, item] += settings["reverse"] * weight
    return {pair: weight / (count[pair[0]] * count[pair[1]]) ** settings["power"] for pair, weight in weights.items()}


@pytest.mark.parametrize(
    ("reach", "changes"),
    [
        (1, {}),
        (3, {"forward": 0.25, "reverse": 1.0}),
        (30, {"forward": 1.0, "reverse": 0.7, "decay": 0.9, "half_life_hours": 10.0, "power": 0.25}),
    ],
)
def test_covisits_agree_with_a_dictionary_loop(reach: int, changes: Settings) -> None:
    rows = random_log(reach)
    table = covisits(rows, reach, **changes)
    best_first = ["item", "weight", "neighbour"]
    assert_frame_equal(table, table.sort(best_first, descending=[False, True, False]))
    assert weights_of(table) == pytest.approx(covisits_by_loop(rows, reach, PLAIN | changes), rel=1e-5, abs=1e-7)


def test_covisits_are_the_same_bits_in_whatever_order_the_log_comes() -> None:
    log, changes = random_log(5, users=300), {"decay": 0.9, "half_life_hours": 3.0, "power": 0.25}
    for seed in range(3):
        again = np.random.default_rng(seed).permutation(log).tolist()
        assert_frame_equal(covisits(log, 6, 9, **changes), covisits(again, 6, 9, **changes), check_exact=True)


STEPS = [
    *[(1, 1, 0), (1, 2, 30_000), (1, 3, 60_001), (1, 3, 90_001), (1, 4, 120_001)],
    *[(2, 1, 150_001), (2, 2, 150_002)],
]


@pytest.mark.parametrize(
    ("power", "gap_ms", "expected"),
    [
        (0.0, None, {(1, 2): 2, (2, 3): 1, (3, 4): 1}),
        (0.0, 30_000, {(1, 2): 1, (3, 4): 1}),
        (0.0, 30_001, {(2, 3): 1}),
        (1.0, 30_000, {(1, 2): 1 / 4, (3, 4): 1 / 2}),
    ],
)
def test_transitions_are_steps_of_one_user_to_another_item(power: float, gap_ms: int | None, expected: Weights) -> None:
    log = frame(STEPS[::-1], CLICKS)
    table = count_transitions(log, power=power, top=100, gap_ms=gap_ms)
    assert weights_of(table) == pytest.approx(expected, rel=1e-5)
