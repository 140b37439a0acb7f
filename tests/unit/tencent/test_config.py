"""The settings that cannot be."""

import pytest

from common.engine.errors import UserError
from competitions.tencent.competition import COMPETITION


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("host.target=exposure", ["host.target", "exposure", "conversion"]),
        ("host.weights=[0.0, 1.0, -1.0]", ["host.weights", ">= 0"]),
        ("host.weights=[0, 0, 0]", ["host.weights", "every score would be 0"]),
        ("split.valid_share=1.0", ["split.valid_share", "< 1"]),
        ("split.horizon_hours=0", ["split.horizon_hours", "> 0"]),
        ("ranker.features.blocks=-nope", ["ranker.features.blocks", "no nope", "popularity"]),
        ("open.enabled=true", ["open.enabled"]),
        ("network.model.blocks=4", ["network"]),
        ('ranker.channels=["counts", "counts"]', ["ranker.channels", "counts is listed twice"]),
        ("ranker.features.counts.reach=5", ["ranker.features.counts"]),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(override: str, parts: list[str]) -> None:
    with pytest.raises(UserError) as refused:
        COMPETITION.load_config([override])
    assert [part for part in parts if part not in str(refused.value)] == []
    assert "\n" not in str(refused.value)
