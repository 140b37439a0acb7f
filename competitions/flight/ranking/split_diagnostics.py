"""The same model on other splits: what the score would seem to be, and why; on request (``readings.splits``).

``second``: the last month validates. ``random``: random sessions validate and history is all other folds' bookings,
later ones and twin searches included: the gap to the split by time is what a random GroupKFold with target statistics
promises and the leaderboard does not keep. Nothing is chosen on either.
"""

import numpy as np
import polars as pl

from common.errors import UserError
from common.pipeline.run import Result, Run
from common.ranking.fit_task import Recipe
from competitions.flight.config import FlightConfig, SampleSettings
from competitions.flight.features.booking_history import BookingLog
from competitions.flight.io.reader import Searches
from competitions.flight.metrics import measure
from competitions.flight.plan import Plan
from competitions.flight.ranking.rankers import Choice, cross_fit_ranker, make_recipe
from competitions.flight.ranking.training_data import build_histories, build_training_data
from competitions.flight.split import Split, split_at_random, split_last_days

Reading = dict[str, float] | str  # what a model scores on another split, or why there is no such split


def evaluate_splits(
    run: Run, train: Result[Searches], log: Result[BookingLog], settings: tuple[FlightConfig, Plan, Choice]
) -> dict[str, Reading]:
    """One model's score on other splits by name, to be read beside the score.

    A split that the train file is too small for gives its reason instead; the submission does not hang on it.
    """
    config, plan, choice = settings
    sessions: Result[pl.DataFrame] = train.sessions
    recipe, sample = make_recipe(config, plan, config.readings.model, choice.features), config.rank.sample
    readings: dict[str, Reading] = {}
    for name in config.readings.splits:
        try:
            if name == "second":
                split = run.step(split_last_days, sessions, config.split)
            else:
                split = run.step(split_at_random, sessions, config.split.valid_share, config.seed, name="split_random")
            reading = run.step(evaluate_split, train, log, split, recipe, sample, config.seed, name=f"reading.{name}")
            readings[name] = reading.value
        except UserError as error:
            readings[name] = str(error)
    return readings


def evaluate_split(
    train: Searches, log: BookingLog, split: Split, recipe: Recipe, sample: SampleSettings, seed: int
) -> dict[str, float]:
    """``measure`` of one model that was fitted and judged on ``split``; only the recipe's blocks are built."""
    blocks = recipe.blocks or ()
    data = build_training_data(train, split, build_histories(log, split, blocks), blocks, sample, seed)
    cross = cross_fit_ranker(recipe, data.folds)
    return measure(np.concatenate(cross.scores), data.valid.labels, data.valid.group_sizes)
