"""What each part is worth: from a random pick to the ranker on all blocks, on the same validation days.

    make ladder-mgtv    make rung-mgtv RUNG=item-knn    or    python -m competitions ladder mgtv --only item-knn

All rungs share one split and one completion model: rungs differ in which video they pick. Boosted models and networks
are fitted on the days before the validation days, as in the pipeline; what has hardly to be fitted, on all that lies
before the day that it is measured on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from common.arrays import Floats
from common.day import ladder as families
from common.day.ladder import Ladder, Rung, Scored
from common.engine.run import Result, Run, bundle, collect
from competitions.mgtv.config import MgtvConfig
from competitions.mgtv.features.target_encoding import HALF_LIVES
from competitions.mgtv.io import reader
from competitions.mgtv.lab import baselines, calibration, deep_training
from competitions.mgtv.lab.deep_networks import NETWORKS
from competitions.mgtv.lab.public_baseline import answer_plainly
from competitions.mgtv.metrics import judge
from competitions.mgtv.models import click_ranker
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.models.decision import Predictions, decide, expect_rewards, score_answers
from competitions.mgtv.pipeline import Prepared, fit_completion, fit_ranker, name_days, prepare

DEEP = deep_training.DeepSettings()
SHOWN = 3  # videos of a list
RANDOM, POPULARITY = "random", "popularity"  # the rungs that methods which stand alone build on
Row = dict[str, Any]
Scores = dict[int, Result[Floats]]  # by validation day: (rows,)


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
    def labels(self) -> Floats:
        """Whether each row of the validation days was watched."""
        return np.concatenate([part.day.rows.labels for part in self.predictions]).astype(np.float64)

    @property
    def features(self) -> list[str]:
        """The steps that make the features; a ranker on some blocks is charged with all of them."""
        steps = ("history", *self.config.features.blocks)
        return [f"day{day:02d}.{step}" for day in self.ready.plan.days for step in steps]

    def before(self, day: int) -> list[int]:
        """The labelled days before a day."""
        return [other for other in self.ready.plan.days if other < day]

    def calibrate(self, scores: Scores) -> list[Floats]:
        """A rung's probabilities of each validation day, calibrated by the other one."""
        own = collect([scores[day] for day in self.ready.plan.valid])
        return self.run.step(click_ranker.mix_across, self.valid, own).value

    def measure(self, scores: Scores) -> Scored:
        """A rung by its scores."""
        return self.compare(self.calibrate(scores))

    def compare(self, probabilities: Sequence[Floats]) -> Scored:
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
        more = {
            "hit rate": likeliest["hit_rate"],
            "p = 1": judge(finished, probabilities)["score"],
            "P(watch), max E[s]": likeliest["score"],
            "log likelihood": likeliest["log_likelihood"],
            "calibration error": calibration.calibration_error(np.concatenate(probabilities), self.labels),
        }
        return Scored(np.concatenate(scored), None, more, self.list_first(probabilities))

    def list_first(self, probabilities: Sequence[Floats]) -> pl.DataFrame:
        """The videos of the largest P(watch) x E[s], three a list."""
        parts = []
        for part, chances in zip(self.predictions, probabilities, strict=True):
            rows = self.ready.slates[part.day.day].value.rows
            value = chances * part.rewards.expected
            words = pl.format("video {}, P(watch) {}", "video", pl.Series(chances).round(3))
            query = pl.format("day {}, list {}", pl.lit(part.day.day), "query")
            parts.append(
                rows.select(query=query, item=words, answer=pl.Series(part.day.rows.labels) > 0, value=pl.Series(value))
            )
        order = pl.concat(parts).sort("query", "value", descending=[False, True], maintain_order=True)
        ranked = order.with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("query"))
        return ranked.filter(pl.col("rank") <= SHOWN).select("query", "rank", "item", "answer")


def climb(files: reader.RawFiles, config: MgtvConfig, run: Run, only: str | None = None) -> list[Row]:
    """One row per rung: the score of the full decision, pick by P(watch) x E[s] and answer max E[s], with its error;
    beside it the hit rate, the scores with p = 1 and with the pick by P(watch), and the log likelihood.

    ``only``: the key of one rung.
    """
    bench = prepare_bench(files, config, run)
    rungs = [*list_plain(bench), *list_blocks(bench), *list_calibrated(bench), *list_networks(bench)]
    return Ladder(run, "MGTV: which video is watched, on the validation days", "score", files).climb(rungs, only)


def prepare_bench(files: reader.RawFiles, config: MgtvConfig, run: Run) -> Bench:
    """Everything up to the days with features, as in the pipeline, whose steps these are."""
    ready, predictions = prepare(files, config, run), []
    config = ready.config
    model = fit_completion(run, ready.labelled, config, ready.plan.valid)
    for day in ready.plan.valid:
        own, no_duration = ready.labelled[day], config.truth.no_duration
        rewards = run.step(expect_rewards, own, model, no_duration, name=f"day{day:02d}.value").value
        predictions.append(Predictions(own.value, np.empty(0), rewards))
    return Bench(run, config, ready, predictions)


def list_plain(bench: Bench) -> Iterator[Rung]:
    """Rungs without a ranker: by chance, by position, by click rate, by neighbours."""
    rate = f"video_own_click_{HALF_LIVES[-1]:g}d"

    def draw(column: str | None, kept: str) -> Scored:
        return bench.compare(
            bench.run.step(rate_videos, bench.valid, column, bench.config.seed, name=f"ladder.{kept}").value
        )

    def score_public() -> Scored:
        return score_public_baseline(bench, rate.rpartition("_")[2])

    popular, knn = families.POPULARITY, "item-kNN: clicked near the last clicks"
    public = "the public baseline's design, its own answers"
    yield Rung(RANDOM, "random", popular, lambda: draw(None, "random"), rate_videos)
    yield Rung("position", "position in the list", popular, lambda: score_positions(bench), baselines.score_positions)
    title = "smoothed click rate of the video"
    yield Rung(POPULARITY, title, popular, lambda: draw(rate, "rate"), rate_videos, builds_on=RANDOM)
    yield Rung("public-baseline", public, popular, score_public, answer_plainly, builds_on=POPULARITY)
    yield Rung(
        "item-knn",
        knn,
        families.NEIGHBOURS,
        lambda: score_neighbours(bench),
        baselines.score_neighbours,
        builds_on=POPULARITY,
    )


def score_positions(bench: Bench) -> Scored:
    """By how often a position in the list was the answer."""
    labelled, scores = bench.ready.labelled, {}
    for day in bench.ready.plan.valid:
        train, name = collect([labelled[other] for other in bench.before(day)]), f"day{day:02d}.ladder.places"
        scores[day] = bench.run.step(baselines.score_positions, train, labelled[day], name=name)
    return bench.measure(scores)


def score_public_baseline(bench: Bench, tag: str) -> Scored:
    """The public baseline's design on the validation days: both its picks and its answers."""
    parts = []
    for day in bench.ready.plan.valid:
        train = collect([bench.ready.labelled[other] for other in bench.before(day)])
        own, name = bench.ready.labelled[day], f"day{day:02d}.ladder.plain"
        parts.append(bench.run.step(answer_plainly, train, own, tag, bench.config.seed, name=name).value)
    hits, each = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Scored(each, None, {"hit rate": float(hits.mean())})


def score_neighbours(bench: Bench) -> Scored:
    """By what was clicked near the last clicks."""
    ready, scores = bench.ready, {}
    for day in ready.plan.valid:
        name = f"day{day:02d}.ladder.neighbours"
        scores[day] = bench.run.step(baselines.score_neighbours, ready.sources.log, ready.slates[day], name=name)
    return bench.measure(scores)


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


def list_blocks(bench: Bench) -> Iterator[Rung]:
    """One boosted model on block after block of features."""
    blocks = tuple(bench.config.features.blocks)
    for count in range(1, len(blocks) + 1):

        def score(count: int = count) -> Scored:
            return bench.measure(score_blocks(bench, blocks[:count]))

        title = f"{click_ranker.MODEL} on the {blocks[0]} block" if count == 1 else f"+ {blocks[count - 1]} block"
        below = POPULARITY if count == 1 else None
        yield Rung(
            f"lightgbm-{blocks[count - 1]}",
            title,
            families.BOOSTING,
            score,
            click_ranker.score,
            bench.features,
            builds_on=below,
        )


def score_blocks(bench: Bench, blocks: tuple[str, ...]) -> Scores:
    """Out-of-time scores of each validation day from LightGBM on some blocks."""
    step, labelled, config, valid = bench.run.step, bench.ready.labelled, bench.config, bench.ready.plan.valid
    recipe = replace(click_ranker.make_recipe(config.watch, config.seed), blocks=blocks)
    ranker = fit_ranker(bench.run, labelled, recipe, valid)
    return {day: step(click_ranker.score, labelled[day], ranker, name=f"day{day:02d}.score") for day in valid}


def list_calibrated(bench: Bench) -> Iterator[Rung]:
    """The boosted model on all blocks, whose probabilities are calibrated: the choices stay, a price would not."""
    blocks = tuple(bench.config.features.blocks)
    for kind, fit in calibration.CALIBRATIONS.items():

        def score(kind: str = kind) -> Scored:
            mixed = bench.calibrate(score_blocks(bench, blocks))
            labels = [part.day.rows.labels.astype(np.float64) for part in bench.predictions]
            return bench.compare(calibration.calibrate_across(kind, mixed, labels))

        title = f"calibrated: {kind}"
        yield Rung(kind, title, families.CALIBRATION, score, fit, bench.features, builds_on=f"lightgbm-{blocks[-1]}")


def list_networks(bench: Bench) -> Iterator[Rung]:
    """The networks, each on the ids and on all numeric features of the pipeline, beside the boosted model on these."""
    needs = [*bench.features, *(f"day{day:02d}.ladder.inputs" for day in bench.ready.slates)]
    boosted = f"lightgbm-{bench.config.features.blocks[-1]}"
    for kind in NETWORKS:

        def score(kind: str = kind) -> Scored:
            days, fields = prepare_networks(bench)
            return bench.measure(run_network(bench, days, fields, kind))

        yield Rung(kind.lower().replace(" ", "-"), kind, families.DEEP, score, NETWORKS[kind], needs, builds_on=boosted)


def prepare_networks(
    bench: Bench,
) -> tuple[dict[int, Result[deep_training.NetworkDay]], Result[deep_training.FieldTables]]:
    """The days with the ids of each row, and the tables of these ids."""
    ready, step = bench.ready, bench.run.step
    videos = step(deep_training.code_videos, ready.sources.videos, name="ladder.videos")
    devices = step(deep_training.code_devices, ready.sources.profiles, name="ladder.devices")
    fields = bundle(deep_training.FieldTables, videos=videos, devices=devices)
    height, log, days = len(devices.value.ids), ready.sources.log, {}
    for day, slates in ready.slates.items():
        inputs = step(deep_training.look_up, log, slates, height, DEEP.watched, name=f"day{day:02d}.ladder.inputs")
        days[day] = bundle(deep_training.NetworkDay, features=ready.labelled[day], inputs=inputs)
    return days, fields


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
