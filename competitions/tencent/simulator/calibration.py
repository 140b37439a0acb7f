"""What a simulation looks like beside what it imitates: ``python -m competitions simulate tencent --describe``.

The published values are those of the public releases, by source: "1M" (TencentGR-1M), "1M actions" (the same, but it
holds for round 1 alone), "10M actions" (TencentGR-10M, of which only the shares of round 2's actions are known).
Features of many values (102, 121, 122) are compared by values an item, since their number grows with the items. In the
expressions an action is a number: -1 none, 0 exposure, 1 click, 2 conversion.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from common.day.hosts import TRUTH
from common.io.tables import scan_csv
from common.simulation.calibration import calibrate
from common.simulation.writer import read_report
from common.time_units import DAY_S
from competitions.tencent.io import reader
from competitions.tencent.io.schema import CLICK, ITEM_FEATURES, NULL_ACTION

PUBLISHED = Path(__file__).with_name("published.csv")
ROUND1, ROUND2 = "1M actions", "10M actions"
MANY_VALUED = ("102", "121", "122")
ACTION, TIME, SHOWN, BEFORE = (pl.col(name) for name in ("action", "time", "shown", "before"))
CUT = 1_747_621_423  # a second that public reports cut the log at
CUT_DAYS = 15  # of 24 hours from ``CUT`` on, whose clicks, and clicks on new ads, are published
FIRST_DAYS = 2.6  # behind ``CUT``, in which a user's first click is published by how often its ad was shown before


def describe(folder: Path) -> pl.DataFrame:
    """The calibration table of the simulation in ``folder``, see ``calibrate``."""
    other = ROUND1 if "law" in read_report(folder) else ROUND2  # a value of the other round's actions is none here
    return calibrate(folder, PUBLISHED, _list_frames(folder), without=other)


def _list_frames(folder: Path) -> Iterator[tuple[str, pl.LazyFrame]]:
    corpus = reader.read_corpus(reader.locate(folder))
    train, catalogue = corpus.train, corpus.catalogue
    user = np.repeat(np.arange(len(train.offsets) - 1), np.diff(train.offsets))
    pair = pl.Series(user * len(catalogue.oid) + train.item)
    columns = {"user": user, "item": train.item, "action": train.action, "time": train.time}
    events = pl.LazyFrame({**columns, "again": ~pair.is_first_distinct()})
    clicks, nulls = (ACTION.eq(kind).sum() for kind in (CLICK, NULL_ACTION))
    span = (TIME.max() - TIME.min()) / DAY_S
    yield "users", events.group_by("user").agg(length=pl.len(), clicks=clicks, nulls=nulls, span=span)
    yield "events", events
    yield "gaps", events.select(gap=TIME.diff().over("user")).drop_nulls()
    features = pl.DataFrame(catalogue.features, schema=list(ITEM_FEATURES))
    sizes = dict(zip(ITEM_FEATURES, catalogue.sizes, strict=True))
    values = {f"values of {name}": sizes[name] for name in MANY_VALUED}
    items = features.with_row_index("item").lazy().with_columns(pl.col("item").cast(pl.Int32), **values)
    percent = 100 * (SHOWN.rank("ordinal", descending=True) - 1) / pl.len()
    shown = events.group_by("item").agg(shown=pl.len(), clicks=clicks).with_columns(percent=percent)
    yield "items", shown.join(items, on="item")
    targets = scan_csv(folder / TRUTH).select(pl.col("creative_id").n_unique()).collect().item()
    cold = [pl.col(name) > sizes[name] for name in MANY_VALUED]
    unseen = pl.Series(corpus.candidates > catalogue.known)
    yield "candidates", features[corpus.candidates].select(*cold, unseen=unseen, targets=targets).lazy()
    yield "cut", _frame_cut(events)


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
