"""Towers: what a position may see, what an ad's vector is made of."""

import dataclasses

import pytest
import torch

from competitions.tencent.lab.encoders import Bert4Rec, Hstu, TwoTower
from competitions.tencent.retrieval.sequence import BuildEncoder
from competitions.tencent.retrieval.sequence_model.encoder import CausalEncoder, QueryTower
from competitions.tencent.retrieval.sequence_model.item_tower import FieldEmbeddings, ItemInputs, ItemTower
from competitions.tencent.retrieval.sequence_model.settings import SequenceSettings

SMALL = SequenceSettings(width=8, length=6, field_width=4)
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


@pytest.mark.parametrize("name", CAUSAL)
def test_no_position_sees_its_own_event_or_a_later_one(name: str) -> None:
    tower, ads = build(CAUSAL[name]), draw(3, 6, 8)
    action, mask = torch.ones(3, 6, dtype=torch.int64), torch.ones(3, 6, dtype=torch.bool)
    before, learned = tower(ads, action, mask)
    assert before.shape == (3, 7, 8)
    assert learned.all()
    ads[:, 4:], action[:, 4:] = draw(3, 2, 8, seed=1), 0
    after = tower(ads, action, mask)[0]
    torch.testing.assert_close(after[:, :5], before[:, :5])
    assert (after[:, 5] != before[:, 5]).any()


@pytest.mark.parametrize("name", ALL)
def test_what_stands_behind_the_end_changes_nothing(name: str) -> None:
    tower = build(ALL[name])
    mask = torch.arange(4) < torch.tensor([[3], [1], [0]])
    ads, action = draw(3, 4, 8), torch.ones(3, 4, dtype=torch.int64)
    longer = torch.cat([torch.where(mask[:, :, None], ads, draw(3, 4, 8, seed=1)), draw(3, 2, 8, seed=2)], 1)
    wider = torch.cat([action, action[:, :2]], 1), torch.cat([mask, torch.zeros(3, 2, dtype=torch.bool)], 1)
    last = tower.encode_last(ads * mask[:, :, None], action, mask)
    torch.testing.assert_close(tower.encode_last(longer, *wider), last)
    assert torch.isfinite(last).all()  # of the empty history, too


@pytest.mark.parametrize("name", ["hstu", "transformer"])
def test_order_and_action_count(name: str) -> None:
    tower, ads, mask = build(CAUSAL[name]), draw(2, 5, 8), torch.ones(2, 5, dtype=torch.bool)
    action = torch.ones(2, 5, dtype=torch.int64)
    last = tower.encode_last(ads, action, mask)
    assert not torch.allclose(last, tower.encode_last(ads.flip(1), action, mask))
    assert not torch.allclose(last, tower.encode_last(ads, 0 * action, mask))
    assert not torch.allclose(last, tower.encode_last(ads, -1 * action, mask))


def make_inputs(**changes: object) -> ItemInputs:
    features = torch.randint(0, 4, (ADS, 2), generator=torch.Generator().manual_seed(0), dtype=torch.int32)
    whole = ItemInputs(torch.ones(ADS, dtype=torch.bool), features, (3, 3), (draw(ADS, 5).half(),))
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]


def make_tower(inputs: ItemInputs, **changes: object) -> ItemTower:
    torch.manual_seed(0)
    return ItemTower(dataclasses.replace(SMALL, **changes), inputs).eval()  # type: ignore[arg-type]


def test_an_ad_that_training_has_not_seen_is_its_content() -> None:
    inputs = make_inputs()
    inputs.features[10], inputs.contents[0][10] = inputs.features[9], inputs.contents[0][9]
    for seen in (False, True):
        inputs.trained[9] = inputs.trained[10] = seen
        nine, ten = make_tower(inputs)(torch.tensor([9, 10])).detach()
        assert torch.allclose(nine, ten) != seen


def test_an_ad_without_features_and_embedding_has_a_vector() -> None:
    inputs = make_inputs()
    inputs.features[4], inputs.contents[0][4] = 0, 0
    assert torch.isfinite(make_tower(inputs)(torch.arange(ADS))).all()
    bare = make_inputs(features=torch.empty(0), sizes=(), contents=())
    assert torch.isfinite(make_tower(bare)(torch.arange(ADS))).all()


def test_a_value_that_the_indexer_lacks_is_missing() -> None:
    inputs = make_inputs()
    tower, row = make_tower(inputs), torch.tensor([5])
    inputs.features[5] = torch.tensor([4, 1])  # 4 = size + 1
    cold = tower(row)
    inputs.features[5] = torch.tensor([0, 1])
    torch.testing.assert_close(tower(row), cold)


def test_a_missing_feature_is_a_zero_vector_and_large_values_are_hashed_into_the_rows() -> None:
    fields = FieldEmbeddings((5, 1000), 3, 10)
    vectors = fields(torch.tensor([[0, 0], [5, 1000], [5, 999]]))
    assert (vectors[0] == 0).all()
    assert (vectors[1:] != 0).all()
    assert fields.table.weight.shape == (6 + 11, 3)
    distinct = {int(fields(torch.tensor([[0, value]]))[0, 3:].sum() * 1e6) for value in range(11, 1000)}
    assert 5 <= len(distinct) <= 10


def test_hashed_ids_share_a_table_and_keep_ads_apart() -> None:
    trained = torch.ones(201, dtype=torch.bool)
    tower = make_tower(ItemInputs(trained, torch.empty(0), (), ()), id_rows=40)
    assert tower.ids.weight.shape[0] == 40
    vectors = tower.embed_ids(torch.arange(1, 201)).detach()
    assert len(torch.unique((vectors * 1e5).long(), dim=0)) > 165  # of 820 pairs of rows, 200 drawn hit about 177
