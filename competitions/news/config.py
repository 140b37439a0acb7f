"""The settings of the news pipeline. ``config.toml`` gives every value; this says what each one is."""

from typing import Any, Literal

from common.engine.config import Count, NotNegativeInt, RunSettings, Settings

MODEL = "lightgbm_lambdarank"
BLOCKS = ("item", "pair", "channel")


class SplitSettings(Settings, frozen=True):
    """How many queries the labelled fold has. ``histories``: they are spread over so many, and each lacks the hidden
    clicks of its own queries alone. ``folds``: 1 holds out the validation users; of more, each fold is scored by a fit
    on the others, so that all labelled queries are.
    """

    train_queries: Count
    valid_queries: Count
    histories: Count | Literal["auto"]
    folds: Count


class RecallSettings(Settings, frozen=True):
    """Retrieval: ``per_channel`` items of each channel enter the union, ``candidates`` stay after fusion.

    ``fusion``: whether channels vote with weights learned on training queries, or all alike.
    """

    channels: list[str]
    per_channel: Count
    candidates: Count
    fusion: Literal["learned", "equal"]


class RankSettings(Settings, frozen=True):
    """``blocks`` of features, "auto": all and your own (features.py); ["+a", "-b"]: these with a and without b.
    ``negatives`` drawn per training query, and ``patience`` of a fit, or auto; ``seeds``: fits whose scores are
    averaged; ``answer``: whose order is handed in, "auto": the ranker's, unless one of ``ranking.RULES`` is clearly
    better; the model's parameters under LightGBM's own names.
    """

    blocks: list[str] | Literal["auto"]
    negatives: Count | Literal["auto"]
    rounds: Count
    patience: NotNegativeInt | Literal["auto"]
    seeds: Count
    answer: Literal["auto", "ranker", "popularity", "retrieval"]
    lightgbm_lambdarank: dict[str, Any]


class NewsConfig(RunSettings, frozen=True):
    """All settings of a run."""

    board: str
    split: SplitSettings
    recall: RecallSettings
    rank: RankSettings


CONFIG = NewsConfig  # the same name in all: the command line checks settings before it imports the rest
