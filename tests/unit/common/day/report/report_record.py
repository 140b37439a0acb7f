"""Run records of the shape of each competition, with figures of the size that runs have, and the least one."""

import math
from typing import Any

Record = dict[str, Any]


def complete() -> Record:
    """Every part is there (mgtv, simulated)."""
    names = [name for name, _ in VIDEO_GAINS] + [f"sequence_cosine_{lag}" for lag in range(1, 11)]
    return {
        "name": "mgtv",
        "run": "20261125-180000-123",
        "started": "2026-11-25T18:00:00",
        "data": {"folder": "build/mgtv/simulated", "simulated": True, "digest": "9f86d081884c7d65", "files": 97}
        | {"bytes": 48_211_730},
        "code": {"revision": "a936f49", "changed": True},
        "config": VIDEO_CONFIG,
        "overrides": ["watch.rounds=200", "seed=0"],
        "tuned": True,
        "metric": "score",
        "cv": {
            "score": 0.3619,
            "error": 0.0048,
            "queries": 6598,
            "folds": [
                {"fold": "day 29", "score": 0.3742, "error": 0.0068, "queries": 3301},
                {"fold": "day 30", "score": 0.3496, "error": 0.0067, "queries": 3297},
            ],
            "slices": [
                {"slice": "2 to 4 videos shown", "score": 0.4413, "error": 0.0091, "queries": 2104},
                {"slice": "5 to 9 videos shown", "score": 0.3522, "error": 0.0079, "queries": 2380},
                {"slice": "10 or more videos shown", "score": 0.2940, "error": 0.0083, "queries": 2114},
                {"slice": "device without a past", "score": 0.2011, "error": 0.0310, "queries": 96},
            ],
        },
        "ranking": [
            {"model": "blend", "score": 0.3619, "error": 0.0048},
            {"model": "lightgbm_softmax", "score": 0.3636, "error": 0.0048},
            {"model": "xgboost_softmax", "score": 0.3592, "error": 0.0048},
            {"model": "catboost_softmax", "score": 0.3565, "error": 0.0048},
            {"model": "logit", "score": 0.3517, "error": 0.0047},
        ],
        "truth": {
            "score": 0.3681,
            "error": 0.0108,
            "oracle": 0.4254,
            "scores": {"score": 0.3681, "score_error": 0.0108, "hit_rate": 0.539, "devices": 1302},
        },
        "leaderboard": [{"score": 0.3655, "when": "2026-11-26 09:12"}],
        "notes": [
            {"where": "the logs of all days", "what": "clicks without an impression", "rows": 1204, "done": "history"},
            {"where": "弹幕/0105.xlsx", "what": "comments without a date", "rows": 17, "done": "left out"},
        ],
        "tables": [
            {
                "title": "The decision ladder: rows pick the video, columns answer the rate",
                "rows": [
                    {"pick": pick, "hit_rate": hit, "p = 0": zero, "p = 1": one, "mean": mean, "max E[s]": best}
                    for pick, hit, zero, one, mean, best in DECISIONS
                ],
            }
        ],
        "features": names,
        "insight": {
            "importance": [_important(name, gain) for name, gain in VIDEO_GAINS]
            + [{"feature": name, "gain": 0.0, "permutation": None, "error": None} for name in names[-10:]],
            "calibration": [
                {"title": "P(watch)", "bins": _bins(0.02, 0.71, 10, 0.97)},
                {"title": "E[s] of the videos watched", "bins": _bins(0.55, 0.86, 8, 1.01)},
            ],
            "curves": [
                {"name": f"day 29, {kind}", "metric": "likelihood", "values": _curve(rounds, best), "best": best}
                for kind, rounds, best in CURVES
            ],
            "drift": {"auc": 0.738, "rows": 20_000, "features": _drifting()},
            "answers": answers(),
        },
        "steps": _steps(),
        "wall_seconds": 171.0,
        "peak_mib": 1945.0,
        "submission": {"paths": ["build/mgtv/20261125-180000-123/result.csv"], "rows": 1310},
    }


def answers() -> Record:
    """Where right answers are lost, of two models, with two queries."""
    stages = [
        ("asked", 6598, 0),
        ("among the videos shown", 6590, 8),
        ("in the first 3", 5011, 1579),
        ("first", 3540, 1471),
    ]
    return {
        "funnel": [
            {"stage": stage, "queries": queries, "share": queries / 6598, "lost": lost}
            for stage, queries, lost in stages
        ],
        "ranks": [
            {"rank": rank, "queries": queries, "share": queries / 6598}
            for rank, queries in (("1", 3540), ("2", 900), ("3", 571), ("4-5", 1579), ("not among the candidates", 8))
        ],
        "correlation": [
            {"model": "lightgbm_softmax", "lightgbm_softmax": 1.0, "logit": 0.81},
            {"model": "logit", "lightgbm_softmax": 0.81, "logit": 1.0},
        ],
        "examples": [
            {"kind": "right", "query": "Device 1f00,", "context": "3 videos shown", "listed": ["video a", "video b"]}
            | {"answer": "video a", "rank": 1, "candidate": True},
            {"kind": "wrong", "query": "Device 2e11,", "context": "9 videos shown", "listed": ["video c", "video d"]}
            | {"answer": "video e", "rank": None, "candidate": False},
        ],
    }


def board() -> Record:
    """The known marks of a board."""
    marks = (
        ("3rd place", 0.2592, "its code"),
        ("official baseline", 0.1, "the host"),
        ("popularity", 0.0192, "a page"),
    )
    return {
        "title": "the host's board",
        "metric": "MRR@5",
        "mark": [{"name": name, "score": score, "source": source} for name, score, source in marks],
    }


def news() -> Record:
    """Real clicks: no truth, recall of channels, one fold."""
    return complete() | {
        "name": "news",
        "metric": "MRR@5",
        "data": {"folder": "data/news/raw", "simulated": False, "digest": "00ff", "files": 4, "bytes": 91_200_000},
        "code": {"revision": "a936f49", "changed": False},
        "cv": {
            "score": 0.1174,
            "error": 0.0049,
            "queries": 2955,
            "folds": [{"fold": "validation users", "score": 0.1174, "error": 0.0049, "queries": 2955}],
            "slices": [
                {"slice": f"clicks {clicks}", "score": score, "error": 0.009, "queries": 740}
                for clicks, score in (("1", 0.091), ("2-3", 0.112), ("4-9", 0.121), ("10 or more", 0.146))
            ],
        },
        "ranking": [
            {"model": "lightgbm_lambdarank", "score": 0.1175, "error": 0.0049},
            {"model": "lightgbm_binary", "score": 0.1155, "error": 0.0049},
            {"model": "xgboost", "score": 0.1135, "error": 0.0048},
            {"model": "catboost", "score": 0.1028, "error": 0.0046},
            {"model": "blend", "score": 0.1174, "error": 0.0049},
        ],
        "truth": None,
        "leaderboard": [],
        "tables": [{"title": "Recall of each channel alone, and of the union", "rows": RECALL}],
        "notes": [],
        "submission": {"paths": ["build/news/20261125-180000-123/submission.csv"], "rows": 4108},
    }


def flight() -> Record:
    """Seven models and long feature names."""
    record = complete()
    record["insight"]["importance"] = [_important(name, gain) for name, gain in FLIGHT_GAINS]
    return record | {
        "name": "flight",
        "metric": "HitRate@3",
        "cv": {
            "score": 0.4802,
            "error": 0.0241,
            "queries": 431,
            "folds": [{"fold": "last fortnight", "score": 0.4802, "error": 0.0241, "queries": 431}],
            "slices": [
                {"slice": "options 11-27", "score": 0.785, "error": 0.034, "queries": 144},
                {"slice": "options 28-160", "score": 0.541, "error": 0.041, "queries": 146},
                {"slice": "options over 160", "score": 0.269, "error": 0.037, "queries": 141},
            ],
        },
        "ranking": [
            {"model": model, "score": score, "error": 0.024}
            for model, score in (
                ("catboost_yetirank", 0.411),
                ("catboost_softmax", 0.478),
                ("xgboost_pairwise", 0.483),
                ("xgboost_ndcg", 0.487),
                ("lightgbm_lambdarank", 0.478),
                ("lightgbm_softmax", 0.485),
                ("logit", 0.481),
                ("blend", 0.4802),
            )
        ],
        "truth": {"score": 0.544, "error": 0.0117, "oracle": 0.635, "scores": FLIGHT_TRUTH},
        "leaderboard": [],
        "features": [name for name, _ in FLIGHT_GAINS],
    }


def tencent() -> Record:
    """A network: no boosted models, no importance; learning curves of epochs."""
    curve = {"name": "hstu", "metric": "score", "values": [0.021, 0.048, 0.066, 0.0731, 0.0746, 0.0742], "best": 5}
    return complete() | {
        "name": "tencent",
        "metric": "score",
        "cv": {
            "score": 0.0746,
            "error": 0.0047,
            "queries": 2360,
            "folds": [{"fold": "hold-out", "score": 0.0746, "error": 0.0047, "queries": 2360}],
            "slices": [
                {"slice": "target seen", "score": 0.0748, "error": 0.0054, "queries": 1806},
                {"slice": "target unseen", "score": 0.0740, "error": 0.0095, "queries": 554},
            ],
        },
        "ranking": [{"model": "hstu", "score": 0.0746, "error": 0.0047}],
        "leaderboard": [],
        "truth": {"score": 0.0651, "error": 0.0039, "oracle": 0.3327, "scores": {"hit rate@10": 0.093}},
        "tables": [],
        "features": [],
        "insight": {"importance": [], "calibration": [], "curves": [curve], "drift": None},
    }


def bare() -> Record:
    """The least that a run leaves: one fold, no truth, no insight."""
    return {
        "name": "news",
        "run": "20261125-180000-123",
        "started": "2026-11-25T18:00:00",
        "data": {"folder": "data/news/raw", "simulated": False, "digest": "00ff", "files": 0, "bytes": 0},
        "code": {"revision": None, "changed": False},
        "config": {},
        "overrides": [],
        "tuned": False,
        "metric": "MRR@5",
        "cv": {"score": 0.1174, "error": 0.0049, "queries": 2955, "folds": [], "slices": []},
        "ranking": [],
        "truth": None,
        "leaderboard": [],
        "notes": [],
        "tables": [],
        "features": [],
        "insight": {"importance": [], "calibration": [], "curves": [], "drift": None},
        "steps": [],
        "wall_seconds": 3.2,
        "peak_mib": 310.0,
        "submission": {"paths": [], "rows": 0},
    }


def ladder() -> Record:
    """The rungs of mgtv."""
    return {
        "title": "What each block and model is worth: two validation days, each rung adds to the one above it.",
        "metric": "score",
        "rows": [
            {"rung": rung, "family": family, "score": score, "error": 0.0048, "seconds": seconds, "peak_mib": memory}
            | {"hit_rate": hit}
            for rung, family, hit, score, seconds, memory in RUNGS
        ],
    }


def study() -> Record:
    """Forty trials, some cut short, one that failed badly."""
    trials: list[Record] = [
        {
            "number": number,
            "state": "PRUNED" if number % 5 == 3 else "COMPLETE",
            "value": 0.339 + 0.022 * (1 - math.exp(-number / 9)) + 0.006 * math.sin(number * 2.3),
            "params": {"watch.lightgbm_softmax.learning_rate": 0.05 + 0.003 * number, "watch.rounds": 100 + number},
            "seconds": 14.0 + number % 7,
            "worker": number % 2,
        }
        for number in range(40)
    ]
    trials[12]["value"] = 0.05
    trials[20] |= {"state": "FAIL", "value": None}
    return {
        "study": "mgtv-watch",
        "metric": "score",
        "trials": trials,
        "importance": {
            "watch.lightgbm_softmax.learning_rate": 0.52,
            "watch.lightgbm_softmax.min_data_in_leaf": 0.27,
            "watch.lightgbm_softmax.feature_fraction": 0.14,
            "watch.rounds": 0.07,
        },
        "best": trials[39],
        "current": 0.3619,
    }


def _important(name: str, gain: float) -> Record:
    return {"feature": name, "gain": gain, "permutation": gain**1.3 / 3 - 0.0004, "error": 0.0008 + gain / 60}


def _bins(low: float, high: float, number: int, slope: float) -> list[Record]:
    steps = [(index / (number - 1)) ** 2 for index in range(number)]
    predicted = [low + (high - low) * step for step in steps]
    return [
        {"predicted": p, "observed": p * slope + 0.008 * math.sin(7 * p), "count": 4520 + index}
        for index, p in enumerate(predicted)
    ]


def _curve(rounds: int, best: int) -> list[float]:
    return [
        -1.33 - 0.35 * math.exp(-number / (best / 5)) - 4e-7 * (number - best) ** 2 + 0.0004 * math.sin(number)
        for number in range(1, rounds + 1)
    ]


def _drifting() -> list[Record]:
    return [
        {"feature": name, "auc": auc, "train": train, "test": test, "train_missing": gone, "test_missing": missing}
        for name, auc, train, test, gone, missing in DRIFTING
    ]


def _steps() -> list[Record]:
    steps = [
        {"name": f"day{day:02d}.read", "seconds": 0.9 + day % 3 / 10, "peak_mib": 610.0 + 9 * day, "kept": day < 27}
        for day in range(1, 31)
    ]
    steps += [
        {"name": f"day{day}.fit.{kind}", "seconds": seconds, "peak_mib": 1500.0 + seconds, "kept": False}
        for day in (29, 30)
        for kind, seconds in (("lightgbm_softmax", 6.1), ("xgboost_softmax", 11.7), ("catboost_softmax", 24.9))
    ]
    return [*steps, {"name": "refit.catboost_softmax", "seconds": 31.4, "peak_mib": 1945.0, "kept": False}]


VIDEO_GAINS = [
    ("pair_collection_clicks_share", 0.2310),
    ("list_rank_of_pair_collection_clicks", 0.1284),
    ("pair_next_episode", 0.0973),
    ("video_click_rate", 0.0811),
    ("list_position", 0.0642),
    ("list_video_click_rate_minus_best_of_others", 0.0533),
    ("pair_channel_finish_rate_half_life_14", 0.0418),
    ("video_collection_click_rate_half_life_2", 0.0377),
    ("device_click_rate", 0.0329),
    ("pair_episode_due", 0.0301),
    ("video_age_days", 0.0264),
    ("sequence_attention_completion", 0.0233),
    ("video_finish_rate", 0.0218),
    ("device_days", 0.0187),
    ("comment_density", 0.0166),
    ("video_trend", 0.0151),
    ("list_same_collection", 0.0139),
    ("device_finish_rate_of_videos_of_that_length", 0.0125),
    ("video_length", 0.0117),
    ("comment_sentiment", 0.0101),
    ("profile_f0_rate_by_channel", 0.0094),
    ("video_abandon_rate", 0.0088),
    ("pair_source_click_rate", 0.0079),
    ("device_mean_log_t", 0.0031),
    ("video_recency", 0.0029),
]
FLIGHT_GAINS = [
    ("within_price_rank_among_options_of_same_carrier_and_stops", 0.31),
    ("taste_company_by_carrier_and_cabin_shrunk_to_all_companies", 0.22),
    ("history_traveller_booked_same_flight_number_and_weekday", 0.19),
    ("option_duration_minutes_over_the_shortest_of_the_session", 0.15),
    ("pair_departure_hour_distance_to_travellers_usual_hour", 0.08),
    ("session_options", 0.05),
]
FLIGHT_TRUTH = {
    "baseline": {"@1": 0.226, "@3": 0.467, "@5": 0.576, "@10": 0.730},
    "blend": {"@1": 0.274, "@3": 0.544, "@5": 0.654, "@10": 0.783},
    "oracle": {"@1": 0.371, "@3": 0.635, "@5": 0.746, "@10": 0.850},
}
DECISIONS = [
    ("random", 0.275, 0.138, 0.168, 0.153, 0.181),
    ("P(watch)", 0.538, 0.269, 0.338, 0.304, 0.368),
    ("P(watch) x E[s]", 0.539, 0.269, 0.341, 0.307, 0.370),
]
RECALL = [
    {"channel": channel, "MRR@5": mrr, "recall@5": five, "@10": ten, "@50": fifty, "@100": all_, "only here": alone}
    for channel, mrr, five, ten, fifty, all_, alone in (
        ("co-visitation", 0.131, 0.216, 0.296, 0.477, 0.567, 0.0),
        ("co-visitation, last click", 0.141, 0.216, 0.281, 0.414, 0.477, 0.0),
        ("next click", 0.126, 0.205, 0.281, 0.451, 0.501, 0.001),
        ("bi-network", 0.075, 0.126, 0.168, 0.340, 0.449, 0.0),
        ("swing", 0.097, 0.143, 0.181, 0.294, 0.359, 0.0),
        ("item2vec", 0.009, 0.016, 0.029, 0.101, 0.160, 0.002),
        ("content neighbours", 0.012, 0.024, 0.048, 0.176, 0.185, 0.028),
        ("popularity ±1 h", 0.103, 0.180, 0.269, 0.487, 0.588, 0.006),
        ("union, by fusion", 0.145, 0.260, 0.361, 0.624, 0.695, None),
    )
]
CURVES = [
    ("lightgbm_softmax", 87, 57),
    ("xgboost_softmax", 118, 88),
    ("catboost_softmax", 300, 300),
    ("logit", 64, 34),
]
DRIFTING = [
    ("video_age_days", 0.713, 41.3, 63.8, 0.0, 0.0),
    ("device_days", 0.664, 11.2, 14.9, 0.0, 0.0),
    ("comment_density", 0.612, 0.00132, 0.00087, 0.21, 0.44),
    ("profile_f71", 0.583, None, 12.0, 1.0, 0.834),
    ("list_video_click_rate_minus_best_of_others", 0.542, -0.0312, -0.0297, 0.0, 0.0),
    ("video_plays", 0.531, 18_204.0, 1_923_881.0, 0.0, 0.0),
]
RUNGS = [
    ("random", "rule", 0.260, 0.185, 0.1, 700.0),
    ("smoothed click rate", "rule", 0.382, 0.269, 0.4, 702.0),
    ("LightGBM softmax on the video block", "boosting", 0.390, 0.271, 6.2, 1190.0),
    ("+ device", "boosting", 0.400, 0.279, 7.0, 1214.0),
    ("+ pair", "boosting", 0.514, 0.351, 8.9, 1302.0),
    ("+ list", "boosting", 0.535, 0.368, 9.8, 1340.0),
    ("+ XGBoost", "boosting", 0.532, 0.363, 31.0, 1480.0),
    ("+ CatBoost", "boosting", 0.529, 0.363, 84.0, 1820.0),
    ("+ logit", "linear", 0.530, 0.363, 91.0, 1822.0),
]
VIDEO_CONFIG = {
    "seed": 0,
    "split": {"valid_days": 2, "train_days": 5},
    "features": {"blocks": ["video", "device", "pair", "list"], "half_lives": [2.0, 14.0]},
    "watch": {
        "models": ["lightgbm_softmax", "xgboost_softmax", "catboost_softmax", "logit"],
        "rounds": 200,
        "lightgbm_softmax": {"learning_rate": 0.1, "num_leaves": 15, "feature_fraction": 0.3},
    },
}
