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
from competitions.tencent.io import reader
from competitions.tencent.io.schema import CLICK, CONVERSION, EXPOSURE, ITEM_FEATURES, NULL_ACTION
from competitions.tencent.simulator.users import LONGEST

PUBLISHED = Path(__file__).with_name("published.csv")
ROUND1, ROUND2 = "1M actions", "10M actions"
MANY_VALUED = ("102", "121", "122")
LENGTH, CLICKS, NULLS, SPAN, SHOWN, GAP = (
    pl.col(name) for name in ("length", "clicks", "nulls", "span", "shown", "gap")
)
ACTION, TIME, IS_UNSEEN, DAY, BEFORE = (pl.col(name) for name in ("action", "time", "unseen", "day", "before"))
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
    train, catalogue = corpus.train, corpus.catalogue
    user = np.repeat(np.arange(len(train.offsets) - 1), np.diff(train.offsets))
    pair = user * len(catalogue.oid) + train.item
    columns = {"user": user, "item": train.item, "pair": pair, "action": train.action, "time": train.time}
    events = pl.LazyFrame(columns)
    clicks, nulls = ((kind == ACTION).sum() for kind in (CLICK, NULL_ACTION))
    span = (TIME.max() - TIME.min()) / DAY_S
    yield events.group_by("user").agg(length=pl.len(), clicks=clicks, nulls=nulls, span=span), USER_MEASURES
    yield events, EVENT_MEASURES
    yield events.select(gap=TIME.diff().over("user")).drop_nulls(), GAP_MEASURES
    features = pl.DataFrame(catalogue.features, schema=list(ITEM_FEATURES))
    sizes = dict(zip(ITEM_FEATURES, catalogue.sizes, strict=True))
    items = features.with_row_index("item").lazy().with_columns(pl.col("item").cast(pl.Int32))
    values = {f"values of {name}": sizes[name] for name in MANY_VALUED}
    shown = events.group_by("item").agg(shown=pl.len(), clicks=clicks)
    yield shown.join(items, on="item").with_columns(**values), ITEM_MEASURES
    targets = scan_csv(folder / TRUTH).select(pl.col("creative_id").n_unique()).collect().item()
    cold = [pl.col(name) > sizes[name] for name in MANY_VALUED]
    unseen = pl.Series(corpus.candidates > catalogue.known)
    yield features[corpus.candidates].select(*cold, unseen=unseen, targets=targets).lazy(), CANDIDATE_MEASURES
    yield _frame_cut(events), CUT_MEASURES


def _frame_cut(events: pl.LazyFrame) -> pl.LazyFrame:
    """A row a click of the days behind ``CUT``: the day; events of its ad before; whether it is a user's first, early
    enough to be counted. Events from which on an ad is of the head, up to which it is of the tail.
    """
    before = events.filter(TIME < CUT).group_by("item").agg(before=pl.len())
    parts = before.select(
        BEFORE.quantile(share, "linear").alias(name) for name, share in (("middle", 0.5), ("head", 0.9))
    )
    days = (TIME - CUT) / DAY_S
    clicks = events.filter(ACTION == CLICK, days.is_between(0, CUT_DAYS, closed="left"))
    first = pl.col("user").is_first_distinct() & (days < FIRST_DAYS)
    clicks = clicks.with_columns(day=days.floor().cast(pl.Int64), is_first=first)
    return clicks.join(before, on="item", how="left").with_columns(BEFORE.fill_null(0)).join(parts, how="cross")
