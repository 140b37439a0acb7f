"""What is known of every ad at a time: how much it is shown lately, how long it has run, how ads of its features do;
and from this how often it will be shown within the horizon: a Poisson regression by gradient-boosted trees.

An ad's own past predicts most; of an ad without one, the ads that share its features do. Fitted on the candidates of
earlier folds, whose next events are known. Retrieval and the ranker's features rest on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from common.arrays import Singles
from common.time_units import HOUR_S
from competitions.tencent.config import ForecastSettings
from competitions.tencent.corpus import Bools, Catalogue, Corpus, Int64s
from competitions.tencent.io import schema
from competitions.tencent.sequences import Histories
from competitions.tencent.split import Fold, end_time

FADES_H = (2.0, 8.4, 30.0, 120.0)  # an event counts exp(-age / fade)
CLICK_FADE_H = 30.0
CLICKS, SHOWN = "clicks faded", "events faded by 30 h"  # columns that fade alike
ALIVE_H, YOUNG_H, RECENT_H = 72.0, 240.0, 24.0
FLOOR = 0.05  # of faded events, below one event of yesterday
SHRINK = 5.0  # ads that a value's rate is pulled to the mean by
PULL = 3.0  # events that an ad's click rate is pulled to the mean by
# Nats that a leaf may add before the learning rate. Unbounded, a leaf of ads that hardly anybody is shown, and one that
# everybody is, multiplies its rate a thousandfold: at the host's size some ads were forecast 10^8 events a day.
MOST_STEP = 1.0
FEW_ROWS = 100_000  # of which two threads of one core wait for each other: 13.3 s of 26,000 rows where one takes 2.4


@dataclass(frozen=True)
class AdStatistics:
    """One row per row of the catalogue. ``own`` float32 [rows, columns of ``names``]: of the ad; ``values`` float32
    [rows, 2 x features]: logarithm of the mean events of the last day, and of the events in all, of the ads with its
    value. ``events`` int64 [rows] of each ad.
    """

    names: tuple[str, ...]
    own: Singles
    values: Singles
    events: Int64s


def compute_statistics(history: Histories, catalogue: Catalogue, times: bool) -> AdStatistics:
    """From the events of these histories, at the second behind the last of them; without ``times`` only how many
    events an ad has.
    """
    rows, sequences, events = len(catalogue.oid), history.sequences, history.events()
    item = sequences.item[events]
    count = np.bincount(item, minlength=rows)
    if not times:
        counted = np.log1p(count).astype(np.float32)[:, None]
        return AdStatistics(("events",), counted, np.empty((rows, 0), np.float32), count)
    now = end_time(history)
    age = np.maximum(now - sequences.time[events], 0) / HOUR_S  # a date from behind the end is wrong: it counts once
    clicked = sequences.action[events] >= schema.CLICK
    faded = [np.bincount(item, np.exp(-age / fade), rows) for fade in FADES_H]
    faded.append(np.bincount(item, np.exp(-age / CLICK_FADE_H) * clicked, rows))
    first, last = np.full(rows, 0.0), np.full(rows, np.inf)
    np.maximum.at(first, item, age)
    np.minimum.at(last, item, age)
    recent = np.bincount(item[age < RECENT_H], minlength=rows).astype(np.float64)
    codes = np.asarray(catalogue.features)
    shown = [mean_by_value(codes[:, at], recent, last < ALIVE_H) for at in range(codes.shape[1])]
    lasting = np.log1p(count)
    total = [mean_by_value(codes[:, at], lasting, (count > 0) & (first < YOUNG_H)) for at in range(codes.shape[1])]
    columns = [
        *(np.log(values + FLOOR) for values in faded),
        lasting,
        np.log1p(first),
        np.log1p(np.where(count > 0, last, 0.0)),
        count == 0,
    ]
    names = (*(f"events faded by {fade:g} h" for fade in FADES_H), CLICKS, "events", "age", "idle", "unseen")
    values = np.log(np.column_stack([*shown, *total]) + 1e-3)
    return AdStatistics(names, np.column_stack(columns).astype(np.float32), values.astype(np.float32), count)


def mean_by_value(codes: np.ndarray, values: np.ndarray, among: Bools) -> np.ndarray:
    """The mean of ``values`` over the ads ``among`` that share an ad's code, for every ad; few ads are pulled to the
    mean of all.

    >>> codes, events = np.array([1, 1, 2]), np.array([9.0, 3.0, 0.0])  # the mean of all is 4, as if of SHRINK = 5 ads
    >>> mean_by_value(codes, events, np.array([True, True, True])).round(2).tolist()
    [4.57, 4.57, 3.33]
    """
    mean = float(values[among].mean()) if among.any() else 0.0
    ads = np.bincount(codes[among], minlength=int(codes.max(initial=0)) + 1)
    total = np.bincount(codes[among], values[among], len(ads))
    return np.asarray(((total + SHRINK * mean) / (ads + SHRINK))[codes])


@dataclass(frozen=True)
class Forecast:
    """Fitted trees as LightGBM's text, "" for none: then an ad's events are its rate."""

    trees: str

    def rate(self, statistics: AdStatistics, rows: Int64s) -> Singles:
        """Expected events of the ads in ``rows`` within the horizon, up to a factor; 0 elsewhere, float32 [all rows].

        A fold's candidates are a seventh of the ads, and the trees take longest where there are millions.
        """
        rate = np.zeros(len(statistics.events), np.float32)
        if self.trees:
            import lightgbm as lgb

            rate[rows] = lgb.Booster(model_str=self.trees).predict(join_columns(statistics, rows))
        else:
            rate[rows] = statistics.events[rows] + 0.5
        return rate


def weigh_by_clicks(rate: Singles, statistics: AdStatistics, rows: Int64s) -> Singles:
    """The forecast ``rate`` [ads] of the ads in ``rows`` times the root of their click rate lately, pulled to the mean:
    what many are shown and few click is no target.

    The root: of few events a click rate is noise. Without times the rate alone.
    """
    if CLICKS not in statistics.names:
        return rate
    clicks, shown = (
        np.maximum(np.exp(statistics.own[rows, statistics.names.index(name)]) - FLOOR, 0) for name in (CLICKS, SHOWN)
    )
    mean = float(clicks.sum() / max(float(shown.sum()), 1.0))
    return np.asarray(rate * np.sqrt((clicks + PULL * mean) / (shown + PULL)), np.float32)


class ForecastRecipe(NamedTuple):
    """How the trees are fitted, by which ``seed``, to forecast so many hours."""

    horizon_h: float
    settings: ForecastSettings
    seed: int


def fit_forecasts(
    corpus: Corpus,
    fold: Fold,
    earlier: Sequence[Fold],
    statistics: Sequence[AdStatistics],
    recipe: ForecastRecipe,
) -> list[Forecast]:
    """One forecast per ``earlier`` fold, fitted without it, and last the one for ``fold``, fitted on all of them.

    ``statistics``: of each earlier fold's history; none where times say nothing, and then nothing is forecast.
    """
    if not statistics:
        return [Forecast("")] * (len(earlier) + 1)
    counted = zip(earlier, statistics, strict=True)
    tables, counts = zip(*(count_next(corpus, fold, one, own, recipe.horizon_h) for one, own in counted), strict=True)
    # Cross-fitted by halves, so that the ranker learns from forecasts as good as those that it will get at the end:
    # those of the rows that trees were fitted on are better than any of tomorrow.
    parts = [[at for at in range(len(earlier)) if at % 2 != half] for half in (0, 1)]
    whole = fit_trees(tables, counts, recipe)
    if len(earlier) == 1:
        return [whole, whole]
    halves = [fit_trees([tables[at] for at in part], [counts[at] for at in part], recipe) for part in parts]
    return [*(halves[at % 2] for at in range(len(earlier))), whole]


def count_next(
    corpus: Corpus, fold: Fold, earlier: Fold, statistics: AdStatistics, horizon_h: float
) -> tuple[Singles, Int64s]:
    """The columns of an earlier fold's candidates, and how often each was shown within the horizon behind its cut.

    Labels end where ``fold``'s own history does: nothing behind its cut is counted.
    """
    train, rows = corpus.train, earlier.candidates
    now = end_time(earlier.history(train))
    # ``fold.train_ends``, not the end of the log: what is hidden from the fold is no label either.
    behind = Histories(train, np.arange(len(train)), fold.train_ends).events()
    time = train.time[behind]
    inside = behind[(time >= now) & (time < now + horizon_h * HOUR_S)]
    counted = np.bincount(train.item[inside], minlength=len(corpus.catalogue.oid))
    return join_columns(statistics, rows), counted[rows]


def join_columns(statistics: AdStatistics, rows: Int64s) -> Singles:
    """The inputs of the trees, of some ads."""
    return np.concatenate([statistics.own[rows], statistics.values[rows]], axis=1)


def fit_trees(tables: Sequence[Singles], counts: Sequence[Int64s], recipe: ForecastRecipe) -> Forecast:
    """Fit on the candidates of some folds; no trees where there is no event."""
    if not tables or not any(part.any() for part in counts):
        return Forecast("")
    import lightgbm as lgb

    settings = recipe.settings
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
        "seed": recipe.seed,
        "num_threads": 1 if sum(map(len, counts)) < FEW_ROWS else 0,
    }
    data = lgb.Dataset(np.concatenate(tables), np.concatenate(counts).astype(np.float32))
    return Forecast(lgb.train(parameters, data, settings.rounds).model_to_string())
