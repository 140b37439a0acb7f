"""Measure each pipeline on a small simulated set whose scale, seed and settings never change.

The settings are those of config.toml but for what is named here, so a change of config.toml moves the golden numbers:
that is what they are for. After a change that is meant, write them anew with ``python -m tests.golden.regenerate``.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.day.hosts import TRUTH
from common.engine.run import Run
from common.simulation.oracle import read_oracle
from competitions.flight import competition as flight
from competitions.flight import pipeline as flight_pipeline
from competitions.flight.day.judged import find_booked
from competitions.flight.io import reader as flight_raw
from competitions.flight.simulator import simulate as flight_simulation
from competitions.mgtv import competition as mgtv
from competitions.mgtv import pipeline as mgtv_pipeline
from competitions.mgtv.io import reader as mgtv_raw
from competitions.mgtv.labels import score_rates
from competitions.mgtv.models.click_ranker import MODEL
from competitions.mgtv.simulator import simulate as mgtv_simulation
from competitions.news import competition as news
from competitions.news import pipeline as news_pipeline
from competitions.news.io import reader as news_raw
from competitions.news.simulator import simulate as news_simulation
from competitions.tencent import competition as tencent
from competitions.tencent import metrics as tencent_metrics
from competitions.tencent import pipeline as tencent_pipeline
from competitions.tencent.corpus import CatalogueRows
from competitions.tencent.io import reader as tencent_raw
from competitions.tencent.io.schema import TOP
from competitions.tencent.simulator import simulate as tencent_simulation
from competitions.tencent.top_k import TopK

HERE = Path(__file__).parent
SEED = 1
NEWS_SCALE, FLIGHT_SCALE, MGTV_SCALE, TENCENT_SCALE = 0.005, 0.006, 0.004, 0.001
NEWS_SETTINGS = ("seed=1", "recall.candidates=80", "rank.rounds=40", "rank.patience=20")
FLIGHT_SETTINGS = (
    "seed=1",
    "rank.rounds=40",
    "rank.patience=20",
    "rank.seeds=1",
    "split.valid_share=0.2",
)
MGTV_SETTINGS = (
    "seed=1",
    "watch.rounds=60",
    "watch.patience=15",
    "watch.lightgbm_softmax.max_bin=63",
    "watch.lightgbm_softmax.num_threads=1",
    "completion.bins=12",
    "completion.rounds=30",
    "completion.parameters.max_bin=63",
    "completion.parameters.num_threads=1",
    "split.train_days=2",
)
TENCENT_SETTINGS = ("seed=1", "sequence.passes=2")
# What one feature alone tells: numbers that no fit moves.
FLIGHT_FEATURES = (
    "core_price_ratio",
    "core_duration_ratio",
    "core_fare_level",
    "core_dominated",
    "core_price_place",
    "core_out_flight_ratio",
    "pair_own_programme",
    "lift_carrier_profile",
    "lift_carrier_route",
    "lift_out_flight",
    "lift_profile_out_flight_times",
    "taste_everybody",
    "taste_company",
    "taste_total",
)
MGTV_ANSWERS = ("p = 1", "mean", "median", "max E[s]")
MGTV_FEATURES = (
    "video_own_click_14d",
    "video_collection_answer_2d",
    "video_age",
    "pair_video_click",
    "pair_collection_click_share",
    "pair_channel_click_share",
    "pair_episode_due",
    "list_position",
    "list_video_own_click_14d_rank",
    "comment_collection_log_number",
)
Metrics = dict[str, float]


def measure_news(folder: Path) -> Metrics:
    """Every golden number of the news by name, of a cold run in ``folder``."""
    news_simulation.simulate(folder / "raw", NEWS_SCALE, SEED)
    config = news.COMPETITION.load_config(NEWS_SETTINGS, tuned=False)
    run = Run(folder / "run", folder / "cache", quiet=True)
    outcome = news_pipeline.solve(news_raw.locate(folder / "raw", config.board), config, run)
    judged = news.COMPETITION.judge(outcome, config)
    truth = news.COMPETITION.score_truth(outcome, folder / "raw")
    recall, cv = judged.details().summary["recall"], judged.ranking[0].score
    union = next(row for row in recall if row["channel"] == "union")
    measured = {f"channel {row['channel']} mrr@5": row["mrr@5"] for row in recall}
    measured |= {f"union {name}": union[name] for name in ("recall@50", "recall@all")}
    measured |= {"cv mrr@5": cv, "truth mrr@5": truth.scores["mrr@5"]}
    return measured | {"oracle mrr@5": truth.oracle}


def measure_flight(folder: Path) -> Metrics:
    """Every golden number of the flights by name, of a cold run in ``folder``.

    On so few sessions the hit rate jumps where a fit moves a little, so that most numbers are AUCs, which do not.
    """
    flight_simulation.simulate(folder / "raw", FLIGHT_SCALE, SEED)
    config = flight.COMPETITION.load_config(FLIGHT_SETTINGS, tuned=False)
    run = Run(folder / "run", folder / "cache", quiet=True)
    outcome = flight_pipeline.solve(flight_raw.locate(folder / "raw"), config, run)
    truth = flight.COMPETITION.score_truth(outcome, folder / "raw")
    scores, valid, test = outcome.scores.value, outcome.data.value.valid, outcome.test.value
    booked = find_booked(outcome.files.test, folder / "raw" / TRUTH)
    labels, sizes = test.options["row"].is_in(booked.implode()).to_numpy(), test.sessions["size"].to_numpy()
    ranks = pl.read_parquet(outcome.checked[0].path)["selected"].gather(test.options["row"]).to_numpy()
    place = {name: valid.names.index(name) for name in FLIGHT_FEATURES}
    measured = {
        f"feature {name} auc": _auc(valid.features[:, at], valid.labels, valid.group_sizes)
        for name, at in place.items()
    }
    for column, name in enumerate(outcome.names):
        measured[f"model {name} auc"] = _auc(scores[:, column], valid.labels, valid.group_sizes)
        measured[f"truth {name} auc"] = _auc(outcome.test_scores.value[:, column], labels, sizes)
    measured["truth submission auc"] = _auc(-ranks, labels, sizes)
    rates = {"cv": outcome.measured.value[-1], "truth": truth.scores}
    measured |= {f"hit_rate@3 {name}": found["hit_rate@3"] for name, found in rates.items()}
    return measured | {"oracle hit_rate@3": truth.oracle}


def measure_mgtv(folder: Path) -> Metrics:
    """Every golden number of MGTV by name, of a cold run in ``folder``.

    ``completion``: of the right videos of the validation days, the E[s] that the model expects of its answers, and the
    mean s of these, and of the other answers of the ladder.
    """
    mgtv_simulation.simulate(folder / "raw", MGTV_SCALE, SEED)
    config = mgtv.COMPETITION.load_config(MGTV_SETTINGS, tuned=False)
    run = Run(folder / "run", folder / "cache", quiet=True)
    outcome = mgtv_pipeline.solve(mgtv_raw.locate(folder / "raw", config.host), config, run)
    scored, truth = outcome.measured.value, mgtv.COMPETITION.score_truth(outcome, folder / "raw")
    valid = [predictions.value for predictions in outcome.valid]
    last = valid[-1].day.rows
    measured = {
        f"feature {name} auc": _auc(last.features[:, last.names.index(name)], last.labels, last.group_sizes)
        for name in MGTV_FEATURES
    }
    expected, scores = [], []
    for day, rewards in ((predictions.day, predictions.rewards) for predictions in valid):
        right = day.rows.labels > 0
        answers = np.stack([np.ones(len(right)), rewards.mean, rewards.median, rewards.rate])[:, right]
        expected.append(rewards.expected[right])
        scores.append(score_rates(day.completions[right], answers))
    measured["completion expected"] = float(np.concatenate(expected).mean())
    for name, value in zip(MGTV_ANSWERS, np.hstack(scores).mean(axis=1), strict=True):
        measured[f"completion {name}"] = float(value)
    measured[f"likelihood {MODEL}"] = scored.final["log_likelihood"]
    measured[f"model {MODEL} hit_rate"] = scored.final["hit_rate"]
    measured |= {f"cv {name}": scored.final[name] for name in ("score", "hit_rate")}
    for row in scored.ladder:
        measured |= {f"ladder {row['pick']}, {answer}": row[answer] for answer in MGTV_ANSWERS}
    measured |= {f"truth {name}": truth.scores[name] for name in ("score", "hit_rate", "score_of_hits")}
    oracle = read_oracle(folder / "raw")
    return measured | {"oracle score": oracle.score, "oracle hit_rate": oracle.details["hit_rate"]}


def measure_tencent(folder: Path) -> Metrics:
    """Every golden number of Tencent by name, of a cold run in ``folder``.

    ``popularity``: of the ten candidates with most events that the hold-out shows, the same for everybody. ``unseen
    truths``: the share of the test's targets that no history holds.
    """
    tencent_simulation.simulate(folder / "raw", TENCENT_SCALE, SEED)
    config = tencent.COMPETITION.load_config(TENCENT_SETTINGS, tuned=False)
    run = Run(folder / "run", folder / "cache", quiet=True)
    outcome = tencent_pipeline.solve(tencent_raw.locate(folder / "raw"), config, run)
    truth = tencent.COMPETITION.score_truth(outcome, folder / "raw")
    summary = tencent.COMPETITION.judge(outcome, config).details().summary
    corpus, fold = outcome.ready.corpus.value, outcome.ready.valid.value
    events = np.bincount(corpus.train.item[fold.history(corpus.train).events()], minlength=len(corpus.catalogue.oid))
    ten = fold.candidates[np.argsort(-events[fold.candidates], kind="stable")[:TOP]]
    popular = TopK(CatalogueRows(np.tile(ten, (len(fold.users), 1))), np.zeros((len(fold.users), TOP), np.float32))
    ways = {**summary["ways"], "popularity": tencent_metrics.evaluate(fold, popular, config.host)}
    measured: Metrics = {}
    for way, scores in ways.items():
        measured |= {f"cv {way} {name}": scores[name] for name in ("score", "hit_rate@10")}
    valid, test, *_ = summary["folds"]
    measured |= {f"fold {name}": float(valid[name]) for name in ("unseen candidates", "unseen targets")}
    targets = pl.read_csv(folder / "raw" / TRUTH)["creative_id"].to_numpy()
    measured["fold unseen truths"] = float(1 - np.isin(targets, corpus.catalogue.oid[corpus.train.item]).mean())
    measured["fold history share"] = valid["training events"] / test["training events"]
    measured |= {f"recall {name}": value for name, value in summary["recall"].items()}
    measured |= {f"truth {name}": truth.scores[name] for name in ("score", "hit_rate@10")}
    oracle = read_oracle(folder / "raw")
    return measured | {"oracle score": oracle.score, "oracle hit_rate": oracle.details["hit_rate"]}


def _auc(values: NDArray[Any], labels: NDArray[Any], sizes: NDArray[Any]) -> float:
    """The share of a session's other options that are put below the booked one, a tie for a half, averaged."""
    session = np.repeat(np.arange(len(sizes)), sizes)
    value = pl.Series("value", values.astype(np.float64)).fill_nan(None)
    place = (pl.col("value").rank() - 1) / (pl.col("value").count() - 1)
    frame = pl.DataFrame({"session": session, "value": value, "booked": labels == 1})
    return float(frame.select(place.over("session").filter("booked").drop_nans().mean()).item())


MEASURES: dict[str, Callable[[Path], Metrics]] = {
    "news": measure_news,
    "flight": measure_flight,
    "mgtv": measure_mgtv,
    "tencent": measure_tencent,
}


def measure(name: str) -> Metrics:
    """The golden numbers of a competition to four decimals, of a cold run in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return {what: round(value, 4) for what, value in MEASURES[name](Path(folder)).items()}


def golden_file(name: str) -> Path:
    """Where a competition's golden numbers are kept."""
    return HERE / f"{name}.json"
