"""What a simulation looks like beside what it imitates: ``python -m competitions simulate tencent --describe``.

The published values are those of the public releases, by source: "1M" (TencentGR-1M), "1M actions" (the same, but it
holds for round 1 alone), "10M actions" (TencentGR-10M, of which only the shares of round 2's actions are known).
Features of many values (102, 121, 122) are compared by values an item, since their number grows with the items.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from common.io.tables import read_csv
from common.simulation.calibration import Measure, calibrate, quantiles
from common.simulation.writer import read_report
from competitions.tencent.corpus import Corpus, Sequences, Users
from competitions.tencent.io import reader
from competitions.tencent.io.schema import CLICK, CONVERSION, EXPOSURE, ITEM_FEATURES, NULL_ACTION, TRUTH, USER_FEATURES
from competitions.tencent.simulator import ad_features, conversions
from competitions.tencent.simulator.topics import CANDIDATES, DAY, ITEMS, REFERENCE, UNSEEN_CANDIDATES, USERS
from competitions.tencent.simulator.users import FEATURES_FILLED, LONGEST

Part = tuple[pl.LazyFrame, Sequence[Measure]]
RELEASE, ROUND1, ROUND2 = "1M", "1M actions", "10M actions"
EVENTS, UNSEEN = 90_223_574, 148_971
MANY_VALUED = ("102", "121", "122")
LENGTH, CLICKS, NULLS, SPAN, SHOWN, GAP = (
    pl.col(name) for name in ("length", "clicks", "nulls", "span", "shown", "gap")
)
ACTION, EMBEDDED, IS_UNSEEN = (pl.col(name) for name in ("action", "embedded", "unseen"))
KNOWN = ACTION.filter(ACTION != NULL_ACTION)


def share_between(value: pl.Expr, low: int, high: int) -> pl.Expr:
    """The share of the rows with ``low <= value < high``."""
    return value.is_between(low, high, "left").mean()


def top_items(percent: int) -> pl.Expr:
    """The share of the events that the most shown ``percent`` of the items have, one item at least."""
    return SHOWN.top_k((pl.len() * percent // 100).clip(1)).sum() / SHOWN.sum()


def unseen_on(day: pl.Expr, chosen: int) -> pl.Expr:
    """The share of unseen ads on a day."""
    return IS_UNSEEN.filter(day.eq(chosen)).mean()


USER_MEASURES = (
    Measure("users", pl.len(), USERS, RELEASE, "with scale"),
    Measure("events", LENGTH.sum(), EVENTS, RELEASE, "with scale"),
    Measure("length, mean", LENGTH.mean(), 90.0574, RELEASE),
    *quantiles("length", LENGTH, {25: 87.0, 50: 95.0, 75: 98.0, 90: 100.0}, RELEASE),
    Measure("users of the full length", (LENGTH == LONGEST).mean(), 0.132568, RELEASE),
    Measure("users with a null action", (NULLS > 0).mean(), 344_817 / USERS, ROUND1),
    Measure("users without a click", (CLICKS == 0).mean(), 0.0171, ROUND1),
    Measure("clicks of a user, mean", CLICKS.mean(), 8.760, ROUND1),
    *quantiles("clicks of a user", CLICKS, {25: 4.0, 50: 8.0, 75: 12.0, 90: 17.0, 95: 20.0, 99: 29.0}, ROUND1),
    *quantiles(
        "click share",
        CLICKS / LENGTH,
        {25: 0.0510, 50: 0.0833, 75: 0.1279, 90: 0.1809, 95: 0.22, 99: 0.3229},
        ROUND1,
    ),
    Measure("span in days, mean", SPAN.mean(), 38.24, RELEASE),
    *quantiles("span in days", SPAN, {25: 18.25, 50: 26.72, 75: 41.56, 90: 74.57, 95: 113.39, 99: 206.98}, RELEASE),
)
ACTION_MEASURES = (
    Measure("null actions", (ACTION == NULL_ACTION).mean(), 790_581 / EVENTS, ROUND1),
    Measure("exposures", (ACTION == EXPOSURE).mean(), 80_656_635 / EVENTS, ROUND1),
    Measure("clicks", (ACTION == CLICK).mean(), 8_776_358 / EVENTS, ROUND1),
    Measure("conversions", (ACTION == CONVERSION).mean()),
    Measure("exposures, of known actions", (KNOWN == EXPOSURE).mean(), conversions.EXPOSURES, ROUND2),
    Measure("clicks, of known actions", (KNOWN == CLICK).mean(), conversions.CLICKS, ROUND2),
    Measure("conversions, of known actions", (KNOWN == CONVERSION).mean(), conversions.CONVERSIONS, ROUND2),
)
GAP_MEASURES = (
    *quantiles(
        "gap in seconds",
        GAP,
        {25: 732.0, 50: 6449.0, 75: 42078.0, 90: 86267.0, 95: 140454.0, 99: 366449.0},
        RELEASE,
    ),
    Measure("gaps of 0 s", (GAP == 0).mean(), 0.00301, RELEASE),
    Measure("gaps of below 1 min", share_between(GAP, 1, 60), 0.02343, RELEASE),
    Measure("gaps of 1-59 min", share_between(GAP, 60, 3600), 0.41005, RELEASE),
    Measure("gaps of 1-23 h", share_between(GAP, 3600, DAY), 0.46398, RELEASE),
    Measure("gaps of 1-6 d", share_between(GAP, DAY, 7 * DAY), 0.09547, RELEASE),
    Measure("gaps of 7-29 d", share_between(GAP, 7 * DAY, 30 * DAY), 0.0037, RELEASE),
    Measure("gaps of 30 d or more", (GAP >= 30 * DAY).mean(), 0.00035, RELEASE),
)
ITEM_MEASURES = (
    Measure("items", pl.len(), ITEMS, RELEASE, "with scale"),
    Measure("events of an item, mean", SHOWN.mean(), 18.863, RELEASE),
    Measure("items of 1 events", (SHOWN == 1).mean(), 0.430665, RELEASE),
    Measure("items of 2-5 events", share_between(SHOWN, 2, 6), 0.301823, RELEASE),
    Measure("items of 6-10 events", share_between(SHOWN, 6, 11), 0.092875, RELEASE),
    Measure("items of 11-100 events", share_between(SHOWN, 11, 101), 0.145835, RELEASE),
    Measure("items of over 100 events", (SHOWN > 100).mean(), 0.028801, RELEASE),
    Measure("events of the top 1 %", top_items(1), 0.493266, RELEASE),
    Measure("events of the top 5 %", top_items(5), 0.740114, RELEASE),
    Measure("events of the top 10 %", top_items(10), 0.831947, RELEASE),
    Measure("events of the top 20 %", top_items(20), 0.905522, RELEASE),
    *quantiles("clicks of an item", CLICKS, {50: 0.0, 75: 1.0, 90: 2.0, 95: 5.0, 99: 27.0}, ROUND1),
    *(
        Measure(f"items with {name}", (pl.col(name) > 0).mean(), filled, RELEASE)
        for name, filled in ad_features.FILLED.items()
    ),
    *(
        Measure(f"values of {name} an item", pl.col(f"values of {name}").first() / pl.len(), count / ITEMS, RELEASE)
        for name, count in zip(MANY_VALUED, (90_709, 2_135_891, 90_919), strict=True)
    ),
    Measure("items with embedding 81", EMBEDDED.mean(), 0.959291, RELEASE),
    Measure("items of one event with embedding 81", EMBEDDED.filter(SHOWN == 1).mean(), 0.970965, RELEASE),
    Measure("items of 23 events or more with embedding 81", EMBEDDED.filter(SHOWN >= 23).mean(), 0.937512, RELEASE),
)
CANDIDATE_MEASURES = (
    Measure("candidates", pl.len(), CANDIDATES, RELEASE, "with scale"),
    Measure("unseen candidates", IS_UNSEEN.mean(), UNSEEN_CANDIDATES, RELEASE),
    *(
        Measure(
            f"cold among unseen candidates, {name}",
            pl.col(name).filter(IS_UNSEEN).mean(),
            count / UNSEEN,
            RELEASE,
        )
        for name, count in zip(MANY_VALUED, (2278, 53_156, 2281), strict=True)
    ),
    Measure("unseen candidates with embedding 81", EMBEDDED.filter(IS_UNSEEN).mean(), 144_845 / UNSEEN, RELEASE),
)
PROFILE_MEASURES = tuple(
    Measure(f"users with {name}", (pl.col(name) > 0).mean(), filled, RELEASE)
    for name, filled in FEATURES_FILLED.items()
)
# Of 24 hours from ``CUT`` on, a second that public reports cut the log at.
CUT = 1_747_621_423
CLICKS_A_DAY = np.array(
    [334562, 326333, 325835, 315684, 257995, 53072, 42397, 33033, 22355, 15465, 4975, 3161, 1618, 664, 124]
)
# Share of the clicks on ads without an event before ``CUT``, by day.
UNSEEN_AFTER_CUT = (0.274, 0.496, 0.612, 0.655, 0.693, 0.725, 0.729, 0.730, 0.761, 0.783, 0.807)
DAY_OF_CLICK, HOURS, END, DAY_OF_TARGET = (pl.col(name) for name in ("click", "hours", "end", "target"))
CUT_MEASURES = (
    *(
        Measure(f"clicks of the fifteen days, day {day}", DAY_OF_CLICK.eq(day).mean(), known, ROUND1)
        for day, known in enumerate((CLICKS_A_DAY / CLICKS_A_DAY.sum()).tolist())
    ),
    *(
        Measure(f"clicks on ads unseen before the cut, day {day}", unseen_on(DAY_OF_CLICK, day), known, ROUND1)
        for day, known in enumerate(UNSEEN_AFTER_CUT)
    ),
)
TARGET_MEASURES = (
    Measure("users with a truth", pl.len() / pl.col("users").first(), 1.0, RELEASE),
    Measure("unseen among the truths", IS_UNSEEN.mean()),  # not published: at users' own ends
    *quantiles("hours from the last event to the target", HOURS, {10: None, 25: None, 50: None, 75: None, 90: None}),
    Measure("histories that end before the reference time", END.eq(-1).mean()),
    *(Measure(f"histories that end on day {day} behind it", END.eq(day).mean()) for day in range(11)),
    *(Measure(f"unseen among the truths, day {day}", unseen_on(DAY_OF_TARGET, day)) for day in range(11)),
)


def describe(folder: Path) -> pl.DataFrame:
    """The calibration table of the simulation in ``folder``, see ``calibrate``."""
    other = ROUND1 if "law" in read_report(folder) else ROUND2  # a value of the other round's actions is none here

    def keep(measures: Sequence[Measure]) -> list[Measure]:
        return [replace(row, published=None) if row.source == other else row for row in measures]

    return calibrate(folder, ((frame, keep(measures)) for frame, measures in _list_parts(folder)))


def _list_parts(folder: Path) -> Iterator[Part]:
    files = reader.locate(folder)
    corpus = reader.read_corpus(files)
    paths = files.embeddings[ad_features.EMBEDDING]
    vectors = reader.read_embedding(paths, corpus.catalogue, ad_features.EMBEDDING).vectors
    yield from _list_event_parts(corpus.train)
    yield from _list_item_parts(corpus, pl.Series((vectors != 0).any(axis=1)))
    yield _frame_profiles(corpus.users), PROFILE_MEASURES
    yield _frame_cut(corpus), CUT_MEASURES
    yield _frame_targets(folder, corpus), TARGET_MEASURES


def _list_event_parts(events: Sequences) -> Iterator[Part]:
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


def _list_item_parts(corpus: Corpus, embedded: pl.Series) -> Iterator[Part]:
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
    """A row a click in the fifteen days behind ``CUT``: the day, and whether its ad has no event before."""
    train = corpus.train
    seen = np.zeros(corpus.catalogue.known + 1, bool)
    seen[train.item[train.time < CUT]] = True
    days = (train.time - CUT) // DAY
    kept = (train.action == CLICK) & (days >= 0) & (days < len(CLICKS_A_DAY))
    return pl.LazyFrame({"click": days[kept], "unseen": ~seen[train.item[kept]]})


def _frame_targets(folder: Path, corpus: Corpus) -> pl.LazyFrame:
    """A row a target: whether no history has its ad, hours from the user's last event, days from the common reference
    time to that event and to the target.
    """
    truth, test = read_csv(folder / TRUTH), corpus.test
    known = pl.Series(corpus.catalogue.oid[1 : corpus.catalogue.known + 1])
    names = pl.Series("user", [name.decode() for name in corpus.test_users.names.tolist()])
    last = pl.LazyFrame([names, pl.Series("last", test.time[test.offsets[1:] - 1])])
    return last.join(truth.lazy(), on="user").select(
        users=len(test),
        unseen=~pl.col("creative_id").is_in(known.implode()),
        hours=(pl.col("timestamp") - pl.col("last")) / 3600,
        end=((pl.col("last") - REFERENCE) // DAY).clip(-1),
        target=(pl.col("timestamp") - REFERENCE) // DAY,
    )
