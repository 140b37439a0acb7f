"""The user's tower: a mean of what was seen, by hand, whose order and times say nothing."""

import dataclasses
from typing import Any

import torch

from tests.unit.tencent.lab.model.test_encoder import encode, make_network


def test_order_and_times_say_nothing() -> None:
    network, batch = make_network(encoder="two_tower")
    turned = dataclasses.replace(
        batch,
        item=torch.cat([batch.item[:, :3].flip(1), batch.item[:, 3:]], 1),
        action=torch.cat([batch.action[:, :3].flip(1), batch.action[:, 3:]], 1),
        time=batch.time * 3 + 5_000,
    )
    before, after = encode(network, batch), encode(network, turned)
    torch.testing.assert_close(after[:, 3:], before[:, 3:])
    assert (after[:, 1] != before[:, 1]).any()


def test_the_hidden_layer_sees_the_mean_of_the_ads_before() -> None:
    network, batch = make_network(encoder="two_tower", actions=False, condition=False)
    with torch.no_grad():
        tower: Any = network.encoder
        items = network.tower(batch.item.reshape(-1)).view(*batch.item.shape, -1)
        user = tower.user(tower.users(batch.users[:1]))
        mean = (items[0, 0] + items[0, 1] + items[0, 2]) / 3 + user[0]
        expected = tower.norm(mean + tower.hidden_layer(mean))
        torch.testing.assert_close(encode(network, batch)[0, 3], expected)
        torch.testing.assert_close(encode(network, batch)[0, 0], tower.norm(user + tower.hidden_layer(user))[0])
