"""The channels: the item-to-item tables that they follow, how their clicks weigh, and the windows that they count.

All of them read ``fold.history``, from which every labelled click is gone, and the queries' own past. The pipeline
makes a step of each table and of each channel; a service lists all channels of a request at once, from tables made
before.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import polars as pl

from common.learning.cooccurrence import count_covisits, count_transitions
from common.retrieval.popularity import Window
from common.retrieval.settings import CovisitSettings, FollowSettings
from competitions.news.split import GAP_MS

NEVER_HOURS = 1e6  # a half-life that leaves time out
TABLE_TOP = 200  # neighbours of an item
TRANSITION_POWER = 0.25  # as in co-visitation: .25 favours popular neighbours, .5 is the cosine
COVISIT = CovisitSettings(
    reach=30, forward=1.0, reverse=0.7, decay=0.9, half_life_hours=NEVER_HOURS, power=0.25, top=TABLE_TOP
)
COVISIT_FAST = CovisitSettings(
    reach=10, forward=1.0, reverse=0.5, decay=0.7, half_life_hours=1.0, power=0.25, top=TABLE_TOP
)
RECENT = FollowSettings(last=16, decay=0.75, half_life_hours=10.0)
LAST = FollowSettings(last=1, decay=1.0, half_life_hours=NEVER_HOURS)  # the last click alone
# Hours before and after the user's last click. The host gives the whole log; a live system has only what came before.
POPULAR_HOURS: dict[str, Window] = {"popular_1h": (1.0, 1.0), "popular_past_1h": (1.0, 0.0)}


class Neighbours(NamedTuple):
    """A channel of neighbours of the user's clicks: the item-to-item ``table``, and how clicks are weighted."""

    table: str
    weights: FollowSettings


NEIGHBOURS = {
    "covisit": Neighbours("covisit", RECENT),
    "covisit_last": Neighbours("covisit", LAST),
    "covisit_fast": Neighbours("fast", RECENT),
    "next": Neighbours("next", RECENT),
    "next_last": Neighbours("next_raw", LAST),
    "gap30": Neighbours("gap30", RECENT),
    "content": Neighbours("content", RECENT),
}
CHANNELS = (*NEIGHBOURS, *POPULAR_HOURS)
# Item-to-item tables that are counted in the clicks of a history: history -> item, neighbour, weight.
CLICK_TABLES: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "covisit": partial(count_covisits, settings=COVISIT),
    "fast": partial(count_covisits, settings=COVISIT_FAST),
    "next": partial(count_transitions, power=TRANSITION_POWER, top=TABLE_TOP),
    "next_raw": partial(count_transitions, power=0.0, top=TABLE_TOP),
    "gap30": partial(count_transitions, power=TRANSITION_POWER, top=TABLE_TOP, gap_ms=GAP_MS),
}


def list_tables(channels: Sequence[str]) -> list[str]:
    """The item-to-item tables that some channels follow."""
    return sorted({NEIGHBOURS[name].table for name in channels if name in NEIGHBOURS})
