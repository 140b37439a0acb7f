"""The settings of the Tencent pipeline. ``config.toml`` gives every value; this describes each one."""

from typing import Annotated, Literal

import msgspec

from common.engine.config import Count, NotNegative, NotNegativeInt, Positive, RunSettings
from competitions.tencent.retrieval.sequence_model.settings import SequenceSettings

Share = Annotated[float, msgspec.Meta(ge=0, lt=1)]


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
    """Validation. ``kind``: "time" hides everything from a cut on, "last" the last click of each user, for sets whose
    times say nothing; "auto": as the times are. ``valid_share``: the share of all clicks that lie behind the cut.
    ``queries``: at most so many. ``earlier``: how many earlier cuts of the log the ranker is trained on, each with
    ``earlier_queries`` at most.
    ``horizon_hours``: how long after the cut a click may come. ``unseen_share``: the share of candidates that training
    has not seen; ``candidates``: how many there are at most, 0 for as many as the host gives.
    """

    kind: Literal["auto", "time", "last"]
    valid_share: Share
    horizon_hours: Positive
    queries: Count
    earlier: Literal["auto"] | Count
    earlier_queries: Count
    unseen_share: Share
    candidates: NotNegativeInt


class ForecastSettings(Settings, frozen=True):
    """Boosted trees: ``rounds`` at a learning ``rate``, of so many ``leaves`` with ``least`` ads (rows) each."""

    rounds: Count
    rate: Positive
    leaves: Annotated[int, msgspec.Meta(ge=2, le=100_000)]
    least: Count


class FeatureSettings(Settings, frozen=True):
    """Retrieval, and the features of the ranker. ``pool``: at most so many candidates are searched, the most promising
    by forecast. ``history``: the last events seen; retrieval takes the ``search_events`` of them that weigh most.
    ``blocks`` of features, "auto": all that are registered in features/pair_features.py; ["+a", "-b"]: these with a and
    without b.
    """

    pool: Count
    history: Count
    search_events: Count
    blocks: tuple[str, ...] | Literal["auto"]


class FitSettings(Settings, frozen=True):
    """The ranker's network: ``hidden`` units, 0 for a conditional logit; ``epochs``, ``batch`` lists a step, the peak
    ``rate`` and the ``decay`` of weights.
    """

    hidden: NotNegativeInt
    epochs: Count
    batch: Count
    rate: Positive
    decay: NotNegative


class RankerSettings(Settings, frozen=True):
    """Retrieval and ranker. ``channels``: what candidates are retrieved by, "auto" for what the files allow.
    ``list_length``: how many are retrieved, which are then ranked; "auto": by how many candidates there are.
    """

    channels: Literal["auto"] | tuple[str, ...]
    list_length: Literal["auto"] | Count
    features: FeatureSettings
    fit: FitSettings
    forecast: ForecastSettings


class TencentConfig(RunSettings, frozen=True):
    """All settings."""

    host: HostSettings
    split: SplitSettings
    ranker: RankerSettings
    sequence: SequenceSettings


CONFIG = TencentConfig  # the same name in all: the command line checks settings before it imports the rest
