"""The settings: what the files say, what a --set changes, and what cannot be."""

import pytest

from common.errors import UserError
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
    assert plain.rank.blocks == BLOCKS
    assert 0 in plain.rerank_penalties


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("rank.models=['magic']", ["rank.models", "magic", "lightgbm_softmax"]),
        ("rank.blocks=['option', 'nope']", ["rank.blocks", "nope", "history"]),
        ("rank.models=[]", ["rank.models"]),
        ("rank.blocks=[]", ["rank.blocks"]),
        ("rank.models=['logit', 'logit']", ["rank.models", "logit", "twice"]),
        ("rank.blocks=['option', 'option']", ["rank.blocks", "option", "twice"]),
        ("baseline.model=magic", ["baseline.model", "magic"]),
        ("baseline.blocks=['nope']", ["baseline.blocks", "nope"]),
        ("baseline.blocks=[]", ["baseline.blocks"]),
        ("rank.blocks=['option', 'session']", ["baseline.blocks", "within"]),  # a baseline on what is not built
        ("readings.model=magic", ["readings.model", "magic"]),
        ("readings.splits=['third']", ["readings.splits", "third", "second", "random"]),
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
        ("split.second_days=-3.0", ["split.second_days", "> 0"]),
        ("blend.trials=0", ["blend.trials", ">= 1"]),
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


def test_no_readings_and_no_negatives_hidden_are_settings_too() -> None:
    config = COMPETITION.load_config(["readings.splits=[]", "rank.sample.missing_share=0.0"])
    assert (config.readings.splits, config.rank.sample.missing_share) == ((), 0)


def test_the_settings_for_a_short_log_fit() -> None:
    config = COMPETITION.load_config([f"@{COMPETITION.folder / 'short.toml'}"])
    assert config.rank.patience == 0
    assert set(config.rank.models) < set(MODELS)
    assert config.rank.catboost_softmax["loss_function"] == "QuerySoftMax"


def test_the_quick_settings_fit() -> None:
    config = COMPETITION.load_config([f"@{COMPETITION.folder / 'quick.toml'}"])
    assert (config.baseline.model, config.rank.models, config.readings.splits) == ("logit", ("lightgbm_softmax",), ())
    assert config.rank.blocks == COMPETITION.load_config([]).rank.blocks
