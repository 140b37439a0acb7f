"""Vectors of videos, and what a device's last videos say of a candidate."""

import math

import numpy as np
import polars as pl
import pytest

from competitions.mgtv.features import sequence
from competitions.mgtv.features.device_history import build_history
from competitions.mgtv.features.sequence import DEVICE_VIDEOS, Vectors, describe_sequences, fit_video_vectors
from tests.unit.mgtv.mgtv_world import draw_log, make_log, make_slates, make_videos, row

SLATES = make_slates(9, {0: [0]})


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few numbers a vector, few videos back."""
    for name, value in {"VECTOR_SIZE": 4, "LAST_VIDEOS": 3, "SHARPNESS": 2.0}.items():
        monkeypatch.setattr(sequence, name, value)


def learn(log: pl.DataFrame, videos: int, seed: int = 0) -> Vectors:
    return fit_video_vectors(log, SLATES, videos, seed)


def clicks(*baskets: tuple[int, ...], day: int = 8, first: int = 0) -> pl.DataFrame:
    """One device per basket, which clicked these videos."""
    return make_log(
        *(row(day, first + device, video, 0.5) for device, basket in enumerate(baskets) for video in basket)
    )


# --- vectors ---

# Two worlds that nobody leaves: 0 1 2 and 3 4 5; 6 is clicked by one device, 7 by nobody.
WORLDS = clicks((0, 1, 2), (0, 1, 2), (0, 1), (3, 4, 5), (3, 4, 5), (4, 5), (0, 6))


def test_videos_clicked_by_the_same_devices_are_near(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two directions are as many as there are worlds."""
    monkeypatch.setattr(sequence, "VECTOR_SIZE", 2)
    vectors = learn(WORLDS, 8)
    near = vectors @ vectors.T
    np.testing.assert_allclose(near[:3, :3], 1, atol=1e-5)
    np.testing.assert_allclose(near[3:6, 3:6], 1, atol=1e-5)
    np.testing.assert_allclose(near[:3, 3:6], 0, atol=1e-5)


@pytest.mark.parametrize("size", [1, 2, 4, 7, 20])
def test_videos_that_no_two_devices_clicked_together_have_no_vector(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequence, "VECTOR_SIZE", size)
    vectors = learn(WORLDS, 8)
    assert vectors.shape == (8, size)
    assert vectors[6:].tolist() == [[0.0] * size] * 2
    assert np.isfinite(vectors).all()


def test_one_device_alone_brings_no_videos_together() -> None:
    assert not learn(clicks((0, 1), (0, 2), (1, 2)), 3).any()
    assert learn(clicks((0, 1), (0, 1), (1, 2), (2, 3), (2, 3)), 4).any()


def test_repeated_clicks_of_a_device_count_once() -> None:
    again = pl.concat([clicks((0, 1), (2, 3), (2, 3), day=day) for day in (5, 6, 7)])
    vectors = learn(again, 4)
    assert not vectors[:2].any()
    assert vectors[2:].any(axis=1).all()


def test_only_clicks_before_the_day_count() -> None:
    late = clicks((0, 1), (0, 1), (2, 3), day=9, first=50)
    np.testing.assert_array_equal(learn(pl.concat([WORLDS, late]), 8), learn(WORLDS, 8))
    assert not learn(late, 8).any()
    shown = make_log(*(row(8, device, video) for device in range(3) for video in range(3)))
    assert not learn(shown, 8).any()


def test_a_devices_last_videos_count_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    first, last = clicks((0, 1), (0, 1), day=3), clicks((2, 3), (2, 3), (4, 5), (4, 5), day=4)
    assert DEVICE_VIDEOS > 2
    monkeypatch.setattr(sequence, "DEVICE_VIDEOS", 2)
    vectors = learn(pl.concat([first, last]), 6)
    assert not vectors[:2].any()
    assert vectors[2:].any(axis=1).all()


def test_without_clicks_or_other_videos_there_are_no_vectors() -> None:
    for log in (make_log(), clicks((0,), (0,))):
        assert learn(log, 3).tolist() == [[0] * 4] * 3
        assert learn(log, 1).tolist() == [[0] * 4]


def test_vectors_depend_on_the_seed_alone() -> None:
    log = draw_log(1, devices=40)
    one = learn(log, 15, seed=3)
    np.testing.assert_array_equal(one, learn(log.sample(fraction=1, shuffle=True, seed=1), 15, seed=3))


# --- attention ---

# By hand: 0 and 1 are the same, 2 is at right angles, 3 opposite, 4 at 60 degrees to 0; 5 has none; the last is as 0.
TABLE = np.array([[1, 0], [1, 0], [0, 1], [-1, 0], [0.5, 3**0.5 / 2], [0, 0], [1, 0]], np.float32)
VIDEOS = make_videos(type=[0] * 7)


def attend(*watched: tuple[int, float | None], slates: int) -> dict[str, float | None]:
    """The block for one candidate after these clicks, (video, t), the latest last."""
    log = make_log(*(row(8, 1, video, t, clicked=True, click_ms=at) for at, (video, t) in enumerate(watched)))
    slates = make_slates(9, {1: [slates]})
    history = build_history(log, slates, VIDEOS)
    described = describe_sequences(history, slates, TABLE)
    return {name.removeprefix("sequence_"): described[name][0] for name in described.columns}


def test_attention_by_hand() -> None:
    """Watched: 2, then 4, then 3; the candidate is 0: cosines 0, 1/2, -1, the latest of which is -1."""
    described = attend((2, 1.0), (4, 0.5), (3, 0.25), slates=0)
    weights = [math.exp(0), math.exp(1), math.exp(-2)]
    logs = [math.log(1.0), math.log(0.5), math.log(0.25)]
    assert described == {
        "nearest": pytest.approx(0.5),
        "mean": pytest.approx(-0.5 / 3),
        "faded": pytest.approx((-1 + 0.7 * 0.5) / (1 + 0.7 + 0.49)),
        "attended_log_t": pytest.approx(sum(w * log for w, log in zip(weights, logs, strict=True)) / sum(weights)),
        "liked": pytest.approx((0.5 * 0.5 - 1 * 0.25) / 3, abs=1e-6),
    }


def test_the_last_videos_alone_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    assert attend((0, 1.0), (2, 0.5), (3, 0.5), slates=1)["nearest"] == 1
    two = attend((2, 0.5), (3, 0.5), slates=1)
    monkeypatch.setattr(sequence, "LAST_VIDEOS", 2)
    assert attend((0, 1.0), (2, 0.5), (3, 0.5), slates=1) == two


def test_an_unknown_rate_is_left_out_of_what_was_made_of_near_ones() -> None:
    described = attend((1, 0.5), (2, None), (4, 0.0), slates=0)
    assert described["nearest"] == 1
    assert described["mean"] == pytest.approx(0.5)
    assert described["attended_log_t"] == pytest.approx(math.log(0.5))
    assert described["liked"] == pytest.approx(0.5 / 3)
    unknown = attend((1, None), slates=0)
    assert (unknown["nearest"], unknown["attended_log_t"], unknown["liked"]) == (1, None, 0)


def test_a_candidate_or_a_watched_video_without_a_vector_is_at_right_angles() -> None:
    described = attend((1, 0.5), slates=5)
    assert (described["nearest"], described["mean"], described["liked"]) == (0, 0, 0)
    assert described["attended_log_t"] == pytest.approx(math.log(0.5))
    assert attend((3, 0.5), (5, 0.5), slates=0)["nearest"] == 0


def test_a_device_that_clicked_nothing_has_no_features() -> None:
    slates = make_slates(9, {1: [0, 1], 2: [0]})
    history = build_history(make_log(row(8, 1, 0), row(9, 2, 0, 0.5)), slates, VIDEOS)
    described = describe_sequences(history, slates, TABLE)
    assert described.null_count().row(0) == (3,) * 5


def test_slices_and_devices_are_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    log = draw_log(4)
    slates = make_slates(6, {device: [1, device, 14][:2] for device in (5, 2, 11, 0)})
    history = build_history(log, slates, make_videos(type=[0] * 15))
    vectors = fit_video_vectors(log, slates, 15, 0)
    whole = describe_sequences(history, slates, vectors)
    alone = make_slates(6, {11: [1, 11]})
    own = describe_sequences(build_history(log, alone, make_videos(type=[0] * 15)), alone, vectors)
    assert own.equals(whole[4:6])
    monkeypatch.setattr(sequence, "SLICE_ROWS", 3)
    assert describe_sequences(history, slates, vectors).equals(whole)
