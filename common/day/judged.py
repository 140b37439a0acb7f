"""One typed result of a run, the same in every competition.

A competition fills a ``Judged`` from its pipeline's outcome (competitions/<name>/day/judged.py). The scores are there
at once; what explains them is made when it is called, part by part (``common.day.record_writer``).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.arrays import Floats
from common.day.evidence import Evidence
from common.day.record_schema import Row, Scored
from common.engine.decisions import Decision
from common.io.notes import Note
from common.io.submission import Checked
from common.learning.dataset import Matrix, RankingDataset, pick_queries
from common.learning.diagnostics import Calibration, Curve, Importance
from common.learning.gbdt import Ranker, score_rows
from common.learning.listwise_softmax import find_starts, fit_temperatures, log_likelihoods
from common.learning.metrics import score_log_loss
from common.learning.model_diagnostics import Metric, permute, sample_queries, share_gains

Mix = Callable[[Any, Floats, NDArray[np.int32]], Floats]  # blend, scores (rows, models), rows of each query -> (rows,)
Deferred = tuple[Any, ...]  # a step that takes seconds: a function and what it is given, results of steps among it
TOP = 15  # features that are shuffled


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a run reports. ``meaning``: the metric in a line; ``ranking``: the models side by side, the blend last.

    ``queries``: one row per query: query and fold (text), score (what it earns under the metric), ``weight`` where
    queries do not count alike, ``cluster`` where some rise and fall together, ``fits`` (a list: its score by each
    single fit) where there are several, ``part`` where a fit scored a part of them; then any number of slices (text).
    ``error``: of the score, where it is another than that of the queries; ``why`` in words. ``fits``: what "auto" is in
    the setting of that name: 1 where another fit takes long, or the queries have several fits already.

    What is a function is made when it is called, of one fit of several. ``evidence``: None where there is no query;
    ``plan``: the settings that the data decided; ``notes``: of reading; ``tables``: (title, rows) of its own;
    ``summary``: everything else that is worth keeping.

    What carries the models, of a whole run alone: ``importance``: ``measure_importance`` of the blend, as a rule;
    ``given``: features that are the score of an earlier stage.
    """

    metric: str
    meaning: str
    queries: pl.DataFrame
    ranking: Sequence[Scored]
    fits: int = 2
    error: float | None = None
    why: str | None = None
    submissions: Sequence[Checked] = ()
    evidence: Callable[[], Evidence] | None = None
    features: Callable[[], Sequence[str]] = tuple
    plan: Callable[[], Sequence[Decision]] = tuple
    notes: Callable[[], Sequence[Note]] = tuple
    tables: Callable[[], Sequence[tuple[str, Sequence[Row]]]] = tuple
    summary: Callable[[], Row] = dict
    importance: Deferred | None = None
    given: Sequence[str] = ()
    curves: Callable[[], Sequence[Curve]] = tuple
    calibration: Callable[[], Sequence[Calibration]] = tuple


def measure_importance(
    rows: RankingDataset,
    rankers: Sequence[Ranker],
    queries: int = 500,
    most: int = 15_000,
    mix: Mix | None = None,
    blend: object = None,
) -> list[Importance]:
    """Gain, and the log likelihood that the right one of validation ``rows`` loses when a feature is shuffled.

    A hit moves in steps of 1 and most shuffles move none of some hundred; the softmax of the blend moves with each.
    Its temperature is the one that suits the rows best, since a ranker's scale is its own. Queries whose right one is
    not among the rows have no likelihood and are left out; of a yes or no a row each has one. At most ``queries`` of
    ``most`` rows together are shuffled, for a few seconds. ``mix`` and ``blend``: None for a single ranker.
    """
    gains = share_gains(rankers)
    if rows.is_binary:
        right, queries = np.ones(len(rows.labels), bool), most
    else:
        right = (
            np.add.reduceat(rows.labels, find_starts(rows.group_sizes)) > 0 if len(rows.labels) else np.empty(0, bool)
        )
    if not right.any():
        return [Importance(name, gain) for name, gain in gains.items()]
    # Drawn here: the blend standardises or mixes by query, so that it has to know the sizes of those that are scored.
    drawn = sample_queries(pick_queries(rows, right), queries, most, 0)

    def score(features: Matrix) -> Floats:
        scores = score_rows(drawn.names, features, rankers)
        return mix(blend, scores, drawn.group_sizes) if mix else scores[:, 0]

    names = [name for name in gains if name in drawn.names][:TOP]
    losses = permute(score, drawn, choose_likelihood(score(drawn.features), drawn), names)
    return [Importance(name, gain, *losses.get(name, (None, None))) for name, gain in gains.items()]


def choose_likelihood(scores: Floats, rows: RankingDataset) -> Metric:
    """The log likelihood of each query by its scores, at the temperature that suits these best; of a yes or no a row,
    whose scores are log odds, that of each row.
    """
    if rows.is_binary:
        return lambda scores, scored: -score_log_loss(scored.labels, 1 / (1 + np.exp(-scores)))
    (temperature,) = fit_temperatures(scores[:, None], rows.labels, rows.group_sizes)
    return lambda scores, scored: log_likelihoods(scores * temperature, scored.labels, scored.group_sizes)
