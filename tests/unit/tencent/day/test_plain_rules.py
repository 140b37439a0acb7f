"""The plain rungs on content by hand: four ads, one of them without content, and a log of seven events."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from competitions.tencent.competition import COMPETITION
from competitions.tencent.corpus import Candidates, Embedding
from competitions.tencent.day.plain_rules import (
    CONTENT_RUNGS,
    KERNEL,
    MEAN,
    NEAREST,
    answer_by_content,
    plan_content_scores,
)
from competitions.tencent.ids import Rows
from competitions.tencent.sequences import whole
from competitions.tencent.split import build_test_fold
from tests.unit.tencent.training_inputs import make_catalogue, make_sequences

VECTORS = np.array([[0, 0], [1, 0], [0, 1], [0.6, 0.8], [0, 0]], np.float32)
CONTENT = torch.from_numpy(VECTORS)
NOW, HOUR = 1_000_000, 3_600  # the second behind the last event
# Ad 3 has three events, 1, 11 and 13 hours old; ad 1 one of 20 hours and one of this very second.
LOG = make_sequences(
    [(1, 0, NOW - 20 * HOUR), (2, 1, NOW - 14 * HOUR)],
    [(3, 0, NOW - 13 * HOUR), (3, 0, NOW - 11 * HOUR), (3, 0, NOW - 1 * HOUR), (1, 0, NOW - 1)],
    [(4, 1, NOW - 30 * HOUR)],
)
ROWS = np.array([3, 1, 4])


def score(name: str) -> np.ndarray:
    """Of the first user, who was shown ad 1 and then clicked ad 2, and the last, who knows an ad without content."""
    history = whole(LOG)
    return np.asarray(plan_content_scores(CONTENT, history, history, ROWS, name)(np.array([0, 2])))


def test_the_nearest_ad_lies_along_the_mean_of_the_history() -> None:
    length = math.hypot(0.9, 5.0)  # ad 1 one step back, ad 2 clicked
    expected = [(0.9 * 0.6 + 5 * 0.8) / length, 0.9 / length, 0.0]
    assert score(NEAREST)[0] == pytest.approx(expected, abs=1e-4)
    assert score(NEAREST)[1].tolist() == [0.0, 0.0, 0.0]


def test_the_mean_meets_the_events_of_the_last_twelve_hours() -> None:
    cosines = score(NEAREST)
    popular = np.log([2 + 0.3, 1 + 0.3, 0 + 0.3])
    assert score(MEAN) == pytest.approx(15 * cosines + popular, abs=1e-4)


def test_the_kernel_adds_up_over_the_history_and_meets_faded_events() -> None:
    def near(cosine: float) -> float:
        return math.exp(12 * (cosine - 1))

    interests = [0.9 * near(0.6) + 60 * near(0.8), 0.9 * near(1) + 60 * near(0), 60.9 * near(0)]
    faded = [
        math.exp(-13 / 8.4) + math.exp(-11 / 8.4) + math.exp(-1 / 8.4),
        math.exp(-20 / 8.4) + math.exp(-1 / HOUR / 8.4),
        math.exp(-30 / 8.4),
    ]
    expected = np.log(interests) + np.log(np.array(faded) + 0.2)
    assert score(KERNEL)[0] == pytest.approx(expected, abs=1e-3)


def test_answers_leave_out_what_was_seen_and_cover_every_user() -> None:
    ads = 12
    vectors = np.concatenate([VECTORS, np.tile(VECTORS[3:4], (ads - 4, 1))])
    rows = np.arange(1, ads + 1)
    corpus = SimpleNamespace(catalogue=make_catalogue(ads), train=LOG)
    fold = build_test_fold(LOG, LOG, Candidates(Rows(rows)), None, COMPETITION.load_config([]).host)
    for name in CONTENT_RUNGS:
        top = answer_by_content(corpus, [Embedding("one", vectors.astype(np.float16))], fold, name)  # type: ignore[arg-type]
        assert top.columns.shape == (3, 10)
        assert not {1, 2} & set(rows[top.columns[0]].tolist())


def test_an_unknown_rung_is_refused() -> None:
    with pytest.raises(ValueError, match="no rung 'best'"):
        score("best")
