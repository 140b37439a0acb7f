"""The plain rungs: on content by hand, four ads, one of them without content, and a log of seven events; the others."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional

from competitions.tencent.corpus import Embedding
from competitions.tencent.day.ladder import PLAIN_RUNGS
from competitions.tencent.lab.plain_rules import (
    ALS,
    KERNEL,
    LANGUAGE,
    LANGUAGE_BETA,
    LATE,
    NEAREST,
    ONE,
    POPULARITY,
    choose_embeddings,
    fit_content_rule,
    fit_rule,
)
from competitions.tencent.sequences import whole
from tests.unit.tencent.tencent_log import make_catalogue as one_feature_catalogue
from tests.unit.tencent.tencent_log import write_log
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
    return fit_content_rule([CONTENT], history, ROWS, name)(history.take(np.array([0, 2]))).numpy()


def test_the_nearest_ad_lies_along_the_mean_of_the_history() -> None:
    length = math.hypot(0.9, 5.0)  # ad 1 one step back, ad 2 clicked
    expected = [(0.9 * 0.6 + 5 * 0.8) / length, 0.9 / length, 0.0]
    assert score(NEAREST)[0] == pytest.approx(expected, abs=1e-4)
    assert score(NEAREST)[1].tolist() == [0.0, 0.0, 0.0]


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


def test_late_fusion_gives_each_embedding_one_vote_and_early_fusion_lets_the_larger_differences_decide() -> None:
    history = whole(LOG)
    first = history.take(np.array([0]))
    clear = functional.normalize(torch.tensor([[0.0, 0], [1, 0], [0, 1], [0.1, 1], [1, 0]]), dim=1)
    faint = functional.normalize(torch.tensor([[0.0, 0], [9, 1], [9, 1.5], [9, 0], [9, 1.5]]), dim=1)  # all alike
    ad_1, ad_3, ad_4 = 1, 0, 2  # their columns
    one = fit_content_rule([clear], history, ROWS, ONE)(first)[0]
    assert one[ad_3] > one[ad_4]
    early = fit_content_rule([clear, faint], history, ROWS, NEAREST)(first)[0]
    assert early[ad_3] > early[ad_4]
    late = fit_content_rule([clear, faint], history, ROWS, LATE)(first)[0]
    votes = [fit_content_rule([each], history, ROWS, ONE)(first)[0] for each in (clear, faint)]
    expected = sum((vote - vote.mean()) / vote.std() for vote in votes)
    assert late.numpy() == pytest.approx(np.asarray(expected), abs=1e-4)
    assert late[ad_1] != early[ad_1]


def test_a_language_model_speaks_for_itself() -> None:
    picture, text = (
        Embedding("emb_84_4096", np.zeros((1, 2), np.float16)),
        Embedding("emb_82_384", np.zeros((1, 3), np.float16)),
    )
    assert choose_embeddings([picture, text], LANGUAGE) == [text]
    assert choose_embeddings([picture, text], KERNEL) == [picture, text]


def test_a_language_model_knows_the_history_and_nothing_of_popularity() -> None:
    interests = [
        0.9 * math.exp(LANGUAGE_BETA * (first - 1)) + 60 * math.exp(LANGUAGE_BETA * (second - 1))
        for first, second in ((0.6, 0.8), (1, 0), (0, 0))  # cosines to ad 1, one step back, and to ad 2, clicked
    ]
    assert score(LANGUAGE)[0] == pytest.approx(np.log(interests), abs=1e-3)


def test_popular_is_what_was_shown_in_the_last_three_days() -> None:
    corpus = SimpleNamespace(catalogue=make_catalogue(4))
    log = make_sequences([(1, 0, 0), (1, 0, 1), (2, 0, 100 * HOUR), (3, 0, 171 * HOUR), (2, 1, 172 * HOUR)])
    scores = fit_rule(corpus, whole(log), np.array([3, 1, 2]), POPULARITY, 0)(whole(log))  # type: ignore[arg-type]
    assert scores.tolist() == [[1.0, 0.0, 1.0]]  # hour 100 lies three days before the end: outside


def test_other_methods_answer_on_a_log_and_factors_find_the_shared_taste() -> None:
    """Even users see ads 1..6, odd ones 7..12: each is scored highest what others of his kind saw."""
    rng = np.random.default_rng(0)
    lists = [[int(ad) for ad in rng.permutation(6)[:3] + 1 + 6 * (user % 2)] for user in range(40)]
    histories, corpus, rows = write_log(*lists), SimpleNamespace(catalogue=one_feature_catalogue(12)), np.arange(1, 13)
    scores = fit_rule(corpus, histories, rows, ALS, 0)(histories.take(np.array([0, 1])))  # type: ignore[arg-type]
    assert scores.shape == (2, 12)
    assert scores[0, :6].min() > scores[0, 6:].max()
    assert scores[1, 6:].min() > scores[1, :6].max()
    for name in PLAIN_RUNGS:
        plain = fit_rule(corpus, histories, rows, name, 0)(histories.take(np.array([3]))).numpy()  # type: ignore[arg-type]
        assert plain.shape == (1, 12)
        assert np.isfinite(plain).all()
        assert plain.max() > plain.min()
