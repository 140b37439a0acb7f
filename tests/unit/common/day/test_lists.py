"""Lists of a competition with several answers a query: worked out by hand, from the candidates to the report."""

import numpy as np
import polars as pl
import pytest

from common.day.evidence import describe_answers
from common.day.lists import RankedLists, earn_lists, gather_labelled
from common.engine.errors import UserError
from common.learning.dataset import label_candidates, make_dataset
from common.learning.split import Fold

# Query 0 has the answers 7 and 9, of which 9 is no candidate; query 1 has 8; query 2 has no candidate at all.
QUERIES = pl.DataFrame({"query": [0, 1, 2], "user": [50, 51, 52], "events": ["few", "few", "many"]})
ANSWERS = pl.DataFrame({"query": [0, 0, 1, 2], "item": [7, 9, 8, 7]})
CANDIDATES = pl.DataFrame({"query": [0, 0, 1, 1, 1], "item": [7, 8, 7, 8, 9]})
FEATURES = pl.DataFrame({"item_count": [5.0, 1.0, 5.0, 1.0, 3.0]})


def make_lists(metric: str = "recall@2") -> RankedLists:
    rows = make_dataset(FEATURES, CANDIDATES, label_candidates(CANDIDATES, ANSWERS))
    scores = np.array([0.5, 0.9, 0.1, 0.2, 0.3])
    return RankedLists(metric, QUERIES, ANSWERS, CANDIDATES, rows, scores, {"popular": ("item_count", 1.0)})


def test_each_query_earns_by_all_its_answers_and_none_without_candidates() -> None:
    queries = make_lists().score_queries()
    assert queries.rows() == [
        ("50", "validation", 0.5, "few"),
        ("51", "validation", 1.0, "few"),
        ("52", "validation", 0.0, "many"),
    ]


def test_the_funnel_counts_answers_and_the_rivals_are_orders_of_the_candidates() -> None:
    evidence = make_lists().collect_evidence()
    assert evidence.ranks.tolist() == [2, 0, 2, 0]
    record = describe_answers(evidence)
    stages = ("all right answers", 4), ("among the candidates", 2), ("in the first 2", 2), ("first", 0)
    assert tuple((row.stage, row.queries) for row in record.funnel) == stages
    scores = {row.name: row.score for row in evidence.rivals}
    assert scores["popular"] == pytest.approx((0.5 + 0.0 + 0.0) / 3)
    (right, *_) = [row for row in record.examples if row.kind == "right"]
    assert right.answer in right.listed
    earned = earn_lists("recall@2")(evidence.candidates.rename({"blend": "score"}), np.array([2, 3], np.int32))
    assert earned.tolist() == [0.5, 1.0]


def test_labelled_candidates_are_parted_by_the_role_of_their_query() -> None:
    roles = QUERIES.with_columns(role=pl.Series(["train", "valid", "valid"]))
    fold = Fold(pl.DataFrame(), roles, pl.DataFrame(), ANSWERS)
    labelled = gather_labelled(fold, CANDIDATES, FEATURES)
    assert labelled.train.labels.tolist() == [1.0, 0.0]
    assert labelled.valid.group_sizes.tolist() == [3]
    with pytest.raises(UserError, match="No right answer is among the candidates"):
        gather_labelled(Fold(pl.DataFrame(), roles, pl.DataFrame(), ANSWERS.filter(item=9)), CANDIDATES, FEATURES)
