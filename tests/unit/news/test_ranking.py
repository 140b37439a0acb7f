"""From candidates to scores: which rows are learned from, whose features they have, chunks, the refit."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from common.engine.errors import UserError
from common.learning.blending import Blend
from common.learning.dataset import Matrix, RankingDataset
from common.learning.fit_task import Recipe
from common.learning.gbdt import Ranker
from common.learning.split import Fold
from competitions.news import ranking
from competitions.news.competition import COMPETITION
from competitions.news.ranking import make_recipe

KEYS = {"query": pl.Int32, "item": pl.Int32}
QUERIES, EACH = 40, 25
NAMES = ("user_own", "item_planted", "item_holes", "pair_twice")


@pytest.fixture(scope="module")
def candidates() -> pl.DataFrame:
    """25 items for each of 40 queries, sorted by both; query 39 has three only, query 38 none."""
    rng = np.random.default_rng(0)
    sizes = {38: 0, 39: 3}
    rows = [(q, int(i)) for q in range(QUERIES) for i in np.sort(rng.choice(900, sizes.get(q, EACH), replace=False))]
    return pl.DataFrame(rows, schema=KEYS, orient="row").with_columns(
        fusion=pl.Series(rng.integers(0, 12, len(rows)), dtype=pl.Float32)  # with ties
    )


@pytest.fixture(scope="module")
def fold(candidates: pl.DataFrame) -> Fold:
    """Every third query is for validation; retrieval missed the answer of every fifth query, and of 38."""
    queries = pl.DataFrame({"query": range(QUERIES)}, schema={"query": pl.Int32}).with_columns(
        user=pl.col("query") + 500,
        weight=1.0 + pl.col("query"),
        role=pl.when(pl.col("query") % 3 == 0).then(pl.lit("valid")).otherwise(pl.lit("train")),
    )
    listed = candidates.group_by("query", maintain_order=True).agg(pl.col("item").get(pl.col("query").first() % 3))
    answers = (
        queries.select("query")
        .join(listed, on="query", how="left")
        .with_columns(
            item=pl.when(pl.col("query") % 5 == 0).then(1000).otherwise(pl.col("item").fill_null(1000)).cast(pl.Int32)
        )
    )
    empty = pl.DataFrame()
    return Fold(empty, queries, empty, answers)


@pytest.fixture(scope="module")
def blocks(candidates: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Features that tell whose they are: the query, query * 1000 + item, and both again in other blocks."""
    own = pl.DataFrame({"query": range(QUERIES)}, schema={"query": pl.Int32}).with_columns(
        user_own=pl.col("query") * 1.0
    )
    planted = candidates.select(
        item_planted=(pl.col("query") * 1000 + pl.col("item")).cast(pl.Float32),
        item_holes=pl.when(pl.col("item") % 2 == 0).then(pl.col("item")).cast(pl.Float32),
    )
    twice = candidates.select(pair_twice=(pl.col("query") * 2000 + 2 * pl.col("item")).cast(pl.Float32))
    return {"query": own.sample(fraction=1, shuffle=True, seed=0), "item": planted, "pair": twice}


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


def right(fold: Fold) -> set[tuple[int, int]]:
    assert fold.answers is not None
    return set(fold.answers.rows())


Prepared = tuple[Fold, pl.DataFrame, dict[str, pl.DataFrame]]


@pytest.fixture(scope="module")
def prepared(fold: Fold, candidates: pl.DataFrame, blocks: dict[str, pl.DataFrame]) -> Prepared:
    return fold, candidates, blocks


# --- rows ---


def gather(prepared: Prepared, negatives: int, seed: int = 1) -> ranking.Labelled:
    return ranking.gather_rows(*prepared, negatives, seed)


@pytest.mark.parametrize(("part", "valid"), [("train", False), ("stop", True)])
@pytest.mark.parametrize("negatives", [1, 6, 100])
def test_a_thinned_query_keeps_its_answer_and_some_others(
    prepared: Prepared, part: str, valid: bool, negatives: int
) -> None:
    fold, candidates, _ = prepared
    rows: RankingDataset = getattr(gather(prepared, negatives), part)
    keys = identify(rows)
    listed = set(candidates.select("query", "item").rows())
    hits = {key for key in right(fold) & listed if (key[0] % 3 == 0) == valid}
    queries = {query for query, _ in hits}
    assert {key for key, label in zip(keys, rows.labels, strict=True) if label == 1} == hits
    assert set(rows.labels) == {0, 1}
    assert len(set(keys)) == len(keys)
    assert set(keys) <= listed
    assert [query for query, _ in keys] == sorted(query for query, _ in keys)
    assert {query for query, _ in keys} == queries
    for query in queries:
        held = min(1 + negatives, sum(key[0] == query for key in listed))
        assert sum(key[0] == query for key in keys) == held


def test_validation_keeps_every_candidate_of_every_query(prepared: Prepared) -> None:
    fold, candidates, _ = prepared
    labelled = gather(prepared, 2)
    valid = labelled.valid
    with_rows = fold.queries.filter(pl.col("query") % 3 == 0)
    assert len(labelled.weights) == 14
    assert labelled.weights.tolist() == with_rows["weight"].to_list()
    expected = [key for key in candidates.select("query", "item").rows() if key[0] % 3 == 0]
    assert identify(valid) == expected
    assert valid.labels.tolist() == [float(key in right(fold)) for key in expected]
    assert valid.group_sizes.tolist() == [*[EACH] * 13, 3]
    assert 0 < valid.labels.sum() < 14


def test_negatives_are_drawn_by_seed_and_evenly(prepared: Prepared) -> None:
    one, again, other = (gather(prepared, 3, seed).train for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.features, again.features)
    assert identify(one) != identify(other)
    drawn = [key for seed in range(60) for key in identify(gather(prepared, 3, seed).train)]
    counts = np.array([drawn.count((1, item)) for item in prepared[1].filter(query=1)["item"]])
    assert counts.max() == 60  # the answer
    assert np.sort(counts)[-2] < 20  # 7.5 expected
    assert (counts > 0).all()


def test_rows_do_not_depend_on_the_size_of_a_chunk(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = gather(prepared, 4)
    monkeypatch.setattr(ranking, "CHUNK_ROWS", 7)
    parts = gather(prepared, 4)
    for one, other in ((whole.train, parts.train), (whole.stop, parts.stop), (whole.valid, parts.valid)):
        np.testing.assert_array_equal(one.features, other.features)
        np.testing.assert_array_equal(one.labels, other.labels)


@pytest.mark.parametrize("role", ["train", "valid"])
def test_no_answer_retrieved_for_training_or_for_validation_is_refused(prepared: Prepared, role: str) -> None:
    fold, candidates, blocks = prepared
    assert fold.answers is not None
    lost = fold.answers.join(fold.queries, on="query", maintain_order="left").select(
        "query", item=pl.when(pl.col("role") == role).then(1000).otherwise("item").cast(pl.Int32)
    )
    missed = Fold(fold.history, fold.queries, fold.seen, lost)
    with pytest.raises(UserError, match=r"^Retrieval listed no answer of the training or .*recall\.channels.*\.$"):
        ranking.gather_rows(missed, candidates, blocks, 3, seed=1)


# --- fit and refit ---


def test_a_recipe_takes_the_configured_parameters_or_those_given() -> None:
    settings = COMPETITION.load_config(["rank.rounds=50", "rank.patience=5"]).rank
    assert make_recipe(settings, "xgboost", 8) == Recipe("xgboost", settings.xgboost, 50, 5, 8)
    assert make_recipe(settings, "xgboost", 8, {"depth": 2}) == Recipe("xgboost", {"depth": 2}, 50, 5, 8)


# --- scores ---


def pick_column(ranker: Ranker, features: Matrix) -> np.ndarray:
    """A ranker that scores by one feature."""
    return features[:, ranker.rounds].astype(np.float64)


@pytest.mark.parametrize("chunk", [1, 7, 25, 10_000])
def test_test_scores_are_the_blend_of_standardised_models_whatever_the_chunk(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    _, candidates, blocks = prepared
    monkeypatch.setattr(ranking, "CHUNK_ROWS", chunk)
    monkeypatch.setattr(ranking, "predict", pick_column)
    rng = np.random.default_rng(3)
    noise = pl.DataFrame({"pair_noise": rng.normal(size=candidates.height).astype(np.float32)})
    rankers = [Ranker("x", None, column, {}) for column in (1, 4)]
    scored = ranking.score_test(candidates, {**blocks, "extra": noise}, rankers, Blend((0.75, 0.25), 0.0, np.zeros(0)))
    assert scored.select("query", "item").rows() == candidates.select("query", "item").rows()
    expected: list[float] = []
    for query in candidates["query"].unique(maintain_order=True):
        mask = (candidates["query"] == query).to_numpy()
        columns = [blocks["item"]["item_planted"].to_numpy()[mask], noise["pair_noise"].to_numpy()[mask]]
        planted, other = ((c - c.mean(dtype=float)) / c.std(dtype=float) for c in columns)
        expected.extend(0.75 * planted + 0.25 * other)
    np.testing.assert_allclose(scored["score"], expected, atol=1e-4)


def test_validation_scores_have_a_column_for_each_ranker(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "predict", pick_column)
    labelled = gather(prepared, 4)
    scores = ranking.score_valid(labelled, [Ranker("x", None, column, {}) for column in (3, 0)])
    np.testing.assert_array_equal(scores, labelled.valid.features[:, [3, 0]])


def test_the_measure_counts_queries_without_candidates() -> None:
    rows = RankingDataset(
        ("x",), np.zeros((5, 1), np.float32), np.array([0, 1, 1, 0, 0], np.float32), np.array([2, 3], np.int32)
    )
    labelled = ranking.Labelled(rows, rows, rows, np.ones(4))
    scores = np.array([[2.0, 0.0], [1.0, 5.0], [9.0, 1.0], [0.0, 1.0], [0.0, 2.0]])
    # Reciprocal ranks 1/2, 1, and 0, 0 for two queries without candidates; then 1, 1/3, 0, 0.
    first, second = ranking.evaluate_models(labelled, scores)
    assert first == pytest.approx((1.5 / 4, np.std([0.5, 1, 0, 0]) / 2))
    assert second == pytest.approx((4 / 3 / 4, np.std([1, 1 / 3, 0, 0]) / 2))
    # The first query counts three times as much, which is not the same as being there three times.
    heavy, _ = ranking.evaluate_models(replace(labelled, weights=np.array([3.0, 1, 1, 1])), scores)
    mean = (3 * 0.5 + 1) / 6
    spread = [3 * (0.5 - mean), 1 - mean, mean, mean]
    assert heavy == pytest.approx((mean, np.sqrt(np.square(spread).sum()) / 6))


def test_the_blend_is_fitted_on_validation_rows(prepared: Prepared) -> None:
    labelled = gather(prepared, 4)
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(len(labelled.valid.labels), 2))
    scores = np.column_stack([noise[:, 0], noise[:, 1] + 9 * labelled.valid.labels])
    blend = ranking.find_blend(labelled, scores, 0)
    assert blend.weights[1] > 0.5
    hits = float(labelled.valid.labels.sum())
    assert 0.9 * hits / 14 < blend.mrr <= hits / 14
    assert ranking.find_blend(replace(labelled, weights=np.ones(28)), scores, 0).mrr == pytest.approx(blend.mrr / 2)
