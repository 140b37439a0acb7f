"""Histories answered by an exported ranker, one at a time: the ads of the pipeline, by every channel of the search."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from common.day.serving.benchmark import answer_all
from common.day.serving.service import Answer, ignore, share_items
from common.engine.errors import UserError
from common.engine.result_store import read_value, write_value
from competitions.tencent import ranking, split
from competitions.tencent.competition import COMPETITION
from competitions.tencent.config import SplitSettings, TencentConfig
from competitions.tencent.corpus import Corpus, Embedding
from competitions.tencent.day import export, service
from competitions.tencent.day.service import RankerService, Request
from competitions.tencent.fold_tables import FoldTables
from competitions.tencent.ids import CatalogueRows
from competitions.tencent.ranking import Ranker
from competitions.tencent.retrieval.content import prepare_content
from competitions.tencent.split import Fold
from tests.unit.tencent.tencent_folds import fit_fold
from tests.unit.tencent.training_inputs import make_catalogue, make_sequences, make_users

ITEMS, USERS = 300, 70
CONFIG: TencentConfig = COMPETITION.load_config(["ranker.fit.epochs=3", "ranker.fit.hidden=4"])
CHANNELS = {
    "content": ("content",),
    "tables": ("counts", "linear"),
    "all": ("content", "behaviour", "counts", "values", "linear"),
}


@dataclass(frozen=True)
class Tried:
    """A tiny fold and that before it, what is fitted on either, a ranker learned from the latter, and its export."""

    corpus: Corpus
    folds: tuple[Fold, Fold]
    tables: tuple[FoldTables, FoldTables]
    ranker: Ranker
    folder: Path


@pytest.fixture(scope="module", params=CHANNELS)
def tried(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    folder, channels = tmp_path_factory.mktemp("ranker"), CHANNELS[request.param]
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "all":  # lists are cut to fewer before the ranker
            patch.setattr(ranking, "KEPT", 20)
        yield try_channels(folder, channels, said=request.param != "tables")


def try_channels(folder: Path, channels: tuple[str, ...], *, said: bool) -> Tried:
    rng = np.random.default_rng(0)
    starts = rng.integers(0, ITEMS, USERS)
    sequences = make_sequences(
        *(
            [(1 + (start + at) % ITEMS, int(rng.integers(0, 2)), 600 * at) for at in range(rng.integers(3, 9))]
            for start in starts
        )
    )
    candidates = CatalogueRows(rng.permutation(np.arange(1, ITEMS)))  # one is no candidate
    actions = np.where(np.arange(USERS) % 3, 2, 1).astype(np.int8)  # of round 2, or not
    sequences.action[::5] = np.where(sequences.action[::5] > 0, 2, 0)  # conversions
    users = make_users(USERS)
    corpus = Corpus(make_catalogue(ITEMS), sequences, users, sequences, users, candidates, None, ())
    host = msgspec.structs.replace(CONFIG.host, actions=said, target="conversion_or_click")
    fold = split.build_test_fold(sequences, sequences, candidates, actions if said else None, host)
    last: SplitSettings = msgspec.structs.replace(CONFIG.split, kind="last", earlier=1)
    before = split.earlier_folds(sequences, candidates, fold, host, last, 0)[0]
    contents = [prepare_content(Embedding("81", rng.standard_normal((ITEMS + 1, 4)).astype(np.float16)))]
    features = CONFIG.ranker.features
    old, tables = (fit_fold(corpus, contents, each, features, channels, list_length=60) for each in (before, fold))
    ranker = ranking.fit([ranking.list_candidates(corpus, before, old, features)], CONFIG.ranker.fit, 0)
    write_value(folder / "export", RankerService(tables, ranker, features, fold.candidates))
    write_value(folder / "bodies", list(export.list_bodies(corpus, ranking.take_queries(corpus, fold))))
    return Tried(corpus, (before, fold), (old, tables), ranker, folder)


def answer_of_pipeline(tried: Tried, tables: FoldTables | None = None) -> list[Answer]:
    fold = tried.folds[1]
    parts = [
        ranking.answer(tried.corpus, fold, tables or tried.tables[1], tried.ranker, CONFIG.ranker.features, at)
        for at in range(ranking.count_parts(fold))
    ]
    columns, oid = ranking.join_answers(parts).best.columns, tried.corpus.catalogue.oid
    return [{"ads": oid[fold.candidates[own[own >= 0]]].tolist()} for own in columns]


def load(tried: Tried) -> tuple[RankerService, list[Request]]:
    """The service as it comes back from its export, and the requests that it reads of its bodies."""
    served: RankerService = read_value(tried.folder / "export")
    return served, [served.parse(body) for body in read_value(tried.folder / "bodies")]


def test_one_history_at_a_time_is_answered_as_by_the_pipeline(tried: Tried) -> None:
    served, requests = load(tried)
    expected = answer_of_pipeline(tried)
    assert [served.answer([request], ignore)[0] for request in requests] == expected
    assert answer_all(served, requests, batch=64) == expected  # two blocks
    assert len({tuple(answer["ads"]) for answer in expected}) > 5


def test_the_action_that_is_asked_for_counts_where_it_is_said(tried: Tried) -> None:
    served, requests = load(tried)
    other = [request._replace(condition=3 - request.condition) for request in requests]
    changed = answer_all(served, other) != answer_all(served, requests)
    assert changed == (tried.tables[1].action_rates is not None) == ("ends so" in tried.ranker.names)


def test_an_answer_in_parts_is_the_whole_answer(tried: Tried, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = answer_of_pipeline(tried)
    monkeypatch.setattr(ranking, "PART", 25)  # the last part is shorter
    assert ranking.count_parts(tried.folds[1]) > 2
    assert answer_of_pipeline(tried) == whole


def test_seen_ads_are_left_out_and_who_has_seen_nearly_everything_is_given_the_rest(tried: Tried) -> None:
    served, requests = load(tried)
    oid, rows = tried.corpus.catalogue.oid, tried.folds[1].candidates
    for request, answer in zip(requests, answer_all(served, requests), strict=True):
        assert len({*answer["ads"]}) == 10
        assert not {*answer["ads"]} & {*oid[request.events[:, 0]].tolist()}
    item = rows[4:]
    many = Request(np.stack([item, 0 * item, np.arange(len(item))], 1), requests[0].condition)
    assert sorted(served.answer([many], ignore)[0]["ads"]) == sorted(oid[rows[:4]].tolist())


def test_a_body_is_read_as_the_pipeline_reads_the_user(tried: Tried) -> None:
    served, requests = load(tried)
    queries = ranking.take_queries(tried.corpus, tried.folds[1])
    joined = service.join_requests(requests)
    for one, other in zip(joined.histories.events(), queries.histories.events(), strict=True):
        for name in ("item", "action", "time"):
            assert getattr(joined.histories.sequences, name)[one] == getattr(queries.histories.sequences, name)[other]
    np.testing.assert_array_equal(joined.action, queries.action)
    body = max(read_value(tried.folder / "bodies"), key=len)
    user = msgspec.json.decode(body)
    mixed = msgspec.json.encode(user | {"events": user["events"][::-1]})
    np.testing.assert_array_equal(served.parse(mixed).events, served.parse(body).events)
    user["events"][2]["creative_id"] = 17
    with pytest.raises(UserError, match=r"^events\[2\]: the run has no ad 17$"):
        served.parse(msgspec.json.encode(user))


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_vectors_in_other_bits_list_nearly_the_same_ads(tried: Tried, tmp_path: Path, kind: str) -> None:
    served, requests = load(tried)
    write_value(tmp_path, served.store_vectors(kind))
    same = share_items(answer_all(read_value(tmp_path), requests), answer_all(served, requests))
    assert same == 1 if kind == "float32" else same > 0.9


def test_a_search_of_part_of_the_candidates_answers_with_columns_of_all(tried: Tried) -> None:
    features, whole = msgspec.structs.replace(CONFIG.ranker.features, pool=100), tried.tables[1]
    tables = fit_fold(tried.corpus, [], tried.folds[1], features, (), list_length=60)
    pool = tables.pool
    part = replace(whole, pool=replace(pool, rate=whole.pool.rate))
    fold, (_, requests) = tried.folds[1], load(tried)
    answers = answer_all(RankerService(part, tried.ranker, features, fold.candidates), requests)
    assert answers == answer_of_pipeline(tried, part)
    among = tried.corpus.catalogue.oid[fold.candidates[pool.chosen]]
    assert {ad for answer in answers for ad in answer["ads"]} <= {*among.tolist()}
