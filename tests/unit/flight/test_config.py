"""The settings that cannot be."""

import pytest

from common.engine.errors import UserError
from competitions.flight.competition import COMPETITION


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("rank.blocks=['core', 'history']", ["rank.blocks", "history", "taste"]),
        ("rank.blocks=['core', 'core']", ["rank.blocks", "core", "twice"]),
        ("rank.blocks=['auto', 'core']", ["rank.blocks", "auto", "core"]),  # auto stands alone
        ("rank.blocks=+history", ["rank.blocks", "no history", "taste"]),
        ("rank.seeds=0", ["rank.seeds", ">= 1"]),
        ("split.valid_share=1.0", ["split.valid_share", "< 1"]),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(override: str, words: list[str]) -> None:
    with pytest.raises(UserError) as refused:
        COMPETITION.load_config([override])
    assert all(word in str(refused.value) for word in words)
    assert "\n" not in str(refused.value)
