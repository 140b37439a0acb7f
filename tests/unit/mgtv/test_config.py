"""The settings: what the files say, what a --set changes, and what cannot be."""

import pytest

from common.engine.errors import UserError
from competitions.mgtv.competition import COMPETITION


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("features.blocks=['video', 'nope']", ["features.blocks", "nope", "comment"]),
        ("features.blocks=[]", ["features.blocks", "empty"]),
        ("features.blocks=['video', 'video']", ["features.blocks", "video", "twice"]),
        ("watch.blocks=['nope']", ["watch.blocks", "nope"]),
        ("completion.blocks=['nope']", ["completion.blocks", "nope"]),
        ("features.blocks=+nope", ["features.blocks", "no nope", "comment"]),
        ("watch.blocks=-pair,-pair", ["watch.blocks", "pair", "twice"]),
        ("completion.blocks=-video,-device,-pair,-list,-profile,-comment", ["completion.blocks", "empty"]),
        ("features.half_lives=[]", ["features.half_lives"]),
        ("features.half_lives=[0.0]", ["features.half_lives", "> 0"]),
        ("features.half_lives=[14.0, 2.0]", ["features.half_lives", "ascend"]),
        ("features.half_lives=[2.0, 2.0]", ["features.half_lives", "ascend"]),
        ("truth.rule=best", ["truth.rule", "first_click"]),
        ("truth.clip=-1", ["truth.clip", ">= 0"]),
        ("truth.no_duration=perhaps", ["truth.no_duration", "nothing"]),
        ("host.board=C", ["host.board", "auto"]),
        ("host.asked={days}.csv", ["host.asked", "{board} alone"]),
        ("host.shown={board.csv", ["host.shown", "{board} alone"]),
        ("host.several_plays=last", ["host.several_plays", "sum"]),
        ("split.valid_days=0", ["split.valid_days", ">= 1"]),
        ("split.train_days=0", ["split.train_days", ">= 1"]),
        ("split.valid_queries=0", ["split.valid_queries", ">= 1"]),
        ("watch.rounds=0", ["watch.rounds", ">= 1"]),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(override: str, words: list[str]) -> None:
    with pytest.raises(UserError) as refused:
        COMPETITION.load_config([override])
    assert [word for word in words if word not in str(refused.value)] == []
    assert "\n" not in str(refused.value)


def test_models_on_blocks_that_are_not_built_are_refused() -> None:
    for model in ("watch", "completion"):
        with pytest.raises(UserError, match=rf"{model}\.blocks: there is no pair; choose among video, device"):
            COMPETITION.load_config(["features.blocks=-pair", f"{model}.blocks=pair"])


def test_models_on_fewer_blocks_than_are_built_are_settings_too() -> None:
    config = COMPETITION.load_config(["watch.blocks=['list']", "completion.blocks=['video']"])
    assert (config.watch.blocks, config.completion.blocks) == (("list",), ("video",))
    few = COMPETITION.load_config(["features.blocks=['pair']", "watch.blocks=['pair']", "completion.blocks=['pair']"])
    assert few.features.blocks == ("pair",)
