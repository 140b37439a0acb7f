"""The forecast tells new ads by their features, is made without a question's own answers, and needs no times."""

import lightgbm as lgb
import msgspec
import numpy as np
import pytest

from competitions.tencent.competition import COMPETITION
from competitions.tencent.corpus import Corpus
from competitions.tencent.features.forecast import (
    MOST_STEP,
    AdStatistics,
    Forecast,
    ForecastRecipe,
    compute_statistics,
    count_next,
    fit_forecasts,
    fit_trees,
    weigh_by_clicks,
)
from competitions.tencent.ids import CatalogueRows
from competitions.tencent.sequences import whole
from competitions.tencent.split import Fold
from tests.unit.tencent.training_inputs import make_catalogue, make_sequences, make_users

HOUR = 3_600
FORECAST = msgspec.structs.replace(COMPETITION.load_config([]).ranker.forecast, rounds=400, least=3)
FORECAST_OF_ONE = msgspec.structs.replace(FORECAST, rounds=1)
ADS = 120


def plant() -> tuple[Corpus, Fold, list[Fold]]:
    """For six days ads of value 1 of the first feature are shown nine times a day, ads of value 2 once. Every second ad
    begins on its own day, so that every day has new ones."""
    catalogue = make_catalogue(ADS)
    features = catalogue.features.copy()
    features[1:, 0] = 1 + np.arange(ADS) % 2
    birth = np.where(np.arange(ADS) % 4 < 2, 0, np.arange(ADS) // 2 % 6)
    events = []
    for day in range(6):
        for ad in np.flatnonzero(birth <= day):
            often = 9 if features[ad + 1, 0] == 1 else 1
            events += [(int(ad) + 1, 0, day * 24 * HOUR + 600 + (37 * int(ad) + 97 * k) % 80_000) for k in range(often)]
    events.sort(key=lambda event: event[2])
    log = make_sequences(*(events[user::50] for user in range(50)))
    candidates = CatalogueRows(np.arange(1, ADS + 1))
    corpus = Corpus(
        type(catalogue)(catalogue.oid, features, catalogue.known, catalogue.sizes),
        log,
        make_users(50),
        log,
        make_users(50),
        candidates,
        None,
        (),
    )

    def ask(day: int) -> Fold:
        ends = log.offsets[:-1] + [
            int((log.time[start:stop] < day * 24 * HOUR).sum())
            for start, stop in zip(log.offsets[:-1], log.offsets[1:], strict=True)
        ]
        nobody = np.array([], np.int64)
        return Fold(ends, nobody, nobody, candidates, nobody, nobody, nobody.astype(bool), nobody.astype(np.int8))

    return corpus, ask(5), [ask(4), ask(3)]


def measure(corpus: Corpus, questions: list[Fold]) -> list[AdStatistics]:
    return [compute_statistics(each.history(corpus.train), corpus.catalogue, times=True) for each in questions]


def test_the_events_behind_a_question_are_counted_up_to_the_end_of_what_may_be_seen() -> None:
    corpus, fold, questions = plant()
    table, counts = count_next(corpus, fold, questions[0], measure(corpus, questions)[0], 24.0)
    assert len(table) == len(counts) == ADS
    day = corpus.train.time // (24 * HOUR)
    expected = np.bincount(corpus.train.item[day == 4], minlength=ADS + 1)[1:]
    # The second behind the last event lies before midnight: the first of a day may be left out.
    assert np.abs(counts - expected).sum() <= 0.02 * expected.sum()
    nothing = count_next(corpus, questions[0], questions[0], measure(corpus, questions)[0], 24.0)[1]
    assert nothing.sum() == 0


def test_a_new_ads_worth_is_known_from_its_features() -> None:
    corpus, fold, questions = plant()
    *early, final = fit_forecasts(
        corpus, fold, questions, measure(corpus, questions), ForecastRecipe(24.0, FORECAST, 0)
    )
    assert len(early) == 2
    statistics = compute_statistics(fold.history(corpus.train), corpus.catalogue, times=True)
    rate = final.rate(statistics, fold.candidates)
    new = np.flatnonzero(statistics.events[1:] == 0) + 1
    often, seldom = (rate[new[corpus.catalogue.features[new, 0] == value]].mean() for value in (1, 2))
    assert often > 3 * seldom


def test_without_times_or_questions_the_events_so_far_are_the_forecast() -> None:
    corpus, fold, questions = plant()
    assert fit_forecasts(corpus, fold, questions, [], ForecastRecipe(24.0, FORECAST, 0)) == [Forecast("")] * 3
    assert fit_forecasts(corpus, fold, [], [], ForecastRecipe(24.0, FORECAST, 0)) == [Forecast("")]
    statistics = compute_statistics(whole(corpus.train), corpus.catalogue, times=False)
    assert statistics.values.shape == (ADS + 1, 0)
    every = np.arange(ADS + 1)
    assert Forecast("").rate(statistics, every).tolist() == (statistics.events + 0.5).tolist()
    assert np.flatnonzero(Forecast("").rate(statistics, every[3:5])).tolist() == [3, 4]  # nobody asks for others


def test_a_tree_multiplies_no_rate_by_more_than_its_share_of_a_nat() -> None:
    hot = np.repeat([0.0, 1.0], [990, 10])  # ten ads have all events: their leaf alone would add 49 nats
    one = fit_trees(
        [hot[:, None].astype(np.float32)], [(10_000 * hot).astype(np.int64)], ForecastRecipe(24.0, FORECAST_OF_ONE, 0)
    )
    cold, warm = lgb.Booster(model_str=one.trees).predict(np.array([[0.0], [1.0]]))
    assert warm / 100.0 == pytest.approx(np.exp(FORECAST_OF_ONE.rate * MOST_STEP), rel=1e-3)  # 100: the mean
    assert cold < 100.0


def test_what_is_clicked_when_shown_is_searched_before_what_is_not() -> None:
    log = make_sequences(*([(1, user % 2, 0), (2, 0, 1), (3, int(user < 1), 2)] for user in range(40)))
    catalogue, rows = make_catalogue(4), np.array([2, 1, 4, 3])
    statistics = compute_statistics(whole(log), catalogue, times=True)
    clicks, shown = np.array([0, 20, 0, 1]), np.array([40, 40, 0, 40])
    mean = 21 / 120
    expected = 8 * np.sqrt((clicks + 3 * mean) / (shown + 3))
    assert weigh_by_clicks(np.full(4, 8.0, np.float32), statistics, rows) == pytest.approx(expected, rel=1e-2)
    without = compute_statistics(whole(log), catalogue, times=False)
    assert weigh_by_clicks(np.arange(4.0), without, rows).tolist() == [0, 1, 2, 3]
