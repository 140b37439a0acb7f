"""The ladder of the news competition: the rungs in order, and that factors and the recurrent network find what is
planted and see nothing that the fold hides.
"""

import dataclasses
from types import SimpleNamespace

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from common.learning.split import Fold
from competitions.learning.news import ladder
from competitions.learning.news.als import list_by_factors
from competitions.learning.news.gru4rec import SequenceSettings, score_next
from competitions.learning.news.ladder import group_channels, list_pipelines
from competitions.learning.news.scoring import NewsBench
from competitions.news.competition import COMPETITION
from competitions.news.config import BLOCKS
from competitions.news.retrieval.channels import CHANNELS
from tests.results import as_result
from tests.unit.news.news_world import PAIRS, SEEN, START, frame, label, make_log, make_world, swap_hidden

QUICK = SequenceSettings(size=16, length=6, steps=150, batch=16, rate=0.02, negatives=40, least=1, threads=1)


def every_pair(fold: Fold) -> pl.DataFrame:
    items = fold.history.select("item").unique().sort("item")
    return fold.queries.select("query").join(items, how="cross").sort("query", "item")


def make_fold(history: pl.DataFrame, seen: list[tuple[int, list[int]]], answers: list[int]) -> Fold:
    """Queries with these clicks, oldest first."""
    rows = [(query, item, START, len(items) - 1 - n) for query, items in seen for n, item in enumerate(items)]
    numbers = [query for query, _ in seen]
    schema = {"query": pl.Int32, "user": pl.Int32, "role": pl.String, "weight": pl.Float64}
    queries = frame(((query, 900 + query, "valid", 1.0 + query) for query in numbers), schema)
    return Fold(history, queries, frame(rows, SEEN), frame(zip(numbers, answers, strict=True), PAIRS))


def test_rungs_add_channels_then_blocks_up_to_the_pipeline_itself() -> None:
    config = COMPETITION.load_config([])
    rungs = list(list_pipelines(config))
    settings = [rung.args[0] for rung in rungs]
    counts = [(len(each.recall.channels), len(each.rank.blocks)) for each in settings]
    assert counts == sorted(counts)
    groups = group_channels(config.recall.channels)
    assert counts[0] == (len(next(iter(groups.values()))), 1)
    assert counts[-1] == (len(config.recall.channels), 3)
    assert {channel for _, _, _, channel, _ in ladder.ALONE} <= set(CHANNELS)
    assert set(settings[-1].recall.channels) == set(config.recall.channels)
    assert set(settings[-1].rank.blocks) == set(BLOCKS)
    assert len({rung.key for rung in rungs}) == len(rungs) == len(groups) + 2
    keys = [rung.key for rung in ladder.make_ladder(None, config, None).rungs]  # type: ignore[arg-type]
    assert len(set(keys)) == len(keys)


def test_a_rung_has_the_mrr_of_its_lists_over_all_answers_and_their_recall() -> None:
    fold = make_fold(make_log((1, 1, 0)), [(0, [1]), (1, [1]), (2, [1]), (3, [1])], [10, 11, 12, 13])
    rows = [(0, 10, 2.0), (0, 5, 1.0), (1, 5, 2.0), (1, 11, 2.0), (2, 5, 1.0), (9, 10, 1.0)]
    lists = frame(rows, PAIRS | {"score": pl.Float64})
    articles = pl.DataFrame({"item": [5, 10, 11, 12], "category": [1, 2, 3, 4]}, schema_overrides={"item": pl.Int32})
    bench = NewsBench(SimpleNamespace(embeddings=None), COMPETITION.load_config([]), None)  # type: ignore[arg-type]
    bench.__dict__.update(fold=as_result(fold), articles=as_result(articles))  # as if they were read
    scored, more = bench.record(lists)
    assert scored.select("score", "weight").rows() == [(1, 1), (0.5, 2), (0, 3), (0, 4)]  # a tie counts against it
    assert more == {"recall": 0.5, "coverage": 3 / 4}


# --- factors ---


def test_factors_name_articles_of_the_users_family() -> None:
    rng = np.random.default_rng(0)
    reads = [(user, rng.permutation(8)[:4] + user % 2 * 8) for user in range(60)]
    log = [(user, int(item), 60 * n) for user, items in reads for n, item in enumerate(items)]
    fold = make_fold(make_log(*log), [(0, [0, 3]), (1, [9, 14]), (2, [77])], [1, 10, 1])
    asked = dataclasses.replace(fold, queries=fold.queries.with_columns(time=pl.lit(1_000_000)))
    listed = list_by_factors(asked, 6, 0)
    lists = {query: part["item"].to_list() for (query,), part in listed.group_by("query", maintain_order=True)}
    assert len(set(lists[0]) & set(range(8))) >= 5
    assert len(set(lists[1]) & set(range(8, 16))) >= 5
    assert not {0, 3} & set(lists[0])
    assert not {9, 14} & set(lists[1])
    assert listed.filter(query=0)["score"].is_sorted(descending=True)


def test_factors_and_network_see_nothing_that_the_fold_hides() -> None:
    clicks = make_world().clicks
    fold = label(clicks)
    other = label(swap_hidden(clicks, fold))
    assert fold.answers is not None
    assert not fold.answers.equals(other.answers)
    assert_frame_equal(list_by_factors(fold, 20, 0), list_by_factors(other, 20, 0))
    short = SequenceSettings(size=8, steps=4, negatives=20, threads=1)
    pairs = every_pair(fold)
    assert_frame_equal(score_next(fold, pairs, short, 0), score_next(other, pairs, short, 0))


# --- the recurrent network ---


def test_the_network_learns_what_follows_what() -> None:
    """Article n is followed by article 3 n + 1 (mod 20), whoever reads it."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(150):
        item = int(rng.integers(20))
        for step in range(5):
            rows.append((user, item, 60.0 * step))
            item = (3 * item + 1) % 20
    fold = make_fold(make_log(*rows), [(0, [2]), (1, [7, 2]), (2, [11, 14])], [7, 7, 3])
    scores = score_next(fold, every_pair(fold), QUICK, 0)
    best = scores.sort("query", "score", descending=[False, True]).group_by("query", maintain_order=True).first()
    assert best["item"].to_list() == [7, 7, 3]
    assert_frame_equal(scores, score_next(fold, every_pair(fold), QUICK, 0), check_exact=True)
