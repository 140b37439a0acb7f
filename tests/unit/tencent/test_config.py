"""The settings: what the files say, what a --set changes, and what cannot be."""

import pytest

from common.engine.errors import UserError
from competitions.tencent.competition import COMPETITION


def test_the_files_settings_hold_until_a_set_changes_them() -> None:
    config = COMPETITION.load_config(["seed=4", "ranker.fit.rate=0.5", "host.weights=[0, 1, 1]"])
    plain = COMPETITION.load_config([])
    assert (config.seed, config.ranker.fit.rate, config.host.weights) == (4, 0.5, (0, 1, 1))
    assert config.split == plain.split
    assert plain.split.kind == "auto"
    assert plain.host.target == "auto"
    assert plain.host.weights == (0.0, 1.0, 2.5)


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("host.target=exposure", ["host.target", "exposure", "conversion"]),
        ("host.weights=[0.0, 1.0, -1.0]", ["host.weights", ">= 0"]),
        ("host.weights=[0, 0, 0]", ["host.weights", "every score would be 0"]),
        ("split.valid_share=1.0", ["split.valid_share", "< 1"]),
        ("split.horizon_hours=0", ["split.horizon_hours", "> 0"]),
        ("ranker.features.blocks=[]", ["ranker.features.blocks", "empty", "popularity"]),
        ("ranker.features.blocks=-nope", ["ranker.features.blocks", "no nope", "popularity"]),
        ("open.enabled=true", ["open.enabled"]),
        ("network.model.blocks=4", ["network"]),
        ("ranker.channels=[nope]", ["ranker.channels", "no nope", "counts"]),
        ('ranker.channels=["counts", "counts"]', ["ranker.channels", "counts is listed twice"]),
        ("ranker.features.counts.reach=5", ["ranker.features.counts"]),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(override: str, parts: list[str]) -> None:
    with pytest.raises(UserError) as refused:
        COMPETITION.load_config([override])
    assert [part for part in parts if part not in str(refused.value)] == []
    assert "\n" not in str(refused.value)
