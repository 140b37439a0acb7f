"""The scores of single queries, by which runs are compared, have the score of the submission as their mean."""

import pytest

from common.day.run_record import average_queries
from tests.contract.contract import Contract, Finished, require, require_room


def test_the_score_of_a_submission_is_the_mean_over_its_queries(contract: Contract, finished: Finished) -> None:
    score = require(contract, getattr(require_room(contract, "submission"), "score_queries", None), "single queries")
    queries = score(finished.submission, finished.truth)
    assert [name for name in queries.columns if name in ("query", "score")] == ["query", "score"]
    assert queries["query"].n_unique() == queries.height
    whole = contract.competition.score(finished.submission, finished.truth, None)[contract.metric]
    assert average_queries(queries)["score"] == pytest.approx(whole)
