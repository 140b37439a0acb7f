"""What the report of a run says of right answers, on every competition: counted again from the queries' scores."""

import polars as pl

from tests.contract.contract import Contract, Finished, require


def test_the_funnel_ends_where_the_scores_say(contract: Contract, finished: Finished) -> None:
    answers = require(
        contract, finished.record["insight"]["answers"]["funnel"] and finished.record["insight"]["answers"], "lists"
    )
    funnel = {row["stage"]: row for row in answers["funnel"]}
    queries = pl.read_parquet(finished.folder / "queries.parquet")
    counted = next((stage for stage in reversed(funnel) if stage != "first"), "first")
    earned, (whole, *_) = queries.filter(pl.col("score") > 0).height, answers["funnel"]
    assert whole["queries"] >= earned
    if contract.competition.kind == "one":
        # Where only the first counts, that is the last stage; repeated folds judge a session several times.
        assert earned in (funnel[counted]["queries"], funnel["first"]["queries"])
    else:  # of several answers a query the stages count each
        assert whole["queries"] >= funnel[counted]["queries"] >= earned
    assert sum(row["queries"] for row in answers["ranks"]) <= whole["queries"]
    assert sum(row["lost"] for row in answers["funnel"]) == whole["queries"] - funnel["first"]["queries"]


def test_some_queries_can_be_read(contract: Contract, finished: Finished) -> None:
    examples = require(contract, finished.record["insight"]["answers"]["examples"], "lists")
    assert {row["kind"] for row in examples} <= {"right", "wrong"}
    assert len(examples) > 1
    for row in examples:
        assert row["listed"]
        assert row["query"]
        assert row["context"]
        assert (row["answer"] in row["listed"]) >= (row["kind"] == "right")


def test_plain_orders_stand_beside_the_run(contract: Contract, finished: Finished) -> None:
    rivals = require(contract, finished.record["rivals"], "plain orders")
    scores = {row["name"]: row["score"] for row in rivals}
    assert scores["Random order"] < finished.record["cv"]["score"]
