"""What validation predicted, of the kind ``rows``: a probability of a yes for each row, by the log odds of one model,
and what follows from it for a run's record and report.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from common.arrays import Floats
from common.day.evidence import BLEND, RANDOM, Evidence
from common.day.judged import Judged
from common.day.record_schema import LABEL, PREDICTED, Row, Scored
from common.day.run_record import average_queries, score_rows
from common.learning.chain import Order, score_rule
from common.learning.dataset import RankingDataset
from common.learning.metrics import average, measure_rows, score_auc, weigh_classes
from common.learning.model_diagnostics import calibrate


@dataclass(frozen=True)
class PredictedRows:
    """``queries``: a row each with its name (query), slices (text) and, where some rise and fall together, ``cluster``;
    their ``rows`` and ``scores``, log odds. ``rules``: plain orders by a feature, by what the report calls them.
    """

    queries: pl.DataFrame
    rows: RankingDataset
    scores: Floats
    rules: Mapping[str, Order]

    def score_queries(self) -> pl.DataFrame:
        """The queries of a run's record, with label and prediction: their mean is the AUC, so is that of a slice."""
        marks = pl.Series(LABEL, self.rows.labels), pl.Series(PREDICTED, to_probability(self.scores))
        named = self.queries.with_columns(pl.col("query").cast(pl.String), fold=pl.lit("validation"))
        return score_rows(named.with_columns(*marks))

    def collect_evidence(self) -> Evidence:
        """A row each, without a list; what plain orders score."""
        labels, weights = self.rows.labels, weigh_classes(self.rows.labels)
        orders = {RANDOM: np.zeros(len(labels))} | {
            name: score_rule(merge_rows(self.rows), order) for name, order in self.rules.items()
        }
        marks = pl.Series("label", labels), pl.Series(BLEND, self.scores)
        return Evidence(
            candidates=self.queries.select(pl.col("query").cast(pl.String), item=pl.lit(1)).with_columns(*marks),
            rows=self.rows,
            rivals=[
                Scored(name, *average(score_auc(labels, scores), weights), len(labels))
                for name, scores in orders.items()
            ],
        )

    def list_losses(self, model: str) -> list[Row]:
        """AUC beside the log loss, which asks for probabilities as well as for their order; the mean label alone."""
        labels = self.rows.labels
        sides = {model: to_probability(self.scores), "the mean of all labels": np.full(len(labels), labels.mean())}
        return [{"model": name} | dict(measure_rows(labels, predicted)) for name, predicted in sides.items()]


def judge_rows(rows: PredictedRows, model: str, meaning: str) -> Judged:
    """What a run reports of one model's probabilities; what explains a whole run is added by the competition."""
    queries = rows.score_queries()
    return Judged(
        metric="AUC",
        meaning=meaning,
        queries=queries,
        evidence=rows.collect_evidence,
        ranking=[Scored(model, **average_queries(queries))],
        features=lambda: rows.rows.names,
        tables=lambda: [("AUC beside the log loss (lower is better)", rows.list_losses(model))],
        calibration=lambda: [calibrate("P(yes)", to_probability(rows.scores), rows.rows.labels.astype(np.float64))],
    )


def to_probability(odds: Floats) -> Floats:
    """The logistic function of log odds.

    >>> to_probability(np.array([0.0, np.log(3)])).tolist()
    [0.5, 0.75]
    """
    return np.asarray(1 / (1 + np.exp(-odds)))


def merge_rows(rows: RankingDataset) -> RankingDataset:
    """The rows as one list, to be ordered by a rule."""
    return RankingDataset(rows.names, rows.features, rows.labels, np.array([len(rows.labels)], np.int32))
