"""BERT4Rec: a hidden event is filled in from both sides, never from itself; the last one is hidden as in answering."""

import dataclasses

import pytest
import torch

from competitions.tencent.lab.model.bert4rec import HIDDEN, LAST_ONLY, draw_hidden
from competitions.tencent.lab.model.encoder import Batch
from competitions.tencent.lab.model.network import Network
from competitions.tencent.lab.training.batches import make_batch
from competitions.tencent.lab.training.trainer import build_network
from tests.unit.tencent.lab.model.test_encoder import CLICK, make_network
from tests.unit.tencent.training_inputs import make_training_inputs


def fill(network: Network, batch: Batch, hidden: torch.Tensor | None) -> torch.Tensor:
    with torch.no_grad():
        items = network.tower(batch.item.reshape(-1)).view(*batch.item.shape, -1)
        filled: torch.Tensor = network.encoder(items, batch, hidden)
    return filled


def hide(batch: Batch, slot: int) -> torch.Tensor:
    hidden = torch.zeros(len(batch.item), batch.item.shape[1] + 1, dtype=torch.bool)
    hidden[:, slot] = True
    return hidden


@pytest.mark.parametrize(("slot", "shows"), [(0, True), (1, False), (2, True)])
def test_a_hidden_event_is_filled_in_from_both_sides_and_never_from_itself(slot: int, shows: bool) -> None:
    network, batch = make_network(encoder="bert4rec")
    item, action = batch.item.clone(), batch.action.clone()
    item[:, slot], action[:, slot] = 1 + item[:, slot] % 10, 1 - action[:, slot]
    other = dataclasses.replace(batch, item=item, action=action)
    moved = fill(network, other, hide(batch, 1)) != fill(network, batch, hide(batch, 1))
    assert moved[:, 1].any(1).all() == moved.any() == shows


@pytest.mark.parametrize("hidden", [1, 2])
def test_the_condition_is_on_the_question_alone(hidden: int) -> None:
    network, batch = make_network(encoder="bert4rec")
    next_action = batch.next_action.clone()
    next_action[:, 2] = 2
    other = dataclasses.replace(batch, next_action=next_action)
    moved = fill(network, other, hide(batch, hidden)) != fill(network, batch, hide(batch, hidden))
    assert moved.any() == (hidden == 2)


def test_answering_asks_what_hiding_the_last_event_asks() -> None:
    """The history without its last event, asked for the next one, is the same question: also to the positions."""
    inputs = make_training_inputs(encoder="bert4rec")
    network = build_network(inputs).eval()
    whole = make_batch(inputs.history, inputs.users.features, 8, CLICK, 2_000_000)
    last = inputs.history.lengths - 1
    cut = dataclasses.replace(inputs.history, ends=inputs.history.ends - 1)
    condition = whole.action[torch.arange(len(last)), torch.from_numpy(last)].numpy()
    asked = make_batch(cut, inputs.users.features, 8, condition, 2_000_000)
    rows, slots = torch.arange(len(last)), torch.from_numpy(last)
    hidden = torch.zeros(len(last), whole.item.shape[1] + 1, dtype=torch.bool)
    hidden[rows, slots] = True
    torch.testing.assert_close(fill(network, whole, hidden)[rows, slots], fill(network, asked, None)[rows, slots])


def test_a_share_of_the_events_is_hidden_or_the_last_alone_and_never_what_is_none() -> None:
    torch.manual_seed(0)
    mask = torch.arange(10) < torch.tensor([7, 10]).repeat(20_000)[:, None]
    hidden = draw_hidden(mask)
    assert hidden.shape == (40_000, 11)
    assert not (hidden[:, :10] & ~mask).any()
    assert not hidden[:, 10].any()
    for length in (7, 10):
        shares = hidden[mask.sum(1) == length].float().mean(0)
        each = (1 - LAST_ONLY) * HIDDEN
        torch.testing.assert_close(shares[: length - 1], torch.full((length - 1,), each), atol=0.015, rtol=0)
        torch.testing.assert_close(shares[length - 1], torch.tensor(each + LAST_ONLY), atol=0.015, rtol=0)
