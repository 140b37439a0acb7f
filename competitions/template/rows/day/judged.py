"""What a finished run reports: the score, and why it is so."""

from dataclasses import replace
from pathlib import Path

import polars as pl

from common.day.hosts import TRUTH
from common.day.judged import Judged, measure_drift, measure_importance
from common.day.rows import PredictedRows, judge_rows
from common.day.run_record import SimulatedTruth
from common.engine.run import collect
from common.learning.gbdt import predict
from common.learning.model_diagnostics import curves
from common.simulation.oracle import read_oracle
from competitions.template.rows import submission
from competitions.template.rows.config import MODEL, TemplateConfig
from competitions.template.rows.pipeline import Outcome, Validated

MEANING = "the chance that a yes has a higher probability than a no"
# Plain orders of the same rows, as the report calls them.
RULES = {"Rate of the item": ("rate_item", 1.0), "Rate of the user": ("rate_user", 1.0)}


def list_valid(outcome: Validated) -> PredictedRows:
    """The validation rows, with what they are sliced by; those of a user rise and fall together."""
    rows = outcome.rows.value.asked
    seen = outcome.fold.value.with_columns(rows=pl.col("label").count().over("user")).filter(pl.col("label").is_null())
    queries = seen.select(
        "query",
        cluster="user",
        labelled=pl.when(pl.col("rows") < 10).then(pl.lit("0-9")).otherwise(pl.lit("10 or more")),
    )
    rules = {name: order for name, order in RULES.items() if order[0] in rows.names}
    return PredictedRows(queries, rows, predict(outcome.early.value, rows.names, rows.features), rules)


def judge(outcome: Validated, config: TemplateConfig) -> Judged:
    """What a run reports, or one that stopped after validation; of a whole run also what its model goes by."""
    judged = judge_rows(list_valid(outcome), MODEL, MEANING)
    if not isinstance(outcome, Outcome):
        return judged
    valid = outcome.rows.field("asked")
    return replace(
        judged,
        submissions=[outcome.checked],
        importance=(measure_importance, valid, collect([outcome.early])),
        drift=(measure_drift, valid, outcome.test.field("asked")),
        curves=lambda: curves({MODEL: outcome.early.value}),
    )


def score_truth(outcome: Outcome, raw: Path) -> SimulatedTruth:
    """The submission's scores on the truth of simulated raw files."""
    path, truth = outcome.checked.path, raw / TRUTH
    scores, queries = submission.score_submission(path, truth), submission.score_queries(path, truth)
    return SimulatedTruth(scores["auc"], scores["auc_error"], read_oracle(raw).score, scores, queries)
