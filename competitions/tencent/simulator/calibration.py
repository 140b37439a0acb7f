"""What a simulation looks like beside what it imitates: ``python -m competitions simulate tencent --describe``.

The documented figures were measured on the public release TencentGR-1M; those of round 2's actions on TencentGR-10M.
Counts are compared at the simulation's scale; features of many values (102, 121, 122) by values per item, since their
number grows with the items.
"""

import json
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from common.day.hosts.simulated import REPORT
from common.engine.errors import UserError
from competitions.tencent.corpus import Bools, Catalogue, Corpus, Int64s, Sequences, Users
from competitions.tencent.io import reader
from competitions.tencent.io.schema import (
    CLICK,
    CONVERSION,
    EXPOSURE,
    ITEM_FEATURES,
    NULL_ACTION,
    TRUTH,
    USER_FEATURES,
    USER_LISTS,
)
from competitions.tencent.simulator.ad_features import EMBEDDING
from competitions.tencent.simulator.ad_features import FILLED as ITEMS_FILLED
from competitions.tencent.simulator.conversions import CLICKS as CLICKED
from competitions.tencent.simulator.conversions import CONVERSIONS, EXPOSURES
from competitions.tencent.simulator.topics import CANDIDATES, DAY, ITEMS, UNSEEN_CANDIDATES, USERS
from competitions.tencent.simulator.user_features import FILLED as USERS_FILLED
from competitions.tencent.simulator.users import LONGEST

Rows: TypeAlias = "dict[str, tuple[float, float | None]]"

EVENTS = 90_223_574
LENGTHS = {25: 87.0, 50: 95.0, 75: 98.0, 90: 100.0}
CLICK_SHARES = {25: 0.0510, 50: 0.0833, 75: 0.1279, 90: 0.1809, 95: 0.22, 99: 0.3229}
CLICKS = {25: 4.0, 50: 8.0, 75: 12.0, 90: 17.0, 95: 20.0, 99: 29.0}
SPANS = {25: 18.25, 50: 26.72, 75: 41.56, 90: 74.57, 95: 113.39, 99: 206.98}
GAPS = {25: 732.0, 50: 6449.0, 75: 42078.0, 90: 86267.0, 95: 140454.0, 99: 366449.0}
GAP_BANDS = {
    "0 s": (0, 1, 0.00301),
    "below 1 min": (1, 60, 0.02343),
    "1-59 min": (60, 3600, 0.41005),
    "1-23 h": (3600, DAY, 0.46398),
    "1-6 d": (DAY, 7 * DAY, 0.09547),
    "7-29 d": (7 * DAY, 30 * DAY, 0.0037),
    "30 d or more": (30 * DAY, 1 << 40, 0.00035),
}
ITEM_BANDS = {
    "1": (1, 1, 0.430665),
    "2-5": (2, 5, 0.301823),
    "6-10": (6, 10, 0.092875),
    "11-100": (11, 100, 0.145835),
    "over 100": (101, 1 << 40, 0.028801),
}
TOP_SHARES = {1: 0.493266, 5: 0.740114, 10: 0.831947, 20: 0.905522}
ACTIONS = {"exposures": (EXPOSURE, 80_656_635), "clicks": (CLICK, 8_776_358), "null actions": (NULL_ACTION, 790_581)}
# Cold values among the unseen candidates.
COLD = {"102": 2278, "115": 7, "117": 1, "118": 5, "119": 24, "120": 18, "121": 53_156, "122": 2281}
UNSEEN = 148_971
SIZES = {"100": 6, "101": 51, "112": 30, "114": 20, "115": 691, "116": 18, "117": 497, "118": 1426, "119": 4191}
SIZES |= {"120": 3392}
GROWING = {"102": 90_709, "121": 2_135_891, "122": 90_919}
USER_SIZES = {"103": 86, "104": 2, "105": 7, "106": 14, "107": 19, "108": 4, "109": 3, "110": 2}
FIRST_DAY_UNSEEN = 0.274  # of the click targets of the first day after a cut


def describe(folder: Path) -> pl.DataFrame:
    """Measure the simulation in ``folder``: one row a measure (marginal, simulated, documented; null: not known).

    Raises ``UserError`` where ``folder`` holds no finished simulation.
    """
    try:
        report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"There is no finished simulation in {folder}; make one with simulate first.") from error
    files = reader.locate(folder)
    corpus = reader.read_corpus(files)
    vectors = reader.read_embedding(files.embeddings[EMBEDDING], corpus.catalogue, EMBEDDING).vectors
    rows = _measure_counts(corpus, float(report["scale"])) | _measure_users(corpus.train)
    rows |= _measure_times(corpus.train) | _measure_items(corpus) | _measure_candidates(corpus)
    rows |= _measure_features(corpus.catalogue) | _measure_profiles(corpus.users)
    if "law" in report:
        rows = _forget_clicks(rows) | _measure_actions(corpus.train)
    rows |= _measure_embedding(corpus, np.asarray((vectors != 0).any(axis=1))) | _measure_truth(corpus, folder)
    names, pairs = list(rows), list(rows.values())
    columns = {"marginal": names, "simulated": [one for one, _ in pairs], "documented": [two for _, two in pairs]}
    return pl.DataFrame(columns, schema={"marginal": pl.String, "simulated": pl.Float64, "documented": pl.Float64})


def _quantiles(name: str, values: np.ndarray[Any, Any], documented: dict[int, float]) -> Rows:
    quantiles = np.percentile(values, list(documented))
    return {
        f"{name}, {level} %": (float(value), known)
        for (level, known), value in zip(documented.items(), quantiles, strict=True)
    }


def _share(of: np.ndarray[Any, Any]) -> float:
    return float(of.mean()) if len(of) else 0.0


def _measure_counts(corpus: Corpus, scale: float) -> Rows:
    return {
        "users": (len(corpus.train), USERS * scale),
        "events": (len(corpus.train.item), EVENTS * scale),
        "items": (corpus.catalogue.known, ITEMS * scale),
        "candidates": (len(corpus.candidates.rows), CANDIDATES * scale),
    }


def _measure_users(events: Sequences) -> Rows:
    length = np.diff(events.offsets)
    clicks = np.add.reduceat((events.action == CLICK).astype(np.int64), events.offsets[:-1])
    nulls = np.add.reduceat((events.action == NULL_ACTION).astype(np.int64), events.offsets[:-1])
    rows: Rows = {"length, mean": (float(length.mean()), 90.0574)} | _quantiles("length", length, LENGTHS)
    rows |= {"users of the full length": (_share(length == LONGEST), 0.132568)}
    rows |= {name: (_share(events.action == code), count / EVENTS) for name, (code, count) in ACTIONS.items()}
    first, last = events.action[events.offsets[:-1]], events.action[events.offsets[1:] - 1]
    rows |= {
        "users with a null action": (_share(nulls > 0), 344_817 / USERS),
        "first actions that are null": (_share(first == NULL_ACTION), 1546 / USERS),
        "last actions that are null": (_share(last == NULL_ACTION), 19_287 / USERS),
        "users without a click": (_share(clicks == 0), 0.0171),
        "clicks of a user, mean": (float(clicks.mean()), 8.760),
    }
    return (
        rows | _quantiles("clicks of a user", clicks, CLICKS) | _quantiles("click share", clicks / length, CLICK_SHARES)
    )


def _forget_clicks(rows: Rows) -> Rows:
    """The same without what is documented of round 1's actions alone."""
    apart = ("exposures", "click", "null")
    return {
        name: (value, None if any(word in name for word in apart) else known) for name, (value, known) in rows.items()
    }


def _measure_actions(events: Sequences) -> Rows:
    """Shares of round 2's actions."""
    known = events.action[events.action != NULL_ACTION]
    shares = {"exposures": (EXPOSURE, EXPOSURES), "clicks": (CLICK, CLICKED), "conversions": (CONVERSION, CONVERSIONS)}
    return {f"{name}, of known actions": (_share(known == code), share) for name, (code, share) in shares.items()}


def _measure_times(events: Sequences) -> Rows:
    span = (events.time[events.offsets[1:] - 1] - events.time[events.offsets[:-1]]) / DAY
    inside = np.ones(len(events.time), bool)
    inside[events.offsets[:-1]] = False
    gap = np.diff(events.time, prepend=0)[inside]
    rows: Rows = {"span in days, mean": (float(span.mean()), 38.24)} | _quantiles("span in days", span, SPANS)
    rows |= _quantiles("gap in seconds", gap, GAPS)
    return rows | {
        f"gaps of {name}": (_share((gap >= low) & (gap < high)), known)
        for name, (low, high, known) in GAP_BANDS.items()
    }


def _measure_items(corpus: Corpus) -> Rows:
    known = corpus.catalogue.known
    shown = _count(corpus.train.item, known)
    clicked = _count(corpus.train.item[corpus.train.action == CLICK], known)
    ranked = np.sort(shown)[::-1]
    rows: Rows = {"events of an item, mean": (float(shown.mean()), 18.863)}
    rows |= {
        f"items of {name} events": (_share((shown >= low) & (shown <= high)), share)
        for name, (low, high, share) in ITEM_BANDS.items()
    }
    rows |= {
        f"events of the top {level} %": (float(ranked[: max(known * level // 100, 1)].sum() / shown.sum()), share)
        for level, share in TOP_SHARES.items()
    }
    return rows | _quantiles("clicks of an item", clicked, {50: 0.0, 75: 1.0, 90: 2.0, 95: 5.0, 99: 27.0})


def _count(items: np.ndarray[Any, Any], known: int) -> Int64s:
    """Events of each known item."""
    return np.bincount(items, minlength=known + 1)[1 : known + 1]


def _measure_candidates(corpus: Corpus) -> Rows:
    catalogue, rows = corpus.catalogue, corpus.candidates.rows.values
    unseen = rows[rows > catalogue.known]
    measured: Rows = {"unseen candidates": (len(unseen) / len(rows), UNSEEN_CANDIDATES)}
    for at, name in enumerate(ITEM_FEATURES):
        cold = catalogue.features[unseen, at] == catalogue.sizes[at] + 1
        measured[f"cold among unseen candidates, {name}"] = (_share(cold), COLD.get(name, 0) / UNSEEN)
    return measured


def _measure_features(catalogue: Catalogue) -> Rows:
    known = catalogue.features[1 : catalogue.known + 1]
    rows: Rows = {
        f"items with {name}": (_share(known[:, at] > 0), ITEMS_FILLED[name]) for at, name in enumerate(ITEM_FEATURES)
    }
    sizes = dict(zip(ITEM_FEATURES, catalogue.sizes, strict=True))
    rows |= {f"values of {name}": (sizes[name], float(size)) for name, size in SIZES.items()}
    return rows | {
        f"values of {name} an item": (sizes[name] / catalogue.known, size / ITEMS) for name, size in GROWING.items()
    }


def _measure_profiles(users: Users) -> Rows:
    rows: Rows = {}
    longest = {"106": {50: 1.0, 90: 4.0, 99: 6.0}, "107": {100: 1.0}, "108": {99: 1.0, 100: 2.0}, "110": {50: 2.0}}
    start = 0
    for at, (name, width) in enumerate(USER_FEATURES.items()):
        length = (users.features[:, start : start + width] > 0).sum(axis=1)
        start += width
        rows[f"users with {name}"] = (_share(length > 0), USERS_FILLED[name])
        rows[f"values of {name}"] = (users.sizes[at], float(USER_SIZES[name]))
        if name in USER_LISTS:
            rows |= _quantiles(f"length of {name}", length[length > 0], longest[name])
    return rows


def _measure_embedding(corpus: Corpus, valid: Bools) -> Rows:
    known = corpus.catalogue.known
    shown, unseen = _count(corpus.train.item, known), corpus.candidates.rows.values
    unseen = unseen[unseen > known]
    filled = valid[1 : known + 1]
    return {
        "items with embedding 81": (_share(filled), 0.959291),
        "items of one event with embedding 81": (_share(filled[shown == 1]), 0.970965),
        "items of 23 events or more with embedding 81": (_share(filled[shown >= 23]), 0.937512),
        "unseen candidates with embedding 81": (_share(valid[unseen]), 144_845 / UNSEEN),
    }


def _measure_truth(corpus: Corpus, folder: Path) -> Rows:
    """Nothing is documented of how many users click within a day; the share of unseen targets is of another cut."""
    truth = pl.read_csv(folder / TRUTH)["creative_id"].to_numpy()
    known = np.isin(truth, corpus.catalogue.oid[1 : corpus.catalogue.known + 1])
    return {
        "users with a truth": (len(truth) / len(corpus.test), None),
        "unseen among the truths": (_share(~known), FIRST_DAY_UNSEEN),
    }
