"""A run's record with every part of the report, that of another competition, the least one."""

import math
from typing import Any

import msgspec

from common.day.record_schema import RunRecord

Record = dict[str, Any]
FEATURES = {
    "pair_collection_clicks_share": 0.2310,
    "list_rank_of_pair_collection_clicks": 0.1284,
    "pair_next_episode": 0.0973,
    "video_click_rate": 0.0811,
    "list_position": 0.0642,
}


def scored(name: str, score: float, queries: int | None = None) -> Record:
    return {"name": name, "score": score, "error": 0.0068, "queries": queries}


def complete() -> Record:
    """Every part is there (mgtv, simulated)."""
    return {
        "name": "mgtv",
        "run": "20261125-180000-123",
        "started": "2026-11-25T18:00:00",
        "data": {"folder": "build/mgtv/simulated", "simulated": True, "digest": "9f86d081884c7d65", "files": 97}
        | {"bytes": 48_211_730},
        "code": {"revision": "a936f49", "changed": True},
        "config": {
            "seed": 0,
            "features": {"blocks": ["video", "device", "pair", "list"]},
            "watch": {"rounds": 200, "lightgbm_softmax": {"num_leaves": 15}},
        },
        "overrides": ["watch.rounds=200", "seed=0"],
        "tuned": True,
        "metric": "score",
        "meaning": "how near the answer is",
        "rivals": [{"name": "Random order", "score": 0.1811, "error": 0.003}],
        "cv": {
            "score": 0.3619,
            "error": 0.0048,
            "queries": 6598,
            "folds": [scored("day 29", 0.3742, 3301), scored("day 30", 0.3496, 3297)],
            "slices": [scored("2 to 4 videos", 0.4413, 2104), scored("without a past", 0.2011, 96)],
        },
        "ranking": [scored("blend", 0.3619), scored("lightgbm_softmax", 0.3636), scored("logit", 0.3517)],
        "truth": {"score": 0.3681, "error": 0.0108, "oracle": 0.4254, "scores": {"score": 0.3681, "devices": 1302}},
        "notes": [
            {"where": "the logs of all days", "what": "clicks without an impression", "rows": 1204, "done": "history"},
            {"where": "弹幕/0105.xlsx", "what": "comments without a date", "rows": 17, "done": "left out"},
        ],
        "tables": [{"title": "The decision ladder", "rows": [{"pick": "random", "p = 1": 0.2, "max E[s]": None}]}],
        "features": [*FEATURES, *(f"sequence_cosine_{lag}" for lag in range(1, 11))],
        "insight": insight(),
        "steps": [
            {"name": "day01.read", "seconds": 0.9, "peak_mib": 610.0, "kept": True},
            {"name": "refit.logit", "seconds": 31.4, "peak_mib": 1945.0, "kept": False},
        ],
        "wall_seconds": 171.0,
        "peak_mib": 1945.0,
        "submission": {"paths": ["build/mgtv/20261125-180000-123/result.csv"], "rows": 1310},
    }


def insight() -> Record:
    """Importance, calibration, curves and right answers, of a few rows each."""
    bins = [{"predicted": at / 10, "observed": at / 10 + 0.008, "count": 4520 + at} for at in range(10)]
    curve = [-1.33 - 0.35 * math.exp(-number / 11) for number in range(87)]
    return {
        "importance": [
            {"feature": name, "gain": gain, "permutation": gain / 3 - 0.0004, "error": 0.0008 + gain / 60}
            for name, gain in FEATURES.items()
        ]
        + [{"feature": "sequence_cosine_1", "gain": 0.0, "permutation": None, "error": None}],
        "calibration": [{"title": "P(watch)", "bins": bins}, {"title": "E[s] of the right video", "bins": bins[5:]}],
        "curves": [
            {"name": "day 29, logit", "metric": "likelihood", "values": curve, "best": best} for best in (57, 87)
        ],
        "answers": answers(),
    }


def answers() -> Record:
    """Where right answers are lost, of two models, with two queries."""
    lost = [("asked", 6598, 0), ("among the videos shown", 6590, 8), ("in the first 3", 5011, 1579)]
    ranks = (("1", 3540), ("2", 900), ("3", 571), ("4-5", 1579), ("not among the videos shown", 8))
    return {
        "funnel": [
            {"stage": stage, "queries": queries, "share": queries / 6598, "lost": gone}
            for stage, queries, gone in (*lost, ("first", 3540, 1471))
        ],
        "ranks": [{"rank": rank, "queries": queries, "share": queries / 6598} for rank, queries in ranks],
        "cutoff": 3,
        "missed": "not among the videos shown",
        "examples": [
            {"kind": "right", "query": "Device 1f00,", "context": "3 videos shown", "listed": ["video a", "video b"]}
            | {"answer": "video a", "rank": 1, "candidate": True},
            {"kind": "wrong", "query": "Device 2e11,", "context": "9 videos shown", "listed": ["video c", "video d"]}
            | {"answer": "video e", "rank": None, "candidate": False},
        ],
    }


def bare() -> Record:
    """The least that a run leaves (news, real clicks): no fold, no truth, no insight."""
    data = {"folder": "data/news/raw", "simulated": False, "digest": "00ff", "files": 4, "bytes": 91_200_000}
    cv = {"score": 0.1174, "error": 0.0049, "queries": 2955}
    return {"name": "news", "run": "20261125-180000-123", "metric": "MRR@5", "data": data, "config": {}, "cv": cv}


def read(record: Record) -> RunRecord:
    """As a run.json is read."""
    return msgspec.convert(record, RunRecord)
