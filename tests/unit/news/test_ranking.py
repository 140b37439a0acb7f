"""From candidates to scores: which rows are learned from, whose features they have, chunks."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from common.engine.errors import UserError
from common.learning.dataset import Matrix, RankingDataset
from common.learning.gbdt import Ranker
from common.learning.split import Fold
from competitions.news import ranking
from competitions.news.features import keep_rows
from tests.unit.news.news_world import PAIRS, frame

QUERIES, EACH = 40, 25
NAMES = ("channel_query", "item_planted", "item_holes", "pair_twice")


Rows = tuple[Fold, pl.DataFrame, dict[str, pl.DataFrame]]  # a fold, its candidates, their blocks


@pytest.fixture(scope="module")
def prepared() -> Rows:
    """25 items for each of 40 queries, sorted by both; query 39 has three only, query 36 none.

    Every third query is for validation; retrieval missed the answer of every fifth query, and of 36. Features tell
    whose they are: the query, query * 1000 + item, and both again in other blocks.
    """
    rng = np.random.default_rng(0)
    sizes = {36: 0, 39: 3}
    rows = [(q, int(i)) for q in range(QUERIES) for i in np.sort(rng.choice(900, sizes.get(q, EACH), replace=False))]
    candidates = frame(rows, PAIRS)
    number = pl.DataFrame({"query": range(QUERIES)}, schema={"query": pl.Int32})
    role = pl.when(pl.col("query") % 3 == 0).then(pl.lit("valid")).otherwise(pl.lit("train"))
    queries = number.with_columns(user=pl.col("query") + 500, weight=1.0 + pl.col("query"), role=role)
    listed = candidates.group_by("query", maintain_order=True).agg(pl.col("item").get(pl.col("query").first() % 3))
    found = pl.when(pl.col("query") % 5 == 0).then(1000).otherwise(pl.col("item").fill_null(1000)).cast(pl.Int32)
    answers = number.join(listed, on="query", how="left").with_columns(item=found)
    blocks = {
        "channel": candidates.select(channel_query=pl.col("query").cast(pl.Float32)),
        "item": candidates.select(
            item_planted=(pl.col("query") * 1000 + pl.col("item")).cast(pl.Float32),
            item_holes=pl.when(pl.col("item") % 2 == 0).then(pl.col("item")).cast(pl.Float32),
        ),
        "pair": candidates.select(pair_twice=(pl.col("query") * 2000 + 2 * pl.col("item")).cast(pl.Float32)),
    }
    return Fold(pl.DataFrame(), queries, pl.DataFrame(), answers), candidates, blocks


def identify(rows: RankingDataset) -> list[tuple[int, int]]:
    """The (query, item) of each row, read from its planted feature, once the other features agree with it."""
    assert rows.names == NAMES
    assert rows.features.dtype == np.float32
    planted = rows.features[:, 1].astype(int)
    query, item = planted // 1000, planted % 1000
    np.testing.assert_array_equal(rows.features[:, 0], query)
    np.testing.assert_array_equal(rows.features[:, 2], np.where(item % 2 == 0, item, np.nan))
    np.testing.assert_array_equal(rows.features[:, 3], 2 * planted)
    np.testing.assert_array_equal(query, np.repeat(list(dict.fromkeys(query.tolist())), rows.group_sizes))
    return list(zip(query.tolist(), item.tolist(), strict=True))


# --- rows ---


def gather(prepared: Rows, negatives: int, seed: int = 1) -> ranking.Labelled:
    return ranking.gather_rows(*prepared, negatives, seed)


@pytest.mark.parametrize("negatives", [1, 6, 100])
def test_a_thinned_query_keeps_its_answer_and_some_others(prepared: Rows, negatives: int) -> None:
    fold, candidates, _ = prepared
    assert fold.answers is not None
    labelled, right = gather(prepared, negatives), set(fold.answers.rows())
    listed = set(candidates.select("query", "item").rows())
    for rows, valid in ((labelled.train, False), (labelled.stop, True)):
        keys = identify(rows)
        hits = {key for key in right & listed if (key[0] % 3 == 0) == valid}
        assert {key for key, label in zip(keys, rows.labels, strict=True) if label == 1} == hits
        assert set(rows.labels) == {0, 1}
        assert len(set(keys)) == len(keys)
        assert set(keys) <= listed
        sizes = {query: sum(key[0] == query for key in listed) for query, _ in sorted(hits)}
        held = [query for query, size in sizes.items() for _ in range(min(1 + negatives, size))]
        assert [query for query, _ in keys] == held


def test_features_are_built_of_validation_and_of_thinned_training_queries_as_among_all_candidates(
    prepared: Rows,
) -> None:
    fold, candidates, blocks = prepared
    kept = ranking.draw_rows(fold, candidates, 3, 1)
    few = candidates[kept]
    valid = fold.queries.filter(role="valid")
    assert_frame_equal(few.join(valid, on="query", how="semi"), candidates.join(valid, on="query", how="semi"))
    thinned = {name: keep_rows(lambda block, _: block, (block,), candidates, kept) for name, block in blocks.items()}
    whole, drawn = gather(prepared, 3), ranking.gather_rows(fold, few, thinned, 3, 1)
    np.testing.assert_array_equal(drawn.valid.features, whole.valid.features)
    np.testing.assert_array_equal(drawn.train.features, whole.train.features)
    np.testing.assert_array_equal(drawn.train.labels, whole.train.labels)


def test_validation_keeps_every_candidate_of_every_query(prepared: Rows) -> None:
    fold, candidates, _ = prepared
    assert fold.answers is not None
    labelled, right = gather(prepared, 2), set(fold.answers.rows())
    valid = labelled.valid
    in_order = (*range(0, 36, 3), 39, 36)  # who has no candidates stands last
    assert labelled.weights.tolist() == [1.0 + query for query in in_order]
    expected = [key for key in candidates.select("query", "item").rows() if key[0] % 3 == 0]
    assert identify(valid) == expected
    assert valid.labels.tolist() == [float(key in right) for key in expected]
    assert valid.group_sizes.tolist() == [*[EACH] * 12, 3]
    assert 0 < valid.labels.sum() < 14


def test_negatives_are_drawn_by_seed_and_evenly(prepared: Rows) -> None:
    one, again, other = (gather(prepared, 3, seed).train for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.features, again.features)
    assert identify(one) != identify(other)
    drawn = [key for seed in range(60) for key in identify(gather(prepared, 3, seed).train)]
    counts = np.array([drawn.count((1, item)) for item in prepared[1].filter(query=1)["item"]])
    assert counts.max() == 60  # the answer
    assert np.sort(counts)[-2] < 20  # 7.5 expected
    assert (counts > 0).all()


@pytest.mark.parametrize("role", ["train", "valid"])
def test_no_answer_retrieved_for_training_or_for_validation_is_refused(prepared: Rows, role: str) -> None:
    fold, candidates, blocks = prepared
    assert fold.answers is not None
    lost = fold.answers.join(fold.queries, on="query", maintain_order="left").select(
        "query", item=pl.when(pl.col("role") == role).then(1000).otherwise("item").cast(pl.Int32)
    )
    missed = Fold(fold.history, fold.queries, fold.seen, lost)
    with pytest.raises(UserError, match=r"^Retrieval listed no answer of the training or .*recall\.channels.*\.$"):
        ranking.gather_rows(missed, candidates, blocks, 3, seed=1)


# --- scores ---


def pick_column(ranker: Ranker, names: Sequence[str], features: Matrix) -> np.ndarray:
    """A ranker that scores by one feature."""
    assert tuple(names) == NAMES
    return features[:, ranker.rounds].astype(np.float64)


@pytest.mark.parametrize("chunk", [1, 10_000])
def test_the_test_has_the_scores_of_its_own_rows_whatever_the_chunk(
    prepared: Rows, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    _, candidates, blocks = prepared
    monkeypatch.setattr(ranking, "CHUNK_QUERIES", chunk)
    monkeypatch.setattr(ranking, "predict", pick_column)
    scored = ranking.score_test(candidates, blocks, Ranker("x", None, 1, {}))
    assert scored.select("query", "item").rows() == candidates.select("query", "item").rows()
    assert scored["score"].to_list() == blocks["item"]["item_planted"].to_list()


def test_all_rounds_order_the_best_of_the_first_and_the_others_stay_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def score(ranker: Ranker, names: Sequence[str], features: Matrix) -> np.ndarray:
        return features[:, int(ranker.rounds > ranking.FIRST_ROUNDS)].astype(np.float64)

    monkeypatch.setattr(ranking, "predict", score)
    monkeypatch.setattr(ranking, "KEPT", 2)
    features = np.array([[9, -5], [1, 99], [8, -3], [2, 98], [7, 4]], np.float32)  # by the first rounds, by all
    scores = ranking.score_lists(Ranker("x", None, 90, {}), NAMES, features, np.array([4, 1], np.int32))
    assert scores.tolist() == [-5, -6, -3, -5, 4]


def test_a_rule_that_is_handed_in_ranks_the_test_by_its_feature() -> None:
    candidates = frame([(0, 5), (0, 6), (0, 7), (1, 5)], PAIRS)
    block = pl.DataFrame({"channel_rank_popular_1h": [3.0, 1.0, None, 1.0]})  # the first is the best
    scored = ranking.score_test(candidates, {"channel": block}, Ranker("x", None, 1, {}), "popularity")
    assert scored.sort("query", "score", descending=[False, True])["item"].to_list() == [6, 5, 7, 5]


def test_queries_without_candidates_earn_nothing_and_all_count_by_their_weight() -> None:
    rows = RankingDataset(
        ("x",), np.zeros((5, 1), np.float32), np.array([0, 1, 1, 0, 0], np.float32), np.array([2, 3], np.int32)
    )
    labelled = ranking.Labelled(rows, rows, rows, np.array([1.0, 2.0, 3.0, 4.0]))
    reciprocal = ranking.rank_valid(labelled, np.array([2.0, 1.0, 9.0, 0.0, 0.0]))
    assert reciprocal.tolist() == [1 / 2, 1, 0, 0]
    chain = ranking.judge_orders([labelled], [np.array([2.0, 1.0, 9.0, 0.0, 0.0])], "auto")
    assert (chain.earned.tolist(), chain.weights.tolist()) == (reciprocal.tolist(), [1, 2, 3, 4])
