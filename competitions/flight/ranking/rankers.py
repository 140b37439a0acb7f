"""What each ranker is fitted with, its out-of-time scores, and its scores of the test."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.pipeline.progress import track
from common.ranking.dataset import Matrix, RankingDataset, to_matrix
from common.ranking.gbdt import Ranker, Recipe, score_rows
from competitions.flight.config import FlightConfig
from competitions.flight.features.booking_history import History
from competitions.flight.features.build import build_features
from competitions.flight.features.option_attributes import slice_sessions
from competitions.flight.io.reader import Searches
from competitions.flight.metrics import CUTOFF
from competitions.flight.ranking.training_data import SLICE_ROWS
from competitions.flight.split import Snapshots

Floats = NDArray[np.float64]
BASELINE = "baseline"


def make_recipe(
    config: FlightConfig, kind: str, blocks: Sequence[str] | None = None, parameters: Mapping[str, Any] | None = None
) -> Recipe:
    """How a ranker of a kind is fitted: on all blocks and with its own parameters unless others are given."""
    settings = config.rank
    parameters = getattr(settings, kind) if parameters is None else parameters
    blocks = tuple(settings.blocks if blocks is None else blocks)
    return Recipe(kind, parameters, settings.rounds, settings.patience, config.seed, CUTOFF, blocks=blocks)


def list_recipes(config: FlightConfig) -> dict[str, Recipe]:
    """The recipes of a run by name: the named baseline, then the models that are blended."""
    recipes = {BASELINE: make_recipe(config, config.baseline.model, config.baseline.blocks)}
    return recipes | {kind: make_recipe(config, kind) for kind in config.rank.models}


def score_valid(valid: RankingDataset, rankers: Sequence[Ranker]) -> Floats:
    """Out-of-time scores of the validation rows, which none of the rankers was fitted on: (rows, rankers)."""
    starts = range(0, len(valid.features), SLICE_ROWS)
    slices = (np.asarray(valid.features[start : start + SLICE_ROWS]) for start in starts)
    return np.vstack([score_rows(valid.names, features, rankers) for features in slices])


def score_test(
    searches: Searches, snapshots: Snapshots, history: History, rankers: Sequence[Ranker], blocks: Sequence[str]
) -> Matrix:
    """Each ranker's scores of the test's options, in the order of ``options``; features live for one slice only."""
    scores = np.empty((searches.options.height, len(rankers)), np.float32)
    start = 0
    for first, last in track(list(slice_sessions(searches.sessions, SLICE_ROWS)), "test"):
        frame = build_features(searches, first, last, snapshots.assigned, history, blocks)
        scores[start : start + frame.height] = score_rows(frame.columns, to_matrix(frame), rankers)
        start += frame.height
    return scores
