"""The settings of the flight pipeline. ``config.toml`` gives every value; this says what each one is."""

from typing import Annotated, Any, Literal

import msgspec

from common.engine.config import Count, NotNegativeInt, Positive, RunSettings, Settings
from common.engine.decisions import choose_names, refuse_choice

Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
MODELS = ("lightgbm_softmax", "catboost_softmax")
NONE, XGBOOST = "none", "xgboost"  # the model of a second file


class SplitSettings(Settings, frozen=True):
    """``validation``: time (the last sessions), blocks (successive ones), folds (of whole sessions, repeated) or auto.

    ``valid_share``: the last share of the sessions, which validates. ``stretch_days``: sessions look back from the
    start of a period of so many days; ``lags``: auto, of one as long before as the test's do; none, of their own.
    """

    validation: Literal["auto", "time", "blocks", "folds"]
    valid_share: Share
    stretch_days: Positive
    lags: Literal["auto", "none"]


class SampleSettings(Settings, frozen=True):
    """What becomes training rows: ``negatives`` at most per session, ``rows`` at most in all, of the latest sessions
    (auto: all that the machine's memory allows); ``missing_share`` of every feature is hidden.
    """

    negatives: Count
    rows: Count | Literal["auto"]
    missing_share: Annotated[float, msgspec.Meta(ge=0, lt=1)]


class RankSettings(Settings, frozen=True):
    """``models``: what is fitted and blended, auto: all, of a large log those that a trial finds worth a full fit;
    ``patience`` 0: no early stop; ``seeds``: fits of each, averaged. ``second``: the model of a second file.

    ``answer``: whose order is handed in, "auto": the blend's, unless that of a model, or of a plain rule
    (ranking/submitted_order.py), is clearly better.

    ``blocks``: of features, or auto alone; +a and -b: those of auto with a and without b. Each model's parameters
    follow under its name, in its library's words; auto is decided by the size of the log.
    """

    models: tuple[str, ...]
    blocks: tuple[str, ...]
    seeds: Count | Literal["auto"]
    answer: str
    second: Literal["none", "xgboost"]
    sample: SampleSettings
    rounds: Count
    patience: NotNegativeInt | Literal["auto"]
    lightgbm_softmax: dict[str, Any]
    catboost_softmax: dict[str, Any]
    xgboost: dict[str, Any]

    @property
    def known_models(self) -> tuple[str, ...]:
        """Of ``MODELS`` those that may be fitted."""
        return choose_names(self.models, MODELS)

    def parameters_of(self, model: str) -> dict[str, Any]:
        """The parameters of one of ``MODELS``, or of ``XGBOOST``."""
        parameters: dict[str, Any] = getattr(self, model)
        return parameters


class FlightConfig(RunSettings, frozen=True):
    """Everything a run depends on, but for the raw files."""

    split: SplitSettings
    rank: RankSettings

    def __post_init__(self) -> None:
        """Refuse names of no model."""
        refuse_choice("rank.models", self.rank.models, MODELS)


CONFIG = FlightConfig  # the same name in all: the command line checks settings before it imports the rest
