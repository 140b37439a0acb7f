"""What a simulation looks like beside what it imitates: ``python -m competitions simulate tencent --describe``.

The documented figures were measured on the public release TencentGR-1M; those of round 2's actions on TencentGR-10M.
Counts are compared at the simulation's scale; features of many values (102, 121, 122) by values per item, since their
number grows with the items.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from common.day.hosts.simulated import REPORT
from common.engine.errors import UserError
from common.io.tables import read_csv
from competitions.tencent.corpus import Bools, Corpus, Int64s, Sequences, Users
from competitions.tencent.io import reader
from competitions.tencent.io.schema import CLICK, CONVERSION, EXPOSURE, ITEM_FEATURES, NULL_ACTION, TRUTH, USER_FEATURES
from competitions.tencent.simulator import ad_features, conversions, user_features
from competitions.tencent.simulator.topics import CANDIDATES, DAY, ITEMS, UNSEEN_CANDIDATES, USERS
from competitions.tencent.simulator.users import LONGEST

EVENTS, UNSEEN = 90_223_574, 148_971
# Quantiles by what is measured: {percent: value}.
QUANTILES = {
    "length": {25: 87.0, 50: 95.0, 75: 98.0, 90: 100.0},
    "clicks of a user": {25: 4.0, 50: 8.0, 75: 12.0, 90: 17.0, 95: 20.0, 99: 29.0},
    "click share": {25: 0.0510, 50: 0.0833, 75: 0.1279, 90: 0.1809, 95: 0.22, 99: 0.3229},
    "span in days": {25: 18.25, 50: 26.72, 75: 41.56, 90: 74.57, 95: 113.39, 99: 206.98},
    "gap in seconds": {25: 732.0, 50: 6449.0, 75: 42078.0, 90: 86267.0, 95: 140454.0, 99: 366449.0},
    "clicks of an item": {50: 0.0, 75: 1.0, 90: 2.0, 95: 5.0, 99: 27.0},
}
# Shares by the lowest value of the band and the first beyond it.
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
    "1 events": (1, 2, 0.430665),
    "2-5 events": (2, 6, 0.301823),
    "6-10 events": (6, 11, 0.092875),
    "11-100 events": (11, 101, 0.145835),
    "over 100 events": (101, 1 << 40, 0.028801),
}
TOP_SHARES = {1: 0.493266, 5: 0.740114, 10: 0.831947, 20: 0.905522}
COLD = {"102": 2278, "121": 53_156, "122": 2281}  # values among the unseen candidates
GROWING = {"102": 90_709, "121": 2_135_891, "122": 90_919}
ROUND1 = {
    "exposures": 80_656_635 / EVENTS,
    "clicks": 8_776_358 / EVENTS,
    "null actions": 790_581 / EVENTS,
    "users with a null action": 344_817 / USERS,
    "users without a click": 0.0171,
    "clicks of a user, mean": 8.760,
}
DOCUMENTED = {
    "length, mean": 90.0574,
    "users of the full length": 0.132568,
    "span in days, mean": 38.24,
    "events of an item, mean": 18.863,
    "unseen candidates": UNSEEN_CANDIDATES,
    "items with embedding 81": 0.959291,
    "items of one event with embedding 81": 0.970965,
    "items of 23 events or more with embedding 81": 0.937512,
    "unseen candidates with embedding 81": 144_845 / UNSEEN,
    "unseen among the truths": 0.274,  # of the click targets of the first day after a cut
}
DOCUMENTED |= {f"{name}, {level} %": value for name, at in QUANTILES.items() for level, value in at.items()}
DOCUMENTED |= {f"gaps of {name}": share for name, (_, _, share) in GAP_BANDS.items()}
DOCUMENTED |= {f"items of {name}": share for name, (_, _, share) in ITEM_BANDS.items()}
DOCUMENTED |= {f"events of the top {level} %": share for level, share in TOP_SHARES.items()}
DOCUMENTED |= {f"cold among unseen candidates, {name}": count / UNSEEN for name, count in COLD.items()}
DOCUMENTED |= {f"values of {name} an item": count / ITEMS for name, count in GROWING.items()}
DOCUMENTED |= {f"items with {name}": share for name, share in ad_features.FILLED.items()}
DOCUMENTED |= {f"users with {name}": share for name, share in user_features.FILLED.items()}
ROUND2 = {
    "exposures, of known actions": conversions.EXPOSURES,
    "clicks, of known actions": conversions.CLICKS,
    "conversions, of known actions": conversions.CONVERSIONS,
}


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
    paths = files.embeddings[ad_features.EMBEDDING]
    vectors = reader.read_embedding(paths, corpus.catalogue, ad_features.EMBEDDING).vectors
    measures: dict[str, float] = {
        "users": len(corpus.train),
        "events": len(corpus.train.item),
        "items": corpus.catalogue.known,
        "candidates": len(corpus.candidates),
    }
    sizes = (USERS, EVENTS, ITEMS, CANDIDATES)
    documented: dict[str, float | None] = {**DOCUMENTED}
    documented |= {name: float(report["scale"]) * size for name, size in zip(measures, sizes, strict=True)}
    # Of round 2 only the shares of the actions are documented.
    unknown: dict[str, float | None] = dict.fromkeys(key for key in documented if "click" in key)
    documented |= {**unknown, **ROUND2} if "law" in report else ROUND1
    measures |= measure_users(corpus.train) | measure_actions(corpus.train) | measure_times(corpus.train)
    measures |= measure_items(corpus, np.asarray((vectors != 0).any(axis=1))) | measure_profiles(corpus.users)
    measures |= measure_truth(corpus, folder)
    rows = [(marginal, value, documented.get(marginal)) for marginal, value in measures.items()]
    schema = {"marginal": pl.String, "simulated": pl.Float64, "documented": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def quantiles(name: str, values: np.ndarray[Any, Any]) -> dict[str, float]:
    """The quantiles of ``QUANTILES``."""
    levels = list(QUANTILES[name])
    return {f"{name}, {level} %": float(at) for level, at in zip(levels, np.percentile(values, levels), strict=True)}


def share(mask: Bools) -> float:
    """The mean; 0 of nothing."""
    return float(mask.mean()) if len(mask) else 0.0


def measure_users(events: Sequences) -> dict[str, float]:
    """Lengths of the histories, clicks and unknown actions of a user."""
    length = np.diff(events.offsets)
    clicks, nulls = (np.add.reduceat(events.action == kind, events.offsets[:-1]) for kind in (CLICK, NULL_ACTION))
    return {
        "length, mean": float(length.mean()),
        "users of the full length": share(length == LONGEST),
        "users with a null action": share(nulls > 0),
        "users without a click": share(clicks == 0),
        "clicks of a user, mean": float(clicks.mean()),
        **quantiles("length", length),
        **quantiles("clicks of a user", clicks),
        **quantiles("click share", clicks / length),
    }


def measure_actions(events: Sequences) -> dict[str, float]:
    """Shares of the actions, and of those that are known."""
    kinds = {"exposures": EXPOSURE, "clicks": CLICK, "conversions": CONVERSION}
    known = events.action[events.action != NULL_ACTION]
    return {
        "null actions": share(events.action == NULL_ACTION),
        **{name: share(events.action == kind) for name, kind in kinds.items()},
        **{f"{name}, of known actions": share(known == kind) for name, kind in kinds.items()},
    }


def measure_times(events: Sequences) -> dict[str, float]:
    """How long histories last, and the time between two events of a user."""
    span = (events.time[events.offsets[1:] - 1] - events.time[events.offsets[:-1]]) / DAY
    inside = np.ones(len(events.time), bool)
    inside[events.offsets[:-1]] = False
    gap = np.diff(events.time, prepend=0)[inside]
    bands = {f"gaps of {name}": share((gap >= low) & (gap < high)) for name, (low, high, _) in GAP_BANDS.items()}
    return {
        "span in days, mean": float(span.mean()),
        **quantiles("span in days", span),
        **quantiles("gap in seconds", gap),
        **bands,
    }


def measure_items(corpus: Corpus, embedded: Bools) -> dict[str, float]:
    """Popularity, features and embeddings of known items and of unseen candidates; ``embedded`` by catalogue row."""
    catalogue, train = corpus.catalogue, corpus.train
    known, features = slice(1, catalogue.known + 1), dict(zip(ITEM_FEATURES, catalogue.features.T, strict=True))
    shown, clicked = (
        count_items(items, known.stop)[known] for items in (train.item, train.item[train.action == CLICK])
    )
    ranked, rows = np.sort(shown)[::-1], corpus.candidates
    unseen = rows[rows > catalogue.known]
    sizes = dict(zip(ITEM_FEATURES, catalogue.sizes, strict=True))
    top = {level: ranked[: max(len(ranked) * level // 100, 1)].sum() / shown.sum() for level in TOP_SHARES}
    return {
        "events of an item, mean": float(shown.mean()),
        **{f"items of {name}": share((shown >= low) & (shown < high)) for name, (low, high, _) in ITEM_BANDS.items()},
        **{f"events of the top {level} %": float(value) for level, value in top.items()},
        **quantiles("clicks of an item", clicked),
        "unseen candidates": len(unseen) / len(rows),
        **{f"cold among unseen candidates, {name}": share(features[name][unseen] > sizes[name]) for name in COLD},
        **{f"items with {name}": share(values[known] > 0) for name, values in features.items()},
        **{f"values of {name} an item": sizes[name] / catalogue.known for name in GROWING},
        "items with embedding 81": share(embedded[known]),
        "items of one event with embedding 81": share(embedded[known][shown == 1]),
        "items of 23 events or more with embedding 81": share(embedded[known][shown >= 23]),
        "unseen candidates with embedding 81": share(embedded[unseen]),
    }


def count_items(items: np.ndarray[Any, Any], rows: int) -> Int64s:
    """Events of each row of the catalogue, up to ``rows``."""
    return np.bincount(items, minlength=rows)


def measure_profiles(users: Users) -> dict[str, float]:
    """Users with a value of each feature."""
    first = np.cumsum([0, *USER_FEATURES.values()])  # a feature's values stand from its first column on
    return {
        f"users with {name}": share(users.features[:, at] > 0) for name, at in zip(USER_FEATURES, first, strict=False)
    }


def measure_truth(corpus: Corpus, folder: Path) -> dict[str, float]:
    """Nothing is documented of how many users click within a day; the share of unseen targets is of another cut."""
    truth = read_csv(folder / TRUTH)["creative_id"].to_numpy()
    unseen = ~np.isin(truth, corpus.catalogue.oid[1 : corpus.catalogue.known + 1])
    return {"users with a truth": len(truth) / len(corpus.test), "unseen among the truths": share(unseen)}
