"""The closing summary, by hand: what a fold holds, what retrieval finds."""

import numpy as np
import torch

from competitions.tencent.corpus import Corpus
from competitions.tencent.day.judged import measure_fold, measure_recall
from competitions.tencent.day.rows import rank_popular
from competitions.tencent.ids import CatalogueRows
from competitions.tencent.lab.exhaustive import list_seen, rank_all
from competitions.tencent.split import Fold
from tests.unit.tencent.training_inputs import make_catalogue, make_sequences, make_users

TRAIN = make_sequences([(1, 1, 10), (2, 0, 20), (3, 1, 90)], [(2, 0, 30), (3, 0, 40), (4, 1, 95)], [(5, 1, 99)])


def test_the_hold_out_by_hand() -> None:
    """The first two users are asked for their last event; the third has no history."""
    candidates, ends = CatalogueRows(np.array([3, 4, 1, 7])), np.array([2, 5, 6])
    corpus = Corpus(make_catalogue(10), TRAIN, make_users(3), TRAIN, make_users(3), candidates, None, ())
    clicks, unseen = np.array([1, 1]), np.array([False, True])
    fold = Fold(ends, np.array([0, 1]), ends[:2], candidates, clicks, np.array([3, 4]), unseen, clicks.astype(np.int8))
    assert measure_fold("validation", corpus, fold) == {
        "fold": "validation",
        "training events": 4,
        "queries": 2,
        "history, mean": 2.0,
        "candidates": 4,
        "unseen candidates": 0.5,  # 4 and 7; 4 stands behind an end
        "unseen targets": 0.5,
    }


def test_recall_is_by_the_length_of_the_list() -> None:
    recall = measure_recall(np.array([0, 1, 10, 11, 50, 51, 100, 101, 0, 200]))
    assert recall == {"within 10": 0.2, "within 50": 0.4, "within 100": 0.6, "in the list": 0.8}


def test_the_popular_ads_are_ranked_as_by_scores_of_their_events() -> None:
    """Twenty users; the most frequent first and of equal ones the first candidate; what was seen is out."""
    rng = np.random.default_rng(0)
    users = [[(int(ad), 0, step) for step, ad in enumerate(rng.integers(1, 31, 8) % 17 + 1)] for _ in range(20)]
    train, ends = make_sequences(*users), np.arange(20) * 8 + 6
    candidates = CatalogueRows(np.arange(1, 18))
    corpus = Corpus(make_catalogue(31), train, make_users(20), train, make_users(20), candidates, None, ())
    target = train.item[np.arange(20) * 8 + 7]
    none = np.zeros(20, np.int64)
    fold = Fold(ends, np.arange(20), ends, candidates, none, target, none > 0, none.astype(np.int8))
    events = np.bincount(np.concatenate([train.item[user * 8 : end] for user, end in enumerate(ends)]), minlength=31)
    scores = torch.from_numpy(events[1:18] - np.arange(17) / 100)
    seen = list_seen(fold.queries(train), candidates, 31)
    best = rank_all(lambda block: scores.repeat(len(block), 1), 20, seen, 17).columns
    fresh = [user for user in range(20) if target[user] not in train.item[user * 8 : ends[user]]]
    expected = [int(np.flatnonzero(best[user] == target[user] - 1)[0]) + 1 for user in fresh]
    assert rank_popular(corpus, fold)[fresh].tolist() == expected
    assert len(fresh) > 5
