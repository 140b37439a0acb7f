"""What a simulation looks like beside what it imitates: ``python -m competitions simulate tencent --describe``.

The published values are those of the public releases, by source: "1M" (TencentGR-1M), "1M actions" (the same, but it
holds for round 1 alone), "10M actions" (TencentGR-10M, of which only the shares of round 2's actions are known).
Features of many values (102, 121, 122) are compared by values an item, since their number grows with the items.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from common.day.hosts import TRUTH
from common.io.tables import scan_csv
from common.simulation.calibration import Measures, calibrate, quantiles
from common.simulation.writer import read_report
from common.time_units import DAY_S, HOUR_S
from competitions.tencent.corpus import Corpus, Sequences
from competitions.tencent.io import reader
from competitions.tencent.io.schema import CLICK, CONVERSION, EXPOSURE, ITEM_FEATURES, NULL_ACTION
from competitions.tencent.simulator.users import LONGEST

PUBLISHED = Path(__file__).with_name("published.csv")
ROUND1, ROUND2 = "1M actions", "10M actions"
MANY_VALUED = ("102", "121", "122")
LENGTH, CLICKS, NULLS, SPAN, SHOWN, GAP = (
    pl.col(name) for name in ("length", "clicks", "nulls", "span", "shown", "gap")
)
ACTION, IS_UNSEEN, DAY, BEFORE = (pl.col(name) for name in ("action", "unseen", "day", "before"))
KNOWN = ACTION.filter(ACTION != NULL_ACTION)
CUT = 1_747_621_423  # a second that public reports cut the log at
CUT_DAYS, UNSEEN_DAYS = 15, 11  # of 24 hours from ``CUT`` on, whose clicks, and clicks on new ads, are published
FIRST_DAYS = 2.6  # behind ``CUT``, in which a user's first click is published by how often its ad was shown before

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
    "span in days, mean": SPAN.mean(),
    **quantiles("span in days", SPAN, (25, 50, 75, 90, 95, 99)),
}
EVENT_MEASURES = {
    "null actions": (ACTION == NULL_ACTION).mean(),
    "exposures": (ACTION == EXPOSURE).mean(),
    "clicks": (ACTION == CLICK).mean(),
    "exposures, of known actions": (KNOWN == EXPOSURE).mean(),
    "clicks, of known actions": (KNOWN == CLICK).mean(),
    "conversions, of known actions": (KNOWN == CONVERSION).mean(),
    "clicks on ads of the user's history": (~pl.col("pair").is_first_distinct()).filter(ACTION == CLICK).mean(),
}
GAP_MEASURES = {
    **quantiles("gap in seconds", GAP, (25, 50, 75, 90, 95, 99)),
    "gaps of 1-59 min": GAP.is_between(60, HOUR_S, "left").mean(),
    "gaps of 1-23 h": GAP.is_between(HOUR_S, DAY_S, "left").mean(),
    "gaps of 1-6 d": GAP.is_between(DAY_S, 7 * DAY_S, "left").mean(),
}
ITEM_MEASURES = {
    "items": pl.len(),
    "events of an item, mean": SHOWN.mean(),
    "items of 1 events": (SHOWN == 1).mean(),
    "items of 2-5 events": SHOWN.is_between(2, 5).mean(),
    "items of 6-10 events": SHOWN.is_between(6, 10).mean(),
    "items of 11-100 events": SHOWN.is_between(11, 100).mean(),
    "items of over 100 events": (SHOWN > 100).mean(),
    # The share of the events that the most shown items have, one item at least.
    **{f"events of the top {n} %": SHOWN.top_k((pl.len() * n // 100).clip(1)).sum() / SHOWN.sum() for n in (1, 10)},
    "items that are clicked": (CLICKS > 0).mean(),
    "clicks of a clicked item": CLICKS.filter(CLICKS > 0).mean(),
    **{f"items with {name}": (pl.col(name) > 0).mean() for name in ITEM_FEATURES},
    **{f"values of {name} an item": pl.col(f"values of {name}").first() / pl.len() for name in MANY_VALUED},
}
CANDIDATE_MEASURES = {
    "candidates": pl.len(),
    "unseen candidates": IS_UNSEEN.mean(),
    "targets among the candidates": pl.col("targets").first() / pl.len(),
    **{f"cold among unseen candidates, {name}": pl.col(name).filter(IS_UNSEEN).mean() for name in MANY_VALUED},
}
FIRST = BEFORE.filter(pl.col("is_first"))
HEAD, MIDDLE = pl.col("head").first(), pl.col("middle").first()
CUT_MEASURES = {
    **{f"clicks of the fifteen days, day {day}": DAY.eq(day).mean() for day in range(CUT_DAYS)},
    **{
        f"clicks on ads unseen before the cut, day {day}": BEFORE.filter(DAY.eq(day)).eq(0).mean()
        for day in range(UNSEEN_DAYS)
    },
    "events of an ad before the cut, 90 %": HEAD,
    "first clicks on head ads": (FIRST >= HEAD).mean(),
    "first clicks on middle ads": ((FIRST > MIDDLE) & (FIRST < HEAD)).mean(),
    "first clicks on tail ads": ((FIRST > 0) & (FIRST <= MIDDLE)).mean(),
    "first clicks on unseen ads": (FIRST == 0).mean(),
}


def describe(folder: Path) -> pl.DataFrame:
    """The calibration table of the simulation in ``folder``, see ``calibrate``."""
    other = ROUND1 if "law" in read_report(folder) else ROUND2  # a value of the other round's actions is none here
    return calibrate(folder, PUBLISHED, _list_parts(folder), without=other)


def _list_parts(folder: Path) -> Iterator[tuple[pl.LazyFrame, Measures]]:
    corpus = reader.read_corpus(reader.locate(folder))
    targets = scan_csv(folder / TRUTH).select(pl.col("creative_id").n_unique()).collect().item()
    yield from _list_event_parts(corpus.train)
    yield from _list_item_parts(corpus, targets)
    yield _frame_cut(corpus), CUT_MEASURES


def _list_event_parts(events: Sequences) -> Iterator[tuple[pl.LazyFrame, Measures]]:
    """A row a user, a row an event, a row for each two events of a user that follow each other."""
    first = events.offsets[:-1]
    clicks, nulls = (np.add.reduceat(events.action == kind, first) for kind in (CLICK, NULL_ACTION))
    span = (events.time[events.offsets[1:] - 1] - events.time[first]) / DAY_S
    users = {"length": np.diff(events.offsets), "clicks": clicks, "nulls": nulls, "span": span}
    yield pl.LazyFrame(users), USER_MEASURES
    owner = np.repeat(np.arange(len(first)), np.diff(events.offsets))
    pair = owner * (int(events.item.max()) + 1) + events.item
    yield pl.LazyFrame({"action": events.action, "pair": pair}), EVENT_MEASURES
    inside = np.ones(len(events.time), bool)
    inside[first] = False
    yield pl.LazyFrame({"gap": np.diff(events.time, prepend=0)[inside]}), GAP_MEASURES


def _list_item_parts(corpus: Corpus, targets: int) -> Iterator[tuple[pl.LazyFrame, Measures]]:
    """A row a known item, a row a candidate; ``targets``: how many different ones there are."""
    catalogue, train = corpus.catalogue, corpus.train
    features = pl.DataFrame(catalogue.features, schema=list(ITEM_FEATURES))
    sizes = dict(zip(ITEM_FEATURES, catalogue.sizes, strict=True))
    shown, clicked = (
        pl.Series(np.bincount(items, minlength=catalogue.known + 1)[1:])
        for items in (train.item, train.item[train.action == CLICK])
    )
    values = {f"values of {name}": sizes[name] for name in MANY_VALUED}
    yield features[1 : catalogue.known + 1].with_columns(shown=shown, clicks=clicked, **values).lazy(), ITEM_MEASURES
    cold = [pl.col(name) > sizes[name] for name in MANY_VALUED]
    unseen = pl.Series(corpus.candidates > catalogue.known)
    yield features[corpus.candidates].select(*cold, unseen=unseen, targets=targets).lazy(), CANDIDATE_MEASURES


def _frame_cut(corpus: Corpus) -> pl.LazyFrame:
    """A row a click of the days behind ``CUT``: the day; events of its ad before; whether it is a user's first, early
    enough to be counted. Events from which on an ad is of the head, up to which it is of the tail.
    """
    train = corpus.train
    shown = np.bincount(train.item[train.time < CUT], minlength=corpus.catalogue.known + 1)
    middle, head = np.percentile(shown[shown > 0], [50, 90]) if shown.any() else (0, 0)
    days = (train.time - CUT) / DAY_S
    kept = np.flatnonzero((train.action == CLICK) & (days >= 0) & (days < CUT_DAYS))
    owner = np.searchsorted(train.offsets, kept, side="right")
    is_first = (np.diff(owner, prepend=-1) > 0) & (days[kept] < FIRST_DAYS)
    columns = {"day": days[kept].astype(np.int64), "before": shown[train.item[kept]], "is_first": is_first}
    return pl.LazyFrame(columns).with_columns(head=head, middle=middle)
