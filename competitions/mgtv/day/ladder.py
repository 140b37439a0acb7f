"""What each part is worth: from a random pick to the ranker on all blocks, on the same validation days.

    make ladder-mgtv    make rung-mgtv RUNG=item-knn    or    python -m competitions ladder mgtv --only item-knn

All rungs share one split and one completion model: rungs differ in which video they pick. Boosted models and networks
are fitted on the days before the validation days, as in the pipeline; what has hardly to be fitted, on all that lies
before the day that it is measured on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from common.arrays import Floats
from common.day.methods import families
from common.day.methods.ladder import Ladder, Rung, Scored
from common.day.report.charts import Figure
from common.engine.run import Result, Run, collect, derive
from competitions.mgtv.config import MgtvConfig
from competitions.mgtv.day.judged import METRIC
from competitions.mgtv.features.target_encoding import HALF_LIVES
from competitions.mgtv.io import reader
from competitions.mgtv.lab import baselines, calibration, deep_training
from competitions.mgtv.lab.deep_networks import NETWORKS
from competitions.mgtv.lab.scoring import Bench, Scores
from competitions.mgtv.models import click_ranker
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.pipeline import fit_ranker, name_days
from competitions.mgtv.plan import list_blocks

DEEP = deep_training.DeepSettings()
RANDOM, POPULARITY = "random", "popularity"  # which methods that stand alone build on
RATE = f"video_own_click_{HALF_LIVES[-1]:g}d"
FORMULAS = {
    "platt": "p' = 1 / (1 + exp(-(a logit(p) + b))), a and b of the largest likelihood on another day",
    "isotonic": "p' = f(p), f the rising step function of the least sum of (y - f(p))^2 on another day",
    "popularity": "P(video) ~ (clicks + prior x rate of like videos) / (shows + prior), over its list",
    "wide-and-deep": "score = wide (a weight for each id) + deep (layers over the ids' vectors and the numbers)",
    "deepfm": "score = weights + 1/2 (|sum of vectors|^2 - sum of |vector|^2) + layers over both",
    "din": "score = layers(candidate, sum over watched videos of attention(video, candidate) x vector(video), numbers)",
}


def make_ladder(files: reader.RawFiles, config: MgtvConfig, run: Run) -> Ladder:
    """The score of the full decision, pick by P(watch) x E[s] and answer max E[s], with its error; beside it the hit
    rate, the scores with p = 1 and with the pick by P(watch), the log likelihood and the calibration error.
    """
    bench = Bench(files, config, run)
    rungs = [*list_plain(bench), *list_boosted(bench), *list_calibrated(bench), *list_networks(bench)]
    title = "MGTV: which video is watched, on the validation days"
    return Ladder(run, title, METRIC, files, rungs, lambda: bench.given, bench.describe)


def list_plain(bench: Bench) -> Iterator[Rung]:
    """Methods without a ranker: by chance, by position, by click rate, by neighbours."""
    popular, rate = families.POPULARITY, partial(measure_rate, bench)
    yield Rung(RANDOM, "random", popular, partial(rate, None), rate_videos, formula="P(video) ~ a random number")
    positions = partial(measure_positions, bench)
    formula = "score = log((answers at the position + prior x mean) / (shows at the position + prior))"
    yield Rung("position", "position in the list", popular, positions, baselines.score_positions, formula=formula)
    title = "smoothed click rate of the video"
    yield Rung(POPULARITY, title, popular, partial(rate, RATE), rate_videos, RANDOM, FORMULAS[POPULARITY])
    title, measure = "item-kNN: clicked near the last clicks", partial(measure_neighbours, bench)
    yield Rung("item-knn", title, families.NEIGHBOURS, measure, baselines.score_neighbours, POPULARITY)


def measure_rate(bench: Bench, column: str | None) -> Scored:
    """By a rate of the videos, or by chance."""
    name = f"ladder.{column or RANDOM}"
    return bench.compare(
        bench.run.step(rate_videos, bench.take_valid(bench.plain), column, bench.config.seed, name=name)
    )


def measure_positions(bench: Bench) -> Scored:
    """By how often a position in the list was the answer."""
    days, scores = bench.plain, {}
    for day in bench.ready.plan.valid:
        train, name = collect([days[other] for other in bench.before(day)]), f"day{day:02d}.ladder.places"
        scores[day] = bench.run.step(baselines.score_positions, train, days[day], name=name)
    return bench.measure(scores, days)


def measure_neighbours(bench: Bench) -> Scored:
    """By what was clicked near the last clicks."""
    ready, scores = bench.ready, {}
    for day in ready.plan.valid:
        name = f"day{day:02d}.ladder.neighbours"
        scores[day] = bench.run.step(baselines.score_neighbours, ready.sources.log, ready.slates[day], name=name)
    return bench.measure(scores, bench.plain)


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


def list_boosted(bench: Bench) -> Iterator[Rung]:
    """One boosted model on block after block of features."""
    blocks = list_blocks()
    for number, block in enumerate(blocks):
        title = f"+ {block} block" if number else f"{click_ranker.MODEL} on the {block} block"
        measure, lacks = partial(measure_blocks, bench, blocks[: number + 1]), partial(lack_block, bench, block)
        below = None if number else POPULARITY
        key = f"lightgbm-{block}"
        yield Rung(key, title, families.BOOSTING, measure, click_ranker.make_recipe, below, lacks=lacks)


def lack_block(bench: Bench, block: str) -> str | None:
    """Why a block of features is not there, None where it is."""
    return None if block in bench.config.features.blocks else f"the files or the settings have no block {block!r}"


def measure_blocks(bench: Bench, blocks: tuple[str, ...]) -> Scored:
    """LightGBM on those of the blocks that there are."""
    return bench.measure(score_blocks(bench, blocks), bench.ready.labelled)


def score_blocks(bench: Bench, blocks: tuple[str, ...]) -> Scores:
    """Out-of-time scores of each validation day from LightGBM on some blocks."""
    step, labelled, config, valid = bench.run.step, bench.ready.labelled, bench.config, bench.ready.plan.valid
    known = tuple(block for block in blocks if block in config.features.blocks)
    recipe = replace(click_ranker.make_recipe(config.watch, config.seed), blocks=known)
    ranker = fit_ranker(bench.run, labelled, recipe, valid)
    return {day: step(click_ranker.score, labelled[day], ranker, name=f"day{day:02d}.score") for day in valid}


def list_calibrated(bench: Bench) -> Iterator[Rung]:
    """The boosted model on all blocks, whose probabilities are calibrated: the choices stay, a price would not."""
    below = f"lightgbm-{list_blocks()[-1]}"
    for kind, fit in calibration.CALIBRATIONS.items():
        measure, draw = partial(measure_calibrated, bench, kind), partial(draw_calibrated, bench, kind)
        title, formula = f"calibrated: {kind}", FORMULAS[kind]
        yield Rung(kind, title, families.CALIBRATION, measure, fit, below, formula, plots=draw)


def calibrate(bench: Bench, kind: str) -> tuple[Result[list[Floats]], Result[list[Floats]]]:
    """The probabilities of the boosted model on all blocks, and the same calibrated."""
    labelled = bench.ready.labelled
    mixed = bench.calibrate(score_blocks(bench, list_blocks()), labelled)
    return mixed, bench.run.step(calibration.calibrate_days, kind, mixed, bench.take_valid(labelled))


def measure_calibrated(bench: Bench, kind: str) -> Scored:
    """The decisions by calibrated probabilities."""
    return bench.compare(calibrate(bench, kind)[1])


def draw_calibrated(bench: Bench, kind: str) -> list[Figure]:
    """Predicted against observed, before and after."""
    before, after = (np.concatenate(made.value) for made in calibrate(bench, kind))
    return calibration.draw_calibration(before, after, bench.labels)


def list_networks(bench: Bench) -> Iterator[Rung]:
    """The networks, each on the ids and on all numeric features of the pipeline, beside the boosted model on these."""
    below = f"lightgbm-{list_blocks()[-1]}"
    for kind, network in NETWORKS.items():
        key = kind.lower().replace(" ", "-")
        measure = partial(measure_network, bench, kind)
        yield Rung(key, kind, families.DEEP, measure, network, below, FORMULAS.get(key, ""))


def measure_network(bench: Bench, kind: str) -> Scored:
    """A network."""
    days, fields = prepare_networks(bench)
    return bench.measure(run_network(bench, days, fields, kind), bench.ready.labelled)


def prepare_networks(
    bench: Bench,
) -> tuple[dict[int, Result[deep_training.NetworkDay]], Result[deep_training.FieldTables]]:
    """The days with the ids of each row, and the tables of these ids."""
    ready, step = bench.ready, bench.run.step
    videos = step(deep_training.code_videos, ready.sources.videos, name="ladder.videos")
    devices = step(deep_training.code_devices, ready.sources.profiles, name="ladder.devices")
    fields = derive(deep_training.FieldTables, videos, devices)
    height, log, days = len(devices.value.ids), ready.sources.log, {}
    for day, slates in ready.slates.items():
        inputs = step(deep_training.look_up, log, slates, height, DEEP.watched, name=f"day{day:02d}.ladder.inputs")
        days[day] = derive(deep_training.NetworkDay, ready.labelled[day], inputs)
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
