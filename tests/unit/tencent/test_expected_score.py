"""What to expect of the truth: errors of scores that hang on few ads."""

import math

import numpy as np
import pytest

from competitions.tencent import metrics
from competitions.tencent.corpus import CatalogueRows
from competitions.tencent.expected_score import expect_score, say_expected
from competitions.tencent.top_k import FoldAnswers, TopK
from tests.unit.tencent.training_inputs import CONFIG, hide_from, make_sequences

HOST = CONFIG.host
# Three users whose last click is ad 2, and one whose last is ad 1.
LOG = make_sequences(*[[(1, 1, 1), (2, 1, 2)]] * 3, [(2, 1, 1), (1, 1, 2)])
ROWS = CatalogueRows(np.arange(1, 13))


def test_the_expected_score_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    """Three of four queries ask for one ad, which is first in their lists; the error is by ad, and 11 % of .75
    where the truth is one event further on.
    """
    fold = hide_from(LOG, LOG.offsets[1:] - 1, ROWS)
    top = TopK(CatalogueRows(np.array([[2, 1]] * 3 + [[2, 5]])), np.zeros((4, 2), np.float32))
    expected = expect_score(fold, top, HOST, times=True)
    by_ad = math.hypot(0.75, 0.75) / 4
    assert expected == pytest.approx({"score": 0.75, "error": by_ad, "error by ad": by_ad})
    further = expect_score(fold, top, HOST, times=False)
    assert further == pytest.approx(expected | {"error": math.hypot(by_ad, 0.11 * 0.75)})
    say_expected(further)
    assert capsys.readouterr().err == "  expected Score on the truth: 0.7500 ± 0.2777 (by ad ± 0.2652)\n"


def test_where_nobody_was_asked_every_figure_is_zero_without_a_warning() -> None:
    fold, none = hide_from(LOG, LOG.offsets[1:], ROWS), TopK.empty(0, 10)
    assert set(expect_score(fold, none, HOST, times=False).values()) == {0.0}
    measured = metrics.evaluate_ways(fold, FoldAnswers({"ranker": none}), HOST)["ranker"]
    assert (measured["score"], measured["score_error"], measured["users"]) == (0.0, 0.0, 0.0)
    assert (measured["seen"], measured["unseen"]) == (None, None)
