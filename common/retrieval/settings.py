"""Settings of the channels: frozen structs that a competition's ``config.py`` may hold, since they import no polars.

Each has a default for everything, so that ``config.toml`` names what is to differ:

    [recall.channels.popular]
    before_hours = 24.0
    [recall.channels.covisit.follow]
    last = 5
"""

from typing import Literal, TypeAlias

from common.engine.config import Count, NotNegative, Positive, Settings

NEVER_HOURS = 1e6  # a half-life that leaves time out
NEIGHBOURS = 200  # of an item: a table's length


class FollowSettings(Settings, frozen=True):
    """Which clicks of a user's past ``follow`` starts from, and the weight of each by rank and by age."""

    last: Count = 16
    decay: NotNegative = 0.75
    half_life_hours: NotNegative = NEVER_HOURS


EVERY_CLICK = FollowSettings(last=10_000, decay=1.0)  # as a linear model of the whole past counts


class PopularSettings(Settings, frozen=True):
    """Most events in the hours ``before`` a query's time, and ``after`` it where the log of others is given whole."""

    before_hours: Positive = 168.0
    after_hours: NotNegative = 0.0


class CovisitSettings(Settings, frozen=True):
    """Parameters of ``count_covisits``, and how its table is followed."""

    reach: Count = 10
    forward: NotNegative = 1.0
    reverse: NotNegative = 0.7
    decay: NotNegative = 0.8
    half_life_hours: NotNegative = NEVER_HOURS
    power: NotNegative = 0.25
    top: Count = NEIGHBOURS
    follow: FollowSettings = FollowSettings()


class TransitionSettings(Settings, frozen=True):
    """Parameters of ``count_transitions``, and how its table is followed."""

    power: NotNegative = 0.25
    top: Count = NEIGHBOURS
    follow: FollowSettings = FollowSettings(last=4, decay=0.5)


class EaseSettings(Settings, frozen=True):
    """``ridge`` of the closed form; of the ``items`` with most users (32 bytes x items^2 of memory) the ``top``
    neighbours each; and how the table is followed.
    """

    ridge: Positive = 250.0
    items: Count = 3_000
    top: Count = NEIGHBOURS
    follow: FollowSettings = EVERY_CLICK


class FactorSettings(Settings, frozen=True):
    """``size`` of a vector, ``ridge``, ``alpha`` as ``common/learning/als.py`` says, ``rounds`` of both sides."""

    size: Count = 48
    ridge: NotNegative = 1.0
    alpha: NotNegative = 10.0
    rounds: Count = 12


ChannelSettings: TypeAlias = PopularSettings | CovisitSettings | TransitionSettings | EaseSettings | FactorSettings


class Channels(Settings, frozen=True):
    """A channel of each kind, by name. Write a struct like this one for others, or for two of a kind."""

    popular: PopularSettings = PopularSettings()
    covisit: CovisitSettings = CovisitSettings()
    transitions: TransitionSettings = TransitionSettings()
    ease: EaseSettings = EaseSettings()
    als: FactorSettings = FactorSettings()


class RecallSettings(Settings, frozen=True):
    """``per_channel`` items of each channel enter the union, ``candidates`` stay after ``fusion`` by learned weights
    or equal ones. ``repeats``: whether an answer may be what the user had before.
    """

    channels: Channels
    per_channel: Count
    candidates: Count
    fusion: Literal["learned", "equal"]
    repeats: bool


def name_channels(channels: Settings) -> dict[str, ChannelSettings]:
    """The settings of each channel by its name.

    >>> list(name_channels(Channels()))
    ['popular', 'covisit', 'transitions', 'ease', 'als']
    """
    return {field: getattr(channels, field) for field in channels.__struct_fields__}
