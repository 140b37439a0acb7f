"""The closing summary: the folds side by side."""

from types import SimpleNamespace
from typing import cast

import polars as pl

from common.engine.run import Result
from common.learning.split import Fold
from competitions.news.day.judged import compare_folds
from competitions.news.pipeline import Prepared
from tests.unit.news.news_world import START

DAY_MS = 86_400_000


def test_validation_and_test_stand_side_by_side() -> None:
    first = START // DAY_MS * DAY_MS

    def queries(*rows: tuple[int, int, str]) -> Fold:
        frame = pl.DataFrame(
            [(clicks, first + day * DAY_MS + 5, role, 2.5 if clicks == 1 else 0.5) for clicks, day, role in rows],
            schema={"clicks": pl.Int32, "time": pl.Int64, "role": pl.String, "weight": pl.Float64},
            orient="row",
        )
        return Fold(pl.DataFrame(), frame, pl.DataFrame(), None)

    labelled = queries((1, 0, "valid"), (3, 0, "valid"), (4, 1, "valid"), (40, 1, "valid"), (9, 5, "train"))
    test = queries((2, 1, "test"), (33, 2, "test"))
    inputs = SimpleNamespace(fold=Result("labelled", lambda: labelled))
    ready = SimpleNamespace(labelled=SimpleNamespace(inputs=inputs), test=Result("test", lambda: test))
    table = compare_folds(cast(Prepared, ready))
    assert table.columns == ["what", "value", "validation", "weighted", "test"]
    shares = {(what, value): (valid, weighted, test) for what, value, valid, weighted, test in table.rows()}
    assert shares == {
        ("visible clicks", "1"): (0.25, 0.625, 0),
        ("visible clicks", "2"): (0, 0, 0.5),
        ("visible clicks", "3-4"): (0.5, 0.25, 0),
        ("visible clicks", "33+"): (0.25, 0.125, 0.5),
        ("last visible day", "10-03"): (0.5, 0.75, 0),
        ("last visible day", "10-04"): (0.5, 0.25, 0.5),
        ("last visible day", "10-05"): (0, 0, 0.5),
    }
