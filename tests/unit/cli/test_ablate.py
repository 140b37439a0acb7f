"""What a block of features adds: paired with all of them, the noise of all fits counted."""

import polars as pl
import pytest

from common.day.difference import FitNoise, widen_error
from competitions.cli.fits import ALL, Variant, list_differences


def score(values: list[float], fits: list[float]) -> Variant:
    return Variant(pl.DataFrame({"query": list("abcd"), "fold": "x", "score": values}), fits)


def test_a_block_is_worth_what_the_score_loses_without_it() -> None:
    rows = list_differences(
        {
            ALL: score([1.0, 0.5, 0.0, 1.0], [0.6, 0.65]),
            "spare": score([1.0, 0.5, 0.0, 1.0], [0.6, 0.65]),
            "bad": score([1.0, 1.0, 1.0, 1.0], [0.95, 1.05]),
            "good": score([0.0, 0.5, 0.0, 0.0], [0.1, 0.15]),
        }
    )
    assert [(row["block"], row["score without"], row["it adds"]) for row in rows] == [
        ("good", pytest.approx(0.125), 0.5),
        ("spare", pytest.approx(0.625), 0.0),
        ("bad", pytest.approx(1.0), -0.375),
    ]
    # Gains 1, 0, 0, 1; the fits of each of the four variants lie .05 (.1) apart.
    noise = FitNoise((3 * 0.05**2 / 2 + 0.1**2 / 2) / 4, 4)
    assert rows[0]["error"] == pytest.approx(widen_error(0.25, noise, (2, 2)))
    assert [row["comparison"] for row in rows] == ["within the noise", "not used", "within the noise"]


@pytest.mark.parametrize(("after", "said"), [(1.0, "clear: it helps"), (-1.0, "clear: better without it")])
def test_what_a_block_adds_is_read_the_right_way_round(after: float, said: str) -> None:
    one, other = score([1.0, 1.0, 1.0, 1.0], [1.0, 1.01]), score([1.0 - after] * 4, [1.0 - after, 1.0 - after])
    (row,) = list_differences({ALL: one, "block": other})
    assert row["it adds"] == after
    assert row["comparison"].startswith(said)
