"""The networks: their inputs and loss by hand, a planted rule that only the history tells, one seed one result."""

import msgspec
import numpy as np
import polars as pl
import pytest
import torch

from competitions.learning.mgtv.deep_networks import Batch, DeepFM, Shape
from competitions.learning.mgtv.deep_training import (
    DeepSettings,
    Fields,
    Inputs,
    NetworkDay,
    choice_loss,
    code_fields,
    fit_network,
    look_up,
    score_network,
)
from competitions.mgtv.models.dataset import DayFeatures
from tests.unit.mgtv.mgtv_world import Floats, draw_log, make_day, make_slates, make_videos

CHANNELS = 4
VIDEOS = 40
SETTINGS = DeepSettings(size=4, hidden=(16,), dropout=0.0, passes=8, lists=32, learning_rate=0.03, watched=2, threads=1)


def draw_day(seed: int, lists: int = 240) -> tuple[DayFeatures, Inputs]:
    """Lists of one video a channel; watched is the one of the channel watched last, which no number tells."""
    rng = np.random.default_rng(seed)
    channel = np.array([rng.permutation(CHANNELS) for _ in range(lists)])
    video = channel + CHANNELS * rng.integers(0, VIDEOS // CHANNELS, (lists, CHANNELS))
    last = rng.integers(0, VIDEOS, (lists, 2))
    answers = (channel == last[:, [0]] % CHANNELS).argmax(1)
    day = make_day([CHANNELS] * lists, answers.tolist(), {"video_noise": rng.normal(size=lists * CHANNELS)}, day=seed)
    rates = np.full((lists, 2), 0.5, np.float32)
    return day, Inputs(video.ravel() + 1, np.zeros(lists, np.int64), last + 1, rates)


def tables() -> Fields:
    videos = make_videos(channel=[video % CHANNELS for video in range(VIDEOS)])
    devices = pl.DataFrame({"device": [0], "f0": [3]})
    return code_fields(videos, devices)


def hit_rate(day: DayFeatures, scores: Floats) -> float:
    table = scores.reshape(-1, CHANNELS)
    return float((table.argmax(1) == day.rows.labels.reshape(-1, CHANNELS).argmax(1)).mean())


def learn(kind: str, settings: DeepSettings = SETTINGS, seed: int = 0) -> tuple[float, Floats]:
    """Hit rate on a day that was not learned from, and its scores."""
    day, inputs = draw_day(1)
    new, new_inputs = draw_day(2)
    network = fit_network([NetworkDay(day, inputs)], tables(), kind, ["video"], settings, seed)
    scores = score_network(NetworkDay(new, new_inputs), tables(), network, settings)
    assert scores.shape == (len(new.completions),)
    return hit_rate(new, scores), scores


def test_only_the_network_that_reads_the_history_finds_the_channel_watched_last() -> None:
    assert learn("DIN")[0] > 0.9
    for kind in ("wide and deep", "DeepFM"):
        assert learn(kind, msgspec.structs.replace(SETTINGS, passes=2))[0] < 0.45  # chance is a quarter


# --- inputs ---


def test_what_happens_on_the_day_or_later_is_no_input() -> None:
    log = draw_log(3)
    slates = make_slates(4, {device: [0, 3, 7] for device in range(8)})
    later = pl.col("day") >= 4
    other = log.with_columns(clicked=later | pl.col("clicked"), t=pl.when(later).then(0.1).otherwise("t"))
    one, two = (look_up(frame, slates, tables(), 5) for frame in (log, other))
    for name, value in vars(one).items():
        np.testing.assert_array_equal(value, getattr(two, name))


# --- loss and layers ---


def test_the_loss_is_that_of_a_choice_within_each_list() -> None:
    scores = torch.tensor([1.0, 2.0, 0.0, 5.0, 1.0], requires_grad=True)
    owner, answers = torch.tensor([0, 0, 0, 1, 1]), torch.tensor([1, 4])
    loss = choice_loss(scores, owner, answers)
    first = np.exp(2) / np.exp([1.0, 2.0, 0.0]).sum()
    second = np.exp(1) / np.exp([5.0, 1.0]).sum()
    assert float(loss.detach()) == pytest.approx(-(np.log(first) + np.log(second)) / 2)
    loss.backward()
    assert float(scores.grad[:3].sum()) == pytest.approx(0, abs=1e-6)  # type: ignore[index]


def test_the_factorisation_machine_adds_up_all_pairs() -> None:
    """With the layers and the first order silenced, the score is the sum over pairs of inner products."""
    torch.manual_seed(0)
    model = DeepFM(Shape(2, (3, 4), (), 3, (2,), 0.0)).eval()
    day = Batch(
        torch.randn(3, 2),
        torch.tensor([[0, 1], [2, 3], [1, 0]]),
        torch.zeros(3, 0, dtype=torch.int64),
        torch.tensor([0, 0, 0]),
        torch.zeros(1, 2, 2, dtype=torch.int64),
        torch.zeros(1, 2),
        torch.zeros(1, 2),
    )
    for layer in (model.weights.table, model.linear, *model.deep):
        for weights in layer.parameters():
            torch.nn.init.zeros_(weights)
    ids = model.vectors(day.video)
    inputs = [ids[:, 0], ids[:, 1], day.numbers[:, [0]] * model.factors[0], day.numbers[:, [1]] * model.factors[1]]
    pairs = sum((inputs[i] * inputs[j]).sum(1) for i in range(4) for j in range(i))
    torch.testing.assert_close(model(day), pairs)
