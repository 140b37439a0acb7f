"""The settings of the open mode: popularity, counts, the linear model, and the mix of their scores."""

from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=1)]
Places = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Fade = Annotated[float, msgspec.Meta(gt=0, le=1)]
Decay = Annotated[float, msgspec.Meta(gt=0, lt=1)]


class OpenGroup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen group of settings that refuses unknown keys."""


class ActionWeights(OpenGroup, frozen=True):
    """What an event of each action counts; ``null``: where the host gave none."""

    exposure: NotNegative
    click: NotNegative
    conversion: NotNegative
    null: NotNegative

    def __post_init__(self) -> None:
        """Refuse weights that leave nothing (``ValueError``)."""
        if not (self.exposure or self.click or self.conversion or self.null):
            raise ValueError("the weights of all actions are 0: no event counts")


class PopularitySettings(OpenGroup, frozen=True):
    """Events of the last ``window_days`` before the end of the log count, 0 for all of them."""

    window_days: NotNegative
    weights: ActionWeights


class AttributeSettings(OpenGroup, frozen=True):
    """An attribute that c ads have weighs c^-``power``. Features of more than ``most_values`` values are left out."""

    power: NotNegative
    most_values: Count


class CountSettings(OpenGroup, frozen=True):
    """Pairs of ads in one history, at most ``reach`` events apart.

    A pair ``g`` events apart adds (g + ``gap_shift``)^-``gap_decay``, times ``backward`` where the neighbour stood
    before the ad; the sum is divided by events(ad)^``source_power`` and events(neighbour)^``target_power`` and raised
    to ``concavity``; the ``top`` neighbours of each ad are kept. A history is the sum of its last ``history`` events (0
    for all), an event with ``a`` events behind it weighing ``fade``^a * (1 + a)^-``recency``. ``from_attributes`` adds
    the counts of all ads that share attributes with those of the history, ``to_attributes`` lets scores spread to ads
    that share attributes. ``most_pairs``: more are refused.
    """

    reach: Count
    gap_decay: NotNegative
    gap_shift: NotNegative
    backward: NotNegative
    source_power: NotNegative
    target_power: NotNegative
    concavity: Positive
    top: Count
    history: Places
    recency: NotNegative
    fade: Fade
    from_attributes: NotNegative
    to_attributes: NotNegative
    weights: ActionWeights
    most_pairs: Count


class LinearSettings(OpenGroup, frozen=True):
    """A regression of what follows on what went before, at every place of every history.

    An event ``a`` places back weighs ``past_decay``^a, one ``b`` places behind the next ``future_decay``^b; pairs more
    than ``reach`` events apart are left out. ``ridge``: the penalty on coefficients. ``prior``: how far ads that share
    attributes are held to have like coefficients, 0 for not at all. What speaks for an ad is divided by its
    events^``target_power``. ``history``, ``recency``, ``fade``, ``to_attributes``: as in the counts. ``most_items``: a
    catalogue of more is refused, a matrix of items x items being inverted.
    """

    reach: Count
    past_decay: Decay
    future_decay: Decay
    ridge: Positive
    prior: NotNegative
    target_power: NotNegative
    history: Places
    recency: NotNegative
    fade: Fade
    to_attributes: NotNegative
    weights: ActionWeights
    most_items: Count


class MixSettings(OpenGroup, frozen=True):
    """Weights are sought in ``trials``, among the ``top`` candidates of each model and query."""

    trials: Count
    top: Count


class OpenSettings(OpenGroup, frozen=True):
    """All settings of the open mode; ``enabled``: mix, and submit the mix."""

    enabled: bool
    attributes: AttributeSettings
    popularity: PopularitySettings
    counts: CountSettings
    linear: LinearSettings
    mix: MixSettings
