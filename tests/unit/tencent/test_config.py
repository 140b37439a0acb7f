"""The settings that cannot be."""

import pytest

from common.engine.errors import UserError
from tests.unit.tencent.training_inputs import load_settings


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("host.weights=[0.0, 1.0, -1.0]", ["host.weights", ">= 0"]),
        ("host.weights=[0, 0, 0]", ["host.weights", "every score would be 0"]),
        ("split.kind=last", ["split.kind", "last", "days", "clicks"]),
        ("split.days=0", ["split.days", ">= 1"]),
        ("split.valid_share=0.1", ["split.valid_share"]),
        ("ranker.fit.leaves=1", ["ranker.fit.leaves", ">= 2"]),
        ("ranker.fit.features=0", ["ranker.fit.features", "> 0"]),
        ("ranker.features.blocks=-nope", ["ranker.features.blocks", "no nope", "popularity"]),
        ('ranker.channels=["counts", "counts"]', ["ranker.channels", "counts is listed twice"]),
        ("ranker.channels=[magic]", ["ranker.channels", "no magic", "counts"]),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(override: str, parts: list[str]) -> None:
    with pytest.raises(UserError) as refused:
        load_settings(override)
    assert [part for part in parts if part not in str(refused.value)] == []
    assert "\n" not in str(refused.value)
