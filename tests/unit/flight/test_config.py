"""The settings: what the files say, what a --set changes, and what cannot be."""

import pytest

from common.engine.errors import UserError
from competitions.flight.competition import COMPETITION
from competitions.flight.config import BLOCKS, MODELS


def test_the_files_settings_hold_until_a_set_changes_them() -> None:
    config = COMPETITION.load_config(
        ["seed=4", "rank.sample.negatives=80", "rank.models=['logit']", "rank.logit.l2=0.5"]
    )
    plain = COMPETITION.load_config([])
    assert (config.seed, config.rank.sample.negatives, config.rank.models) == (4, 80, ("logit",))
    assert config.rank.logit == {"l2": 0.5}
    assert config.split == plain.split
    assert set(plain.rank.models) <= set(MODELS)
    assert plain.rank.blocks == ("auto",)
    assert 0 in plain.rerank_penalties


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("rank.models=['magic']", ["rank.models", "magic", "lightgbm_softmax"]),
        ("rank.blocks=['core', 'history']", ["rank.blocks", "history", "tariff"]),
        ("rank.models=[]", ["rank.models"]),
        ("rank.blocks=[]", ["rank.blocks"]),
        ("rank.models=['logit', 'logit']", ["rank.models", "logit", "twice"]),
        ("rank.blocks=['core', 'core']", ["rank.blocks", "core", "twice"]),
        ("baseline.model=magic", ["baseline.model", "magic"]),
        ("baseline.blocks=['nope']", ["baseline.blocks", "nope"]),
        ("baseline.blocks=[]", ["baseline.blocks"]),
        ("rank.blocks=['auto', 'core']", ["rank.blocks", "auto", "core"]),  # auto stands alone
        ("baseline.blocks=['auto']", ["baseline.blocks", "auto"]),
        ("baseline.fit=1", ["baseline.fit"]),
        ("split.validation=last", ["split.validation", "last"]),
        ("rank.seeds=0", ["rank.seeds", ">= 1"]),
        ("rank.seeds=many", ["rank.seeds", "many"]),
        ("rank.patience=-1", ["rank.patience", ">= 0"]),
        ("rank.patience=long", ["rank.patience", "long"]),
        ("rerank_penalties=[]", ["rerank_penalties"]),
        ("rerank_penalties=[-0.1]", ["rerank_penalties", "-0.1"]),
        ("seed=-1", ["seed", "-1"]),
        ("seed=1.5", ["seed", "1.5"]),
        ("rank.sample.negatives=0", ["rank.sample.negatives", ">= 1"]),
        ("rank.sample.rows=0", ["rank.sample.rows", ">= 1"]),
        ("rank.sample.missing_share=1.0", ["rank.sample.missing_share", "< 1"]),
        ("rank.rounds=0", ["rank.rounds", ">= 1"]),
        ("split.valid_share=0.0", ["split.valid_share", "> 0"]),
        ("split.valid_share=1.0", ["split.valid_share", "< 1"]),
        ("split.stretch_days=0.0", ["split.stretch_days", "> 0"]),
        ("blend.trials=9", ["blend", "trials"]),  # weights are no longer searched for
        ("blend.bucket_sessions=0", ["blend.bucket_sessions", ">= 1"]),
        ("rank.nope=1", ["rank.nope"]),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(override: str, words: list[str]) -> None:
    with pytest.raises(UserError) as refused:
        COMPETITION.load_config([override])
    for word in words:
        assert word in str(refused.value)
    assert "\n" not in str(refused.value)


def test_that_no_value_is_hidden_is_a_setting_too() -> None:
    assert COMPETITION.load_config(["rank.sample.missing_share=0.0"]).rank.sample.missing_share == 0


def test_every_block_and_every_way_of_validation_can_be_set() -> None:
    assert COMPETITION.load_config([f"rank.blocks={list(BLOCKS)}"]).rank.blocks == BLOCKS
    for way in ("auto", "time", "blocks", "folds"):
        assert COMPETITION.load_config([f"split.validation={way}"]).split.validation == way


def test_what_the_log_decides_can_be_set_instead() -> None:
    plain = COMPETITION.load_config([]).rank
    assert (plain.seeds, plain.patience, plain.base_margin) == ("auto", "auto", "auto")
    config = COMPETITION.load_config(["rank.seeds=2", "rank.patience=0", "rank.base_margin=''"]).rank
    assert (config.seeds, config.patience, config.base_margin) == (2, 0, "")


@pytest.mark.parametrize("model", MODELS)
def test_the_parameters_of_a_model_stand_under_its_name(model: str) -> None:
    config = COMPETITION.load_config([f"rank.{model}.own=3"]).rank
    assert config.parameters_of(model)["own"] == 3
    assert not any("own" in config.parameters_of(other) for other in MODELS if other != model)


def test_the_named_baseline_is_fitted_on_request() -> None:
    assert not COMPETITION.load_config([]).baseline.fit
    config = COMPETITION.load_config(["baseline.fit=true", "rank.blocks=['core']"])  # its blocks are built beside
    assert config.baseline.fit
    assert "core" not in config.baseline.blocks


def test_the_quick_settings_fit() -> None:
    config = COMPETITION.load_config([f"@{COMPETITION.folder / 'quick.toml'}"])
    assert (config.rank.models, config.rank.seeds, config.split.validation) == (("lightgbm_softmax",), 1, "time")
    assert config.rank.blocks == COMPETITION.load_config([]).rank.blocks
