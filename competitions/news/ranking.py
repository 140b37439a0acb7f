"""From candidates and feature blocks to scores: training rows, fits, predictions, and the plain rules beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.arrays import Floats
from common.engine.errors import UserError
from common.engine.progress import track
from common.learning.chain import Chain, judge_chain, order_rows, score_rule
from common.learning.dataset import Matrix, RankingDataset
from common.learning.fitters import Recipe
from common.learning.gbdt import Ranker, predict, shorten
from common.learning.metrics import reciprocal_ranks
from common.learning.split import Fold
from common.retrieval.lists import count_up
from competitions.news.config import MODEL, RankSettings
from competitions.news.features import Blocks, assemble, feature_names

# Whose features are put together at once: more leave the processor's cache, and take twice as long.
CHUNK_ROWS, CHUNK_QUERIES = 50_000, 350
FIRST_ROUNDS, KEPT = 60, 30  # of a query the best by the first rounds alone are scored by all
CUTOFF = 5  # of the competition's MRR
RANKER = "ranker"
# Orders of the candidates without a ranker, by a feature: the first that there is.
RULES: Mapping[str, Sequence[tuple[str, float]]] = {
    "popularity": (("channel_rank_popular_1h", -1.0), ("item_clicks_p1h", 1.0)),
    "retrieval": (("channel_fusion", 1.0),),
}


@dataclass(frozen=True)
class Labelled:
    """Rows of the labelled fold: ``train`` to fit, ``stop`` to end a fit, ``valid`` to judge.

    ``train`` and ``stop`` hold the queries whose answer was retrieved, each with sampled negatives; ``valid`` holds
    every candidate of every validation query, which is what the test looks like. ``stop`` is a sample of ``valid``: a
    ranking metric over all of it after every round would cost more than the fit. ``weights``: how much each validation
    query counts, first those of ``valid``, then those without candidates.
    """

    train: RankingDataset
    stop: RankingDataset
    valid: RankingDataset
    weights: NDArray[np.float64]


def mark_rows(fold: Fold, candidates: pl.DataFrame, negatives: int, seed: int) -> pl.DataFrame:
    """The candidates (row, query, item) with their label and role; ``is_drawn``: those of a thinned query.

    It keeps its answer and ``negatives`` of the others, drawn evenly: to keep more of the likely ones would teach the
    ranker that an unlikely one is the answer more often than it is. One without its answer keeps nothing.
    """
    assert fold.answers is not None
    marked = candidates.select("query", "item").with_row_index("row")
    positives = fold.answers.with_columns(label=pl.lit(1.0, pl.Float32))
    marked = marked.join(positives, on=["query", "item"], how="left", maintain_order="left")
    marked = marked.join(fold.queries.select("query", "role"), on="query", how="left", maintain_order="left")
    marked = marked.with_columns(pl.col("label").fill_null(0.0), draw=np.random.default_rng(seed).random(marked.height))
    order = (pl.col("draw") - pl.col("label")).rank("ordinal").over("query")  # the answer comes first
    is_drawn = (pl.col("label").max().over("query") > 0) & (order <= negatives + 1)
    return marked.with_columns(is_drawn=is_drawn).drop("draw")


def draw_rows(fold: Fold, candidates: pl.DataFrame, negatives: int, seed: int) -> NDArray[np.int64]:
    """The rows that features are needed of: all of validation, the training queries thinned."""
    marked = mark_rows(fold, candidates, negatives, seed)
    return marked.filter(pl.col("is_drawn") | (pl.col("role") == "valid"))["row"].cast(pl.Int64).to_numpy()


def gather_rows(fold: Fold, candidates: pl.DataFrame, blocks: Blocks, negatives: int, seed: int) -> Labelled:
    """The labelled fold as matrices; what is thinned already stays as it is."""
    marked = mark_rows(fold, candidates, negatives, seed)
    thin = marked.filter("is_drawn")
    train, stop, valid = thin.filter(role="train"), thin.filter(role="valid"), marked.filter(role="valid")
    if not train.height or not stop.height:
        raise UserError(
            "Retrieval listed no answer of the training or of the validation queries: the log is too small for "
            "training, or recall.channels has too few channels."
        )
    return Labelled(
        train=_take(train, blocks),
        stop=_take(stop, blocks),
        valid=_take(valid, blocks),
        weights=order_valid(fold, valid)["weight"].to_numpy(),
    )


def take_rows(candidates: pl.DataFrame, kept: NDArray[np.int64]) -> pl.DataFrame:
    """Some of the candidates."""
    return candidates[kept]


def join_frames(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The rows of all parts, one after the other, where they lie."""
    return pl.concat(parts, rechunk=False)


def join_named(parts: Sequence[Mapping[str, pl.DataFrame]]) -> dict[str, pl.DataFrame]:
    """The frames of each name, likewise."""
    return {name: join_frames([part[name] for part in parts]) for name in parts[0]}


def order_valid(fold: Fold, candidates: pl.DataFrame) -> pl.DataFrame:
    """The validation queries: those that have candidates, in the order of these, then the others."""
    valid = fold.queries.filter(role="valid")
    listed = candidates.select("query").unique(maintain_order=True).with_row_index("index")
    ranked = valid.join(listed, on="query", how="left", maintain_order="left")
    return ranked.sort("index", nulls_last=True, maintain_order=True).drop("index")


def _take(marked: pl.DataFrame, blocks: Blocks) -> RankingDataset:
    names = feature_names(blocks)
    features = np.empty((marked.height, len(names)), np.float32)
    for start in range(0, marked.height, CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        rows = marked["row"][part].to_numpy()
        features[part] = assemble(blocks, rows)
    return RankingDataset(names, features, marked["label"].to_numpy(), count_group_sizes(marked))


def count_group_sizes(candidates: pl.DataFrame) -> NDArray[np.int32]:
    """The rows of each query, in the order of the queries."""
    return candidates.group_by("query", maintain_order=True).len()["len"].to_numpy().astype(np.int32)


def make_recipe(settings: RankSettings, patience: int, seed: int) -> Recipe:
    """How the model is fitted."""
    return Recipe(MODEL, settings.lightgbm_lambdarank, settings.rounds, patience, seed, seeds=settings.seeds)


def score_valid(labelled: Labelled, ranker: Ranker) -> NDArray[np.float64]:
    """The scores (rows,) of the validation rows, which the ranker was not fitted on."""
    valid = labelled.valid
    return score_lists(ranker, valid.names, valid.features, valid.group_sizes)


def score_lists(ranker: Ranker, names: Sequence[str], features: Matrix, sizes: NDArray[np.int32]) -> Floats:
    """The scores (rows,) of lists of so many rows, one after the other: of the ``KEPT`` best of each by its first
    rounds those of the whole ranker; the others stand behind them, in the order of the first rounds.
    """
    scores = predict(shorten(ranker, FIRST_ROUNDS), names, features)
    owner, starts = np.repeat(np.arange(len(sizes)), sizes), np.cumsum(sizes) - sizes
    place = np.empty(len(scores), np.int64)
    place[np.lexsort((-scores, owner))] = np.arange(len(scores)) - starts[owner]
    near = place < KEPT
    first = np.maximum.reduceat(np.where(near, -np.inf, scores), starts)  # of those that stay behind
    scores[near] = predict(ranker, names, features[near])
    last = np.minimum.reduceat(np.where(near, scores, np.inf), starts)
    scores[~near] += (last - first)[owner[~near]]
    return scores


def rank_valid(labelled: Labelled, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each validation query earns by the scores of its rows, in the order of ``weights``: the reciprocal rank of
    its answer, 0 where that is not among the first five or was not retrieved.
    """
    valid = labelled.valid
    reciprocal = reciprocal_ranks(scores, valid.labels, valid.group_sizes, CUTOFF)
    return np.pad(reciprocal, (0, len(labelled.weights) - len(reciprocal)))


def find_rules(names: Sequence[str]) -> dict[str, tuple[str, float]]:
    """The plain rules that these features allow."""
    found = {rule: next((each for each in orders if each[0] in names), None) for rule, orders in RULES.items()}
    return {rule: order for rule, order in found.items() if order}


def judge_orders(parts: Sequence[Labelled], scores: Sequence[NDArray[np.float64]], answer: str) -> Chain:
    """Whether the ranker's order of the validation rows of all ``parts`` is handed in, or that of a rule."""
    earned: dict[str, list[NDArray[np.float64]]] = {}
    for labelled, own in zip(parts, scores, strict=True):
        rules = {name: score_rule(labelled.valid, order) for name, order in find_rules(labelled.valid.names).items()}
        for name, values in ({RANKER: own} | rules).items():
            earned.setdefault(name, []).append(rank_valid(labelled, values))
    weights = np.concatenate([labelled.weights for labelled in parts])
    return judge_chain(("rank.answer", answer), {name: np.concatenate(each) for name, each in earned.items()}, weights)


def join_rankers(rankers: Sequence[Ranker]) -> Ranker:
    """One that predicts the mean of the rankers of all folds."""
    first, *others = rankers
    return replace(first, others=(*first.others, *(one for other in others for one in (other, *other.others))))


def take_scores(labelled: Labelled, scores: NDArray[np.float64], answer: str) -> NDArray[np.float64]:
    """The scores of the validation rows by which they are handed in."""
    return scores if answer == RANKER else score_rule(labelled.valid, find_rules(labelled.valid.names)[answer])


def score_test(candidates: pl.DataFrame, blocks: Blocks, ranker: Ranker, answer: str = RANKER) -> pl.DataFrame:
    """The score of every candidate, one row per (query, item, score); those of some queries are made at a time."""
    if answer != RANKER:
        name, sign = find_rules(feature_names(blocks))[answer]
        values = next(block[name] for block in blocks.values() if name in block.columns).cast(pl.Float64)
        scores = order_rows(sign * values.fill_null(np.nan).to_numpy(), candidates["query"].to_numpy())
        return candidates.select("query", "item", score=pl.Series(scores))
    scores, names, sizes = np.empty(candidates.height), feature_names(blocks), count_group_sizes(candidates)
    starts = count_up(sizes)
    for first in track(range(0, len(sizes), CHUNK_QUERIES), "score_test"):
        own = sizes[first : first + CHUNK_QUERIES]
        part = slice(starts[first], starts[first + len(own)])
        scores[part] = score_lists(ranker, names, assemble(blocks, part), own)
    return candidates.select("query", "item", score=pl.Series(scores))
