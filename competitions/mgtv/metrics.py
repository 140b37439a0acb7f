"""What is measured on the validation days: the score of the full decision and of simpler ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.arrays import Floats, Ints
from common.learning.metrics import average
from competitions.mgtv.models import click_ranker, decision
from competitions.mgtv.models.decision import Predictions

Scores = dict[str, float]


@dataclass(frozen=True)
class Measured:
    """Scores on the validation days: the ``final`` answer's, the same by day, and of the decision ``ladder``."""

    final: Scores
    days: dict[int, Scores]
    ladder: list[dict[str, Any]]


def measure(valid: Sequence[Predictions]) -> Measured:
    """Everything measured on the ``valid`` days."""
    by_day = {part.day.day: judge([part]) for part in valid}
    return Measured(judge(valid), by_day, pool_ladder([decision.climb(part) for part in valid]))


def judge(days: Sequence[Predictions]) -> Scores:
    """Score, its standard error by device, hit rate of the full decision, the mean log likelihood of the answers."""
    scored, likelihoods, sizes = [], [], []
    for part in days:
        rows = decision.decide(part)
        scored.append((*decision.score_answers(part.day, rows, part.rewards.answer), part.day.devices))
        likelihoods.append(click_ranker.mean_log_likelihood(part.chances, part.day))
        sizes.append(len(part.day.rows.group_sizes))
    hits, scores, devices = (np.concatenate(column) for column in zip(*scored, strict=True))
    return sum_up(hits, scores, devices) | {"log_likelihood": float(np.average(likelihoods, weights=sizes))}


def sum_up(hits: Floats, scores: Floats, devices: Ints) -> Scores:
    """The score of some lists, its standard error by device, their hit rate, and the mean s of a hit."""
    mean, error = average(scores, clusters=devices)
    return {
        "score": mean,
        "error": error,
        "hit_rate": float(hits.mean()),
        "score_of_hits": float(scores.sum() / max(hits.sum(), 1)),
    }


def pool_ladder(days: Sequence[Mapping[tuple[str, str], tuple[Floats, Floats]]]) -> list[dict[str, Any]]:
    """One row per way to pick the video, one column per way to answer the rate; devices of all days together."""
    rows = []
    for picked in decision.PICKS:
        row: dict[str, Any] = {"pick": picked}
        for answered in decision.ANSWERS:
            hits, scores = (np.concatenate(part) for part in zip(*(day[picked, answered] for day in days), strict=True))
            row |= {"hit_rate": float(hits.mean())} | {answered: float(scores.mean())}
        rows.append({key: row[key] for key in ("pick", "hit_rate", *decision.ANSWERS)})
    return rows
