"""What each part is worth: from a random pick to the ranker on all blocks, on the same validation days.

    make ladder-mgtv    make rung-mgtv RUNG=item-knn    or    python -m competitions ladder mgtv --only item-knn

All rungs share one split and one completion model: rungs differ in which video they pick. Boosted models and networks
are fitted on the days before the validation days, as in the pipeline; what has hardly to be fitted, on all that lies
before the day that it is measured on. Every method answers with the probabilities of each validation day's rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from common.arrays import Floats
from common.engine.run import Result, Run, collect, derive
from common.learning.listwise_softmax import softmax_within
from competitions.learning import families
from competitions.learning.ladder import Ladder, Rung
from competitions.learning.mgtv import baselines, calibration, deep_training
from competitions.learning.mgtv.deep_networks import NETWORKS
from competitions.learning.mgtv.scoring import MgtvBench
from competitions.mgtv.config import MgtvConfig
from competitions.mgtv.day.judged import METRIC
from competitions.mgtv.features.target_encoding import HALF_LIVES
from competitions.mgtv.io import reader
from competitions.mgtv.models import click_ranker
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.pipeline import fit_ranker, name_days
from competitions.mgtv.plan import list_blocks

Probabilities = Result[list[Floats]]
DEEP = deep_training.DeepSettings()
RANDOM, POPULARITY = "random", "popularity"  # which methods that stand alone build on
RATE = f"video_own_click_{HALF_LIVES[-1]:g}d"
FORMULAS = {
    RANDOM: "P(video) ~ a random number",
    "position": "score = log((answers at the position + prior x mean) / (shows at the position + prior))",
    "platt": "p' = 1 / (1 + exp(-(a logit(p) + b))), a and b of the largest likelihood on another day",
    "isotonic": "p' = f(p), f the rising step function of the least sum of (y - f(p))^2 on another day",
    POPULARITY: "P(video) ~ (clicks + prior x rate of like videos) / (shows + prior), over its list",
    "wide-and-deep": "score = wide (a weight for each id) + deep (layers over the ids' vectors and the numbers)",
    "deepfm": "score = weights + 1/2 (|sum of vectors|^2 - sum of |vector|^2) + layers over both",
    "din": "score = layers(candidate, sum over watched videos of attention(video, candidate) x vector(video), numbers)",
}


def make_ladder(files: reader.RawFiles, config: MgtvConfig, run: Run) -> Ladder:
    """The score of the full decision, pick by P(watch) x E[s] and answer max E[s], with its error; beside it the hit
    rate, the scores with p = 1 and with the pick by P(watch), the log likelihood and the calibration error.
    """
    rungs = [*list_plain(), *list_boosted(), *list_calibrated(), *list_networks()]
    title = "MGTV: which video is watched, on the validation days"
    return Ladder(title, METRIC, MgtvBench(files, config, run), rungs)


def list_plain() -> Iterator[Rung]:
    """Methods without a ranker: by chance, by position, by click rate, by neighbours."""
    popular = families.POPULARITY
    yield Rung(RANDOM, "random", popular, by_click_rate, score_by_click_rate, (None,), formula=FORMULAS[RANDOM])
    title, formula = "position in the list", FORMULAS["position"]
    yield Rung("position", title, popular, rank_positions, baselines.score_positions, formula=formula)
    title, formula = "smoothed click rate of the video", FORMULAS[POPULARITY]
    yield Rung(POPULARITY, title, popular, by_click_rate, score_by_click_rate, (RATE,), RANDOM, formula)
    title, code = "item-kNN: clicked near the last clicks", baselines.score_neighbours
    yield Rung("item-knn", title, families.NEIGHBOURS, rank_neighbours, code, (), POPULARITY)


def by_click_rate(bench: MgtvBench, column: str | None) -> Probabilities:
    """By a click rate of the videos, or by chance."""
    days, name = bench.take_valid(bench.plain), f"ladder.{column or RANDOM}"
    return bench.run.step(score_by_click_rate, days, column, bench.config.seed, name=name)


def score_by_click_rate(days: Sequence[DayFeatures], column: str | None, seed: int) -> list[Floats]:
    """Probabilities without a model, for each day: in proportion to a click rate, or drawn where it is None."""
    probabilities = []
    for day in days:
        if column is None:
            weight = np.random.default_rng([seed, day.day]).random(len(day.completions))
        else:
            weight = day.rows.features[:, day.rows.names.index(column)].astype(np.float64)
        probabilities.append(softmax_within(np.log(weight), day.rows.group_sizes))
    return probabilities


def rank_positions(bench: MgtvBench) -> Probabilities:
    """By how often a position in the list was the answer."""
    days, scores = bench.plain, {}
    for day in bench.ready.plan.valid:
        train, name = collect([days[other] for other in bench.before(day)]), f"day{day:02d}.ladder.places"
        scores[day] = bench.run.step(baselines.score_positions, train, days[day], name=name)
    return bench.mix(scores, days)


def rank_neighbours(bench: MgtvBench) -> Probabilities:
    """By what was clicked near the last clicks."""
    ready, scores = bench.ready, {}
    for day in ready.plan.valid:
        name = f"day{day:02d}.ladder.neighbours"
        scores[day] = bench.run.step(baselines.score_neighbours, ready.tables.log, ready.slates[day], name=name)
    return bench.mix(scores, bench.plain)


def list_boosted() -> Iterator[Rung]:
    """One boosted model on block after block of features."""
    blocks = list_blocks()
    for number, block in enumerate(blocks):
        title = f"+ {block} block" if number else f"{click_ranker.MODEL} on the {block} block"
        args, below = (blocks[: number + 1],), None if number else POPULARITY
        code, key = click_ranker.make_recipe, f"lightgbm-{block}"
        yield Rung(key, title, families.BOOSTING, boost, code, args, below, lacks=lack_block)


def lack_block(bench: MgtvBench, blocks: tuple[str, ...]) -> str | None:
    """Why the last of some blocks of features is not there, None where it is."""
    known = blocks[-1] in bench.ready.config.features.blocks
    return None if known else f"the files or the settings have no block {blocks[-1]!r}"


def boost(bench: MgtvBench, blocks: tuple[str, ...]) -> Probabilities:
    """LightGBM on those of the blocks that there are, fitted on the days before."""
    step, labelled, config, valid = bench.run.step, bench.ready.labelled, bench.ready.config, bench.ready.plan.valid
    known = tuple(block for block in blocks if block in config.features.blocks)
    recipe = replace(click_ranker.make_recipe(config.watch, config.seed), blocks=known)
    ranker = fit_ranker(bench.run, labelled, recipe, valid)
    return collect([step(click_ranker.predict, labelled[day], ranker, name=f"day{day:02d}.watch") for day in valid])


def list_calibrated() -> Iterator[Rung]:
    """The boosted model on all blocks, whose probabilities are calibrated: the choices stay, a price would not."""
    below, family = f"lightgbm-{list_blocks()[-1]}", families.CALIBRATION
    for kind, fit in calibration.CALIBRATIONS.items():
        title, formula = f"calibrated: {kind}", FORMULAS[kind]
        yield Rung(kind, title, family, calibrate, fit, (kind,), below, formula)


def calibrate(bench: MgtvBench, kind: str) -> Probabilities:
    """The probabilities of the boosted model on all blocks, calibrated."""
    days, mixed = bench.ready.labelled, boost(bench, list_blocks())
    labels = collect([days[day].field("rows").field("labels") for day in bench.ready.plan.valid])
    return bench.run.step(calibration.calibrate_across, kind, mixed, labels)


def list_networks() -> Iterator[Rung]:
    """The networks, each on the ids and on all numeric features of the pipeline, beside the boosted model on these."""
    below = f"lightgbm-{list_blocks()[-1]}"
    for kind, network in NETWORKS.items():
        key = kind.lower().replace(" ", "-")
        yield Rung(key, kind, families.DEEP, rank_by_network, network, (kind,), below, FORMULAS.get(key, ""))


def rank_by_network(bench: MgtvBench, kind: str) -> Probabilities:
    """Fit a network on the days before the validation days and score these."""
    ready, step, seed, valid = bench.ready, bench.run.step, bench.config.seed, bench.ready.plan.valid
    days, fields = prepare_networks(bench)
    train = collect([days[day] for day in bench.before(min(valid))])
    inputs = train, fields, kind, ready.config.watch.blocks, DEEP, seed
    network = step(deep_training.fit_network, *inputs, name=f"{name_days(valid)}.fit.{kind}")
    scores = {
        day: step(deep_training.score_network, days[day], fields, network, DEEP, name=f"day{day:02d}.score.{kind}")
        for day in valid
    }
    return bench.mix(scores, ready.labelled)


def prepare_networks(
    bench: MgtvBench,
) -> tuple[dict[int, Result[deep_training.NetworkDay]], Result[deep_training.Fields]]:
    """The days with the ids of each row, and the tables of these ids."""
    ready, step, days = bench.ready, bench.run.step, {}
    tables = ready.tables.videos.field("frame"), ready.tables.profiles.field("frame")
    fields = step(deep_training.code_fields, *tables, name="ladder.fields")
    for day, slates in ready.slates.items():
        look, name = (ready.tables.log, slates, fields, DEEP.watched), f"day{day:02d}.ladder.inputs"
        inputs = step(deep_training.look_up, *look, name=name)
        days[day] = derive(deep_training.NetworkDay, ready.labelled[day], inputs)
    return days, fields
