"""Which stage is handed in, by hand."""

import numpy as np
import pytest

from common.engine.errors import UserError
from common.learning.chain import Chain, compare_scores, judge_chain

AUTO = ("rank.answer", "auto")


def judge(*gains: list[float], weights: np.ndarray | None = None, clusters: np.ndarray | None = None) -> Chain:
    """A chain of a ranker that scores .5 everywhere, and rules a, b, ... that score so much more."""
    last = np.full(len(gains[0]), 0.5)
    others = {name: last + np.array(gain) for name, gain in zip("ab", gains, strict=False)}
    return judge_chain(AUTO, {"ranker": last, **others}, weights, clusters)


@pytest.mark.parametrize(
    ("won", "lost", "answer"),
    # Of 100 queries, each won or lost by 1: a gain of (won - lost) / 100, whose error is about
    # sqrt(won + lost) / 100: 18 - 6 are 2.5 errors, 16 - 8 are 1.6.
    [(18, 6, "a"), (16, 8, "ranker"), (6, 18, "ranker"), (10, 0, "a"), (9, 0, "ranker"), (0, 0, "ranker")],
)
def test_an_order_is_taken_that_is_better_by_two_paired_errors(won: int, lost: int, answer: str) -> None:
    gains = [1.0] * won + [-1.0] * lost + [0.0] * (100 - won - lost)
    chain = judge(gains)
    assert chain.answer == answer == chain.decision.value
    assert chain.earned.tolist() == chain.scores[answer].tolist()
    gain, error = compare_scores(np.array(gains), np.ones(100), np.arange(100))
    if won + lost >= 10:
        assert gain == pytest.approx((won - lost) / 100)
        assert error == pytest.approx(np.sqrt((won + lost) / 100 - gain**2) / 10)


def test_of_several_that_are_better_the_best_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    some, more = [1.0, 1.0] + [0.0] * 8, [1.0, 1.0, 1.0] + [0.0] * 7
    chain = judge(some * 20, more * 20)
    assert chain.answer == "b"
    chain.say()
    error = np.sqrt(0.3 * 0.7 / 200)
    line = f'The ranker is below "b" on the hold-out by 0.3000 ± {error:.4f}: that order is handed in.'
    assert capsys.readouterr().err == f"  {line}\n"
    assert chain.decision.reason == line
    judge([0.0] * 50).say()
    assert capsys.readouterr().err == ""


def test_queries_weigh_and_those_of_a_cluster_are_one_proof() -> None:
    """Thirty queries are won: of thirty clusters, or of three; or by queries that do not count."""
    gains = [1.0] * 30 + [0.0] * 70
    assert judge(gains).answer == "a"
    clusters = np.array([0] * 10 + [1] * 10 + [2] * 10 + list(range(3, 73)))
    assert judge(gains, clusters=clusters).answer == "ranker"
    assert judge(gains, weights=np.array([0.0] * 30 + [1.0] * 70)).answer == "ranker"
    even = np.repeat([1.0, -0.2], 50)
    assert judge(even.tolist()).answer == "a"
    assert judge(even.tolist(), weights=np.repeat([0.1, 1.0], 50)).answer == "ranker"


def test_a_stage_that_is_set_is_taken_whatever_it_scores_and_another_is_refused() -> None:
    scores = {"ranker": np.ones(40), "popularity": np.zeros(40)}
    assert judge_chain(("rank.answer", "popularity"), scores).answer == "popularity"
    assert judge_chain(("rank.answer", "ranker"), {**scores, "rule": np.full(40, 2.0)}).answer == "ranker"
    with pytest.raises(UserError, match=r'^rank\.answer: this run has no "coin"; choose among "auto", "ranker", "popu'):
        judge_chain(("rank.answer", "coin"), scores)
