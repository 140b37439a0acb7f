"""The settings: what the files say, what a --set changes, and what cannot be."""

from pathlib import Path

import pytest

from common.engine.errors import UserError
from competitions.tencent import competition
from competitions.tencent.competition import COMPETITION
from competitions.tencent.lab.config import load_network

LEAVE_ONE_OUT = Path(competition.__file__).parent / "lab/settings/leave_one_out.toml"


def test_the_files_settings_hold_until_a_set_changes_them() -> None:
    config = COMPETITION.load_config(["seed=4", "ranker.fit.rate=0.5", "host.weights=[0, 1, 1]"])
    plain = COMPETITION.load_config([])
    assert (config.seed, config.ranker.fit.rate, config.host.weights) == (4, 0.5, (0, 1, 1))
    assert config.split == plain.split
    assert plain.split.kind == "auto"
    assert plain.host.target == "auto"
    assert plain.host.weights == (0.0, 1.0, 2.5)


def test_the_networks_settings_are_those_of_the_lab_until_a_table_changes_them() -> None:
    plain = load_network({})
    assert plain.model.width % plain.model.heads == 0
    assert plain.train.levels > 0
    config = COMPETITION.load_config([f"@{LEAVE_ONE_OUT}", "network.model.blocks=5", "network.model.encoder=bert4rec"])
    changed = load_network(config.network)
    assert (changed.model.blocks, changed.model.encoder, changed.model.width) == (5, "bert4rec", plain.model.width)
    assert (config.split.kind, changed.model.times, changed.train.rate) == ("last", False, 3e-3)
    assert COMPETITION.load_config([f"@{LEAVE_ONE_OUT}", "split.kind=time"]).split.kind == "time"


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("host.target=exposure", ["host.target", "exposure", "conversion"]),
        ("host.weights=[0.0, 1.0, -1.0]", ["host.weights", ">= 0"]),
        ("host.weights=[0, 0, 0]", ["host.weights", "no hit would count"]),
        ("split.valid_share=1.0", ["split.valid_share", "< 1"]),
        ("split.horizon_hours=0", ["split.horizon_hours", "> 0"]),
        ("ranker.features.blocks=[]", ["ranker.features.blocks", "empty", "popularity"]),
        ("ranker.features.blocks=-nope", ["ranker.features.blocks", "no nope", "popularity"]),
        ("open.enabled=true", ["open.enabled"]),
        ("ranker.features.counts.reach=5", ["ranker.features.counts"]),
        ("network.model.encoder=mamba", ["network.model.encoder", "mamba", "hstu"]),
        ("network.model.dropout=1.0", ["network.model.dropout", "< 1"]),
        ("network.model.heads=3", ["model.width", "multiple", "model.heads = 3"]),
        ("network.train.loss=one_negative", ["one_negative", "model.kernel = false"]),
        ("network.train.even_share=1.5", ["network.train.even_share", "<= 1"]),
        ("network.train.temperature=-1", ["network.train.temperature", "> 0"]),
        ("network.train.click_weight=0", ["train.click_weight", "both 0"]),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(override: str, parts: list[str]) -> None:
    with pytest.raises(UserError) as refused:
        COMPETITION.load_config([override])
    assert [part for part in parts if part not in str(refused.value)] == []
    assert "\n" not in str(refused.value)


def test_an_ad_must_have_a_vector() -> None:
    changes = {"ids": False, "features": False, "embeddings": False}
    with pytest.raises(UserError, match=r"model\.ids, model\.features and model\.embeddings are all false"):
        load_network({"model": changes})
    assert load_network({"model": changes | {"embeddings": True}}).model.embeddings
