"""Which plays the completion model is fitted on, and for how many rounds."""

import numpy as np
import pytest

from competitions.mgtv.config import CompletionSettings
from competitions.mgtv.models import completion
from competitions.mgtv.models.completion import Completion, make_bins
from competitions.mgtv.models.completion_training import fit_early, gather_plays, refit
from competitions.mgtv.models.dataset import Served
from tests.unit.mgtv.mgtv_world import serve

SETTINGS = CompletionSettings(
    blocks=("video", "pair"),
    bins=4,
    grid=20,
    rows=100,
    rounds=30,
    patience=3,
    parameters={"num_threads": 1, "min_data_in_leaf": 5},
)
NAMES = ("video_a", "device_b", "pair_c")


def day(number: int, rates: list[float], clicked: list[bool] | None = None, answer: int = 0) -> Served:
    """One list, whose rows are told apart by their features: 100 times the day and the place."""
    told = {name: 100 * number + np.arange(len(rates)) + place / 10 for place, name in enumerate(NAMES)}
    known = np.array(rates)
    watched = known > 0 if clicked is None else np.array(clicked)
    return serve([len(rates)], [answer], told, known, day=number, clicked=watched)


DAYS = [
    day(1, [0.5, 0.0, np.nan, 0.25], [True] * 4),
    day(2, [0.1, 0.2, 0.3], [True, False, True]),
    day(3, [np.nan, 0.9, 0.8]),
]


def test_plays_are_clicked_rows_with_a_known_rate_above_0() -> None:
    features, rates = gather_plays(DAYS, ["video", "pair"], 100)
    assert rates.tolist() == [0.5, 0.25, 0.1, 0.3, 0.9, 0.8]
    assert features[:, 0].tolist() == [100, 103, 200, 202, 301, 302]
    np.testing.assert_allclose(features[:, 1], features[:, 0] + 0.2, rtol=1e-6)
    assert features.shape == (6, 2)


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5])
def test_of_too_many_plays_the_latest_are_taken(most: int) -> None:
    features, rates = gather_plays(DAYS, ["device"], most)
    assert rates.tolist() == [0.5, 0.25, 0.1, 0.3, 0.9, 0.8][-most:]
    assert len(features) == most


def test_the_fit_is_stopped_by_the_answers_of_the_validation_day(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[object, ...]] = []

    def fit(features: object, rates: object, names: object, bins: object, *rest: object) -> Completion:
        told.append((features, rates, names, *rest))
        return Completion(make_bins(np.array([0.5]), 2, 10), None, ("video_a",), 9)

    monkeypatch.setattr(completion, "fit", fit)
    valid = day(4, [0.7, 0.6, 0.4], answer=1)
    fit_early(DAYS, valid, SETTINGS, 8)
    features, rates, names, held, parameters, rounds, patience, seed = told[0]
    assert np.asarray(rates).tolist() == [0.5, 0.25, 0.1, 0.3, 0.9, 0.8]
    assert np.asarray(features).shape == (6, 2)
    assert names == ("video_a", "pair_c")
    assert [np.asarray(part).tolist() for part in held] == [[[401, pytest.approx(401.2)]], [0.6]]  # type: ignore[attr-defined]
    assert (parameters, rounds, patience, seed) == (SETTINGS.parameters, 30, 3, 8)
    early = [Completion(make_bins(np.array([0.5]), 2, 10), None, (), rounds) for rounds in (4, 9, 9)]
    refit(DAYS, SETTINGS, early, 8)
    assert told[1][3] is None
    assert told[1][5] == 7  # the mean of the rounds
    nothing = [Completion(early[0].bins, None, (), 0)]
    refit(DAYS, SETTINGS, nothing, 8)
    assert told[2][5] == 1


def test_bins_are_those_of_the_training_plays() -> None:
    rng = np.random.default_rng(0)
    train = [day(number, (rng.random(40) / 2 + 0.01).tolist()) for number in (1, 2)]
    model = fit_early(train, day(3, (rng.random(40) + 5).tolist()), SETTINGS, 1)
    expected = make_bins(np.concatenate([each.rates for each in train]), 4, 20)
    np.testing.assert_array_equal(model.bins.edges, expected.edges)
    np.testing.assert_array_equal(model.bins.table, expected.table)
    assert model.names == ("video_a", "pair_c")
    assert 1 <= model.rounds <= 30
