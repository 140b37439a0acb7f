"""Towers: what a position may see, what an ad's vector is made of."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from competitions.learning.tencent.encoders import Bert4Rec, Hstu, TwoTower
from competitions.tencent.config import SequenceSettings
from competitions.tencent.retrieval.sequence import BuildEncoder
from competitions.tencent.retrieval.sequence_model.encoder import CausalEncoder, QueryTime, QueryTower
from competitions.tencent.sequences import Padded

SMALL = SequenceSettings(width=8, length=6)
CAUSAL = {"hstu": Hstu, "transformer": CausalEncoder, "two towers": TwoTower}
ALL = CAUSAL | {"bert4rec": Bert4Rec}
ADS = 12


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def build(build_encoder: BuildEncoder) -> QueryTower:
    torch.manual_seed(0)
    tower = QueryTower(SMALL, build_encoder(SMALL)).eval()
    for part in tower.parameters():  # biases start at zero: give every path something to say
        torch.nn.init.normal_(part, std=0.3)
    return tower


def make_events(histories: int, length: int, mask: np.ndarray | None = None) -> Padded:
    """Clicks at any time of a few days."""
    time = np.random.default_rng(3).integers(0, 300_000, (histories, length)).cumsum(1)
    clicks = np.ones((histories, length), np.int64)
    return Padded(clicks, clicks.copy(), time, clicks > 0 if mask is None else mask)


@pytest.mark.parametrize("name", CAUSAL)
def test_no_position_sees_its_own_event_or_a_later_one(name: str) -> None:
    tower, ads, events = build(CAUSAL[name]), draw(3, 6, 8), make_events(3, 6)
    before, learned = tower.encode_targets(ads, events)
    assert before.shape == (3, 6, 8)
    assert learned.all()
    ads[:, 4:], events.time[:, 4:] = draw(3, 2, 8, seed=1), events.time[:, 4:] + 40_000
    events.action[:, 4:] = 1, 0  # the first is asked for by its action
    after = tower.encode_targets(ads, events)[0]
    torch.testing.assert_close(after[:, :5], before[:, :5])
    assert (after[:, 5] != before[:, 5]).any()


@pytest.mark.parametrize("name", ALL)
def test_what_stands_behind_the_end_changes_nothing(name: str) -> None:
    tower, asked = build(ALL[name]), torch.ones(3, dtype=torch.int64)
    mask = np.arange(6) < np.array([[3], [1], [0]])
    events, inside = make_events(3, 6, mask), torch.from_numpy(mask)[:, :, None]
    ads = torch.where(inside, draw(3, 6, 8), 0)
    shorter = Padded(*(column[:, :4] * mask[:, :4] for column in vars(events).values()))
    last = tower.encode_last(ads[:, :4], shorter, asked)
    filled = torch.where(inside, ads, draw(3, 6, 8, seed=1))
    torch.testing.assert_close(tower.encode_last(filled, events, asked)[:2], last[:2])
    assert torch.isfinite(last).all()  # of the empty history, too


@pytest.mark.parametrize("name", ["hstu", "transformer"])
def test_order_action_time_and_what_is_asked_for_count(name: str) -> None:
    tower, ads, events = build(CAUSAL[name]), draw(2, 5, 8), make_events(2, 5)
    tower.query_time.set_knots(np.arange(0, 2_000_000, 9))
    asked = torch.ones(2, dtype=torch.int64)
    last = tower.encode_last(ads, events, asked)
    earlier, hour_later = events.time.copy(), events.time + 3_600
    earlier[:, 2] -= 500
    others = {
        "order": (ads.flip(1), events, asked),
        "exposures": (ads, replace(events, action=0 * events.action), asked),
        "null": (ads, replace(events, action=-events.action), asked),
        "gaps": (ads, replace(events, time=earlier), asked),
        "hour": (ads, replace(events, time=hour_later), asked),
        "asked": (ads, events, 2 * asked),
    }
    for what, inputs in others.items():
        assert not torch.allclose(last, tower.encode_last(*inputs)), what


def test_the_query_s_time_moves_its_vector_in_straight_lines_between_moments_of_training() -> None:
    layer = QueryTime(3)
    torch.nn.init.normal_(layer.table.weight)
    layer.set_knots(np.arange(0, 63_001))  # a knot each 1,000 s
    time = torch.tensor([[2_000, 2_250, 3_000], [-5, 0, 99_999]])
    vectors, table = layer(time), layer.table.weight
    torch.testing.assert_close(vectors[0], torch.stack([table[2], 0.75 * table[2] + 0.25 * table[3], table[3]]))
    torch.testing.assert_close(vectors[1], table[[0, 0, 63]])
