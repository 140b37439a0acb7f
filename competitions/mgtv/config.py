"""The settings of the MGTV pipeline. ``config.toml`` gives every value; this says what each one is."""

from typing import Annotated, Any, Literal

import msgspec

from common.engine.config import Count, NotNegative, RunSettings, Settings

BLOCKS = ("video", "device", "pair", "list", "profile", "comment")
WATCH_BLOCKS = ("video", "device", "pair", "list", "comment")  # profiles add nothing to the choice, see LOG.md
# Nor profiles of an unknown date: one that was written behind a training day may hold what came of it.
COMPLETION_BLOCKS = ("video", "device", "pair", "comment")


class HostSettings(Settings, frozen=True):
    """What the rules leave open and the files may answer otherwise.

    ``board``: auto takes B where its files are there. ``several_plays``: seconds of a pair with several play rows on a
    day.
    """

    board: Literal["auto", "A", "B"]
    several_plays: Literal["first", "sum", "max"]


class TruthSettings(Settings, frozen=True):
    """The labels. ``rule``: which of a device's videos of the day is the answer. ``clip``: completion rates above
    it count as it, 0 leaves them, "auto" sees whether videos loop. ``no_duration``: what a video without a
    duration can score, "nothing" or as much as any other, "unknown".
    """

    rule: Literal["first_click", "last_click", "longest_play"]
    clip: NotNegative | Literal["auto"]
    no_duration: Literal["nothing", "unknown"]


class SplitSettings(Settings, frozen=True):
    """``valid_days``: the last days, predicted from the days before the first of them. ``folds``: 1 scores these alone;
    of more, each fold of the labelled days is scored by a fit on the others. ``train_days``: days before the last ones
    that give training rows. ``train_queries``, ``valid_queries``: at most so many devices of a day, drawn evenly.
    """

    valid_days: Count
    folds: Count
    train_days: Count
    train_queries: Count
    valid_queries: Count


class FeatureSettings(Settings, frozen=True):
    """``blocks``: "auto" are all that a model takes and the files have data for, and those of your own
    (features/build.py); ["+a", "-b"] these with a and without b.
    """

    blocks: tuple[str, ...] | Literal["auto"]


class WatchSettings(Settings, frozen=True):
    """The model of the choice, on the features of ``blocks``, "auto": WATCH_BLOCKS and your own. ``negatives``: of each
    training list, at most so many videos besides the answer; ``rounds`` at most, ended by ``patience``; ``seeds``: fits
    whose scores are averaged, "auto": several where lists are few; ``answer``: how the video is picked, "auto": by the
    expected score, unless one of ``decision.find_stages`` is clearly better; ``lightgbm_softmax``: LightGBM's
    parameters.
    """

    blocks: tuple[str, ...] | Literal["auto"]
    negatives: Count
    rounds: Count
    patience: Count
    seeds: Count | Literal["auto"]
    answer: Literal["auto", "expected score", "P(watch)", "popularity", "shown"]
    lightgbm_softmax: dict[str, Any]


class CompletionSettings(Settings, frozen=True):
    """``bins`` of the completion rate with about as many plays each, from the features of ``blocks``, "auto":
    COMPLETION_BLOCKS and your own; ``rounds`` at most, ended by ``patience``; ``parameters`` are LightGBM's.
    """

    blocks: tuple[str, ...] | Literal["auto"]
    bins: Annotated[int, msgspec.Meta(ge=2, le=1000)]
    rounds: Count
    patience: Count
    parameters: dict[str, Any]

    def __post_init__(self) -> None:
        """Refuse parameters that the fit has from elsewhere."""
        for name in ("objective", "metric", "num_class", "num_classes"):
            if name in self.parameters:
                raise ValueError(f"completion.parameters: completion.bins sets {name}; remove it")


class MgtvConfig(RunSettings, frozen=True):
    """Everything a run depends on, but for the raw files."""

    host: HostSettings
    truth: TruthSettings
    split: SplitSettings
    features: FeatureSettings
    watch: WatchSettings
    completion: CompletionSettings


CONFIG = MgtvConfig  # the same name in all: the command line checks settings before it imports the rest
