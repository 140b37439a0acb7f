"""Rates by level and affinities against loops over the rows."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from common.features.affinity import measure_affinity
from common.features.in_list import compare_in_list
from common.features.rates import encode_rates
from common.features.windows import count_windows
from common.time_units import HOUR_MS

LEVELS = {"kind": ["kind"], "item": ["kind", "item"]}
PRIOR = 3.0


def make_log(rows: int = 200, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    item = rng.integers(0, 12, rows)
    frame = {"item": item, "kind": item % 3, "day": rng.integers(0, 6, rows), "click": rng.random(rows) < 0.3}
    some = pl.int_range(pl.len()) % 9 == 4
    return pl.DataFrame(frame).with_columns(item=pl.when(~some).then("item"), click=pl.col("click").cast(pl.Int8))


@pytest.mark.parametrize("before", [None, "day"])
def test_rates_are_drawn_to_the_level_above_and_know_earlier_rows_alone(before: str | None) -> None:
    log, rows = make_log(), make_log(60, seed=1).vstack(make_log(3).with_columns(kind=pl.lit(99, pl.Int64)))
    encoded = encode_rates(rows, log, LEVELS, "click", PRIOR, before)
    expected = []
    for row in rows.to_dicts():
        past = [each for each in log.to_dicts() if before is None or each["day"] < row["day"]]
        rate, line = sum(each["click"] for each in past) / max(len(past), 1), list[float]()
        for keys in LEVELS.values():
            same = [each for each in past if all(row[key] is not None and each[key] == row[key] for key in keys)]
            rate = (sum(each["click"] for each in same) + PRIOR * rate) / (len(same) + PRIOR)
            line += [rate, len(same)]
        expected.append(line)
    np.testing.assert_allclose(encoded.to_numpy(), expected, rtol=1e-9)
    assert encoded.columns == ["kind_rate", "kind_trials", "item_rate", "item_trials"]


def test_the_order_of_the_log_makes_no_difference_and_a_log_without_rows_says_nothing() -> None:
    log = make_log()
    mixed = encode_rates(log, log.sample(fraction=1, shuffle=True, seed=1), LEVELS, "click", PRIOR, "day")
    assert_frame_equal(mixed, encode_rates(log, log, LEVELS, "click", PRIOR, "day"), check_exact=True)
    nothing = encode_rates(log, log.clear(), LEVELS, "click", PRIOR, "day")
    assert nothing.height == log.height
    assert (nothing.to_numpy() == 0).all()


def test_the_affinity_of_a_user_is_that_share_of_the_past() -> None:
    rng = np.random.default_rng(0)
    items = pl.DataFrame(
        {
            "item": range(9),
            "kind": [0, 1, 2, 0, 1, 2, None, 0, 1],
            "tags": [[0], [0, 1], [2], [], [1, 2], [0], [1], None, [2, 2]],
        }
    )
    seen = pl.DataFrame(
        {"query": [0] * 5 + [1] * 3, "item": [0, 1, 4, 6, 1, 2, 7, 3], "back": [4, 3, 2, 1, 0, 2, 1, 0]}
    )
    candidates = pl.DataFrame({"query": rng.integers(0, 3, 40), "item": rng.integers(0, 9, 40)})
    measured = measure_affinity(candidates, seen, items, ["kind", "tags"], decay=0.5)
    facts = {row["item"]: row for row in items.to_dicts()}
    for row, got in zip(candidates.to_dicts(), measured.to_dicts(), strict=True):
        past = [(facts[one["item"]], 0.5 ** one["back"]) for one in seen.to_dicts() if one["query"] == row["query"]]
        for name in ("kind", "tags"):
            given = facts[row["item"]][name]
            values = {given} if name == "kind" else {*(given or [])}
            if not values - {None}:
                assert got[f"{name}_share"] is got[f"{name}_recent"] is None
                continue
            whole, total = max(len(past), 1), max(sum(weight for _, weight in past), 1e-9)
            hits = [
                [weight for fact, weight in past if value in (fact[name] or [] if name == "tags" else [fact[name]])]
                for value in values
            ]
            assert got[f"{name}_share"] == pytest.approx(sum(map(len, hits)) / whole / len(values))
            assert got[f"{name}_recent"] == pytest.approx(sum(map(sum, hits)) / total / len(values))


def test_a_missing_score_of_a_list_is_its_least_and_windows_stand_row_by_row() -> None:
    listed = pl.DataFrame({"query": [3, 1, 3], "score": [None, 2.0, 5.0], "other": [1, 1, 4]})
    compared = compare_in_list(listed, ["score", "other"])
    assert compared.rows() == [(0.0, 2.0, 0.25, 2.0), (1.0, 1.0, 1.0, 1.0), (1.0, 1.0, 1.0, 1.0)]
    log = pl.DataFrame({"item": [7, 8, 7], "time": [2 * HOUR_MS, 0, HOUR_MS]})
    assert count_windows(log, log, "item", {"hour": (1.5, 0)})["hour"].to_list() == [2, 1, 1]
