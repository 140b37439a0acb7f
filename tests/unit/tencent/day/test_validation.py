"""What the hold-out shows of queries at several moments, each with a pool of its own."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from competitions.tencent.corpus import CatalogueRows, Corpus
from competitions.tencent.day import validation
from competitions.tencent.day.validation import count_stages, list_candidates
from competitions.tencent.features.popularity import cut_batches
from competitions.tencent.fold_tables import FoldTables
from competitions.tencent.retrieval.search import Search, take_queries
from competitions.tencent.split import Fold
from tests.unit.tencent.tencent_folds import fit_fold, plant_halves
from tests.unit.tencent.test_ranking import join_all
from tests.unit.tencent.training_inputs import CONFIG, make_corpus

QUERIES, ADS = 120, 22
SETTINGS = msgspec.structs.replace(CONFIG.ranker.features, pool=10)


@pytest.fixture(scope="module")
def world() -> tuple[Corpus, Fold, FoldTables]:
    """Ads 1 to 10 live in the first half, 11 to 20 in the second; so do the targets, but for three."""
    log, fold = plant_halves(QUERIES)
    assert fold.target is not None
    corpus, target = make_corpus(log, ADS), fold.target.copy()
    target[:2] = np.where(target[:2] > 10, 1, 11)
    target[2] = ADS
    actions = np.ones(QUERIES, np.int8)
    own = {"target": target, "unseen": target == ADS, "target_action": actions}
    fold = replace(fold, **own, candidates=CatalogueRows(np.arange(1, 21)))
    return corpus, fold, fit_fold(corpus, fold, ("values",), list_length=8)


def test_candidates_are_those_of_each_querys_own_moment(
    world: tuple[Corpus, Fold, FoldTables], monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, fold, tables = world
    monkeypatch.setattr(validation, "LISTED", 50)
    items, data = list_candidates(corpus, fold, tables, None, SETTINGS)
    name = dict(zip(corpus.users[fold.users].astype(str).tolist(), range(QUERIES), strict=True))
    queries = [name[query] for query in items["query"].unique(maintain_order=True)]
    assert sorted(queries) == [*range(50)]
    assert data.group_sizes.tolist() == items["query"].rle().struct.field("len").to_list()
    starts = np.cumsum(data.group_sizes) - data.group_sizes
    batches, search = cut_batches(fold.query_times[:50]), Search(tables, SETTINGS)
    target: Any = fold.target
    for query, start, size in zip(queries, starts, data.group_sizes, strict=True):
        (time,) = (batch.moment for batch in batches if query in batch.rows)
        moment, rows = search.at(time), slice(start, start + size)
        retrieved = moment.retrieve(take_queries(corpus, fold, 100, np.array([query])))
        ads = retrieved.item[0]
        assert items["item"][rows].to_list() == corpus.catalogue.oid[ads].tolist()
        assert items["retrieval"][rows].to_list() == pytest.approx(retrieved.scores[0].tolist(), abs=1e-4)
        assert data.labels[rows].tolist() == (ads == target[query]).tolist()
        column = moment.columns["events 24 h behind"][np.searchsorted(moment.pool.rows, ads)]
        assert data.features[rows, data.names.index("events 24 h behind")].tolist() == column.tolist()


def test_the_funnel_says_how_many_targets_are_in_the_pool_of_their_time(
    world: tuple[Corpus, Fold, FoldTables],
) -> None:
    corpus, fold, tables = world
    answers = join_all(corpus, fold, tables, SETTINGS)
    ready = SimpleNamespace(corpus=SimpleNamespace(value=corpus), valid=SimpleNamespace(value=fold))
    early = SimpleNamespace(answers=SimpleNamespace(value=answers), tables=SimpleNamespace(value=tables))
    outcome: Any = SimpleNamespace(ready=ready, early=early, config=CONFIG)
    retrieved = int((answers.known_rank > 0).sum())
    assert 60 < retrieved < QUERIES - 3
    ranks, stages = count_stages(outcome)
    assert int((ranks != 0).sum()) == retrieved
    assert stages == [
        ("all queries", QUERIES),
        ("shown in the log before", QUERIES - 1),
        ("among the candidates", QUERIES - 1),
        ("in the pool at the time of the query", QUERIES - 3),
    ]
