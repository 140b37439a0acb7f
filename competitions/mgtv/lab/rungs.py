"""The rungs of the ladder that no default run has: positions, the public baseline, neighbours, networks."""

from typing import TYPE_CHECKING

import numpy as np

from common.day import ladder as families
from common.day.ladder import Ladder
from common.engine.run import Result, bundle, collect
from competitions.mgtv.lab import baselines
from competitions.mgtv.lab.deep_inputs import FieldTables, NetworkDay, code_devices, code_videos, look_up
from competitions.mgtv.lab.deep_networks import NETWORKS
from competitions.mgtv.lab.deep_training import DeepSettings, fit_network, score_network
from competitions.mgtv.lab.public_baseline import answer_plainly
from competitions.mgtv.pipeline import name_days

if TYPE_CHECKING:
    from competitions.mgtv.day.ladder import Bench, Scores

DEEP = DeepSettings()


def climb_positions(bench: "Bench", ladder: Ladder) -> None:
    """By how often a position in the list was the answer."""
    labelled, scores = bench.ready.labelled, {}
    with ladder.rung("position in the list", families.POPULARITY) as rung:
        for day in bench.ready.plan.valid:
            train, name = collect([labelled[other] for other in bench.before(day)]), f"day{day:02d}.ladder.places"
            scores[day] = bench.run.step(baselines.score_positions, train, labelled[day], name=name)
        rung.record(**bench.measure(scores, "position"))


def climb_plainly(bench: "Bench", ladder: Ladder, tag: str, builds_on: str) -> None:
    """The public baseline's design on the validation days: both its picks and its answers."""
    parts = []
    name = "the public baseline's design, its own answers"
    with ladder.rung(name, families.POPULARITY, builds_on=builds_on) as rung:
        for day in bench.ready.plan.valid:
            train = collect([bench.ready.labelled[other] for other in bench.before(day)])
            own, name = bench.ready.labelled[day], f"day{day:02d}.ladder.plain"
            parts.append(bench.run.step(answer_plainly, train, own, tag, bench.config.seed, name=name).value)
        hits, each = (np.concatenate(column) for column in zip(*parts, strict=True))
        rung.record(each, None, **{"hit rate": float(hits.mean())})


def climb_neighbours(bench: "Bench", ladder: Ladder, builds_on: str) -> None:
    """By what was clicked near the last clicks."""
    ready, scores = bench.ready, {}
    with ladder.rung("item-kNN: clicked near the last clicks", families.NEIGHBOURS, builds_on=builds_on) as rung:
        for day in ready.plan.valid:
            name = f"day{day:02d}.ladder.neighbours"
            scores[day] = bench.run.step(baselines.score_neighbours, ready.sources.log, ready.slates[day], name=name)
        rung.record(**bench.measure(scores, "neighbours"))


def climb_networks(bench: "Bench", ladder: Ladder) -> None:
    """The networks, each on the ids and on all numeric features of the pipeline, beside the boosted model on these."""
    boosted = ladder.rows[-1]["rung"]
    ready, step, names = bench.ready, bench.run.step, bench.config.features.categories
    videos = step(code_videos, ready.sources.videos, name="ladder.videos")
    devices = step(code_devices, ready.sources.profiles, names, name="ladder.devices")
    fields = bundle(FieldTables, videos=videos, devices=devices)
    height, log, days = len(devices.value.ids), ready.sources.log, {}
    for day, slates in ready.slates.items():
        inputs = step(look_up, log, slates, height, DEEP.watched, name=f"day{day:02d}.ladder.inputs")
        days[day] = bundle(NetworkDay, features=ready.labelled[day], inputs=inputs)
    needs = [*bench.features, *(f"day{day:02d}.ladder.inputs" for day in days)]
    for kind in NETWORKS:
        with ladder.rung(kind, families.DEEP, needs, builds_on=boosted) as rung:
            rung.record(**bench.measure(run_network(bench, days, fields, kind), kind))


def run_network(
    bench: "Bench", days: dict[int, Result[NetworkDay]], fields: Result[FieldTables], kind: str
) -> "Scores":
    """Fit a network on the days before the validation days and score these."""
    step, blocks, seed, valid = bench.run.step, bench.config.watch.blocks, bench.config.seed, bench.ready.plan.valid
    train = collect([days[day] for day in bench.before(min(valid))])
    network = step(fit_network, train, fields, kind, blocks, DEEP, seed, name=f"{name_days(valid)}.fit.{kind}")
    return {
        day: step(score_network, days[day], fields, network, DEEP, name=f"day{day:02d}.score.{kind}") for day in valid
    }
