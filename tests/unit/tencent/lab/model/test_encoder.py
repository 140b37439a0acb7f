import dataclasses
from typing import Any

import pytest
import torch

from competitions.tencent.lab.model.attention import bucket_seconds
from competitions.tencent.lab.model.encoder import Batch, FieldEmbeddings
from competitions.tencent.lab.model.loss import Negatives
from competitions.tencent.lab.model.network import Network
from competitions.tencent.lab.training.batches import make_batch
from competitions.tencent.lab.training.trainer import build_network
from tests.unit.tencent.training_inputs import make_forecast, make_training_inputs

CLICK = 1


def make_network(**settings: object) -> tuple[Network, Batch]:
    inputs = make_training_inputs(**settings)  # type: ignore[arg-type]
    network = build_network(inputs).eval()
    for part in network.parameters():  # biases start at zero: give every path something to say
        if part.ndim == 1 or (part.ndim == 2 and part.shape[1] == 4):
            torch.nn.init.normal_(part, std=0.3)
    return network, make_batch(inputs.history, inputs.users.features, 8, CLICK, 2_000_000)


def encode(network: Network, batch: Batch) -> torch.Tensor:
    with torch.no_grad():
        items = network.tower(batch.item.reshape(-1)).view(*batch.item.shape, -1)
        hidden: torch.Tensor = network.encoder(items, batch)
    return hidden


@pytest.mark.parametrize("encoder", ["hstu", "transformer", "two_tower"])
def test_no_token_sees_a_later_event(encoder: str) -> None:
    network, batch = make_network(encoder=encoder)
    before = encode(network, batch)
    item, action, time = batch.item.clone(), batch.action.clone(), batch.time.clone()
    item[:, 4:], action[:, 4:], time[:, 4:] = 1, 1 - action[:, 4:], time[:, 4:] + 10**6
    after = encode(network, dataclasses.replace(batch, item=item, action=action, time=time))
    torch.testing.assert_close(after[:, :5], before[:, :5])
    assert (after[:, 5] != before[:, 5]).any()


@pytest.mark.parametrize("encoder", ["hstu", "transformer", "bert4rec", "two_tower"])
def test_what_stands_behind_the_end_changes_nothing(encoder: str) -> None:
    network, batch = make_network(encoder=encoder, length=12)
    longer = dataclasses.replace(
        batch,
        **{
            name: torch.cat([getattr(batch, name), getattr(batch, name)[:, :2]], 1)
            for name in ("item", "action", "time", "next_action", "query_time")
        },
        mask=torch.cat([batch.mask, torch.zeros_like(batch.mask[:, :2])], 1),
    )
    last = batch.mask.sum(1)
    rows = torch.arange(len(last))
    torch.testing.assert_close(encode(network, longer)[rows, last], encode(network, batch)[rows, last])


def test_the_condition_counts_from_its_own_token_on() -> None:
    network, batch = make_network()
    next_action = batch.next_action.clone()
    next_action[:, 3] = 2
    before, after = encode(network, batch), encode(network, dataclasses.replace(batch, next_action=next_action))
    torch.testing.assert_close(after[:, :3], before[:, :3])
    assert (after[:, 3] != before[:, 3]).any()


@pytest.mark.parametrize("switch", ["actions", "condition", "times"])
def test_an_input_that_is_switched_off_changes_nothing(switch: str) -> None:
    network, batch = make_network(**{switch: False})
    edits = {
        "actions": dataclasses.replace(batch, action=1 - batch.action),
        "condition": dataclasses.replace(batch, next_action=1 - batch.next_action),
        "times": dataclasses.replace(batch, time=batch.time * 5 + 100_000),
    }
    torch.testing.assert_close(encode(network, edits[switch]), encode(network, batch))
    for other in edits.keys() - {switch}:
        assert (encode(network, edits[other]) != encode(network, batch)).any()


def test_hidden_ids_in_training_leave_the_content() -> None:
    inputs = make_training_inputs(id_dropout=0.999)
    network = build_network(inputs).train()
    with torch.no_grad():
        first = network.encode_rows(torch.tensor([3]))
        network.tower.ids.weight += 1.0
        torch.testing.assert_close(network.encode_rows(torch.tensor([3])), first)


def test_the_length_of_an_embedding_changes_nothing_and_a_missing_one_is_nothing() -> None:
    inputs = make_training_inputs(ids=False, features=False)
    vectors = inputs.embeddings[0].vectors.copy()
    vectors[4] = 0
    twice = tuple(dataclasses.replace(inputs.embeddings[0], vectors=v) for v in (vectors, (vectors * 2)))
    first, second = (build_network(dataclasses.replace(inputs, embeddings=(one,))).eval() for one in twice)
    rows = torch.arange(1, 11)
    with torch.no_grad():
        torch.testing.assert_close(first.encode_rows(rows), second.encode_rows(rows), atol=1e-3, rtol=1e-3)
    assert torch.isfinite(first.encode_rows(rows)).all()


def test_a_missing_feature_is_a_zero_vector_and_large_values_are_hashed_into_the_cap() -> None:
    fields = FieldEmbeddings((5, 1000), 3, 10)
    vectors = fields(torch.tensor([[0, 0], [5, 1000], [5, 999]]))
    assert (vectors[0] == 0).all()
    assert (vectors[1:] != 0).all()
    assert fields.table.weight.shape == (6 + 11, 3)
    distinct = {int(fields(torch.tensor([[0, value]]))[0, 3:].sum() * 1e6) for value in range(11, 1000)}
    assert 5 <= len(distinct) <= 10


def test_gaps_are_powers_of_two() -> None:
    assert bucket_seconds(torch.tensor([0, 1, 2, 3, 4, 1023, 1024, 2**40])).tolist() == [0, 0, 1, 1, 2, 9, 10, 25]


@pytest.mark.parametrize("changes", [{}, {"score": "dot"}, {"score": "dot", "loss": "one_negative"}])
def test_every_parameter_learns(changes: dict[str, str]) -> None:
    inputs = dataclasses.replace(make_training_inputs(**changes), forecast=make_forecast(10))
    network = build_network(inputs).train()
    batch = make_batch(inputs.history, inputs.users.features, 8, CLICK, 2_000_000)
    negatives = Negatives(torch.arange(1, 11), torch.zeros(10))
    network(batch, negatives, torch.ones(batch.item.shape) * batch.mask).backward()
    assert [name for name, part in network.named_parameters() if part.grad is None or not part.grad.any()] == []


def test_a_dot_product_is_of_the_hidden_vector_and_the_tower_s_alone() -> None:
    inputs = make_training_inputs(score="dot")
    network = build_network(inputs).eval()
    rows = torch.arange(1, 11)
    hidden, queries = network.encode_histories(make_batch(inputs.history, inputs.users.features, 8, CLICK, 2_000_000))
    torch.testing.assert_close(queries, hidden)
    torch.testing.assert_close(network.encode_rows(rows), network.tower(rows))
    lengths = network.tower(rows).norm(dim=1)
    assert lengths.max() > 1.01 * lengths.min()  # not normalised: a popular ad can have a longer vector


def test_an_ad_that_training_has_not_seen_is_its_content() -> None:
    network = build_network(make_training_inputs()).eval()
    content = network.tower.content
    content.features[10], content.vectors[0][10] = content.features[9], content.vectors[0][9]
    with torch.no_grad():
        for seen in (False, True):
            content.trained[9] = content.trained[10] = seen
            nine, ten = network.encode_rows(torch.tensor([9, 10]))
            assert torch.allclose(nine, ten) != seen


def test_the_hidden_layer_of_two_towers_sees_the_mean_of_the_ads_before() -> None:
    network, batch = make_network(encoder="two_tower", actions=False, condition=False)
    with torch.no_grad():
        tower: Any = network.encoder
        items = network.tower(batch.item.reshape(-1)).view(*batch.item.shape, -1)
        user = tower.user(tower.users(batch.users[:1]))
        mean = (items[0, 0] + items[0, 1] + items[0, 2]) / 3 + user[0]
        torch.testing.assert_close(encode(network, batch)[0, 3], tower.norm(mean + tower.hidden_layer(mean)))
        torch.testing.assert_close(encode(network, batch)[0, 0], tower.norm(user + tower.hidden_layer(user))[0])


def test_hashed_ids_share_a_table_and_keep_ads_apart() -> None:
    network = build_network(make_training_inputs(items=200, users=120, id_buckets=40)).eval()
    assert network.tower.ids.weight.shape[0] == 40
    vectors = network.tower.embed_ids(torch.arange(1, 201)).detach()
    assert len(torch.unique((vectors * 1e5).long(), dim=0)) > 165  # of 820 pairs of rows, 200 drawn hit about 177


def test_the_users_token_carries_no_time() -> None:
    network, batch = make_network()
    before, after = (encode(network, dataclasses.replace(batch, time=time)) for time in (batch.time, batch.time * 3))
    torch.testing.assert_close(after[:, 0], before[:, 0])
    assert (after[:, 1] != before[:, 1]).any()
