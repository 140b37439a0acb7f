"""Which plays the completion model is fitted on, and for how many rounds."""

import numpy as np
import pytest

from competitions.mgtv.config import CompletionSettings
from competitions.mgtv.models import completion
from competitions.mgtv.models.completion import Completion, Plays, fit_early, gather_plays, make_bins, refit
from competitions.mgtv.models.dataset import DayFeatures
from tests.unit.mgtv.mgtv_world import make_day

SETTINGS = CompletionSettings(
    blocks=("video", "pair"),
    bins=4,
    rounds=30,
    patience=3,
    parameters={"num_threads": 1, "min_data_in_leaf": 5},
)
NAMES = ("video_a", "device_b", "pair_c")


def day(number: int, rates: list[float], clicked: list[bool] | None = None, answer: int = 0) -> DayFeatures:
    """One slate, whose rows differ by their features: 100 times the day plus the row."""
    features = {name: 100 * number + np.arange(len(rates)) + i / 10 for i, name in enumerate(NAMES)}
    known = np.array(rates)
    watched = known > 0 if clicked is None else np.array(clicked)
    return make_day([len(rates)], [answer], features, known, day=number, clicked=watched)


DAYS = [
    day(1, [0.5, 0.0, np.nan, 0.25], [True] * 4),
    day(2, [0.1, 0.2, 0.3], [True, False, True]),
    day(3, [np.nan, 0.9, 0.8]),
]


def test_plays_are_clicked_rows_with_a_known_rate_above_0() -> None:
    plays = gather_plays(DAYS, ["video", "pair"])
    features = plays.features
    assert plays.names == ("video_a", "pair_c")
    assert plays.rates.tolist() == [0.5, 0.25, 0.1, 0.3, 0.9, 0.8]
    assert features[:, 0].tolist() == [100, 103, 200, 202, 301, 302]
    np.testing.assert_allclose(features[:, 1], features[:, 0] + 0.2, rtol=1e-6)
    assert features.shape == (6, 2)


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5])
def test_of_too_many_plays_the_latest_are_taken(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "MOST_PLAYS", most)
    plays = gather_plays(DAYS, ["device"])
    assert plays.rates.tolist() == [0.5, 0.25, 0.1, 0.3, 0.9, 0.8][-most:]
    assert len(plays.features) == most


def test_the_fit_is_stopped_by_the_answers_of_all_validation_days(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Plays, Plays | None, CompletionSettings, int]] = []

    def fit(train: Plays, valid: Plays | None, settings: CompletionSettings, seed: int) -> Completion:
        calls.append((train, valid, settings, seed))
        return Completion(make_bins(np.array([0.5]), 2, 10), None, ("video_a",), 9)

    monkeypatch.setattr(completion, "fit", fit)
    fit_early(DAYS, [day(4, [0.7, 0.6, 0.4], answer=1), day(5, [0.2, 0.5], answer=0)], SETTINGS, 8)
    train, valid, settings, seed = calls[0]
    assert train.rates.tolist() == [0.5, 0.25, 0.1, 0.3, 0.9, 0.8]
    assert train.features.shape == (6, 2)
    assert valid is not None
    assert train.names == valid.names == ("video_a", "pair_c")
    assert (valid.features[0].tolist(), valid.rates.tolist()) == ([401, pytest.approx(401.2)], [0.6, 0.2])
    assert len(valid.features) == 2
    assert (settings, seed) == (SETTINGS, 8)
    early = Completion(make_bins(np.array([0.5]), 2, 10), None, (), 7)
    refit(DAYS, early, SETTINGS, 8)
    assert calls[1][1] is None
    assert calls[1][2].rounds == 7
    refit(DAYS, Completion(early.bins, None, (), 0), SETTINGS, 8)
    assert calls[2][2].rounds == 1


def test_bins_are_those_of_the_training_plays() -> None:
    rng = np.random.default_rng(0)
    train = [day(number, (rng.random(40) / 2 + 0.01).tolist()) for number in (1, 2)]
    model = fit_early(train, [day(3, (rng.random(40) + 5).tolist())], SETTINGS, 1)
    expected = make_bins(np.concatenate([each.rates for each in train]), 4)
    np.testing.assert_array_equal(model.bins.edges, expected.edges)
    np.testing.assert_array_equal(model.bins.table, expected.table)
    assert model.names == ("video_a", "pair_c")
    assert 1 <= model.rounds <= 30
