"""The settings of the template pipeline. ``config.toml`` gives every value; this says what each one is."""

from typing import Annotated, Any

import msgspec

from common.engine.config import Count, Positive, RunSettings, Settings

MODEL = "lightgbm_lambdarank"


class SplitSettings(Settings, frozen=True):
    """Validation predicts what users do first in the last ``days`` of the log."""

    days: Positive
    valid_share: Annotated[float, msgspec.Meta(gt=0, lt=1)]


class CandidateSettings(Settings, frozen=True):
    """Items by popularity, and items that follow the user's last one."""

    popular: Count
    next: Count


class RankSettings(Settings, frozen=True):
    """Rounds, patience, and the ranker's parameters under its library's own names."""

    rounds: Count
    patience: Count
    lightgbm_lambdarank: dict[str, Any]


class TemplateConfig(RunSettings, frozen=True):
    """All settings of a run."""

    split: SplitSettings
    candidates: CandidateSettings
    rank: RankSettings


CONFIG = TemplateConfig  # the same name in all: the command line checks settings before it imports the rest
