"""What to expect of the truth: errors of scores that hang on few ads."""

import math

import msgspec
import numpy as np
import pytest

from competitions.tencent import split
from competitions.tencent.competition import COMPETITION
from competitions.tencent.expected_score import expect_score, say_expected
from competitions.tencent.ids import CandidateIndices, CatalogueRows
from competitions.tencent.top_k import TopK
from tests.unit.tencent.training_inputs import make_sequences

CONFIG = COMPETITION.load_config([], tuned=False)
HOST = msgspec.structs.replace(CONFIG.host, target="click", actions=False)
LAST = msgspec.structs.replace(CONFIG.split, kind="last", earlier=1)


def test_the_expected_score_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    """Three of four queries ask for one ad, which is first in their lists; the error is by ad, and 11 % of .75
    where the truth is one event further on.
    """
    corpus = make_sequences(*[[(1, 1, 1), (2, 1, 2)]] * 3, [(2, 1, 1), (1, 1, 2)])
    fold = split.hold_out(corpus, CatalogueRows(np.array([1, 2, 3])), HOST, LAST, 0)
    top = TopK(CandidateIndices(np.array([[1, 2]] * 3 + [[2, 1]])), np.zeros((4, 2), np.float32))
    expected = expect_score(fold, top, HOST, "time")
    by_ad = math.hypot(0.75, 0.75) / 4
    assert expected == pytest.approx({"score": 0.75, "error": by_ad, "error by ad": by_ad})
    further = expect_score(fold, top, HOST, "last")
    assert further == pytest.approx(expected | {"error": math.hypot(by_ad, 0.11 * 0.75)})
    say_expected(further)
    assert capsys.readouterr().err == "  expected Score on the truth: 0.7500 ± 0.2777 (by ad ± 0.2652)\n"
