"""How often an ad will be shown within the horizon: a Poisson regression by gradient-boosted trees.

An ad's own past tells most; of an ad without one, the ads that share its features tell. Fitted on the candidates of
earlier folds, whose next events are known. Retrieval and the ranker's features rest on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from competitions.tencent.config import ForecastSettings
from competitions.tencent.corpus import Corpus, Floats, Int64s
from competitions.tencent.ranking.ad_statistics import AdStatistics, compute_statistics
from competitions.tencent.sequences import Histories
from competitions.tencent.split import HOUR_S, Fold, end_time

# Nats that a leaf may add before the learning rate. Unbounded, a leaf of ads that hardly anybody is shown, and one that
# everybody is, multiplies its rate a thousandfold: at the host's size some ads were forecast 10^8 events a day.
MOST_STEP = 1.0


@dataclass(frozen=True)
class Forecast:
    """Fitted trees as LightGBM's text, "" for none: then an ad's events are its rate."""

    trees: str

    def rate(self, statistics: AdStatistics, rows: Int64s) -> Floats:
        """Expected events of the ads in ``rows`` within the horizon, up to a factor; 0 elsewhere, float32 [all rows].

        A fold's candidates are a seventh of the ads, and the trees take longest where there are millions.
        """
        rate = np.zeros(len(statistics.events), np.float32)
        if self.trees:
            rate[rows] = lgb.Booster(model_str=self.trees).predict(join_columns(statistics, rows))
        else:
            rate[rows] = statistics.events[rows] + 0.5
        return rate


def fit_forecasts(
    corpus: Corpus, fold: Fold, earlier: Sequence[Fold], times: bool, horizon_h: float, settings: ForecastSettings
) -> list[Forecast]:
    """One forecast per ``earlier`` fold, fitted without it, and last the one for ``fold``, fitted on all of them; none
    without ``times``.
    """
    if not (earlier and times):
        return [Forecast("")] * (len(earlier) + 1)
    tables, counts = zip(*(count_next(corpus, fold, one, horizon_h) for one in earlier), strict=True)
    # Cross-fitted by halves, so that the ranker learns from forecasts as good as those that it will get at the end:
    # those of the rows that trees were fitted on are better than any of tomorrow.
    parts = [[at for at in range(len(earlier)) if at % 2 != half] for half in (0, 1)]
    whole = fit_trees(tables, counts, settings)
    if len(earlier) == 1:
        return [whole, whole]
    halves = [fit_trees([tables[at] for at in part], [counts[at] for at in part], settings) for part in parts]
    return [*(halves[at % 2] for at in range(len(earlier))), whole]


def count_next(corpus: Corpus, fold: Fold, earlier: Fold, horizon_h: float) -> tuple[Floats, Int64s]:
    """The columns of an earlier fold's candidates, and how often each was shown within the horizon behind its cut.

    Labels end where ``fold``'s own history does: nothing behind its cut is counted.
    """
    train, rows = corpus.train, earlier.candidates.rows.values
    history = earlier.history(train)
    now = end_time(history)
    behind = Histories(train, np.arange(len(train)), fold.train_ends).events()
    time = train.time[behind]
    inside = behind[(time >= now) & (time < now + horizon_h * HOUR_S)]
    counted = np.bincount(train.item[inside], minlength=len(corpus.catalogue.oid))
    return join_columns(compute_statistics(history, corpus.catalogue, times=True), rows), counted[rows]


def join_columns(statistics: AdStatistics, rows: Int64s) -> Floats:
    """The inputs of the trees, of some ads."""
    return np.concatenate([statistics.own[rows], statistics.values[rows]], axis=1)


def fit_trees(tables: Sequence[Floats], counts: Sequence[Int64s], settings: ForecastSettings) -> Forecast:
    """Fit on the candidates of some folds; no trees where there is no event."""
    if not tables or not any(part.any() for part in counts):
        return Forecast("")
    parameters = {
        "objective": "poisson",
        "learning_rate": settings.rate,
        "num_leaves": settings.leaves,
        "min_data_in_leaf": settings.least,
        "feature_fraction": 0.5,
        "max_delta_step": MOST_STEP,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
        "seed": 0,
    }
    data = lgb.Dataset(np.concatenate(tables), np.concatenate(counts).astype(np.float32))
    return Forecast(lgb.train(parameters, data, settings.rounds).model_to_string())
