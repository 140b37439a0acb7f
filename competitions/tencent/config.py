"""The settings of the Tencent pipeline. ``config.toml`` gives every value; this describes each one."""

from typing import Annotated, Literal

import msgspec

from common.engine.config import Count, NotNegative, NotNegativeInt, Positive, RunSettings
from competitions.tencent.retrieval.sequence_model.settings import SequenceSettings


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen group of settings that refuses unknown keys."""


class HostSettings(Settings, frozen=True):
    """What is scored. ``target``: the event to predict: the first "click" (or more), the first "conversion", or
    "conversion_or_click", round 2's: the first conversion where there is one, else the first click; "auto": as the
    files are of round 1 or 2. ``actions``: whether each query says the action of its target; "auto": where
    user_action_type.json does.
    ``weights``: what a hit is worth by the action of the target: exposure, click, conversion. ``embeddings``: the
    multimodal embeddings that are read: "all" that are there, or some by number and width.
    """

    target: Literal["auto", "click", "conversion", "conversion_or_click"]
    actions: Literal["auto"] | bool
    weights: tuple[NotNegative, NotNegative, NotNegative]
    embeddings: Literal["all"] | tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse weights by which nothing counts (``ValueError``)."""
        if not any(self.weights):
            raise ValueError("host.weights are all 0: every score would be 0")


class SplitSettings(Settings, frozen=True):
    """Validation: the host's question, asked earlier. ``kind``: "days" asks everybody some ``days`` earlier, "clicks"
    some users a click earlier; "auto": as the log shows it. ``queries``: at most so many are held out. ``earlier``: how
    many folds, each earlier than the one before, the ranker is trained on, with ``earlier_queries`` at most.
    ``candidates``: how many there are at most, 0 for as many as the host gives.
    """

    kind: Literal["auto", "days", "clicks"]
    days: Literal["auto"] | Count
    queries: Count
    earlier: Literal["auto"] | Count
    earlier_queries: Count
    candidates: NotNegativeInt


class FeatureSettings(Settings, frozen=True):
    """Retrieval, and the features of the ranker. ``pool``: at most so many candidates are searched, the most popular
    at the queries' times. ``history``: the last events seen; retrieval takes the ``search_events`` of them that weigh
    most. ``blocks`` of features, "auto": all that are registered in features/pair_features.py; ["+a", "-b"]: these with
    a and without b. Trees learn from so many ``negatives`` of a list, drawn evenly.
    """

    pool: Count
    history: Count
    search_events: Count
    blocks: tuple[str, ...] | Literal["auto"]
    negatives: Count


class FitSettings(Settings, frozen=True):
    """The ranker's trees: ``rounds`` at a learning ``rate``, of so many ``leaves`` with ``least`` rows each, each tree
    of a share of the ``features``; ``l2``: the penalty on their values.
    """

    rounds: Count
    rate: Positive
    leaves: Annotated[int, msgspec.Meta(ge=2, le=100_000)]
    least: Count
    features: Annotated[float, msgspec.Meta(gt=0, le=1)]
    l2: NotNegative


class RankerSettings(Settings, frozen=True):
    """Retrieval and ranker. ``channels``: what candidates are retrieved by, "auto" for what the files allow.
    ``list_length``: how many are retrieved, which are then ranked; "auto": by how many candidates there are.
    """

    channels: Literal["auto"] | tuple[str, ...]
    list_length: Literal["auto"] | Count
    features: FeatureSettings
    fit: FitSettings


class TencentConfig(RunSettings, frozen=True):
    """All settings."""

    host: HostSettings
    split: SplitSettings
    ranker: RankerSettings
    sequence: SequenceSettings


CONFIG = TencentConfig  # the same name in all: the command line checks settings before it imports the rest
