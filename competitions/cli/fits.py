"""The score of a run as the mean over several fits of the same rows: the setting ``fits``, or --seeds."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from common.day.judged import Judged
from common.day.run_record import describe_queries
from common.engine.progress import say
from common.engine.run import Run
from competitions.cli.settings import Inputs


def judge_fits(outcome: Any, inputs: Inputs, work: Run) -> tuple[Judged, list[float]]:
    """What a run reports of ``outcome``, each query's score the mean over all fits; the score of every single fit,
    where there are several. The further ones validate only: they differ in ``fit_seed``, and the first is submitted.
    """
    competition, config = inputs.competition, inputs.config
    fits = [competition.judge(outcome, config)]
    scores = [_mean(fits[0])]
    for number in range(1, config.fits):
        another = config.of_fit(number)
        again = Run(work.folder, work.cache)
        fits.append(competition.judge(competition.validate(inputs.files, another, again), another))
        scores.append(_mean(fits[-1]))
        say(f"  fit {number + 1} of {config.fits}: {scores[-1]:.4f}")
    return average_fits(fits), scores if len(scores) > 1 else []


def _mean(judged: Judged) -> float:
    return float(describe_queries(judged.queries)["score"])


def average_fits(fits: Sequence[Judged]) -> Judged:
    """The first fit, with every query's score and every model's the mean over all ``fits`` of the same queries."""
    first = fits[0]
    if len(fits) == 1:
        return first
    scores = pl.concat([one.queries.select("fold", "query", "score") for one in fits])
    means = scores.group_by("fold", "query").agg(pl.col("score").mean())
    queries = first.queries.drop("score").join(means, on=["fold", "query"], how="left", maintain_order="left")
    by_model = [{row.get("model"): row.get("score") for row in one.ranking} for one in fits]
    ranking = [
        dict(row) | {"score": _average([one.get(row.get("model")) for one in by_model])} for row in first.ranking
    ]
    return replace(first, queries=queries.select(first.queries.columns), ranking=ranking)


def _average(scores: Sequence[float | None]) -> float | None:
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if known else None
