"""The ranker: which pairs it learns from, that trees find what a planted column says on top of retrieval's score, and
what answers where there are no trees.
"""

import dataclasses
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from common.learning import gbdt
from common.learning.dataset import RankingDataset
from common.learning.gbdt import Ranker, predict
from competitions.tencent import ranking
from competitions.tencent.config import FeatureSettings
from competitions.tencent.corpus import CatalogueRows, Corpus
from competitions.tencent.features import pair_features
from competitions.tencent.features.popularity import cut_batches
from competitions.tencent.fold_tables import FoldTables
from competitions.tencent.ranking import choose_rows, fit, list_candidates
from competitions.tencent.retrieval.search import SEARCH_SCORE, Candidates, Search, take_queries
from competitions.tencent.split import Fold
from competitions.tencent.top_k import FoldAnswers
from tests.unit.tencent.tencent_folds import fit_fold
from tests.unit.tencent.training_inputs import CONFIG, hide_from, make_corpus, make_sequences

FIT = msgspec.structs.replace(CONFIG.ranker.fit, rounds=60, least=5, features=1.0)
ADS, USERS = 30, 90
NONE = -np.inf


# --- which pairs ---


def test_the_target_and_an_even_draw_of_what_was_not_seen_are_learned_from() -> None:
    rng = np.random.default_rng(0)
    scores = -np.sort(rng.random((4_000, 12)), 1).astype(np.float32)
    scores[:, 9:] = NONE
    hit = np.zeros(scores.shape, bool)
    hit[:, 8] = True  # the last that is no seen one
    kept = choose_rows(scores, hit, rng.random((4_000, 20), np.float32), 4)
    assert kept.shape == (4_000, 5)
    assert (np.diff(kept, axis=1) > 0).all()
    assert (kept == 8).any(1).all()
    assert kept.max() == 8
    shares = np.bincount(kept.ravel(), minlength=9)[:8] / 4_000
    assert shares == pytest.approx(np.full(8, 0.5), abs=0.04)  # whatever retrieval thinks of them
    everything = choose_rows(scores, hit, rng.random((4_000, 20), np.float32), 60)
    assert (everything == np.arange(12)).all()


# --- the trees ---


def draw_lists(queries: int, seed: int, strength: float = 6.0) -> RankingDataset:
    """Lists of ten with a target drawn by retrieval's score and ``strength`` x a column."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(queries, 10, 3)).astype(np.float32)
    utility = features[:, :, 0] + strength * features[:, :, 2]
    labels = np.zeros((queries, 10), np.float32)
    labels[np.arange(queries), (utility + rng.gumbel(size=utility.shape)).argmax(1)] = 1
    sizes = np.full(queries, 10, np.int32)
    return RankingDataset((SEARCH_SCORE, "noise", "planted"), features.reshape(-1, 3), labels.reshape(-1), sizes)


def hit_rate(ranker: Ranker, lists: RankingDataset) -> float:
    best = predict(ranker, lists.names, lists.features).reshape(-1, 10).argmax(1)
    return float((best == lists.labels.reshape(-1, 10).argmax(1)).mean())


def test_trees_add_to_retrievals_score_what_a_planted_column_says() -> None:
    ranker = fit([draw_lists(300, 0), None, draw_lists(300, 1)], FIT, 0)
    assert ranker is not None
    assert ranker.gain["planted"] > 10 * ranker.gain["noise"]
    held = draw_lists(400, 2)
    assert hit_rate(ranker, held) > 0.6
    # Where the other columns are equal, the scores are retrieval's, which nobody has to learn.
    plain = np.zeros((5, 3), np.float32)
    plain[:, 0] = [3, 1, 0, -2, -9]
    order = predict(ranker, held.names, plain)
    assert np.diff(order).max() < 0


def test_of_few_lists_no_trees_are_fitted() -> None:
    assert fit([], FIT, 0) is None
    assert fit([None, draw_lists(ranking.FEWEST - 1, 0)], FIT, 0) is None
    assert fit([draw_lists(ranking.FEWEST - 1, 0), draw_lists(1, 1)], FIT, 0) is not None


# --- from retrieval to answers ---


def make_world() -> tuple[Corpus, Fold]:
    """Users with a history of four ads, a target that is another, and one more event that is hidden."""
    rng = np.random.default_rng(1)
    histories = [
        [(int(ad), 1, 3_600 * step) for step, ad in enumerate(rng.permutation(ADS)[:6] + 1)] for _ in range(USERS)
    ]
    log = make_sequences(*histories)
    corpus = make_corpus(log, ADS)
    return corpus, hide_from(log, log.offsets[1:] - 2, corpus.candidates)


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> tuple[Corpus, Fold]:
    """A block that knows the target of each query."""
    corpus, fold = make_world()
    assert fold.target is not None
    target = dict(zip(fold.users.tolist(), fold.target.tolist(), strict=True))

    def tell(tables: object, candidates: Candidates) -> dict[str, np.ndarray]:
        own = [target[user] for user in candidates.queries.histories.users.tolist()]
        return {"told": candidates.item == np.array(own)[:, None]}

    monkeypatch.setitem(pair_features.BLOCKS, "told", tell)
    return corpus, fold


def join_all(
    corpus: Corpus, fold: Fold, tables: FoldTables, settings: FeatureSettings, ranker: Ranker | None = None
) -> FoldAnswers:
    """What the pipeline does: the answers of each part, then of all."""
    parts = range(len(ranking.split_parts(fold)))
    return ranking.join_answers(fold, [ranking.answer(corpus, fold, tables, ranker, settings, part) for part in parts])


@pytest.mark.parametrize("parts", [1, 3])
def test_a_planted_block_puts_every_target_first_and_seen_ads_never_come_back(
    planted: tuple[Corpus, Fold], parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, fold = planted
    monkeypatch.setattr(ranking, "PART_QUERIES", USERS // parts)
    fold = dataclasses.replace(fold, query_times=np.random.default_rng(0).permutation(USERS))
    settings = msgspec.structs.replace(CONFIG.ranker.features, negatives=9)
    tables = fit_fold(corpus, fold, ("values",), list_length=ADS)
    lists = list_candidates(corpus, fold, tables, settings, 0)
    assert lists is not None
    assert lists.labels.sum() == len(lists.group_sizes) == USERS
    assert set(lists.group_sizes.tolist()) == {10}
    assert np.isfinite(lists.features[:, lists.names.index(SEARCH_SCORE)]).all()
    assert lists.labels.tolist() == lists.features[:, lists.names.index("told")].tolist()
    ranker = fit([lists], FIT, 0)
    answers = join_all(corpus, fold, tables, settings, ranker)
    assert len(ranking.split_parts(fold)) == parts
    assert list(answers.ways) == ["ranker", "retrieval", "popularity"]
    assert answers.best.rows[:, 0].tolist() == fold.target.tolist()  # type: ignore[union-attr]
    assert answers.known_rank.min() > 0
    history = fold.queries(corpus.train)
    for way in answers.ways.values():
        for row, (start, stop) in enumerate(zip(history.starts, history.ends, strict=True)):
            assert not set(way.rows[row].tolist()) & set(corpus.train.item[start:stop].tolist())


def test_without_trees_retrievals_order_is_the_answer_and_ranks_are_counted_in_it(planted: tuple[Corpus, Fold]) -> None:
    corpus, fold = planted
    settings, fold = CONFIG.ranker.features, dataclasses.replace(fold, query_times=np.full(USERS, 7_200))
    tables = fit_fold(corpus, fold, ("values",), list_length=15)
    search, queries = Search(tables, settings), take_queries(corpus, fold, 100)
    answers = join_all(corpus, fold, tables, settings)
    assert answers.ways["ranker"].rows.tolist() == answers.ways["retrieval"].rows.tolist()
    retrieved = search.at(int(queries.time[0])).retrieve(queries)
    assert answers.best.rows.tolist() == retrieved.item[:, :10].tolist()
    at = retrieved.item == fold.target[:, None]  # type: ignore[index]
    assert answers.known_rank.tolist() == np.where(at.any(1), at.argmax(1) + 1, 0).tolist()
    assert 0 < at.any(1).sum() < USERS


def test_a_score_of_the_trees_does_not_bring_a_seen_ad_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "pair_features", lambda *_: (np.ones((1, 3, 1), np.float32), ("x",)))
    monkeypatch.setattr(gbdt, "predict", lambda *_: np.array([1.0, 99.0, 2.0]))
    nothing: Any = None
    item = CatalogueRows(np.array([[5, 6, 7]]))
    candidates = Candidates(nothing, item, np.float32([[3, NONE, 1]]), {}, {})
    moment: Any = SimpleNamespace(tables=None, settings=SimpleNamespace(blocks="auto"))
    assert ranking.score_candidates(nothing or object(), moment, candidates).tolist() == [[1, NONE, 2]]  # type: ignore[arg-type]


@pytest.mark.parametrize("times", [True, False])
def test_the_most_popular_ads_at_the_time_of_each_query_that_its_user_has_not_seen(times: bool) -> None:
    """By a plain loop over the events that the fold shows."""
    corpus, fold = make_world()
    tables = fit_fold(corpus, fold, ("values",), list_length=ADS, times=times)
    popular = join_all(corpus, fold, tables, CONFIG.ranker.features)
    shown, log = fold.history(corpus.train).events(), corpus.train
    for query, (start, stop) in enumerate(zip(fold.history(log).starts, fold.query_ends, strict=True)):
        (moment,) = (batch.moment for batch in cut_batches(fold.query_times) if query in batch.rows)
        near = shown[np.abs(log.time[shown] - moment) <= 24 * 3_600] if times else shown
        counts = np.bincount(log.item[near], minlength=ADS + 1)
        left = sorted({*range(1, ADS + 1)} - {*log.item[start:stop].tolist()}, key=lambda ad: (-counts[ad], ad))
        assert popular.ways["popularity"].rows[query].tolist() == left[:10]
