"""Histories answered by an exported ranker, one at a time: the ads of the pipeline, by every channel of the search."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from competitions.tencent.retrieval.context import FoldContext, FoldInputs, build_context

from common.day.serving.benchmark import answer_all, ignore
from competitions.tencent import ranking, split
from competitions.tencent.competition import COMPETITION
from competitions.tencent.config import SplitSettings, TencentConfig
from competitions.tencent.corpus import Candidates, Corpus
from competitions.tencent.day import export, service
from competitions.tencent.day.service import RankerService, Request, read_requests
from competitions.tencent.ids import Rows
from competitions.tencent.plan import Plan
from competitions.tencent.ranking import Ranker
from tests.unit.tencent.training_inputs import make_training_inputs, open_fold

ITEMS, USERS = 300, 70
CONFIG: TencentConfig = COMPETITION.load_config(["ranker.fit.epochs=3", "ranker.fit.hidden=4"])
CHANNELS = {
    "content": ("content",),
    "tables": ("counts", "linear"),
    "all": ("content", "behaviour", "counts", "values", "linear"),
}


@dataclass(frozen=True)
class Tried:
    """The inputs of a tiny fold and of that before it, a ranker learned from it, its context, and its export."""

    inputs: FoldInputs
    before: FoldInputs
    ranker: Ranker
    context: FoldContext
    folder: Path


@pytest.fixture(scope="module", params=CHANNELS)
def tried(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    folder, channels = tmp_path_factory.mktemp("ranker"), CHANNELS[request.param]
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "all":  # lists are cut to fewer before the ranker
            patch.setattr(ranking, "KEPT", 20)
        yield try_channels(folder, channels, said=request.param != "tables")


def try_channels(folder: Path, channels: tuple[str, ...], *, said: bool) -> Tried:
    training = make_training_inputs(users=USERS, items=ITEMS)
    candidates = Candidates(Rows(np.random.default_rng(0).permutation(np.arange(1, ITEMS))))  # one is no candidate
    sequences, users = training.history.sequences, training.users
    actions = np.where(np.arange(USERS) % 3, 2, 1).astype(np.int8)  # of round 2, or not
    sequences.action[::5] = np.where(sequences.action[::5] > 0, 2, 0)  # conversions
    corpus = Corpus(training.catalogue, sequences, users, sequences, users, candidates, None, ())
    host = msgspec.structs.replace(CONFIG.host, actions=said)
    fold = split.build_test_fold(sequences, sequences, candidates, actions if said else None, host)
    last: SplitSettings = msgspec.structs.replace(CONFIG.split, kind="last", earlier=1)
    earlier = split.earlier_folds(sequences, candidates, fold, host, last, 0)
    plan = Plan("click", said, "last", True, 1, channels, 60, ())
    features = CONFIG.ranker.features
    before = open_fold(corpus, training.embeddings, earlier[0], plan, features)
    ranker = ranking.fit([ranking.list_candidates(before, features)], CONFIG.ranker.fit, 0)
    inputs = open_fold(corpus, training.embeddings, fold, plan, features)
    context = build_context(inputs, features)
    export.write_export(context, ranker, export.list_variants(context), folder / "export")
    export.write_requests(sequences, fold, np.arange(USERS), folder / "requests")
    return Tried(inputs, before, ranker, context, folder)


def open_pool(tried: Tried, pool: int) -> FoldInputs:
    """The same fold, so many candidates of which are searched."""
    inputs, settings = tried.inputs, msgspec.structs.replace(CONFIG.ranker.features, pool=pool)
    chosen = open_fold(inputs.corpus, [], inputs.fold, inputs.plan, settings)
    return replace(chosen, contents=inputs.contents, votes=inputs.votes)


def answer_of_pipeline(tried: Tried, list_length: int = 60, pool: int = ITEMS) -> list[list[float]]:
    settings, inputs = CONFIG.ranker.features, open_pool(tried, pool)
    inputs = replace(inputs, plan=replace(inputs.plan, list_length=list_length))
    parts = [ranking.answer(inputs, tried.ranker, settings, at) for at in range(ranking.count_parts(inputs.fold))]
    return ranking.join_answers(parts).best.columns.astype(float).tolist()


def load(tried: Tried, variant: str) -> RankerService:
    return service.load(tried.folder / "export", variant)


def test_one_history_at_a_time_is_answered_as_by_the_pipeline(tried: Tried) -> None:
    served, requests = load(tried, "whole"), read_requests(tried.folder / "requests")
    expected = answer_of_pipeline(tried)
    assert [served.answer([request], ignore)[0] for request in requests] == expected
    assert answer_all(served, requests, batch=64) == expected  # two blocks
    assert len({tuple(answer) for answer in expected}) > 5


def test_the_action_that_is_asked_for_counts_where_it_is_said(tried: Tried) -> None:
    served, requests = load(tried, "whole"), read_requests(tried.folder / "requests")
    other = [replace(request, condition=3 - request.condition) for request in requests]
    changed = answer_all(served, other) != answer_all(served, requests)
    assert changed == tried.inputs.plan.actions == ("ends so" in tried.ranker.names)


def test_an_answer_in_parts_is_the_whole_answer(tried: Tried, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = answer_of_pipeline(tried)
    monkeypatch.setattr(ranking, "PART", 25)  # the last part is shorter
    assert ranking.count_parts(tried.inputs.fold) > 2
    assert answer_of_pipeline(tried) == whole


def test_two_threads_give_the_bytes_of_one(tried: Tried) -> None:
    one, before = ranking.list_candidates(tried.before, CONFIG.ranker.features), torch.get_num_threads()
    alone = ranking.answer(tried.inputs, tried.ranker, CONFIG.ranker.features, 0)
    torch.set_num_threads(3 - min(before, 2))
    try:
        two = ranking.list_candidates(tried.before, CONFIG.ranker.features)
        both = ranking.answer(tried.inputs, tried.ranker, CONFIG.ranker.features, 0)
    finally:
        torch.set_num_threads(before)
    assert one is not None
    assert two is not None
    assert one.features.tobytes() == two.features.tobytes()
    assert one.target.tolist() == two.target.tolist()
    for way, top in alone.ways.items():
        assert top.columns.tobytes() == both.ways[way].columns.tobytes()
        assert top.scores.tobytes() == both.ways[way].scores.tobytes()


def test_shorter_lists_are_those_of_a_run_with_shorter_lists(tried: Tried) -> None:
    served, requests = load(tried, "half"), read_requests(tried.folder / "requests")
    assert answer_all(served, requests) == answer_of_pipeline(tried, list_length=30)


def test_content_of_fewer_bits_finds_nearly_the_same_ads_in_half_the_room(tried: Tried) -> None:
    names = [variant.folder for variant in export.list_variants(tried.context)]
    if not tried.context.contents:
        assert names == ["whole", "half"]
        return
    assert names == ["whole", "float16", "half"]
    answers = answer_all(load(tried, "float16"), read_requests(tried.folder / "requests"))
    both = zip(answers, answer_of_pipeline(tried), strict=True)
    assert np.mean([len({*one} & {*other}) / 10 for one, other in both]) > 0.95
    sizes = [(tried.folder / "export" / name / "content-00.npy").stat().st_size for name in ("float16", "whole")]
    assert sizes[0] < 0.6 * sizes[1]


def test_seen_ads_are_left_out_and_who_has_seen_nearly_everything_is_given_the_rest(tried: Tried) -> None:
    rows = tried.inputs.fold.candidates.rows.values
    served, requests = load(tried, "whole"), read_requests(tried.folder / "requests")
    for request, answer in zip(requests, answer_all(served, requests), strict=True):
        assert len({*answer}) == 10
        assert not {*rows[np.array(answer, int)].tolist()} & {*request.item.tolist()}
    item = rows[4:].astype(np.int32)
    first = requests[0]
    many = Request(item, np.zeros(len(item), np.int8), np.arange(len(item)), first.condition)
    assert sorted(served.answer([many], ignore)[0]) == [-1] * 6 + [0, 1, 2, 3]


def test_who_did_nothing_is_answered(tried: Tried) -> None:
    first = read_requests(tried.folder / "requests")[0]
    nothing = Request(first.item[:0], first.action[:0], first.time[:0], first.condition)
    assert len({*load(tried, "whole").answer([nothing], ignore)[0]} - {-1}) == 10


def test_a_search_of_part_of_the_candidates_answers_with_columns_of_all(tried: Tried, tmp_path: Path) -> None:
    features = msgspec.structs.replace(CONFIG.ranker.features, pool=100)
    inputs = open_pool(tried, 100)
    context = build_context(inputs, features)
    export.write_export(context, tried.ranker, export.list_variants(context)[:1], tmp_path)
    requests = read_requests(tried.folder / "requests")
    answers = answer_all(service.load(tmp_path, "whole"), requests)
    assert answers == answer_of_pipeline(tried, pool=100)
    assert {column for answer in answers for column in answer} <= {-1, *context.pool.tolist()}
