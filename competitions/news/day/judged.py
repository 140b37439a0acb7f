"""What a finished news run reports: scores by user, recall, folds, and why the score is so."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.day.answers import Answers, Example, rank_answers
from common.day.hosts import TRUTH
from common.day.judged import Diagnostic, Insight, Judged, Sample, count_first, measure_drift, measure_importance
from common.day.run_record import Row, SimulatedTruth
from common.engine.decisions import list_decisions
from common.engine.run import collect, derive
from common.io.notes import Note
from common.learning.adversarial_validation import Drift, compare_halves
from common.learning.dataset import RankingDataset
from common.learning.metrics import weighted_error, weighted_mean
from common.learning.model_diagnostics import curves, share_gains
from common.learning.split import Fold
from common.simulation.oracle import read_oracle
from common.time_units import DAY_MS, HOUR_MS
from competitions.news import submission
from competitions.news.config import MODEL, NewsConfig
from competitions.news.day.rows import FUSION, list_ranked, list_rivals, list_rows
from competitions.news.features import assemble, feature_names
from competitions.news.io import reader
from competitions.news.pipeline import Outcome, Validated
from competitions.news.ranking import CUTOFF, count_rows

METRIC = "MRR@5"
MEANING = "1 / the rank of the clicked article, 0 if it is not in the first five; the mean over users"
SAMPLE = Sample(queries=1_000, rows=40_000)
DRIFT_ROWS = 40_000  # of the test that are built; fewer are drawn, whole queries
RECENT = 3  # clicks of a user that an example shows
GAINS_SHOWN = 30
LENGTHS = {1: "1", 2: "2", 4: "3-4", 8: "5-8", 16: "9-16", 32: "17-32"}  # of a history: at most -> its class


def judge(outcome: Validated, config: NewsConfig) -> Judged:
    """What a run reports, or one that stopped after validation."""
    summary = summarise(outcome)
    return Judged(
        metric=METRIC,
        meaning=MEANING,
        rivals=list_rivals(outcome),
        queries=list_queries(outcome),
        ranking=[{"model": MODEL, "score": summary["cv"]["mrr@5"], "error": summary["cv"]["error"]}],
        tables=[
            ("Settings decided from the data", summary["plan"]),
            # Without the score of a channel, whose users count alike here: that of the rivals is weighted as the run's.
            (
                "Recall of retrieval on validation, by channel",
                [{name: value for name, value in row.items() if name != "mrr@5"} for row in summary["recall"]],
            ),
        ],
        notes=list_notes(outcome),
        features=feature_names(outcome.ready.labelled.blocks.value),
        summary=summary,
        submissions=[outcome.checked] if isinstance(outcome, Outcome) else [],
        insight=explain(outcome) if isinstance(outcome, Outcome) else None,
    )


def list_notes(outcome: Validated) -> list[Note]:
    """What reading settled."""
    ready = outcome.ready
    notes = [*outcome.files.notes, *ready.articles.value.notes, *ready.clicks.value.notes]
    if ready.content:
        notes += [*ready.content.value.notes, *reader.note_unembedded(ready.clicks.value.frame, ready.content.value)]
    return notes


def list_queries(outcome: Validated) -> pl.DataFrame:
    """One row per validation user: the reciprocal rank of the answer, 0 where it was not retrieved."""
    labelled = outcome.ready.labelled
    return (
        list_ranked(labelled.inputs.fold.value, labelled.candidates.value)
        .with_columns(score=pl.Series(outcome.reciprocal.value))
        .sort("query")
        .select(
            query=pl.col("user").cast(pl.String),
            fold=pl.lit("validation users"),
            score="score",
            weight="weight",
            **{"visible clicks": class_of_length(), "last visible day": last_day()},
        )
    )


# --- the summary ---


def summarise(outcome: Validated) -> Row:
    """Everything else as plain values, for run.json."""
    ready, ranker = outcome.ready, outcome.early.value
    queries = pl.concat(fold.value.queries["role"] for fold in (ready.labelled.inputs.fold, ready.test))
    reciprocal, weights = outcome.reciprocal.value, ready.rows.value.weights
    cv, error = weighted_mean(reciprocal, weights), weighted_error(reciprocal, weights)
    checked = outcome.checked if isinstance(outcome, Outcome) else None
    return {
        "board": outcome.files.board,
        "plan": list_decisions(ready.plan.decisions),
        "cv": {"mrr@5": cv, "error": error, "queries": dict(queries.value_counts(sort=True).iter_rows())},
        "rounds": ranker.rounds,
        "recall": outcome.recall.value.to_dicts(),
        "gains": dict(list(share_gains([ranker]).items())[:GAINS_SHOWN]),
        **({"submission": {"path": str(checked.path), "rows": checked.rows}} if checked else {}),
    }


def class_of_length() -> pl.Expr:
    """The class of a history by its number of visible clicks."""
    label: pl.Expr = pl.lit("33+")  # Expr.cut is deprecated, and its successor experimental
    for most, name in reversed(LENGTHS.items()):
        label = pl.when(pl.col("clicks") <= most).then(pl.lit(name)).otherwise(label)
    return label


def last_day() -> pl.Expr:
    """The day of the last visible click, as 10-31."""
    return pl.from_epoch(pl.col("time") // DAY_MS * DAY_MS, time_unit="ms").dt.strftime("%m-%d")


def score_truth(outcome: Outcome, raw: Path) -> SimulatedTruth:
    """The submission's scores on the truth of simulated raw files."""
    path, truth = outcome.checked.path, raw / TRUTH
    scores, queries = submission.score_submission(path, truth), submission.score_queries(path, truth)
    return SimulatedTruth(scores["mrr@5"], scores["mrr@5_error"], read_oracle(raw).score, scores, queries)


# --- why the score is so ---


def explain(outcome: Outcome) -> Insight:
    """What the ranker goes by, how validation and test differ, where right articles are lost."""
    ready, early, test = outcome.ready, outcome.early, outcome.test
    valid, fold, candidates = ready.rows.valid, ready.labelled.inputs.fold, ready.labelled.candidates
    reference = derive(compare_periods, rows=valid, fold=fold, candidates=candidates)
    first = derive(take_first, candidates=test.candidates, blocks=test.blocks)
    return Insight(
        importance=Diagnostic(measure_importance, (valid, collect([early]), None, take_only, SAMPLE)),
        drift=Diagnostic(measure_drift, (valid, first, reference, "earlier and later validation users")),
        given=FUSION,
        curves=curves({MODEL: early.value}),
        answers=list_answers(outcome),
        cutoff=CUTOFF,
        rows=lambda: list_rows(outcome),
    )


def take_only(_: None, scores: NDArray[np.float64], sizes: NDArray[np.int32]) -> NDArray[np.float64]:
    """The scores of the one model."""
    return scores[:, 0]


def compare_periods(rows: RankingDataset, fold: Fold, candidates: pl.DataFrame) -> Drift | None:
    """The earlier validation users against the later ones."""
    times = list_ranked(fold, candidates)["time"].to_numpy()
    return compare_halves(rows, times[: len(rows.group_sizes)])


def take_first(candidates: pl.DataFrame, blocks: Mapping[str, pl.DataFrame]) -> RankingDataset:
    """The candidates of the first queries of the test, whose features are built for these alone."""
    sizes = count_rows(candidates)
    sizes = sizes[: count_first(sizes, DRIFT_ROWS)]
    features = assemble(blocks, slice(0, int(sizes.sum())))
    return RankingDataset(feature_names(blocks), features, np.zeros(len(features), np.float32), sizes)


def list_answers(outcome: Outcome) -> Answers:
    """Where the right articles of the validation users are lost, and some users' lists in words."""
    labelled, rows = outcome.ready.labelled, outcome.ready.rows.value.valid
    fold, scores = labelled.inputs.fold.value, outcome.scores.value
    assert fold.answers is not None
    queries = list_ranked(fold, labelled.candidates.value)
    answers = queries.select("query").join(fold.answers, on="query", how="left", maintain_order="left")
    unlisted = (0, queries.height - len(rows.group_sizes))
    ranks = np.pad(rank_answers(scores, rows.labels, rows.group_sizes), unlisted)
    listed = labelled.candidates.value.join(queries, on="query", how="semi", maintain_order="left")
    scored = listed.select("query", "item", score=pl.Series(scores))

    def name(items: pl.Series, time: int | None = None) -> list[str]:
        articles = outcome.ready.articles.value.frame
        known = pl.DataFrame({"item": items}).join(articles, on="item", how="left", maintain_order="left")
        return [name_article(row, time) for row in known.iter_rows(named=True)]

    def describe(number: int) -> Example:
        """The user's last clicks, the list, the article that was clicked."""
        query = queries.row(number, named=True)
        own = fold.seen.filter(query=query["query"]).sort("back").head(RECENT)
        top = scored.filter(query=query["query"]).sort("score", "item", descending=[True, False]).head(CUTOFF)
        hour = f"{(query['time'] % DAY_MS) // HOUR_MS:02d} h"
        context = f"{query['clicks']} earlier clicks, the last at {hour}: {'; '.join(name(own['item']))}"
        (right,) = name(answers.filter(query=query["query"])["item"], query["time"])
        return Example(f"User {query['user']},", context, name(top["item"], query["time"]), right)

    before = [
        ("all queries", queries.height),
        ("clicked in the log before", answers.join(fold.history.select("item").unique(), on="item", how="semi").height),
        ("among the candidates", int((ranks > 0).sum())),
    ]
    return Answers(ranks, before, describe)


def name_article(row: dict[str, Any], time: int | None) -> str:
    """An article's number, its category, and its age at a time."""
    if row["category"] is None:
        return f"article {row['item']}"
    age = "" if time is None or row["created"] is None else f", {(time - row['created']) / HOUR_MS:,.0f} h old"
    return f"article {row['item']} (category {row['category']}{age})"
