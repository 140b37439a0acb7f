"""What the report of a run says of right answers, on every competition: counted again from the queries' scores."""

import polars as pl

from tests.contract.contract import Contract, Finished


def test_the_funnel_ends_where_the_scores_say(contract: Contract, finished: Finished) -> None:
    answers = finished.record["insight"]["answers"]
    funnel = {row["stage"]: row for row in answers["funnel"]}
    queries = pl.read_parquet(finished.folder / "queries.parquet")
    counted = next((stage for stage in reversed(funnel) if stage != "first"), "first")
    earned = queries.filter(pl.col("score") > 0).height
    assert funnel["all queries"]["queries"] >= earned
    # Where only the first counts, that is the last stage; repeated folds judge a session several times.
    assert earned in (funnel[counted]["queries"], funnel["first"]["queries"])
    assert sum(row["queries"] for row in answers["ranks"]) <= funnel["all queries"]["queries"]
    assert (
        sum(row["lost"] for row in answers["funnel"]) == funnel["all queries"]["queries"] - funnel["first"]["queries"]
    )


def test_some_queries_can_be_read(contract: Contract, finished: Finished) -> None:
    examples = finished.record["insight"]["answers"]["examples"]
    assert {row["kind"] for row in examples} <= {"right", "wrong"}
    assert len(examples) > 1
    for row in examples:
        assert row["listed"]
        assert row["query"]
        assert row["context"]
        assert (row["answer"] in row["listed"]) >= (row["kind"] == "right")


def test_plain_orders_stand_beside_the_run(contract: Contract, finished: Finished) -> None:
    rivals = {row["name"]: row["score"] for row in finished.record["rivals"]}
    assert len(rivals) == 3
    assert rivals["Random order"] < finished.record["cv"]["score"]
