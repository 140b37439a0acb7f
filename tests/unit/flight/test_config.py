"""The settings: what the files say, what a --set changes, and what cannot be."""

import pytest

from common.engine.errors import UserError
from competitions.flight.competition import COMPETITION
from competitions.flight.config import MODELS
from competitions.flight.features.build import BLOCKS


def test_the_files_settings_hold_until_a_set_changes_them() -> None:
    plain = COMPETITION.load_config([])
    assert (plain.rank.models, plain.rank.blocks) == (MODELS, ("auto",))
    assert (plain.rank.seeds, plain.rank.patience) == ("auto", "auto")
    config = COMPETITION.load_config(
        ["seed=4", "rank.sample.negatives=80", "rank.seeds=2", "rank.patience=0", "rank.sample.missing_share=0.0",
         "rank.models=['catboost_softmax']", "rank.catboost_softmax.own=3", f"rank.blocks={list(BLOCKS)}"]
    )  # fmt: skip
    assert (config.seed, config.rank.sample.negatives, config.rank.sample.missing_share) == (4, 80, 0)
    assert (config.rank.models, config.rank.blocks) == (("catboost_softmax",), tuple(BLOCKS))
    assert (config.rank.seeds, config.rank.patience) == (2, 0)
    assert config.rank.parameters_of("catboost_softmax")["own"] == 3
    assert config.rank.parameters_of("lightgbm_softmax") == plain.rank.lightgbm_softmax
    assert config.split == plain.split


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("rank.models=['magic']", ["rank.models", "magic", "lightgbm_softmax"]),
        ("rank.blocks=['core', 'history']", ["rank.blocks", "history", "tariff"]),
        ("rank.models=[]", ["rank.models"]),
        ("rank.blocks=[]", ["rank.blocks"]),
        ("rank.blocks=['core', 'core']", ["rank.blocks", "core", "twice"]),
        ("rank.blocks=['auto', 'core']", ["rank.blocks", "auto", "core"]),  # auto stands alone
        ("rank.blocks=+history", ["rank.blocks", "no history", "tariff"]),
        ("rank.models=auto", ["rank.models", "no auto"]),
        ("rank.models=-catboost_softmax", ["rank.models", "no -catboost_softmax"]),
        ("split.validation=last", ["split.validation", "last"]),
        ("rank.seeds=0", ["rank.seeds", ">= 1"]),
        ("rank.patience=-1", ["rank.patience", ">= 0"]),
        ("rank.patience=long", ["rank.patience", "long"]),
        ("seed=-1", ["seed", "-1"]),
        ("rank.sample.negatives=0", ["rank.sample.negatives", ">= 1"]),
        ("rank.sample.rows=0", ["rank.sample.rows", ">= 1"]),
        ("rank.sample.missing_share=1.0", ["rank.sample.missing_share", "< 1"]),
        ("rank.rounds=0", ["rank.rounds", ">= 1"]),
        ("split.valid_share=1.0", ["split.valid_share", "< 1"]),
        ("split.stretch_days=0.0", ["split.stretch_days", "> 0"]),
        ("rank.nope=1", ["rank.nope"]),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(override: str, words: list[str]) -> None:
    with pytest.raises(UserError) as refused:
        COMPETITION.load_config([override])
    assert all(word in str(refused.value) for word in words)
    assert "\n" not in str(refused.value)
