"""Ranks, the Score by hand, weights of round 2, ways side by side, which is handed in, what to expect of the truth."""

import math
from dataclasses import replace

import numpy as np
import pytest

from competitions.tencent.corpus import CatalogueRows, Int64s
from competitions.tencent.metrics import (
    FEWEST_LEARNED,
    evaluate_ways,
    expect_score,
    judge_ways,
    mean_scores,
    rank_targets,
    say_expected,
)
from competitions.tencent.split import Fold
from competitions.tencent.top_k import FoldAnswers, TopK
from tests.unit.tencent.training_inputs import CONFIG, hide_from, make_sequences


def make_fold(target: Int64s, action: int = 1) -> Fold:
    """A query of each target; the last ends in this ``action``, the others are clicked."""
    log = make_sequences(*([(int(ad), 1, 0)] for ad in target))
    log.action[-1] = action
    return hide_from(log, log.offsets[:-1], CatalogueRows(np.arange(1)))


def top_by(*rows: list[int]) -> TopK:
    return TopK(CatalogueRows(np.array(rows)), np.zeros(np.shape(rows), np.float32))


def test_ranks_are_counted_from_one_and_zero_is_missing() -> None:
    top = top_by([4, 2, 9], [4, 2, 9], [0, 5, 0], [1, 2, 3])
    assert rank_targets(make_fold(np.array([9, 8, 0, 1])), top).tolist() == [3, 0, 0, 1]


def test_ways_are_measured_side_by_side() -> None:
    fold = replace(make_fold(np.array([3, 4]), action=2), unseen=np.array([False, True]))
    ways = {"vectors": top_by([5, 3], [4, 2]), "words": top_by([3, 9], [9, 3])}
    measured, gain = evaluate_ways(fold, FoldAnswers(ways), CONFIG.host), 1 / math.log2(3)
    expected = {
        "vectors": {"seen": 0.31 + 0.69 * gain, "unseen": 1.0, "hit_rate@10": 1.0, "ndcg@10": (gain + 2.5) / 3.5},
        "words": {"seen": 1.0, "unseen": 0.0, "hit_rate@10": 1 / 3.5, "unseen_share": 0.5},
    }  # a conversion weighs 2.5
    assert {way: {name: measured[way][name] for name in own} for way, own in expected.items()} == {
        way: pytest.approx(own) for way, own in expected.items()
    }


def test_the_error_of_every_way_counts_users_of_one_ad_as_one_and_a_conversion_for_more() -> None:
    """Ad 3 is right for both of its users, ad 4, converted, is not: by the ads 2 x 5/9 and 2.5 x -4/9 of 4.5."""
    fold = make_fold(np.array([3, 3, 4]), action=2)
    ways = {"vectors": top_by([3], [3], [5]), "words": top_by([5], [5], [5])}
    measured = evaluate_ways(fold, FoldAnswers(ways), CONFIG.host)
    by_ad = math.hypot(2 * 5 / 9, 2.5 * 4 / 9) / 4.5
    assert [measured[way]["score_error"] for way in ways] == pytest.approx([by_ad, 0.0])
    assert expect_score(fold, ways["vectors"], CONFIG.host, times=True)["error"] == pytest.approx(by_ad)


def test_round_two_has_both_forms_and_a_user_without_a_weight_counts_in_neither() -> None:
    """By user: one of two is right, whatever the conversion counts; the exposed user has no right ad."""
    scores = mean_scores(np.array([1, 0, 1]), np.array([2.5, 1.0, 0.0]))
    assert scores["score"] == scores["hit_rate@10"] == pytest.approx(2.5 / 3.5)
    assert [scores[f"{name} by user"] for name in ("score", "hit_rate@10", "ndcg@10")] == [0.5, 0.5, 0.5]
    assert not any("by user" in name for name in mean_scores(np.array([1, 0]), np.array([1.0, 1.0])))


@pytest.mark.parametrize(
    ("answer", "learned", "chosen"),
    [
        ("auto", FEWEST_LEARNED, "popularity"),
        ("auto", FEWEST_LEARNED - 1, "ranker"),
        ("popularity", 0, "popularity"),
    ],
)
def test_a_ranker_that_learned_from_few_lists_is_not_judged_by_the_hold_out(
    answer: str, learned: int, chosen: str
) -> None:
    """Sixty users whose ad the popular order has and the ranker's has not; it was retrieved for all but one."""
    target = np.arange(1, 61)
    ways = {"ranker": top_by(*(target[:, None] + 100).tolist()), "popularity": top_by(*target[:, None].tolist())}
    answers = FoldAnswers(ways, np.append(0, np.full(59, 20)))
    chain = judge_ways(make_fold(target, action=2), answers, CONFIG.host, answer, learned)
    assert (chain.answer, chain.decision.value) == (chosen, chosen)
    assert chain.weights.tolist() == [1.0] * 59 + [2.5]  # the last one converts
    if chosen == "ranker":
        said = "the hold-out's ranker learned from 999 lists that hold the target, the test's from 1,058"
        assert chain.decision.reason.startswith(said)


# Three users whose last click is ad 2, and one whose last is ad 1.
LOG = make_sequences(*[[(1, 1, 1), (2, 1, 2)]] * 3, [(2, 1, 1), (1, 1, 2)])
ROWS = CatalogueRows(np.arange(1, 13))


def test_the_expected_score_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    """Three of four queries ask for one ad, which is first in their lists; the error is by ad, and 11 % of .75
    where the truth is one event further on.
    """
    fold, top = hide_from(LOG, LOG.offsets[1:] - 1, ROWS), top_by(*[[2, 1]] * 3, [2, 5])
    expected = expect_score(fold, top, CONFIG.host, times=True)
    by_ad = math.hypot(0.75, 0.75) / 4
    assert expected == pytest.approx({"score": 0.75, "error": by_ad, "error by ad": by_ad})
    further = expect_score(fold, top, CONFIG.host, times=False)
    assert further == pytest.approx(expected | {"error": math.hypot(by_ad, 0.11 * 0.75)})
    for but, said in (("", ""), ("but it asks slow users", ", but it asks slow users")):
        say_expected(further, but)
        assert capsys.readouterr().err == f"  expected Score on the truth: 0.7500 ± 0.2777 (by ad ± 0.2652){said}\n"


def test_where_nobody_was_asked_every_figure_is_zero_without_a_warning() -> None:
    fold, none = hide_from(LOG, LOG.offsets[1:], ROWS), TopK.empty(0, 10)
    assert set(expect_score(fold, none, CONFIG.host, times=False).values()) == {0.0}
    measured = evaluate_ways(fold, FoldAnswers({"ranker": none}), CONFIG.host)["ranker"]
    assert (measured["score"], measured["score_error"], measured["users"]) == (0.0, 0.0, 0.0)
    assert (measured["seen"], measured["unseen"]) == (None, None)
