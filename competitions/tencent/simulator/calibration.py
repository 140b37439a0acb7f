"""What a simulation looks like beside what it imitates: ``python -m competitions simulate tencent --describe``.

The published values are those of the public releases, by source: "1M" (TencentGR-1M), "1M actions" (the same, but it
holds for round 1 alone), "10M actions" (TencentGR-10M, of which only the shares of round 2's actions are known).
Features of many values (102, 121, 122) are compared by values an item, since their number grows with the items.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from common.simulation.calibration import Measures, calibrate, quantiles
from common.simulation.writer import read_report
from competitions.tencent.corpus import Corpus, Sequences, Users
from competitions.tencent.io import reader
from competitions.tencent.io.schema import CLICK, CONVERSION, EXPOSURE, ITEM_FEATURES, NULL_ACTION, USER_FEATURES
from competitions.tencent.simulator.features import EMBEDDING
from competitions.tencent.simulator.topics import DAY
from competitions.tencent.simulator.users import LONGEST

PUBLISHED = Path(__file__).with_name("published.csv")
ROUND1, ROUND2 = "1M actions", "10M actions"
MANY_VALUED = ("102", "121", "122")
LENGTH, CLICKS, NULLS, SPAN, SHOWN, GAP = (
    pl.col(name) for name in ("length", "clicks", "nulls", "span", "shown", "gap")
)
ACTION, EMBEDDED, IS_UNSEEN = (pl.col(name) for name in ("action", "embedded", "unseen"))
KNOWN = ACTION.filter(ACTION != NULL_ACTION)
CUT = 1_747_621_423  # a second that public reports cut the log at
CUT_DAYS, UNSEEN_DAYS = (
    15,
    11,
)  # of 24 hours from ``CUT`` on, whose clicks, and clicks on ads new by then, are published


def share_between(value: pl.Expr, low: int, high: int) -> pl.Expr:
    """The share of the rows with ``low <= value < high``."""
    return value.is_between(low, high, "left").mean()


def top_items(percent: int) -> pl.Expr:
    """The share of the events that the most shown ``percent`` of the items have, one item at least."""
    return SHOWN.top_k((pl.len() * percent // 100).clip(1)).sum() / SHOWN.sum()


USER_MEASURES = {
    "users": pl.len(),
    "events": LENGTH.sum(),
    "length, mean": LENGTH.mean(),
    **quantiles("length", LENGTH, (25, 50, 75, 90)),
    "users of the full length": (LENGTH == LONGEST).mean(),
    "users with a null action": (NULLS > 0).mean(),
    "users without a click": (CLICKS == 0).mean(),
    "clicks of a user, mean": CLICKS.mean(),
    **quantiles("clicks of a user", CLICKS, (25, 50, 75, 90, 95, 99)),
    **quantiles("click share", CLICKS / LENGTH, (25, 50, 75, 90, 95, 99)),
    "span in days, mean": SPAN.mean(),
    **quantiles("span in days", SPAN, (25, 50, 75, 90, 95, 99)),
}
ACTION_MEASURES = {
    "null actions": (ACTION == NULL_ACTION).mean(),
    "exposures": (ACTION == EXPOSURE).mean(),
    "clicks": (ACTION == CLICK).mean(),
    "exposures, of known actions": (KNOWN == EXPOSURE).mean(),
    "clicks, of known actions": (KNOWN == CLICK).mean(),
    "conversions, of known actions": (KNOWN == CONVERSION).mean(),
}
GAP_MEASURES = {
    **quantiles("gap in seconds", GAP, (25, 50, 75, 90, 95, 99)),
    "gaps of 0 s": (GAP == 0).mean(),
    "gaps of below 1 min": share_between(GAP, 1, 60),
    "gaps of 1-59 min": share_between(GAP, 60, 3600),
    "gaps of 1-23 h": share_between(GAP, 3600, DAY),
    "gaps of 1-6 d": share_between(GAP, DAY, 7 * DAY),
    "gaps of 7-29 d": share_between(GAP, 7 * DAY, 30 * DAY),
    "gaps of 30 d or more": (GAP >= 30 * DAY).mean(),
}
ITEM_MEASURES = {
    "items": pl.len(),
    "events of an item, mean": SHOWN.mean(),
    "items of 1 events": (SHOWN == 1).mean(),
    "items of 2-5 events": share_between(SHOWN, 2, 6),
    "items of 6-10 events": share_between(SHOWN, 6, 11),
    "items of 11-100 events": share_between(SHOWN, 11, 101),
    "items of over 100 events": (SHOWN > 100).mean(),
    **{f"events of the top {percent} %": top_items(percent) for percent in (1, 5, 10, 20)},
    **quantiles("clicks of an item", CLICKS, (50, 75, 90, 95, 99)),
    **{f"items with {name}": (pl.col(name) > 0).mean() for name in ITEM_FEATURES},
    **{f"values of {name} an item": pl.col(f"values of {name}").first() / pl.len() for name in MANY_VALUED},
    "items with embedding 81": EMBEDDED.mean(),
    "items of one event with embedding 81": EMBEDDED.filter(SHOWN == 1).mean(),
    "items of 23 events or more with embedding 81": EMBEDDED.filter(SHOWN >= 23).mean(),
}
CANDIDATE_MEASURES = {
    "candidates": pl.len(),
    "unseen candidates": IS_UNSEEN.mean(),
    **{f"cold among unseen candidates, {name}": pl.col(name).filter(IS_UNSEEN).mean() for name in MANY_VALUED},
    "unseen candidates with embedding 81": EMBEDDED.filter(IS_UNSEEN).mean(),
}
PROFILE_MEASURES = {f"users with {name}": (pl.col(name) > 0).mean() for name in USER_FEATURES}
DAY_OF_CLICK = pl.col("click")
CUT_MEASURES = {
    **{f"clicks of the fifteen days, day {day}": DAY_OF_CLICK.eq(day).mean() for day in range(CUT_DAYS)},
    **{
        f"clicks on ads unseen before the cut, day {day}": IS_UNSEEN.filter(DAY_OF_CLICK.eq(day)).mean()
        for day in range(UNSEEN_DAYS)
    },
}


def describe(folder: Path) -> pl.DataFrame:
    """The calibration table of the simulation in ``folder``, see ``calibrate``."""
    other = ROUND1 if "law" in read_report(folder) else ROUND2  # a value of the other round's actions is none here
    return calibrate(folder, PUBLISHED, _list_parts(folder), without=other)


def _list_parts(folder: Path) -> Iterator[tuple[pl.LazyFrame, Measures]]:
    files = reader.locate(folder)
    corpus = reader.read_corpus(files)
    paths = files.embeddings[EMBEDDING]
    vectors = reader.read_embedding(paths, corpus.catalogue, EMBEDDING).vectors
    yield from _list_event_parts(corpus.train)
    yield from _list_item_parts(corpus, pl.Series((vectors != 0).any(axis=1)))
    yield _frame_profiles(corpus.users), PROFILE_MEASURES
    yield _frame_cut(corpus), CUT_MEASURES


def _list_event_parts(events: Sequences) -> Iterator[tuple[pl.LazyFrame, Measures]]:
    """A row a user, a row an event, a row for each two events of a user that follow each other."""
    first = events.offsets[:-1]
    clicks, nulls = (np.add.reduceat(events.action == kind, first) for kind in (CLICK, NULL_ACTION))
    span = (events.time[events.offsets[1:] - 1] - events.time[first]) / DAY
    users = {"length": np.diff(events.offsets), "clicks": clicks, "nulls": nulls, "span": span}
    yield pl.LazyFrame(users), USER_MEASURES
    yield pl.LazyFrame({"action": events.action}), ACTION_MEASURES
    inside = np.ones(len(events.time), bool)
    inside[first] = False
    yield pl.LazyFrame({"gap": np.diff(events.time, prepend=0)[inside]}), GAP_MEASURES


def _list_item_parts(corpus: Corpus, embedded: pl.Series) -> Iterator[tuple[pl.LazyFrame, Measures]]:
    """A row a known item, a row a candidate; ``embedded`` by row of the catalogue."""
    catalogue, train = corpus.catalogue, corpus.train
    features = pl.DataFrame(catalogue.features, schema=list(ITEM_FEATURES)).with_columns(embedded=embedded)
    sizes = dict(zip(ITEM_FEATURES, catalogue.sizes, strict=True))
    shown, clicked = (
        pl.Series(np.bincount(items, minlength=catalogue.known + 1)[1:])
        for items in (train.item, train.item[train.action == CLICK])
    )
    values = {f"values of {name}": sizes[name] for name in MANY_VALUED}
    known = features[1 : catalogue.known + 1].with_columns(shown=shown, clicks=clicked, **values)
    yield known.lazy(), ITEM_MEASURES
    cold = [pl.col(name) > sizes[name] for name in MANY_VALUED]
    unseen = pl.Series(corpus.candidates > catalogue.known)
    yield features[corpus.candidates].select(*cold, "embedded", unseen=unseen).lazy(), CANDIDATE_MEASURES


def _frame_profiles(users: Users) -> pl.LazyFrame:
    """A row a user, of each feature its first value."""
    first = np.cumsum([0, *USER_FEATURES.values()])[:-1]
    return pl.LazyFrame(users.features[:, first], schema=list(USER_FEATURES))


def _frame_cut(corpus: Corpus) -> pl.LazyFrame:
    """A row a click of the days behind ``CUT``: the day, and whether its ad has no event before."""
    train = corpus.train
    seen = np.zeros(corpus.catalogue.known + 1, bool)
    seen[train.item[train.time < CUT]] = True
    days = (train.time - CUT) // DAY
    kept = (train.action == CLICK) & (days >= 0) & (days < CUT_DAYS)
    return pl.LazyFrame({"click": days[kept], "unseen": ~seen[train.item[kept]]})
