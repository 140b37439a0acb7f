"""What `make tune-flight` searches: the parameters of each ranker, and which rankers the blend takes.

Studies see the rows of the last fold's training sessions only, in an expanding window by the time of the search; the
validation sessions of that fold measure the best settings. A study goes by the log likelihood of the booked option,
which moves with every session where HitRate@3 stands still.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.day.tuning import search_space
from common.day.tuning.gbdt_task import tune_ranker
from common.day.tuning.search_space import Settings
from common.day.tuning.task import Scores, Task
from common.engine.run import Result, Run
from common.learning.dataset import RankingDataset, cut_by_time
from common.learning.fit_task import Recipe
from common.learning.gbdt import fit, predict
from common.learning.listwise_softmax import Labels, Sizes, fit_temperatures, log_likelihoods
from competitions.flight.config import FlightConfig
from competitions.flight.io.reader import RawFiles, Searches
from competitions.flight.metrics import CUTOFF, LARGE
from competitions.flight.pipeline import Prepared, prepare
from competitions.flight.ranking.rankers import make_recipe
from competitions.flight.ranking.size_bucket_blending import FLOOR, BucketSearch, apply_buckets, search_buckets
from competitions.flight.ranking.training_data import TrainingData

FOLDS = 3
BLEND = "blend"
METRIC = "log likelihood"
Folds = list[tuple[RankingDataset, RankingDataset]]
Parameters = Mapping[str, Any]


def list_tasks(config: FlightConfig) -> list[str]:
    """Names of what can be tuned: every ranker of the settings, then the blend."""
    return [*config.rank.models, *([BLEND] if len(config.rank.models) > 1 else [])]


def make_task(name: str, files: RawFiles, config: FlightConfig, run: Run) -> Task:
    """The task of a name, on cached features."""
    prepared = prepare(files, config, run)
    folds = run.step(cut_train, prepared.data, prepared.train, name="tune.folds")
    if name == BLEND:
        recipes = [_make_recipe(kind, prepared, config) for kind in config.rank.models]
        scores = run.step(score_folds, folds, recipes, name="tune.scores")
        unseen = run.step(score_last, recipes, prepared.data, name="tune.score_valid")
        return _blend_task(prepared, folds.value, scores.value, unseen.value, config)
    return tune_ranker(
        name,
        f"rank.{name}",
        prepared.plan.parameters[name],
        METRIC,
        FOLDS,
        partial(_score_fold, name, config, prepared, folds.value),
        partial(_score_unseen, name, config, prepared, run),
    )


def _make_recipe(name: str, prepared: Prepared, config: FlightConfig, parameters: Parameters | None = None) -> Recipe:
    return make_recipe(config, prepared.plan, name, prepared.choice.value.features, parameters)


def cut_train(data: TrainingData, train: Searches) -> Folds:
    """The last fold's training rows in an expanding window by time."""
    fold = data.folds[-1]
    sessions = np.setdiff1d(data.sessions, fold.sessions)
    known = np.isin(data.sessions, sessions) if len(sessions) == len(fold.train.group_sizes) else None
    times = train.sessions["time"].to_numpy()[data.sessions]
    if known is None:  # the fold trains on a part of the sessions: those before it
        cut = times[np.isin(data.sessions, fold.sessions)].min(initial=times.max() + 1)
        known = times < cut
    return cut_by_time(fold.train, times[known], FOLDS)


def _score_fold(
    name: str, config: FlightConfig, prepared: Prepared, folds: Folds, parameters: Parameters, fold: int
) -> float:
    train, valid = folds[fold]
    ranker = fit(_make_recipe(name, prepared, config, parameters), train, valid)
    return float(score_likelihood(predict_rows(ranker, valid), valid.labels, valid.group_sizes).mean())


def predict_rows(ranker: Any, rows: RankingDataset) -> Scores:
    """Scores of rows that may have more features than the ranker takes."""
    own = [rows.names.index(name) for name in ranker.gain]
    return predict(ranker, rows.features if len(own) == len(rows.names) else rows.features[:, own])


def score_likelihood(scores: Scores, labels: Labels, sizes: Sizes) -> Scores:
    """By query the log likelihood of its booking, at the temperature that suits the scores best.

    A pairwise loss leaves the scale of its scores to chance.
    """
    factor = fit_temperatures(scores[:, None], labels, sizes)[0]
    return log_likelihoods(np.ascontiguousarray(scores * factor), labels, sizes)


def _score_unseen(name: str, config: FlightConfig, prepared: Prepared, run: Run, parameters: Parameters) -> Scores:
    recipe = _make_recipe(name, prepared, config, parameters)
    scores = run.step(score_last, [recipe], prepared.data, name=f"fit.{name}").value
    valid = prepared.data.value.folds[-1].valid
    return score_likelihood(scores[:, 0], valid.labels, valid.group_sizes)[valid.group_sizes > LARGE]


def score_last(recipes: Sequence[Recipe], data: TrainingData) -> Scores:
    """Each recipe's scores of the last fold's validation rows, (rows, recipes)."""
    fold = data.folds[-1]
    return np.column_stack([predict_rows(fit(recipe, fold.train, fold.valid), fold.valid) for recipe in recipes])


def score_folds(folds: Folds, recipes: Sequence[Recipe]) -> list[Scores]:
    """Each model's scores of every fold's validation rows: (rows, models) by fold."""
    scores = []
    for train, valid in folds:
        fits = [fit(recipe, train, valid) for recipe in recipes]
        scores.append(np.column_stack([predict_rows(ranker, valid) for ranker in fits]))
    return scores


def _blend_task(prepared: Prepared, folds: Folds, scores: list[Scores], unseen: Scores, config: FlightConfig) -> Task:
    models, key = tuple(config.rank.models), "rank.models"
    data: Result[TrainingData] = prepared.data
    valid = data.value.folds[-1].valid

    def score(settings: Settings, fold: int) -> float:
        return float(_score_blend(scores[fold], models, settings[key], folds[fold][1], config).mean())

    def judge(settings: Settings) -> Scores:
        return _score_blend(unseen, models, settings[key], valid, config)[valid.group_sizes > LARGE]

    return Task(
        BLEND,
        METRIC,
        {key: search_space.subsets(models)},
        {key: "+".join(models)},
        FOLDS,
        score,
        judge,
        lambda settings: {key: str(settings[key]).split("+")},
    )


def _score_blend(
    scores: Scores, models: tuple[str, ...], chosen: str, rows: RankingDataset, config: FlightConfig
) -> Scores:
    """Each session's log likelihood when the blend is searched on the other half of the sessions."""
    columns = scores[:, [models.index(name) for name in chosen.split("+")]]
    half: NDArray[np.bool_] = np.arange(len(rows.group_sizes)) % 2 == 0
    likelihoods = np.zeros(len(rows.group_sizes))
    search = BucketSearch(CUTOFF, config.blend.bucket_sessions, min_size=1)
    for part in (half, ~half):
        inside, outside = np.repeat(part, rows.group_sizes), np.repeat(~part, rows.group_sizes)
        blend = search_buckets(columns[inside], rows.labels[inside], rows.group_sizes[part], search)
        sizes = rows.group_sizes[~part]
        logs = np.log(np.maximum(apply_buckets(blend, columns[outside], sizes), FLOOR))
        likelihoods[~part] = log_likelihoods(logs, rows.labels[outside], sizes)
    return likelihoods
