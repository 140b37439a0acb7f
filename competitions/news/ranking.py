"""From candidates and feature blocks to scores: training rows, fits, predictions, blend."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.errors import UserError
from common.metrics import reciprocal_ranks
from common.pipeline.progress import track
from common.ranking import gbdt
from common.ranking.blending import Blend, search_weights, standardise
from common.ranking.dataset import RankingDataset, to_matrix
from common.ranking.gbdt import Ranker, Recipe, fit, predict
from common.split import Fold

CHUNK_ROWS = 500_000
Blocks = Mapping[str, pl.DataFrame]  # "query": one row per query; the others: one row per candidate, in order


@dataclass(frozen=True)
class Labelled:
    """Rows of the labelled fold: ``train`` to fit, ``stop`` to end a fit, ``valid`` to judge.

    ``train`` and ``stop`` hold the queries whose answer recall found, each with sampled negatives; ``valid`` holds
    every candidate of every validation query, which is what the test looks like. ``stop`` is a sample of ``valid``: a
    ranking metric over all of it after every round would cost more than the fit.
    """

    train: RankingDataset
    stop: RankingDataset
    valid: RankingDataset


def gather_rows(fold: Fold, candidates: pl.DataFrame, blocks: Blocks, negatives: int, seed: int) -> Labelled:
    """The labelled fold as matrices.

    A thinned query keeps its answer and ``negatives`` of the others, drawn evenly: to keep more of the likely ones
    would teach the ranker that an unlikely one is the answer more often than it is.
    """
    assert fold.answers is not None
    marked = candidates.select("query", "item").with_row_index("row")
    found = fold.answers.with_columns(label=pl.lit(1.0, pl.Float32))
    marked = marked.join(found, on=["query", "item"], how="left", maintain_order="left")
    marked = marked.join(fold.queries.select("query", "role"), on="query", how="left", maintain_order="left")
    marked = marked.with_columns(pl.col("label").fill_null(0.0), draw=np.random.default_rng(seed).random(marked.height))
    place = (pl.col("draw") - pl.col("label")).rank("ordinal").over("query")  # the answer comes first
    thin = marked.filter((pl.col("label").max().over("query") > 0) & (place <= negatives + 1))
    if not thin.filter(role="train").height or not thin.filter(role="valid").height:
        raise UserError(
            "Recall found no answer of the training or of the validation queries: the log is too small to learn from, "
            "or recall.channels names too few channels."
        )
    parts = (thin.filter(role="train"), thin.filter(role="valid"), marked.filter(role="valid"))
    return Labelled(*(_take(part, candidates, blocks) for part in parts))


def _take(marked: pl.DataFrame, candidates: pl.DataFrame, blocks: Blocks) -> RankingDataset:
    names = feature_names(blocks)
    features = np.empty((marked.height, len(names)), np.float32)
    for start in range(0, marked.height, CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        rows = marked["row"][part].to_numpy()
        features[part] = stack(candidates["query"][rows], blocks, rows)
    sizes = marked.group_by("query", maintain_order=True).len()["len"].to_numpy().astype(np.int32)
    return RankingDataset(names, features, marked["label"].to_numpy(), sizes)


def feature_names(blocks: Blocks) -> tuple[str, ...]:
    """Names of the feature columns, block after block."""
    return tuple(name for block in blocks.values() for name in block.columns if name != "query")


def stack(queries: pl.Series, blocks: Blocks, rows: NDArray[np.int64] | slice) -> NDArray[np.float32]:
    """The features of some candidate rows side by side, float32 (rows, features)."""
    parts = []
    for name, block in blocks.items():
        if name == "query":
            part = queries.to_frame("query").join(block, on="query", how="left", maintain_order="left").drop("query")
        else:
            part = block[rows]
        parts.append(to_matrix(part))
    return np.hstack(parts)


def fit_early(
    labelled: Labelled, kind: str, parameters: dict[str, Any], rounds: int, patience: int, seed: int
) -> Ranker:
    """Fit on the training queries, stop by the validation queries."""
    return fit(Recipe(kind, parameters, rounds, patience, seed), labelled.train, labelled.stop)


def refit(labelled: Labelled, early: Ranker, parameters: dict[str, Any], seed: int) -> Ranker:
    """Fit on training and validation queries together, for the rounds that the early stop found."""
    return gbdt.refit(Recipe(early.kind, parameters, early.rounds, 0, seed), early, [labelled.train, labelled.stop])


def score_valid(labelled: Labelled, rankers: Sequence[Ranker]) -> NDArray[np.float64]:
    """Each ranker's scores of the validation rows, which none of them was fitted on: (rows, rankers)."""
    return np.column_stack([predict(ranker, labelled.valid.features) for ranker in rankers])


def find_blend(labelled: Labelled, scores: NDArray[np.float64], answers: int, trials: int, seed: int) -> Blend:
    """Blend weights from the out-of-fold scores of the validation queries."""
    valid = labelled.valid
    return search_weights(scores, valid.labels, valid.group_sizes, answers=answers, trials=trials, seed=seed, k=5)


def measure(labelled: Labelled, scores: NDArray[np.float64], answers: int) -> list[tuple[float, float]]:
    """(MRR@5, its standard error) of each column of validation scores; queries without an answer in reach count 0."""
    measured = []
    for column in range(scores.shape[1]):
        found = reciprocal_ranks(scores[:, column], labelled.valid.labels, labelled.valid.group_sizes, 5)
        each = np.zeros(answers)
        each[: len(found)] = found
        measured.append((float(each.mean()), float(each.std() / np.sqrt(max(answers, 1)))))
    return measured


def score_test(candidates: pl.DataFrame, blocks: Blocks, rankers: Sequence[Ranker], blend: Blend) -> pl.DataFrame:
    """Blended scores of every candidate: one row per (query, item, score); features are built a block at a time."""
    sizes = candidates.group_by("query", maintain_order=True).len()["len"].to_numpy().astype(np.int32)
    scores = np.empty((candidates.height, len(rankers)))
    for start in track(range(0, candidates.height, CHUNK_ROWS), "score_test"):
        part = slice(start, min(start + CHUNK_ROWS, candidates.height))
        features = stack(candidates["query"][part], blocks, part)
        for place, ranker in enumerate(rankers):
            scores[part, place] = predict(ranker, features)
    blended = standardise(scores, sizes) @ np.array(blend.weights)
    return candidates.select("query", "item", score=pl.Series(blended))
