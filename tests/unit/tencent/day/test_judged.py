"""The closing summary, by hand: what a fold holds, what retrieval finds."""

import numpy as np

from competitions.tencent.corpus import Corpus
from competitions.tencent.day.judged import measure_fold, measure_recall
from competitions.tencent.ids import CatalogueRows
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
