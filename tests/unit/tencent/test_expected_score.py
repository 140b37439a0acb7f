"""What to expect of the truth: errors of scores that hang on few ads, and how an event more moves a rule's Score."""

import math

import msgspec
import numpy as np
import pytest

from competitions.tencent import split
from competitions.tencent.competition import COMPETITION
from competitions.tencent.corpus import Corpus
from competitions.tencent.expected_score import (
    Movement,
    compare_users,
    expect_score,
    measure_movement,
    say_expected,
)
from competitions.tencent.ids import CandidateIndices, CatalogueRows
from competitions.tencent.top_k import TopK
from tests.unit.tencent.training_inputs import make_catalogue, make_sequences, make_users

CONFIG = COMPETITION.load_config([], tuned=False)
HOST = msgspec.structs.replace(CONFIG.host, target="click", actions=False)
LAST = msgspec.structs.replace(CONFIG.split, kind="last", earlier=1)
ADS, USERS, EVENTS = 40, 400, 8


def circle(share: tuple[float, ...]) -> Corpus:
    """Users who go from an ad to the next one in a circle, event by event in this share of the cases; else anywhere."""
    rng, logs = np.random.default_rng(0), []
    for _ in range(USERS):
        ads = [int(rng.integers(ADS))]
        while len(ads) < EVENTS:
            steps = rng.random() < share[len(ads)]
            ad = (ads[-1] + 1) % ADS if steps else int(rng.integers(ADS))
            if ad not in ads:
                ads.append(ad)
        logs.append([(ad + 1, 1, time) for time, ad in enumerate(ads)])
    log, candidates = make_sequences(*logs), CatalogueRows(np.arange(1, ADS + 1))
    return Corpus(make_catalogue(ADS + 1), log, make_users(USERS), log, make_users(USERS), candidates, None, ())


def move(corpus: Corpus, kind: str = "last") -> Movement:
    settings = msgspec.structs.replace(LAST, kind=kind)
    fold = split.hold_out(corpus.train, corpus.candidates, HOST, LAST, 0)
    return measure_movement(corpus, fold, HOST, settings, 0)


def test_a_score_that_moves_from_event_to_event_says_so() -> None:
    """People wander off towards their end: the rule's Score falls, and the expected error is as wide as that."""
    steady, falling = move(circle((0.7,) * EVENTS)), move(circle((0.9, 0.9, 0.9, 0.9, 0.9, 0.7, 0.5, 0.3)))
    assert len(steady.scores) == len(falling.scores) == 4
    assert falling.scores[0] < falling.scores[1] < falling.scores[2]
    assert falling.step > 0.15 > steady.step


def test_changes_are_relative_and_of_the_users_of_both() -> None:
    users = np.arange(4)
    assert compare_users((users, np.full(4, 0.3)), (users[1:], np.full(3, 0.1))) == pytest.approx((1.0, 0.0))
    assert compare_users((users, np.ones(4)), (users + 9, np.ones(4))) == (0.0, 0.0)
    assert compare_users((users, np.zeros(4)), (users, np.zeros(4))) == (0.0, 0.0)


def test_the_expected_score_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    """Three of four queries ask for one ad, which is first in their lists; the error is by ad, and a tenth of .75."""
    corpus = make_sequences(*[[(1, 1, 1), (2, 1, 2)]] * 3, [(2, 1, 1), (1, 1, 2)])
    fold = split.hold_out(corpus, CatalogueRows(np.array([1, 2, 3])), HOST, LAST, 0)
    top = TopK(CandidateIndices(np.array([[1, 2]] * 3 + [[2, 1]])), np.zeros((4, 2), np.float32))
    expected = expect_score(fold, top, HOST, Movement((0.2, 0.3), 0.1))
    assert expected["score"] == 0.75
    assert expected["error by ad"] == pytest.approx(math.hypot(0.75, 0.75) / 4)
    assert expected["error"] == pytest.approx(math.hypot(expected["error by ad"], 0.075))
    assert (expected["step"], expected["plain rule, latest first"]) == (0.1, "0.2000 0.3000")
    say_expected(expected)
    say_expected(expected | {"step": 0.0})
    first, second = capsys.readouterr().err.splitlines()
    assert first == "  expected Score of the truth: 0.7500 ± 0.2756 (by ad ± 0.2652, an event further on ± 10% of it)"
    assert second.endswith("(by ad ± 0.2652)")
