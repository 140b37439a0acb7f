"""The settings of the template pipeline. ``config.toml`` gives every value; this says what each one is."""

from typing import Annotated, Any, Literal

import msgspec

from common.engine.config import Count, Positive, RunSettings, Settings
from common.engine.decisions import refuse_choice
from common.retrieval.settings import RecallSettings

MODEL = "lightgbm_lambdarank"
BLOCKS = ("channel", "item", "list", "pair", "user")  # of features.py


class SplitSettings(Settings, frozen=True):
    """Validation predicts what users do in the last ``days`` of the log."""

    days: Positive
    valid_share: Annotated[float, msgspec.Meta(gt=0, lt=1)]


class RankSettings(Settings, frozen=True):
    """``blocks`` of features, "auto": all. ``seeds``: fits whose scores are averaged."""

    blocks: list[str] | Literal["auto"]
    rounds: Count
    patience: Count
    seeds: Count
    lightgbm_lambdarank: dict[str, Any]


class TemplateConfig(RunSettings, frozen=True):
    """All settings of a run."""

    split: SplitSettings
    recall: RecallSettings
    rank: RankSettings


def check_names(config: TemplateConfig) -> None:
    """Refuse a block of features that there is not."""
    refuse_choice("rank.blocks", config.rank.blocks, BLOCKS)


CONFIG = TemplateConfig  # the same name in all: the command line checks settings before it imports the rest
