"""What compare says of two runs: who won, query by query, by slices in their natural order, on truth and validation."""

import pytest

from common.day.compare import SLICES, compare
from common.day.run_record import average_queries, natural_key
from tests.conftest import Call
from tests.contract.contract import Contract, Finished, require, require_room, solve


def test_the_score_of_a_submission_is_the_mean_over_its_queries(contract: Contract, finished: Finished) -> None:
    score = require(contract, getattr(require_room(contract, "submission"), "score_queries", None), "single queries")
    queries = score(finished.submission, finished.truth)
    assert [name for name in queries.columns if name in ("query", "score")] == ["query", "score"]
    assert queries["query"].n_unique() == queries.height
    whole = contract.competition.score(finished.submission, finished.truth, None)[contract.metric]
    assert average_queries(queries)["score"] == pytest.approx(whole)


def test_compare_counts_every_query_once_in_every_slice(contract: Contract, finished: Finished, call: Call) -> None:
    """Of two runs whose settings differ."""
    changed = solve(call, contract, finished.raw, finished.build, *contract.quick)
    comparison = compare(finished.folder, changed.folder)
    queries = comparison.difference.queries
    assert queries == finished.record["cv"]["queries"]
    names = [row["slice"] for row in comparison.tables[SLICES]]
    for kind in dict.fromkeys(name.partition(": ")[0] for name in names):
        own = [name for name in names if name.startswith(f"{kind}: ")]
        assert own == sorted(own, key=natural_key)
        assert sum(row["queries"] for row in comparison.tables[SLICES] if row["slice"] in own) <= queries
    # The run has told its change in the words of compare: tests/unit/common/day/test_difference.py.
    assert [line for line in changed.out.splitlines() if line.startswith(f"Against {contract.name}/")]
