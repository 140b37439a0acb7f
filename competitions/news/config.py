"""The settings of the news pipeline. ``config.toml`` gives every value; this says what each one is."""

import importlib
from typing import Any, Literal

import msgspec

from common.engine.config import Count, RunSettings
from common.engine.decisions import refuse_choice, refuse_unknown

MODELS = ("lightgbm_lambdarank", "xgboost")
BLOCKS = ("query", "item", "pair", "channel")
CHANNELS = (
    *("covisit", "covisit_all", "covisit_last", "covisit_fast", "next", "next_last", "previous", "gap30"),
    *("content", "popular_1h", "popular_3h", "popular_next3h", "popular_next24h", "popular_24h", "fresh"),
)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen group of settings that refuses unknown keys."""


class SplitSettings(Settings, frozen=True):
    """How many users are queries of the labelled fold: each one's click is hidden from the history of all."""

    train_queries: Count
    valid_queries: Count


class RecallSettings(Settings, frozen=True):
    """Retrieval: ``per_channel`` items of each channel enter the union, ``candidates`` stay after fusion.

    ``fusion``: whether channels vote with weights learned on training queries, or all alike.
    """

    channels: list[str]
    per_channel: Count
    candidates: Count
    fusion: Literal["learned", "equal"]

    def __post_init__(self) -> None:
        """Refuse an unknown channel."""
        refuse_unknown("recall.channels", self.channels, CHANNELS)


class RankSettings(Settings, frozen=True):
    """``blocks`` of features, "auto": all and your own (features.py); ["+a", "-b"]: these with a and without b.
    ``negatives`` drawn per training query, or auto; ``seeds``: fits of each model, whose scores are averaged;
    parameters of each library under its own names.
    """

    models: list[str]
    blocks: list[str] | Literal["auto"]
    negatives: Count | Literal["auto"]
    rounds: Count
    patience: Count
    seeds: Count
    lightgbm_lambdarank: dict[str, Any]
    xgboost: dict[str, Any]

    def __post_init__(self) -> None:
        """Refuse an unknown model or block."""
        refuse_unknown("rank.models", self.models, MODELS)
        refuse_choice("rank.blocks", self.blocks, list_blocks())


class NewsConfig(RunSettings, frozen=True):
    """All settings of a run."""

    board: str
    split: SplitSettings
    recall: RecallSettings
    rank: RankSettings


def list_blocks() -> tuple[str, ...]:
    """All blocks of features, those of your own at the end."""
    # By string: a step that is given some of these settings does not depend on the code of the blocks.
    return (*BLOCKS, *importlib.import_module("competitions.news.features").EXTRA_BLOCKS)
