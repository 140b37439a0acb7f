"""What the methods of the ladder begin with, and how probabilities are scored: by the full decision."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from msgspec.structs import replace as put

from common.arrays import Floats
from common.day.record_schema import CLUSTER
from common.engine.run import Result, collect
from common.learning.listwise_softmax import fit_temperatures, softmax_within
from competitions.learning.ladder import Bench
from competitions.learning.mgtv import calibration
from competitions.mgtv.config import MgtvConfig
from competitions.mgtv.io import reader
from competitions.mgtv.metrics import judge
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.models.decision import Predictions, decide, expect_rewards, score_answers
from competitions.mgtv.pipeline import Days, Prepared, build_day, fit_completion, prepare
from competitions.mgtv.split import look_up_outcome

Scores = dict[int, Result[Floats]]  # by validation day: (rows,)


class MgtvBench(Bench[reader.RawFiles, MgtvConfig]):
    """The days with features, and the expected rewards of the validation rows; a method answers with the probabilities
    of each validation day. ``config`` is what was asked for; ``ready.config`` has what the files decide.
    """

    @cached_property
    def ready(self) -> Prepared:
        """From raw files to days with features, as in the pipeline, whose steps these are."""
        return prepare(self.files, self.config, self.run)

    @cached_property
    def predictions(self) -> list[Predictions]:
        """What the videos of the validation days are worth if watched, by one completion model for all steps."""
        ready, predictions = self.ready, []
        model = fit_completion(self.run, ready.labelled, ready.config, ready.plan.valid)
        for day in ready.plan.valid:
            own, no_duration = ready.labelled[day], ready.config.truth.no_duration
            rewards = self.run.step(expect_rewards, own, model, no_duration, name=f"day{day:02d}.value").value
            predictions.append(Predictions(own.value, np.empty(0), rewards))
        return predictions

    @cached_property
    def plain(self) -> Days:
        """The days with the features of the videos alone, for methods without a ranker."""
        ready, days = self.ready, {}
        settings = put(ready.config, features=put(ready.config.features, blocks=("video",)))
        for day, slates in ready.slates.items():
            name = f"day{day:02d}"
            outcome = self.run.step(look_up_outcome, ready.tables.log, slates, name=f"{name}.outcome")
            days[day] = build_day(self.run, name, ready.tables, slates, outcome, settings)
        return days

    @property
    def given(self) -> list[Result[Any]]:
        """What every method begins with: the log, the videos and what was shown."""
        return [self.ready.tables.log, self.ready.tables.videos.field("frame"), *self.ready.slates.values()]

    @property
    def labels(self) -> Floats:
        """Whether each row of the validation days was watched."""
        return np.concatenate([part.day.rows.labels for part in self.predictions]).astype(np.float64)

    def take_valid(self, days: Days) -> Result[list[DayFeatures]]:
        """The validation days of these."""
        return collect([days[day] for day in self.ready.plan.valid])

    def before(self, day: int) -> list[int]:
        """The labelled days before a day."""
        return [other for other in self.ready.plan.days if other < day]

    def mix(self, scores: Scores, days: Days) -> Result[list[Floats]]:
        """The probabilities of each validation day, calibrated by the other one."""
        own = collect([scores[day] for day in self.ready.plan.valid])
        return self.run.step(mix_across, self.take_valid(days), own)

    def record(self, answer: list[Floats]) -> tuple[pl.DataFrame, dict[str, float]]:
        """The full decision, and beside it what simpler decisions make of the same probabilities."""
        given = [replace(part, chances=chances) for part, chances in zip(self.predictions, answer, strict=True)]
        even, finished = [], []
        for part in given:
            ones = np.ones(len(part.chances))
            even.append(replace(part, rewards=replace(part.rewards, expected=ones)))
            finished.append(replace(part, rewards=replace(part.rewards, expected=ones, answer=ones)))
        scored = [score_answers(part.day, decide(part), part.rewards.answer)[1] for part in given]
        likeliest = judge(even)
        more = {
            "hit rate": likeliest["hit_rate"],
            "p = 1": judge(finished)["score"],
            "P(watch), max E[s]": likeliest["score"],
            "log likelihood": likeliest["log_likelihood"],
            "calibration error": calibration.calibration_error(np.concatenate(answer), self.labels),
        }
        devices = np.concatenate([part.day.devices for part in self.predictions])
        return pl.DataFrame({"score": np.concatenate(scored), CLUSTER: devices}), more


def mix_across(days: Sequence[DayFeatures], scores: Sequence[Floats]) -> list[Floats]:
    """Probabilities of any scores: the softmax of each day at the temperature that suits the other days best; a single
    day has to judge itself.
    """
    mixed = []
    for i, (day, score) in enumerate(zip(days, scores, strict=True)):
        others = [other for other in range(len(days)) if other != i] or [i]
        known, labels, sizes = (
            np.concatenate(parts)
            for parts in zip(
                *((scores[other], days[other].rows.labels, days[other].rows.group_sizes) for other in others),
                strict=True,
            )
        )
        (temperature,) = fit_temperatures(known[:, None], labels, sizes)
        mixed.append(softmax_within(score * temperature, day.rows.group_sizes))
    return mixed
