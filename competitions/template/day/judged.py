"""What a finished run reports: the score, and why it is so."""

from dataclasses import replace
from pathlib import Path

import polars as pl

from common.day.hosts import TRUTH
from common.day.judged import Judged, measure_drift, measure_importance
from common.day.lists import RankedLists, judge_lists
from common.day.run_record import SimulatedTruth
from common.engine.run import collect
from common.learning.gbdt import predict
from common.learning.model_diagnostics import curves
from common.simulation.oracle import read_oracle
from competitions.template import submission
from competitions.template.config import MODEL, TemplateConfig
from competitions.template.pipeline import Outcome, Validated

MEANING = f"{submission.METRIC} of the list, the mean over users"
# Plain orders of the same candidates, as the report calls them.
RULES = {"Popularity: events of an item": ("item_count", 1.0), "The order of retrieval": ("channel_fusion", 1.0)}


def list_valid(outcome: Validated) -> RankedLists:
    """The lists of the validation users, with what they are sliced by."""
    fold, rows = outcome.fold.value, outcome.rows.value.valid
    assert fold.answers is not None
    counts = fold.seen.group_by("query").agg(events=pl.when(pl.len() < 8).then(pl.lit("1-7")).otherwise(pl.lit("8 +")))
    queries = fold.queries.filter(role="valid").join(counts, on="query", maintain_order="left")
    return RankedLists(
        metric=submission.METRIC,
        queries=queries.select("query", "user", "events"),
        answers=fold.answers,
        candidates=outcome.candidates.value.join(queries, on="query", how="semi", maintain_order="left"),
        rows=rows,
        scores=predict(outcome.early.value, rows.names, rows.features),
        rules={name: order for name, order in RULES.items() if order[0] in rows.names},
    )


def judge(outcome: Validated, config: TemplateConfig) -> Judged:
    """What a run reports, or one that stopped after validation; of a whole run also what its ranker goes by."""
    judged = judge_lists(list_valid(outcome), MODEL, MEANING)
    judged = replace(judged, tables=lambda: [("Recall of the channels", outcome.recall.value.to_dicts())])
    if not isinstance(outcome, Outcome):
        return judged
    valid = outcome.rows.field("valid")
    return replace(
        judged,
        submissions=[outcome.checked],
        importance=(measure_importance, valid, collect([outcome.early])),
        drift=(measure_drift, valid, outcome.test_rows),
        curves=lambda: curves({MODEL: outcome.early.value}),
    )


def score_truth(outcome: Outcome, raw: Path) -> SimulatedTruth:
    """The submission's scores on the truth of simulated raw files."""
    path, truth = outcome.checked.path, raw / TRUTH
    scores, queries = submission.score_submission(path, truth), submission.score_queries(path, truth)
    score, error = scores.values()
    return SimulatedTruth(score, error, read_oracle(raw).score, scores, queries)
