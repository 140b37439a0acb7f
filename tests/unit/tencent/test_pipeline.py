"""Between the steps: lists that are short are filled up; what the ranker gets of any fold."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from common.engine.run import Run, derive
from competitions.tencent import pipeline, ranking, split, submission
from competitions.tencent.corpus import CatalogueRows, Corpus, Oids
from competitions.tencent.plan import make_plan
from competitions.tencent.retrieval import counts
from competitions.tencent.retrieval.fusion import weigh_evenly
from competitions.tencent.split import Fold
from competitions.tencent.top_k import FoldAnswers, TopK
from tests.unit.tencent.training_inputs import CONFIG, make_catalogue, make_corpus, make_sequences, name_users

TRAIN = make_sequences([(1, 1, 10), (2, 0, 20), (3, 1, 90)], [(2, 0, 30), (3, 0, 40), (4, 1, 95)], [(3, 1, 15)])
TEST = make_sequences([(1, 0, 1)], [(9, 0, 2)])
ROWS = np.array([9, 3, 2, 1, 12, 5, 6, 7, 8, 10, 11, 4])  # of the candidates; 11 and 12 are in no history


@pytest.fixture
def corpus() -> Corpus:
    candidates = CatalogueRows(np.sort(ROWS))
    return Corpus(make_catalogue(10, 2), TRAIN, name_users(3), TEST, name_users(2), candidates, None, ())


def test_answers_are_original_ids_and_a_short_list_is_filled_with_the_most_popular_others(corpus: Corpus) -> None:
    """Events: ad 3 thrice, ad 2 twice, ads 1 and 4 once; the others by their row."""
    listed = np.array([ROWS[:10].tolist(), [12, 3, *[0] * 8]])
    top = TopK(CatalogueRows(listed), np.zeros(listed.shape, np.float32))
    fold = split.build_test_fold(corpus.train, corpus.test, corpus.candidates, corpus.actions)
    chosen, filled = submission.choose_ads(corpus, fold, FoldAnswers({"ranker": top}))
    assert filled == 1
    assert chosen[:10].tolist() == corpus.catalogue.oid[ROWS[:10]].tolist()
    rows = corpus.catalogue.rows_of(Oids(chosen)).reshape(2, 10)
    assert rows[0].tolist() == ROWS[:10].tolist()
    assert rows[1].tolist() == [12, 3, 2, 1, 4, 5, 6, 7, 8, 9]
    assert top.rows[1, 2] == 0  # the answer itself is left as it was


# --- the columns of a fold ---

USERS, ADS = 40, 12
# Users of even number click four times, are then shown ads, and click; the others are shown ads first.
ACTIONS = [1, 1, 1, 1, 0, 0, 1, 0, 1], [0, 0, 0, 0, 1, 1, 1, 0, 1]
ENDS = {"clicks alone": (3, 0), "exposures alone": (0, 4), "both": (6, 6), "nearly all": (8, 8)}


def draw_users() -> Corpus:
    rng = np.random.default_rng(0)
    return make_corpus(
        make_sequences(
            *(
                [(int(ad), action, 3_600 * step + int(rng.integers(3_600))) for step, (ad, action) in enumerate(events)]
                for events in (zip(rng.permutation(ADS) + 1, ACTIONS[user % 2], strict=False) for user in range(USERS))
            )
        ),
        ADS,
    )


def end_at(corpus: Corpus, ends: tuple[int, int]) -> Fold:
    """Of users of even and of odd number so many events are shown; who has any is asked for the next one, a click."""
    shown = np.tile(ends, USERS // 2)
    ends = corpus.train.offsets[:-1] + shown
    fold = split.build_fold(corpus.train, ends, np.flatnonzero(shown), corpus.candidates)
    assert fold.target_action is not None
    assert (fold.target_action == 1).all()
    return fold


@pytest.mark.parametrize("counted", ["events", "clicks"])
def test_the_ranker_gets_the_same_columns_of_every_fold(
    counted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether or not its history has exposures, clicks, or more pairs than are counted: the whole log decides."""
    shorter = counts.count_pairs(end_at(draw_users(), ENDS["nearly all"]).history(draw_users().train).lengths)
    monkeypatch.setattr(counts, "AFFORDABLE_PAIRS", 10**6 if counted == "events" else shorter)
    run, nothing = Run(tmp_path / "run", tmp_path / "cache"), cast("Any", None)
    corpus = run.step(draw_users)
    plan = run.step(make_plan, corpus, 0, CONFIG)
    ready = pipeline.Folds(corpus, plan, nothing, nothing, [], {})
    fusion = derive(weigh_evenly, ("counts", "values"))
    names = {}
    for name, ends in ENDS.items():
        fold = run.step(end_at, corpus, ends)
        tables = pipeline.fit_tables(ready, fold, fusion, CONFIG, run).value
        lists = ranking.list_candidates(corpus.value, fold.value, tables, CONFIG.ranker.features, 0)
        assert lists is not None
        assert lists.features.shape[1] == len(lists.names)
        names[name] = lists.names
    assert len({*names.values()}) == 1
    of_counts = {"counts with features score"} if counted == "events" else {"lift of the ads score"}
    assert {*names["both"]} >= of_counts | {"clicks 1 h before", "events 1 h behind", "values shown score"}
