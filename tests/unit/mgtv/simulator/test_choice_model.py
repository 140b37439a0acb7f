"""The laws of the MGTV simulator and its oracle, computed again in another way."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta

from common.arrays import Floats, Ints
from competitions.mgtv.labels import score_rates
from competitions.mgtv.simulator import click_model, oracle, simulate, users, watch_time_model
from competitions.mgtv.simulator.catalogue import make_catalogue, rate_day
from competitions.mgtv.simulator.click_model import Clicks
from competitions.mgtv.simulator.constants import CHANNELS, FEATURE, KINDS, TEST_DAY, measure_sizes
from competitions.mgtv.simulator.slates import SimulationState, Slates, draw_slates
from competitions.mgtv.simulator.users import UserHistory, Watched
from competitions.mgtv.simulator.watch_time_model import GRID, SHAPES

SEED = 5


@pytest.fixture(scope="module")
def state() -> SimulationState:
    """The day asked about, after five days that left something to remember."""
    sizes = measure_sizes(0.004)
    catalogue, people = make_catalogue(sizes, SEED), users.make_users(sizes.devices, SEED)
    history = users.init_history(catalogue, people, SEED)
    for day in range(TEST_DAY - 5, TEST_DAY):
        today = SimulationState(catalogue, people, history, rate_day(catalogue, day))
        slates, _, watched = simulate.simulate_day(today, np.arange(sizes.devices), np.random.default_rng(day))
        users.record_impressions(history, slates.row_device, slates.position, slates.video)
        users.record_clicks(catalogue, history, watched)
    return SimulationState(catalogue, people, history, rate_day(catalogue, TEST_DAY))


@pytest.fixture(scope="module")
def slates(state: SimulationState) -> Slates:
    return draw_slates(state, np.arange(len(state.users.activity)), np.random.default_rng(1))


def copy_of(history: UserHistory) -> UserHistory:
    return replace(history, **{name: values.copy() for name, values in vars(history).items()})


def utility(state: SimulationState, slates: Slates, row: int) -> float:
    """U of a row by the definition, with plain numbers."""
    videos, history, weights = state.catalogue.videos, state.history, click_model.WEIGHTS
    at = int(slates.owner[row])
    device, video = int(slates.device[at]), int(slates.video[row])
    programme, channel = int(videos.collection[video]), int(videos.channel[video])
    clicked = [
        (int(one), bool(end)) for one, end in zip(history.clicked[device], history.finished[device], strict=True)
    ]
    known = {int(one) for one in history.follow[device]} | {
        int(videos.collection[one]) for one, _ in clicked if one >= 0
    }
    following = [
        int(state.catalogue.collections.first[one]) + int(step) - 1
        for one, step in zip(history.follow[device], history.next_serial[device], strict=True)
        if one >= 0 and step <= state.catalogue.collections.episodes[one]
    ]
    age = TEST_DAY - int(videos.release[video])
    value = float(CHANNELS["pull"][channel] + KINDS["pull"][int(videos.kind[video])])
    value += weights["taste"] * float(state.users.taste[device, channel])
    value += weights["next"] * (video in following)
    value += weights["known"] * (programme in known)
    value += weights["heat"] * float(state.catalogue.collections.heat[TEST_DAY, programme])
    value += weights["quality"] * float(videos.quality[video]) + weights["novelty"] * math.exp(-age / 2.5)
    value += weights["position"] * math.log(1 + row - int(slates.first[at]))
    value += weights["length"] * float(state.users.patience[device]) * math.log(float(videos.duration[video]) / 600)
    value += weights["seen"] * min(3, [int(one) for one in history.shown[device]].count(video))
    value += weights["unfinished"] * ((video, False) in clicked) + weights["finished"] * ((video, True) in clicked)
    return click_model.SHARPNESS * value


def test_utilities_are_those_of_the_definition(state: SimulationState, slates: Slates) -> None:
    utilities = click_model.utilities(state, slates)
    rows = np.random.default_rng(2).choice(len(utilities), 400, replace=False).tolist()
    rows += np.flatnonzero(slates.next)[:100].tolist()
    np.testing.assert_allclose(utilities[rows], [utility(state, slates, row) for row in rows], rtol=1e-5, atol=1e-5)


def test_first_clicks_are_drawn_by_their_chances(state: SimulationState, slates: Slates) -> None:
    clicks = click_model.draw_clicks(state, slates, np.random.default_rng(3))
    np.testing.assert_allclose(np.bincount(slates.owner, clicks.chance), 1.0)
    first = clicks.row[clicks.rank == 0]
    chosen = np.zeros(len(clicks.chance))
    chosen[first] = 1
    truth = np.zeros(len(slates.device), bool)
    truth[slates.owner[first]] = True
    rows = truth[slates.owner]
    chance = clicks.chance[rows]
    # In ten bands of the chance, as many are clicked first as the law says.
    band = np.searchsorted(np.quantile(chance, np.arange(1, 10) / 10), chance)
    got, due = np.bincount(band, chosen[rows]), np.bincount(band, chance)
    assert (np.abs(got - due) < 4 * np.sqrt(np.bincount(band, chance * (1 - chance)))).all()


def test_the_weights_of_the_parts_are_the_softmax_of_the_definition(state: SimulationState, slates: Slates) -> None:
    weights_by_row = watch_time_model.part_weights(state, slates.row_device, slates.video, slates.next)
    videos = state.catalogue.videos
    for row in range(0, len(weights_by_row), 997):
        device, video = int(slates.row_device[row]), int(slates.video[row])
        kind = KINDS.row(int(videos.kind[video]), named=True)
        x = math.log(videos.duration[video] / 600)
        taste = float(state.users.taste[device, videos.channel[video]])
        values = (1.0, x, float(state.users.patience[device]), float(slates.next[row]), videos.quality[video], taste)
        odds = [
            math.exp(kind["abandon"] + sum(a * b for a, b in zip(watch_time_model.ABANDON, values, strict=True))),
            1.0,
            math.exp(kind["complete"] + sum(a * b for a, b in zip(watch_time_model.COMPLETE, values, strict=True))),
        ]
        first = 0 if videos.kind[video] == FEATURE else len(odds)
        own = weights_by_row[row, first : first + len(odds)]
        np.testing.assert_allclose(own, np.array(odds) / sum(odds), rtol=1e-5)
        assert weights_by_row[row].sum() == pytest.approx(1)


@pytest.mark.parametrize("shape", range(len(SHAPES)))
def test_gains_are_the_integrals(shape: int) -> None:
    a, b, low, high = SHAPES[shape]
    gains = watch_time_model.make_gains()
    for rank in (0, 40, 480, 930, 1000):
        p = float(GRID[rank])

        def value(t: float, p: float = p) -> float:
            density = beta.pdf((t - low) / (high - low), a, b) / (high - low)
            return float(density / (1 + math.sqrt(abs(t - p) / t)))

        edges = sorted({low, high, *([p] if low < p < high else [])})
        whole = sum(quad(value, left, right, limit=200)[0] for left, right in pairwise(edges))
        assert gains[shape, rank] == pytest.approx(whole, abs=2e-3)


def draw_all(state: SimulationState, slates: Slates, seed: int) -> tuple[Clicks, Ints, Floats]:
    """Everyone who clicks is asked: the clicks, the row that is clicked first, how much of it is played."""
    rng = np.random.default_rng(seed)
    clicks = click_model.draw_clicks(state, slates, rng)
    row = clicks.row[clicks.rank == 0]
    weights = watch_time_model.part_weights(state, slates.row_device[row], slates.video[row], slates.next[row])
    return clicks, row, watch_time_model.draw_completion(weights, rng)


def test_the_oracle_is_the_best_of_all_answers(state: SimulationState, slates: Slates) -> None:
    clicks, first, completion = draw_all(state, slates, 7)
    scores = oracle.score_slates(state, slates, clicks, first, completion)
    gains = watch_time_model.make_gains()
    for at in range(0, 40):
        owner = int(slates.owner[first[at]])
        best = (-1.0, -1, -1.0)
        for row in range(int(slates.first[owner]), int(slates.first[owner + 1])):
            one = np.array([row])
            weights = watch_time_model.part_weights(state, slates.row_device[one], slates.video[one], slates.next[one])
            values = float(clicks.chance[row]) * (weights[0] @ gains)
            best = max(best, (float(values.max()), row, float(GRID[values.argmax()])))
        hit = best[1] == first[at]
        assert scores.hit[at] == hit
        assert scores.expected[at] == pytest.approx(best[0])
        expected = float(score_rates(completion[at : at + 1], np.array([best[2]]))[0]) if hit else 0.0
        assert scores.gain[at] == pytest.approx(expected)


def test_the_oracle_scores_what_it_expects(state: SimulationState, slates: Slates) -> None:
    made = oracle.summarise_scores(
        [oracle.score_slates(state, slates, *draw_all(state, slates, seed)) for seed in range(10, 12)]
    )
    assert abs(made.score - made.expected) < 3 * made.error
    rates = made.details
    assert abs(rates["hit_rate"] - rates["expected_hit_rate"]) < 3 * (0.25 / made.queries) ** 0.5


def test_a_finished_episode_moves_the_pointer_and_an_abandoned_one_does_not(state: SimulationState) -> None:
    catalogue, history = state.catalogue, copy_of(state.history)
    programme = int(np.flatnonzero(catalogue.collections.episodes > 4)[0])
    episode = int(catalogue.collections.first[programme])
    history.follow[:4] = -1
    history.follow[:3, 1], history.next_serial[:3, 1] = programme, 1
    watched = Watched(
        device=np.array([0, 1, 2, 2, 3]),
        video=episode + np.array([0, 0, 0, 1, 2]),
        rank=np.array([0, 0, 0, 1, 0]),
        completion=np.array([0.9, 0.1, 0.9, 0.9, 0.9]),
        follow_draw=np.zeros(5),
    )
    follows = int(history.follows[3]) % users.SLOTS
    users.record_clicks(catalogue, history, watched)
    assert history.next_serial[:3, 1].tolist() == [2, 1, 3]
    assert (history.follow[3, follows], history.next_serial[3, follows]) == (programme, 4)
    following = users.next_videos(catalogue, history, np.arange(3), TEST_DAY)[:, 1]
    out = catalogue.videos.release[episode + np.array([1, 0, 2])] <= TEST_DAY
    assert following.tolist() == np.where(out, episode + np.array([1, 0, 2]), -1).tolist()
