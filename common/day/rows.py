"""What validation predicted, of the kind ``rows``: a probability of a yes for each row, by the log odds of one model,
and what follows from it for a run's record and report.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from common.arrays import Floats
from common.day.blend import Blending, earn_by
from common.day.evidence import BLEND, RANDOM, Evidence
from common.day.hosts import TRUTH
from common.day.judged import Judged, measure_importance
from common.day.record_schema import LABEL, PREDICTED, Row, Scored
from common.day.run_record import SimulatedTruth, average_queries, score_rows
from common.engine.run import Result, collect
from common.io.answer_file import SUBMISSION, RowFile
from common.io.submission import Checked, write_whole
from common.learning.chain import Order, score_rule
from common.learning.dataset import RankingDataset, make_dataset, pick_queries
from common.learning.gbdt import Ranker, predict
from common.learning.kinds import check_labels
from common.learning.metrics import average, measure_rows, score_auc, weigh_classes
from common.learning.model_diagnostics import calibrate, curves
from common.simulation.oracle import read_oracle

FEW_LABELS = 10


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
        as_one_list = replace(self.rows, group_sizes=np.array([len(labels)], np.int32))
        orders = {name: score_rule(as_one_list, order) for name, order in self.rules.items()}
        marks = pl.Series("label", labels), pl.Series(BLEND, self.scores)
        return Evidence(
            candidates=self.queries.select(pl.col("query").cast(pl.String), item=pl.lit(1)).with_columns(*marks),
            rows=self.rows,
            rivals=[
                Scored(name, *average(score_auc(labels, scores), weights), len(labels))
                for name, scores in ({RANDOM: np.zeros(len(labels))} | orders).items()
            ],
        )

    def list_losses(self, model: str) -> list[Row]:
        """AUC beside the log loss, which asks for probabilities as well as for their order; the mean label alone."""
        labels = self.rows.labels
        sides = {model: to_probability(self.scores), "the mean of all labels": np.full(len(labels), labels.mean())}
        return [{"model": name} | dict(measure_rows(labels, predicted)) for name, predicted in sides.items()]


def to_probability(odds: Floats) -> Floats:
    """The logistic function of log odds.

    >>> to_probability(np.array([0.0, np.log(3)])).tolist()
    [0.5, 0.75]
    """
    return np.asarray(1 / (1 + np.exp(-odds)))


# --- what a pipeline of rows leaves, and what every competition of rows makes of it ---


@dataclass(frozen=True)
class Parts:
    """The rows of a fold: those whose label is known, to learn from, and those that are asked for."""

    known: RankingDataset
    asked: RankingDataset


@dataclass(frozen=True)
class Validated:
    """What a run knows once it has validated. ``fold``: a row each by query, its ``label`` null where it is hidden;
    ``early``: the model that stopped by the validation rows.
    """

    labelled: Result[pl.DataFrame]
    fold: Result[pl.DataFrame]
    rows: Result[Parts]
    early: Result[Ranker]


@dataclass(frozen=True)
class Outcome(Validated):
    """What a whole run leaves beside it: the test's rows, their log odds (query, score), the checked submission."""

    test: Result[Parts]
    scored: Result[pl.DataFrame]
    checked: Checked


def part_rows(fold: pl.DataFrame, features: pl.DataFrame) -> Parts:
    """The rows of a fold by whether their ``label`` is known; ``answer``: that of every row, if there is one."""
    hidden, answers = fold["label"].is_null().to_numpy(), fold["answer" if "answer" in fold.columns else "label"]
    check_labels(fold["label"].drop_nulls(), "The rows to learn from")
    rows = make_dataset(features, None, answers.fill_null(0).cast(pl.Float32).to_numpy())
    return Parts(pick_queries(rows, ~hidden), pick_queries(rows, hidden))


def score_asked(asked: pl.DataFrame, rows: RankingDataset, model: Ranker) -> pl.DataFrame:
    """The rows to answer for with their log odds: query, score."""
    return asked.select("query", score=pl.Series(predict(model, rows.names, rows.features)))


def slice_by_known(fold: pl.DataFrame) -> pl.DataFrame:
    """Rows by how many labels of their user are known, those of a user as one cluster: query, cluster, labelled."""
    few = pl.col("label").count().over("user") < FEW_LABELS
    known = pl.when(few).then(pl.lit(f"0-{FEW_LABELS - 1}")).otherwise(pl.lit(f"{FEW_LABELS} or more"))
    return fold.select("query", cluster="user", labelled=known)


@dataclass(frozen=True)
class RowTask:
    """A competition that hands in probabilities: what is reported of a run, how its truth is scored, how runs are
    blended.

    ``model``: its name; ``file``: the form of the submission; ``rules``: plain orders by a feature, by what the report
    calls them; ``queries(fold)``: a row each with its name (query), slices (text) and, where some rise and fall
    together, ``cluster``; those that are asked for are taken.
    """

    model: str
    file: RowFile
    rules: Mapping[str, Order]
    queries: Callable[[pl.DataFrame], pl.DataFrame] = slice_by_known

    def list_valid(self, outcome: Validated) -> PredictedRows:
        """The validation rows."""
        fold, rows = outcome.fold.value, outcome.rows.value.asked
        rules = {name: order for name, order in self.rules.items() if order is None or order[0] in rows.names}
        queries = self.queries(fold).filter(fold["label"].is_null())
        return PredictedRows(queries, rows, predict(outcome.early.value, rows.names, rows.features), rules)

    def judge(self, outcome: Validated, config: object) -> Judged:
        """What a run reports, or one that stopped after validation; of a whole run also what its model goes by."""
        rows = self.list_valid(outcome)
        queries = rows.score_queries()
        judged = Judged(
            metric="AUC",
            meaning="the chance that a yes has a higher probability than a no",
            queries=queries,
            evidence=rows.collect_evidence,
            ranking=[Scored(self.model, **average_queries(queries))],
            features=lambda: rows.rows.names,
            tables=lambda: [("AUC beside the log loss (lower is better)", rows.list_losses(self.model))],
            calibration=lambda: [calibrate("P(yes)", to_probability(rows.scores), rows.rows.labels.astype(np.float64))],
        )
        if not isinstance(outcome, Outcome):
            return judged
        valid = outcome.rows.field("asked")
        return replace(
            judged,
            submissions=[outcome.checked],
            importance=(measure_importance, valid, collect([outcome.early])),
            curves=lambda: curves({self.model: outcome.early.value}),
        )

    def score(self, path: Path, truth: Path, files: object = None) -> dict[str, float]:
        """AUC and log loss of a submission against a truth file, with their errors."""
        scored = self.file.score(path, truth)
        return measure_rows(scored["label"].to_numpy(), scored["predicted"].to_numpy())

    def score_truth(self, outcome: Outcome, raw: Path) -> SimulatedTruth:
        """The submission's scores on the truth of simulated raw files."""
        path, truth = outcome.checked.path, raw / TRUTH
        scores, queries = self.score(path, truth), score_rows(self.file.score(path, truth))
        return SimulatedTruth(scores["auc"], scores["auc_error"], read_oracle(raw).score, scores, queries)

    @property
    def blending(self) -> Blending:
        """How runs are mixed."""
        return Blending(
            list_test=lambda outcome: outcome.scored.value.select("query", "score", item=pl.lit(1)),
            earn=earn_by(lambda scores, labels, sizes: score_auc(labels, scores)),
            answer=self.answer,
        )

    def answer(self, rows: pl.DataFrame, files: object, folder: Path) -> list[Path]:
        """The submission of rows with their log odds (query, score)."""
        return [write_whole(folder / SUBMISSION, self.file.fill(rows).write_csv)]
