"""Fits of the completion model on served days: which rows, which rounds."""

from collections.abc import Sequence

import numpy as np

from common.ranking.dataset import Matrix, find_columns
from competitions.mgtv.config import CompletionSettings
from competitions.mgtv.labels import Floats
from competitions.mgtv.models import completion
from competitions.mgtv.models.completion import Completion
from competitions.mgtv.models.dataset import Served


def gather_plays(days: Sequence[Served], blocks: Sequence[str], most: int) -> tuple[Matrix, Floats]:
    """Features and rates of the clicked rows with a known rate above 0, of the latest days, ``most`` rows at most."""
    columns = find_columns(days[0].rows.names, blocks)
    features, rates, left = [], [], most
    for day in reversed(days):
        played = np.flatnonzero(day.clicked & (day.rates > 0))[-left:] if left else np.empty(0, np.int64)
        features.append(np.asarray(day.rows.features[played][:, columns]))
        rates.append(day.rates[played])
        left -= len(played)
    return np.vstack(features[::-1]), np.concatenate(rates[::-1])


def fit_early(train: Sequence[Served], valid: Served, settings: CompletionSettings, seed: int) -> Completion:
    """Fit on the plays of the training days; the answers' plays of the validation day stop it."""
    features, rates = gather_plays(train, settings.blocks, settings.rows)
    held = np.flatnonzero((valid.rows.labels > 0) & (valid.rates > 0))
    columns = find_columns(valid.rows.names, settings.blocks)
    stop = np.asarray(valid.rows.features[held][:, columns]), valid.rates[held]
    return _fit(valid.rows.names, features, rates, stop, settings, settings.rounds, seed)


def refit(days: Sequence[Served], settings: CompletionSettings, early: Sequence[Completion], seed: int) -> Completion:
    """Fit on all served days, for the mean of the rounds that the early stops found."""
    features, rates = gather_plays(days, settings.blocks, settings.rows)
    rounds = max(round(sum(model.rounds for model in early) / len(early)), 1)
    return _fit(days[0].rows.names, features, rates, None, settings, rounds, seed)


def _fit(
    names: tuple[str, ...],
    features: Matrix,
    rates: Floats,
    held: tuple[Matrix, Floats] | None,
    settings: CompletionSettings,
    rounds: int,
    seed: int,
) -> Completion:
    bins = completion.make_bins(rates, settings.bins, settings.grid)
    names = tuple(names[place] for place in find_columns(names, settings.blocks))
    return completion.fit(features, rates, names, bins, held, settings.parameters, rounds, settings.patience, seed)
