"""The settings of the Tencent pipeline. ``config.toml`` gives every value; this describes each one."""

from typing import Annotated, Literal

import msgspec

from common.engine.config import Count, NotNegative, Positive, RunSettings


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen group of settings that refuses unknown keys."""


class HostSettings(Settings, frozen=True):
    """What is scored. ``weights``: what a hit is worth by the action of the target: exposure, click, conversion.
    ``embeddings``: the multimodal embeddings that are read: "all" that are there, or some by number and width.
    """

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
    """

    kind: Literal["auto", "days", "clicks"]
    days: Literal["auto"] | Count
    queries: Count
    earlier: Literal["auto"] | Count
    earlier_queries: Count


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
    ``counted``: the events of which the channel ``counts`` counts pairs, "auto": all of them where they are few.
    ``answer``: which of ``ranking.WAYS`` is handed in, "auto": the ranker's, unless another is clearly better.
    """

    channels: Literal["auto"] | tuple[str, ...]
    list_length: Literal["auto"] | Count
    counted: Literal["auto", "events", "clicks"]
    answer: Literal["auto", "ranker", "first search", "popularity"]
    features: FeatureSettings
    fit: FitSettings


class SequenceSettings(Settings, frozen=True):
    """The sequence model; rungs of the ladder change some. ``width`` of a token; ``blocks`` and ``heads`` of the
    encoder; ``length``: the last events that it reads. ``dropout``, of a log that is read ``passes`` times: in
    proportion less of one that is read less often.

    Training: ``batch`` events a step; the log is read until about ``tokens`` events were seen, at most ``passes``
    times. Adam's ``rate`` at its peak; ``negatives`` a step. ``content``: whether an ad's features and embeddings go
    into its vector.
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
    content: bool = True

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
