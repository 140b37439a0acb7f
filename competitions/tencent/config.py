"""The settings of the Tencent pipeline: which values each may have. ``config.toml`` gives and describes every one."""

from typing import Annotated, Literal

import msgspec

from common.engine.config import Count, NotNegative, Positive, RunSettings, Settings


class HostSettings(Settings, frozen=True):
    """What is scored, and which multimodal embeddings are read."""

    weights: tuple[NotNegative, NotNegative, NotNegative]
    embeddings: Literal["all"] | tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse weights by which nothing counts (``ValueError``)."""
        if not any(self.weights):
            raise ValueError("host.weights are all 0: every score would be 0")


class SplitSettings(Settings, frozen=True):
    """Validation: the host's question, asked earlier (``split``); "auto": as the log shows it (``plan``)."""

    kind: Literal["auto", "days", "clicks"]
    days: Literal["auto"] | Count
    folds: Annotated[int, msgspec.Meta(ge=1, le=2)]
    queries: Count
    earlier: Literal["auto"] | Count
    earlier_queries: Count


class FeatureSettings(Settings, frozen=True):
    """What retrieval sees, and the features of the ranker; "auto": all that features/pair_features.py registers."""

    pool: Count
    history: Count
    blocks: tuple[str, ...] | Literal["auto"]
    negatives: Count


class FitSettings(Settings, frozen=True):
    """The ranker's trees; ``seeds``: fits whose scores are averaged, "auto": several where few users are asked."""

    rounds: Count
    seeds: Count | Literal["auto"]
    rate: Positive
    leaves: Annotated[int, msgspec.Meta(ge=2, le=100_000)]
    least: Count
    features: Annotated[float, msgspec.Meta(gt=0, le=1)]
    l2: NotNegative


class RankerSettings(Settings, frozen=True):
    """Retrieval and ranker; "auto": as the files allow (``plan``). ``answer``: one of ``ranking.WAYS``."""

    channels: Literal["auto"] | tuple[str, ...]
    list_length: Literal["auto"] | Count
    counted: Literal["auto", "events", "clicks"]
    answer: Literal["auto", "ranker", "retrieval", "popularity"]
    features: FeatureSettings
    fit: FitSettings


class SequenceSettings(Settings, frozen=True):
    """The sequence model; rungs of the ladder change some. ``seeds``: networks whose scores are averaged, "auto":
    several where few users are asked.
    """

    width: Count = 64
    blocks: Count = 1
    heads: Count = 2
    length: Annotated[int, msgspec.Meta(ge=2, le=100_000)] = 50
    dropout: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.2
    tokens: Count = 2_000_000
    passes: Count = 8
    batch: Count = 800
    rate: Positive = 3e-3
    negatives: Count = 1_024
    seeds: Count | Literal["auto"] = 1

    def __post_init__(self) -> None:
        """Refuse heads that do not divide the width (``ValueError``)."""
        if self.width % self.heads:
            raise ValueError(f"sequence.width {self.width} is no multiple of sequence.heads {self.heads}")


class TencentConfig(RunSettings, frozen=True):
    """All settings."""

    host: HostSettings
    split: SplitSettings
    ranker: RankerSettings
    sequence: SequenceSettings


CONFIG = TencentConfig  # the same name in all: the command line checks settings before it imports the rest
