"""The settings of the news pipeline. ``config.toml`` gives every value; this says what each one is."""

from typing import Annotated, Any, Literal

import msgspec

from common.engine.config import Seed
from common.learning.cooccurrence import CovisitSettings, FollowSettings, SwingSettings
from common.retrieval.item2vec import Item2VecSettings

Count = Annotated[int, msgspec.Meta(ge=1)]
MODELS = ("lightgbm_lambdarank", "lightgbm_binary", "xgboost", "catboost")
BLOCKS = ("query", "item", "pair", "channel")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen group of settings that refuses unknown keys."""


class SplitSettings(Settings, frozen=True):
    """``gap_ms``: the step that ends a session. ``per_user``: training targets taken of one user's log."""

    gap_ms: int
    train_queries: Count
    train_share: Annotated[float, msgspec.Meta(gt=0, le=1)]
    valid_queries: Count
    per_user: Count


class FreshSettings(Settings, frozen=True):
    """The user's best ``categories``; articles' ``half_life_hours``; ``span_hours`` before and after the last click."""

    categories: int
    decay: float
    half_life_hours: float
    span_hours: float


class ContentSettings(Settings, frozen=True):
    """``top`` nearest articles by embedding, among those created within ``span_hours`` of the log."""

    top: int
    span_hours: float


class RecallSettings(Settings, frozen=True):
    """Retrieval: ``per_channel`` items of each channel enter the union, ``candidates`` stay after fusion.

    ``fusion``: whether channels vote with weights learned on training queries, or all alike.
    """

    channels: Annotated[list[str], msgspec.Meta(min_length=1)]
    per_channel: Count
    candidates: Count
    fusion: Literal["learned", "equal"]
    fusion_constant: float
    transition_power: float
    covisit: CovisitSettings
    covisit_fast: CovisitSettings
    follow: FollowSettings
    follow_all: FollowSettings
    follow_last: FollowSettings
    swing: SwingSettings
    item2vec: Item2VecSettings
    content: ContentSettings
    fresh: FreshSettings


class RankSettings(Settings, frozen=True):
    """``negatives`` drawn per training query, or auto; parameters of each library under its own names."""

    models: list[str]
    blocks: list[str]
    negatives: Count | Literal["auto"]
    rounds: Count
    patience: Count
    lightgbm_lambdarank: dict[str, Any]
    lightgbm_binary: dict[str, Any]
    xgboost: dict[str, Any]
    catboost: dict[str, Any]

    def __post_init__(self) -> None:
        """Refuse an unknown model or block."""
        for key, names, known in (("models", self.models, MODELS), ("blocks", self.blocks, BLOCKS)):
            if not names or not set(names) <= set(known):
                raise ValueError(f"rank.{key} is {names}; name one or more of {', '.join(known)}")


class BlendSettings(Settings, frozen=True):
    """``trials`` of the weight search."""

    trials: Count


class NewsConfig(Settings, frozen=True):
    """All settings of a run."""

    board: str
    seed: Seed
    keep_gib: float
    split: SplitSettings
    recall: RecallSettings
    rank: RankSettings
    blend: BlendSettings
