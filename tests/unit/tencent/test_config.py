"""The settings: what the files say, what a --set changes, and what cannot be."""

from pathlib import Path

import pytest

from common.engine.errors import UserError
from competitions.tencent import competition
from competitions.tencent.competition import COMPETITION

LEAVE_ONE_OUT = Path(competition.__file__).parent / "day/settings/network_leave_one_out.toml"


def test_the_files_settings_hold_until_a_set_changes_them() -> None:
    config = COMPETITION.load_config(["seed=4", "model.blocks=5", "train.rate=0.5", "host.weights=[0, 1, 1]"])
    plain = COMPETITION.load_config([])
    assert (config.seed, config.model.blocks, config.train.rate, config.host.weights) == (4, 5, 0.5, (0, 1, 1))
    assert config.split == plain.split
    assert config.retrieve == plain.retrieve
    assert config.model.width == plain.model.width
    assert plain.split.kind == "auto"
    assert plain.model.width % plain.model.heads == 0
    assert plain.host.target == "auto"
    assert plain.host.weights == (0.0, 1.0, 2.5)
    assert plain.train.levels > 0


def test_the_settings_of_sets_without_times_are_a_file() -> None:
    config = COMPETITION.load_config([f"@{LEAVE_ONE_OUT}"])
    assert config.split.kind == "last"
    assert not config.model.times
    assert COMPETITION.load_config([f"@{LEAVE_ONE_OUT}", "split.kind=time"]).split.kind == "time"


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("host.target=exposure", ["host.target", "exposure", "conversion"]),
        ("host.weights=[1.0, 2.0]", ["host.weights", "3"]),
        ("host.weights=[0.0, 1.0, -1.0]", ["host.weights", ">= 0"]),
        ("split.kind=random", ["split.kind", "random"]),
        ("split.valid_share=1.0", ["split.valid_share", "< 1"]),
        ("split.horizon_hours=0", ["split.horizon_hours", "> 0"]),
        ("split.queries=0", ["split.queries", ">= 1"]),
        ("split.unseen_share=1.5", ["split.unseen_share", "< 1"]),
        ("split.candidates=-1", ["split.candidates", ">= 0"]),
        ("model.encoder=mamba", ["model.encoder", "mamba", "hstu"]),
        ("model.score=sum", ["model.score", "sum", "dot"]),
        ("train.loss=bpr", ["train.loss", "bpr", "one_negative"]),
        ("train.even_share=1.5", ["train.even_share", "<= 1"]),
        ("model.heads=3", ["model.width", "multiple", "model.heads = 3"]),
        ("model.dropout=1.0", ["model.dropout", "< 1"]),
        ("model.length=0", ["model.length", ">= 1"]),
        ("model.ids=perhaps", ["model.ids", "perhaps"]),
        ("train.epochs=0", ["train.epochs", ">= 1"]),
        ("train.rate=0", ["train.rate", "> 0"]),
        ("train.temperature=-1", ["train.temperature", "> 0"]),
        ("train.processes=-1", ["train.processes", ">= 0"]),
        ("train.levels=-1", ["train.levels", ">= 0"]),
        ("retrieve.beam=0", ["retrieve.beam", ">= 1"]),
        ("retrieve.query_block=0", ["retrieve.query_block", ">= 1"]),
        ("keep_gib=0", ["keep_gib", "> 0"]),
        ("train.nope=1", ["train.nope"]),
        ("seed=-1", ["seed", "-1"]),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(override: str, parts: list[str]) -> None:
    with pytest.raises(UserError) as refused:
        COMPETITION.load_config([override])
    assert [part for part in parts if part not in str(refused.value)] == []
    assert "\n" not in str(refused.value)


def test_an_ad_must_have_a_vector_and_training_something_to_learn() -> None:
    with pytest.raises(UserError, match=r"model\.ids, model\.features and model\.embeddings are all false"):
        COMPETITION.load_config(["model.ids=false", "model.features=false", "model.embeddings=false"])
    with pytest.raises(UserError, match=r"train\.click_weight and train\.exposure_weight are both 0"):
        COMPETITION.load_config(["train.click_weight=0", "train.exposure_weight=0"])
    assert COMPETITION.load_config(["model.ids=false", "model.features=false"]).model.embeddings
    assert COMPETITION.load_config(["train.exposure_weight=0"]).train.click_weight > 0


def test_one_negative_needs_a_score_that_is_an_inner_product() -> None:
    with pytest.raises(UserError, match=r"one_negative\" needs model\.kernel = false"):
        COMPETITION.load_config(["model.kernel=true", "train.loss=one_negative"])
