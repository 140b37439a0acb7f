"""What a block of features adds: paired with all of them, the noise of all fits counted."""

import polars as pl
import pytest

from common.day.fit_noise import FitNoise, widen_error
from competitions.cli.fits import ALL, Scored, list_differences


def score(values: list[float], fits: list[float]) -> Scored:
    return pl.DataFrame({"query": list("abcd"), "fold": "x", "score": values}), fits, 3.0


def test_a_block_is_worth_what_the_score_loses_without_it() -> None:
    rows = list_differences(
        {
            ALL: score([1.0, 0.5, 0.0, 1.0], [0.6, 0.65]),
            "spare": score([1.0, 0.5, 0.0, 1.0], [0.6, 0.65]),
            "bad": score([1.0, 1.0, 1.0, 1.0], [0.95, 1.05]),
            "good": score([0.0, 0.5, 0.0, 0.0], [0.1, 0.15]),
        }
    )
    assert [(row["without"], row["score"], row["it adds"]) for row in rows] == [
        ("good", pytest.approx(0.125), 0.5),
        ("spare", pytest.approx(0.625), 0.0),
        ("bad", pytest.approx(1.0), -0.375),
    ]
    # Gains 1, 0, 0, 1; the fits of each of the four variants lie .05 (.1) apart.
    noise = FitNoise((3 * 0.05**2 / 2 + 0.1**2 / 2) / 4, 4)
    assert rows[0]["error"] == pytest.approx(widen_error(0.25, noise, (2, 2)))
    assert [row["verdict"].split(" (")[0] for row in rows] == ["perhaps better", "not used", "perhaps worse"]
