"""A network is told of each time what was known then, by trees that were not fitted to what it is to predict."""

import dataclasses

import numpy as np

from competitions.tencent.corpus import Floats
from competitions.tencent.features.forecast import AdStatistics, Forecast, ForecastRecipe, fit_forecasts
from competitions.tencent.lab.forecast_table import FLOOR, tabulate_forecasts
from competitions.tencent.split import end_time
from tests.unit.tencent.features.test_forecast import FORECAST, HOUR, measure, plant


def test_events_behind_a_time_do_not_change_what_is_known_then() -> None:
    corpus, fold, questions = plant()
    forecasts = fit_forecasts(corpus, fold, questions, measure(corpus, questions), ForecastRecipe(24.0, FORECAST, 0))
    table = tabulate_forecasts(corpus, fold, questions, forecasts, 24.0)
    assert table is not None
    assert (np.diff(table.times) > 0).all()
    assert table.times[-1] == end_time(fold.history(corpus.train))
    assert np.isfinite(table.log_rate).all()
    middle = int(table.times[len(table.times) // 2])
    train = corpus.train
    moved = dataclasses.replace(train, item=np.where(train.time >= middle, 1, train.item).astype(np.int32))
    other = tabulate_forecasts(dataclasses.replace(corpus, train=moved), fold, questions, forecasts, 24.0)
    assert other is not None
    early = table.times <= middle
    np.testing.assert_array_equal(other.log_rate[early], table.log_rate[early])
    assert (other.log_rate[~early] != table.log_rate[~early]).any()


class Constant(Forecast):
    """The same for every ad: says which trees were asked."""

    def rate(self, statistics: AdStatistics, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Floats:
        """What the text says."""
        return np.full(len(statistics.events), float(self.trees), np.float32)


def test_a_time_within_a_question_takes_the_trees_that_did_not_see_it() -> None:
    corpus, fold, questions = plant()  # the fold ends with day 4, the questions with days 3 and 2
    table = tabulate_forecasts(corpus, fold, questions, [Constant("1"), Constant("2"), Constant("3")], 24.0)
    assert table is not None
    rate = np.round(np.exp(table.log_rate[:, 1].astype(float)) - FLOOR)
    hours = (table.times[-1] - table.times) / HOUR
    chosen = dict(zip(hours.round().tolist(), rate.tolist(), strict=True))
    assert chosen[0] == 3
    assert chosen[12] == 1
    assert chosen[36] == 2
    assert chosen[66] == 3
