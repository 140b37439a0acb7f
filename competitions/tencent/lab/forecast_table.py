"""The forecasts of all ads at several times of a fold's history: the network's input of an ad's popularity.

A position of a training history takes the latest forecast before it, so that nothing behind it is read; a query that
of the end. A time within the horizon of an earlier fold takes the trees that were fitted without that fold.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from competitions.tencent.corpus import Corpus, Int64s
from competitions.tencent.features.forecast import Forecast, compute_statistics
from competitions.tencent.sequences import Histories
from competitions.tencent.split import HOUR_S, Fold, end_time

# Half of all events lie in the last half day and nine tenths in the last two days of what a host gives.
HOURS_BACK = (*range(0, 72, 6), *range(72, 15 * 24, 24))
FLOOR = 1e-3  # of a rate, before its logarithm is taken


@dataclass(frozen=True)
class ForecastTable:
    """``times`` int64 [times], seconds, ascending; ``log_rate`` float16 [times, rows of the catalogue]: the logarithm
    of the events that an ad is expected to have within the horizon behind each of them.
    """

    times: Int64s
    log_rate: npt.NDArray[np.float16]


def tabulate_forecasts(
    corpus: Corpus, fold: Fold, earlier: Sequence[Fold], forecasts: Sequence[Forecast], horizon_h: float
) -> ForecastTable | None:
    """The forecasts over what a fold shows; None where there are no trees. ``forecasts``: see ``fit_forecasts``."""
    if not forecasts[-1].trees:
        return None
    history, rows = fold.history(corpus.train), np.arange(len(corpus.catalogue.oid))
    now, first = end_time(history), int(history.sequences.time[history.events()].min())
    times = np.array([now - hours * HOUR_S for hours in reversed(HOURS_BACK) if now - hours * HOUR_S > first])
    cuts = [end_time(one.history(corpus.train)) for one in earlier]
    table = np.empty((len(times), len(rows)), np.float16)
    for at, time in enumerate(times):
        inside = [before <= time < before + horizon_h * HOUR_S for before in cuts]
        chosen = forecasts[inside.index(True) if any(inside) else -1]
        statistics = compute_statistics(history_before(history, int(time)), corpus.catalogue, times=True)
        table[at] = np.log(chosen.rate(statistics, rows) + FLOOR)
    return ForecastTable(times, table)


def history_before(history: Histories, time: int) -> Histories:
    """What of these histories lies before a time in seconds; the events of each are in order of time."""
    before = np.concatenate([[0], np.cumsum(history.sequences.time < time)])
    return Histories(history.sequences, history.users, history.starts + before[history.ends] - before[history.starts])
