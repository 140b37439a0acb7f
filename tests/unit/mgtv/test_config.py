"""The settings that cannot be."""

import pytest

from common.engine.errors import UserError
from competitions.mgtv.competition import COMPETITION


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("features.blocks=['video', 'nope']", ["features.blocks", "nope", "comment"]),
        ("completion.blocks=-video,-device,-pair,-list,-profile,-comment", ["completion.blocks", "empty"]),
        ("truth.clip=-1", ["truth.clip", ">= 0"]),
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
