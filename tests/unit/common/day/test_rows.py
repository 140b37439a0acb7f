"""Rows of a yes or no each: AUC by row and slice, log loss beside it, plain orders of the same rows."""

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from common.day.evidence import describe_answers
from common.day.rows import PredictedRows, part_rows, to_probability
from common.day.run_record import average_queries, describe_queries
from common.engine.errors import UserError
from common.learning.dataset import make_dataset


@pytest.fixture
def rows() -> PredictedRows:
    rng = np.random.default_rng(0)
    odds = rng.normal(size=300)
    labels = (rng.random(300) < to_probability(odds)).astype(np.float32)
    queries = pl.DataFrame({"query": range(300), "cluster": [n % 20 for n in range(300)], "half": ["a", "b"] * 150})
    features = pl.DataFrame({"rate_item": odds + rng.normal(size=300)})
    return PredictedRows(queries, make_dataset(features, None, labels), odds, {"rate": ("rate_item", 1.0)})


def test_the_score_is_the_auc_and_users_rise_and_fall_together(rows: PredictedRows) -> None:
    queries, labels = rows.score_queries(), rows.rows.labels
    described = describe_queries(queries)
    assert described.score == pytest.approx(roc_auc_score(labels, rows.scores))
    assert described.error != pytest.approx(average_queries(queries.drop("cluster"))["error"])
    halves = {row.name: row.score for row in described.slices}
    assert halves["half: a"] == pytest.approx(roc_auc_score(labels[::2], rows.scores[::2]))
    model, mean = rows.list_losses("model")
    assert model["log_loss"] == pytest.approx(log_loss(labels, to_probability(rows.scores)))
    assert model["log_loss"] < mean["log_loss"]
    assert mean["auc"] == 0.5


def test_there_is_no_funnel_and_a_rule_is_an_order_of_the_rows(rows: PredictedRows) -> None:
    evidence = rows.collect_evidence()
    assert describe_answers(evidence).funnel == []
    rivals = {row.name: row.score for row in evidence.rivals}
    rate = rows.rows.features[:, 0]
    assert rivals == {"Random order": 0.5, "rate": pytest.approx(roc_auc_score(rows.rows.labels, rate))}


def test_rows_are_parted_by_whether_their_label_is_known() -> None:
    fold = pl.DataFrame({"label": [1.0, 0.0, None], "answer": [1.0, 0.0, 1.0]})
    features = pl.DataFrame({"x": [1.0, 2.0, 3.0]})
    parts = part_rows(fold, features)
    assert (parts.known.labels.tolist(), parts.asked.labels.tolist()) == ([1.0, 0.0], [1.0])
    assert part_rows(fold.drop("answer"), features).asked.labels.tolist() == [0.0]
    with pytest.raises(UserError, match=r"The rows to learn from: row 2 has 3\.0 in label; .* 0 or 1"):
        part_rows(fold.with_columns(label=pl.Series([1.0, 3.0, None])), features)
