"""What the methods of the ladder begin with, and how probabilities are scored: by the full decision."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from msgspec.structs import replace as put

from common.arrays import Floats
from common.day.methods.ladder import Bench
from common.day.methods.scored import Scored, gather_lists, rank_right, take_first
from common.engine.run import Result, collect
from competitions.mgtv.config import MgtvConfig
from competitions.mgtv.day.validation import name_video
from competitions.mgtv.io import reader
from competitions.mgtv.lab import calibration
from competitions.mgtv.lab.clicks import list_recent
from competitions.mgtv.metrics import judge
from competitions.mgtv.models import click_ranker
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.models.decision import Predictions, decide, expect_rewards, score_answers
from competitions.mgtv.pipeline import Days, Prepared, build_day, fit_completion, prepare
from competitions.mgtv.split import look_up_outcome

SHOWN, RECENT = 3, 5  # videos of a list; clicks of a history
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
        return self.run.step(click_ranker.mix_across, self.take_valid(days), own)

    def record(self, answer: list[Floats]) -> Scored:
        """The full decision, and beside it what simpler decisions make of the same probabilities."""
        even, finished = [], []
        for part in self.predictions:
            ones = np.ones(len(part.day.completions))
            even.append(replace(part, rewards=replace(part.rewards, expected=ones)))
            finished.append(replace(part, rewards=replace(part.rewards, expected=ones, rate=ones)))
        scored = [
            score_answers(part.day, decide(part.day, chances, part.rewards), part.rewards.rate)[1]
            for part, chances in zip(self.predictions, answer, strict=True)
        ]
        likeliest = judge(even, answer)
        more = {
            "hit rate": likeliest["hit_rate"],
            "p = 1": judge(finished, answer)["score"],
            "P(watch), max E[s]": likeliest["score"],
            "log likelihood": likeliest["log_likelihood"],
            "calibration error": calibration.calibration_error(np.concatenate(answer), self.labels),
        }
        return Scored(np.concatenate(scored), None, more, self.list_first(answer))

    def list_first(self, answer: Sequence[Floats]) -> pl.DataFrame:
        """The lists by P(watch) x E[s], of which three videos are shown."""
        parts, names = [], self.ready.tables.codes.value.videos["vid"]
        for part, chances in zip(self.predictions, answer, strict=True):
            rows = self.ready.slates[part.day.day].value.rows
            words = pl.format("video {}, P(watch) {}", names.gather(rows["video"]), pl.Series(chances).round(3))
            query = pl.format("day {}, list {}", pl.lit(part.day.day), "query")
            value = pl.Series(chances * part.rewards.expected)
            marked = rows.select(query=query, item=words, answer=pl.Series(part.day.rows.labels) > 0, score=value)
            parts.append(marked)
        listed = pl.concat(parts)
        queries = listed["query"].unique(maintain_order=True)
        return gather_lists(queries, rank_right(listed), take_first(listed, SHOWN))

    def describe(self, queries: Sequence[str]) -> pl.DataFrame:
        """The last clicks and the watched video of some lists in words: query, history, answer."""
        videos, codes, words = self.ready.tables.videos.value.frame, self.ready.tables.codes.value, []

        def name(code: int) -> str:
            return name_video(codes.videos["vid"][code], videos.row(code, named=True))

        for query in queries:
            day, number = (int(part.split()[1]) for part in query.split(", "))
            slates = self.ready.slates[day].value
            rows = slates.rows["query"] == number
            right = self.plain[day].value.rows.labels[rows.to_numpy()].argmax()
            recent = list_recent(self.ready.tables.log.value, slates, RECENT).filter(query=number)
            clicked = [name(code) for code in recent.sort("back", descending=True)["video"]]
            answer = name(slates.rows.filter(rows)["video"][int(right)])
            words.append({"query": query, "history": "; ".join(clicked) or "no click before", "answer": answer})
        return pl.DataFrame(words)
