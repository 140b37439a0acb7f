"""The settings of the template pipeline. ``config.toml`` gives every value; this says what each one is."""

from typing import Any, Literal

from common.engine.config import Count, Positive, RunSettings, Settings
from common.engine.decisions import refuse_choice

MODEL = "lightgbm_click"
BLOCKS = ("rate", "count", "time")  # of features.py


class SplitSettings(Settings, frozen=True):
    """Validation predicts the rows of the last ``days`` of the labelled ones, by the labels before."""

    days: Positive


class RankSettings(Settings, frozen=True):
    """``blocks`` of features, "auto": all. ``strength`` of the prior of a rate, in rows. ``seeds``: fits whose scores
    are averaged.
    """

    blocks: list[str] | Literal["auto"]
    strength: Positive
    rounds: Count
    patience: Count
    seeds: Count
    lightgbm_click: dict[str, Any]


class TemplateConfig(RunSettings, frozen=True):
    """All settings of a run."""

    split: SplitSettings
    rank: RankSettings


def check_names(config: TemplateConfig) -> None:
    """Refuse a block of features that there is not."""
    refuse_choice("rank.blocks", config.rank.blocks, BLOCKS)


CONFIG = TemplateConfig  # the same name in all: the command line checks settings before it imports the rest
