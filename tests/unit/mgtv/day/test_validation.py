"""What a validation day is named in a run's record."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import polars as pl
import pytest

from competitions.mgtv.day.validation import list_queries
from competitions.mgtv.io.reader import Codes
from competitions.mgtv.models.decision import ExpectedReward, Predictions, judge_picks
from tests.results import as_result
from tests.unit.mgtv.mgtv_world import make_day, make_slates


@pytest.mark.parametrize("number", [9, 104])
def test_a_query_is_a_device_on_a_day_of_any_number(number: int) -> None:
    even, day = np.full(4, 0.5), make_day([2, 2], [0, 1], day=number)
    part = Predictions(day, even, ExpectedReward(even, even, even, even))
    codes = Codes(pl.DataFrame({"did": ["a/b", "c"]}), pl.DataFrame({"vid": [10, 20]}))
    ready = SimpleNamespace(
        tables=SimpleNamespace(codes=as_result(codes)),
        slates={number: as_result(make_slates(number, {0: [0, 1], 1: [1, 0]}))},
    )
    chain = as_result(judge_picks([part], "auto"))
    outcome = SimpleNamespace(ready=ready, valid=[as_result(part)], chain=chain, folds={number: 0})
    queries = list_queries(cast(Any, outcome))
    name = f"{number:02d}"
    assert queries.select("query", "fold", "cluster").rows() == [
        (f"{name}/a/b", f"day {name}", "a/b"),
        (f"{name}/c", f"day {name}", "c"),
    ]
    assert queries["score"].to_list() == pytest.approx([1 / (1 + 0.5**0.5), 0])
