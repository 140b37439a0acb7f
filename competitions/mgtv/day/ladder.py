"""What each part is worth: from a random pick to the ranker on all blocks, on the same validation days.

    make ladder-mgtv        or        python -m competitions ladder mgtv

All rungs share one split and one completion model: rungs differ in which video they pick. Boosted models and networks
are fitted on the days before the validation days, as in the pipeline; what has hardly to be fitted, on all that lies
before the day that it is measured on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from common.arrays import Floats
from common.day import ladder as families
from common.day.ladder import Ladder
from common.engine.run import Result, Run, bundle, collect
from competitions.mgtv.config import MODELS, MgtvConfig
from competitions.mgtv.io import reader
from competitions.mgtv.lab import baselines, deep_training
from competitions.mgtv.lab.deep_networks import NETWORKS
from competitions.mgtv.lab.public_baseline import answer_plainly
from competitions.mgtv.metrics import judge
from competitions.mgtv.models import click_ranker
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.models.decision import Predictions, decide, expect_rewards, score_answers
from competitions.mgtv.pipeline import Prepared, fit_completion, fit_ranker, name_days, prepare

(FIRST,) = MODELS
DEEP = deep_training.DeepSettings()
RANDOM, POPULARITY = "random", "smoothed click rate of the video"  # the rungs that methods which stand alone build on
Row = dict[str, Any]
Scores = dict[int, Result[Floats]]  # by validation day: (rows, models)


@dataclass(frozen=True)
class Bench:
    """What all rungs share: the days with features, and the expected rewards of the validation rows."""

    run: Run
    config: MgtvConfig
    ready: Prepared
    predictions: list[Predictions]

    @property
    def valid(self) -> Result[list[DayFeatures]]:
        """The validation days."""
        return collect([self.ready.labelled[day] for day in self.ready.plan.valid])

    @property
    def features(self) -> list[str]:
        """The steps that make the features; a ranker on some blocks is charged with all of them."""
        steps = ("history", *self.config.features.blocks)
        return [f"day{day:02d}.{step}" for day in self.ready.plan.days for step in steps]

    def before(self, day: int) -> list[int]:
        """The labelled days before a day."""
        return [other for other in self.ready.plan.days if other < day]

    def measure(self, scores: Scores, name: str) -> Row:
        """A rung's scores, calibrated on a validation day by the other one."""
        own = collect([scores[day] for day in self.ready.plan.valid])
        return self.compare(self.run.step(click_ranker.mix_across, self.valid, own, [name]).value)

    def compare(self, probabilities: Sequence[Floats]) -> Row:
        """The full decision, and beside it what simpler decisions make of the same probabilities."""
        even, finished = [], []
        for part in self.predictions:
            ones = np.ones(len(part.day.rates))
            even.append(replace(part, rewards=replace(part.rewards, expected=ones)))
            finished.append(replace(part, rewards=replace(part.rewards, expected=ones, rate=ones)))
        scored = [
            score_answers(part.day, decide(part.day, chances, part.rewards), part.rewards.rate)[1]
            for part, chances in zip(self.predictions, probabilities, strict=True)
        ]
        likeliest = judge(even, probabilities)
        return {
            "each": np.concatenate(scored),
            "hit rate": likeliest["hit_rate"],
            "p = 1": judge(finished, probabilities)["score"],
            "P(watch), max E[s]": likeliest["score"],
            "log likelihood": likeliest["log_likelihood"],
        }


def climb(files: reader.RawFiles, config: MgtvConfig, run: Run) -> list[Row]:
    """One row per rung: the score of the full decision, pick by P(watch) x E[s] and answer max E[s], with its error;
    beside it the hit rate, the scores with p = 1 and with the pick by P(watch), and the log likelihood.
    """
    bench = prepare_bench(files, config, run)
    ladder = Ladder(run, "MGTV: which video is watched, on the validation days", "score", files)
    climb_plain(bench, ladder)
    climb_blocks(bench, ladder)
    climb_networks(bench, ladder)
    return ladder.write()


def prepare_bench(files: reader.RawFiles, config: MgtvConfig, run: Run) -> Bench:
    """Everything up to the days with features, as in the pipeline, whose steps these are."""
    ready, predictions = prepare(files, config, run), []
    config = ready.config
    model = fit_completion(run, ready.labelled, config, ready.plan.valid)
    for day in ready.plan.valid:
        own, no_duration = ready.labelled[day], config.truth.no_duration
        rewards = run.step(expect_rewards, own, model, no_duration, name=f"day{day:02d}.value").value
        predictions.append(Predictions(own.value, np.empty((len(rewards.rate), 0)), rewards))
    return Bench(run, config, ready, predictions)


def climb_plain(bench: Bench, ladder: Ladder) -> None:
    """Rungs without a ranker: by chance, by position, by click rate, by neighbours."""
    rate = f"video_own_click_{bench.config.features.half_lives[-1]:g}d"
    none: str | None = None
    for name, column, kept in ((RANDOM, none, "random"), (POPULARITY, rate, "rate")):
        with ladder.rung(name, families.POPULARITY, builds_on=RANDOM) as rung:
            drawn = bench.run.step(rate_videos, bench.valid, column, bench.config.seed, name=f"ladder.{kept}")
            rung.record(**bench.compare(drawn.value))
        if column is None:
            climb_positions(bench, ladder)
    climb_public_baseline(bench, ladder, rate.rpartition("_")[2])
    climb_neighbours(bench, ladder)


def climb_positions(bench: Bench, ladder: Ladder) -> None:
    """By how often a position in the list was the answer."""
    labelled, scores = bench.ready.labelled, {}
    with ladder.rung("position in the list", families.POPULARITY) as rung:
        for day in bench.ready.plan.valid:
            train, name = collect([labelled[other] for other in bench.before(day)]), f"day{day:02d}.ladder.places"
            scores[day] = bench.run.step(baselines.score_positions, train, labelled[day], name=name)
        rung.record(**bench.measure(scores, "position"))


def climb_public_baseline(bench: Bench, ladder: Ladder, tag: str) -> None:
    """The public baseline's design on the validation days: both its picks and its answers."""
    parts = []
    name = "the public baseline's design, its own answers"
    with ladder.rung(name, families.POPULARITY, builds_on=POPULARITY) as rung:
        for day in bench.ready.plan.valid:
            train = collect([bench.ready.labelled[other] for other in bench.before(day)])
            own, name = bench.ready.labelled[day], f"day{day:02d}.ladder.plain"
            parts.append(bench.run.step(answer_plainly, train, own, tag, bench.config.seed, name=name).value)
        hits, each = (np.concatenate(column) for column in zip(*parts, strict=True))
        rung.record(each, None, **{"hit rate": float(hits.mean())})


def climb_neighbours(bench: Bench, ladder: Ladder) -> None:
    """By what was clicked near the last clicks."""
    ready, scores = bench.ready, {}
    with ladder.rung("item-kNN: clicked near the last clicks", families.NEIGHBOURS, builds_on=POPULARITY) as rung:
        for day in ready.plan.valid:
            name = f"day{day:02d}.ladder.neighbours"
            scores[day] = bench.run.step(baselines.score_neighbours, ready.sources.log, ready.slates[day], name=name)
        rung.record(**bench.measure(scores, "neighbours"))


def rate_videos(days: Sequence[DayFeatures], rate: str | None, seed: int) -> list[Floats]:
    """Probabilities without a model, for each day: in proportion to a rate, or drawn where it is None."""
    probabilities = []
    for day in days:
        if rate is None:
            weight = np.random.default_rng([seed, day.day]).random(len(day.rates))
        else:
            weight = day.rows.features[:, day.rows.names.index(rate)].astype(np.float64)
        probabilities.append(click_ranker.normalise(weight, day))
    return probabilities


def climb_blocks(bench: Bench, ladder: Ladder) -> None:
    """One boosted model on block after block of features."""
    blocks = tuple(bench.config.features.blocks)
    for count in range(1, len(blocks) + 1):
        name = f"{FIRST} on the {blocks[0]} block" if count == 1 else f"+ {blocks[count - 1]} block"
        below = POPULARITY if count == 1 else None
        with ladder.rung(name, families.BOOSTING, bench.features, builds_on=below) as rung:
            rung.record(**bench.measure(score_blocks(bench, blocks[:count]), FIRST))


def score_blocks(bench: Bench, blocks: tuple[str, ...]) -> Scores:
    """Out-of-time scores of each validation day from LightGBM on some blocks."""
    step, labelled, config, valid = bench.run.step, bench.ready.labelled, bench.config, bench.ready.plan.valid
    recipe = replace(click_ranker.make_recipe(config.watch, config.seed), blocks=blocks)
    fits = collect([fit_ranker(bench.run, labelled, recipe, valid)])
    return {day: step(click_ranker.score, labelled[day], fits, name=f"day{day:02d}.score") for day in valid}


def climb_networks(bench: Bench, ladder: Ladder) -> None:
    """The networks, each on the ids and on all numeric features of the pipeline, beside the boosted model on these."""
    boosted = ladder.rows[-1]["rung"]
    ready, step, names = bench.ready, bench.run.step, bench.config.features.categories
    videos = step(deep_training.code_videos, ready.sources.videos, name="ladder.videos")
    devices = step(deep_training.code_devices, ready.sources.profiles, names, name="ladder.devices")
    fields = bundle(deep_training.FieldTables, videos=videos, devices=devices)
    height, log, days = len(devices.value.ids), ready.sources.log, {}
    for day, slates in ready.slates.items():
        inputs = step(deep_training.look_up, log, slates, height, DEEP.watched, name=f"day{day:02d}.ladder.inputs")
        days[day] = bundle(deep_training.NetworkDay, features=ready.labelled[day], inputs=inputs)
    needs = [*bench.features, *(f"day{day:02d}.ladder.inputs" for day in days)]
    for kind in NETWORKS:
        with ladder.rung(kind, families.DEEP, needs, builds_on=boosted) as rung:
            rung.record(**bench.measure(run_network(bench, days, fields, kind), kind))


def run_network(
    bench: Bench,
    days: dict[int, Result[deep_training.NetworkDay]],
    fields: Result[deep_training.FieldTables],
    kind: str,
) -> Scores:
    """Fit a network on the days before the validation days and score these."""
    step, blocks, seed, valid = bench.run.step, bench.config.watch.blocks, bench.config.seed, bench.ready.plan.valid
    train = collect([days[day] for day in bench.before(min(valid))])
    network = step(
        deep_training.fit_network, train, fields, kind, blocks, DEEP, seed, name=f"{name_days(valid)}.fit.{kind}"
    )
    return {
        day: step(deep_training.score_network, days[day], fields, network, DEEP, name=f"day{day:02d}.score.{kind}")
        for day in valid
    }
