"""What each part is worth: from a random pick to the mix of all models, on the same validation days.

    make ladder-mgtv        or        python -m competitions ladder mgtv

All rungs share one split, and one completion model a validation day: rungs differ in which video they pick. Each is
fitted on what lies before the day that it is measured on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.experiments import ladder as steps
from common.experiments.ladder import Ladder
from common.pipeline.run import Result, Run
from competitions.mgtv import split
from competitions.mgtv.config import BLOCKS, MODELS, MgtvConfig
from competitions.mgtv.io import reader
from competitions.mgtv.labels import Floats
from competitions.mgtv.models import baselines, click_ranker, decision
from competitions.mgtv.models.dataset import Served
from competitions.mgtv.models.decision import Values
from competitions.mgtv.models.deep_inputs import Fields, Inputs, code_devices, code_videos, look_up
from competitions.mgtv.models.deep_networks import NETWORKS
from competitions.mgtv.models.deep_training import DeepSettings, fit_network, score_network
from competitions.mgtv.pipeline import fit_completion, fit_watch, prepare, stack
from competitions.mgtv.reporting.summary import Prepared, judge
from competitions.mgtv.split import Asked

FIRST = "lightgbm_softmax"
LAST = "DIN"
DEEP = DeepSettings()
Row = dict[str, Any]
Scores = dict[int, Result[Floats]]  # by validation day: (rows, models)


@dataclass(frozen=True)
class Ground:
    """What all rungs stand on: the log, who is asked on each day, and what each validation row is worth."""

    run: Run
    config: MgtvConfig
    ready: Prepared
    log: Result[Any]
    asked: dict[int, Result[Asked]]
    values: list[Values]

    @property
    def valid(self) -> list[Result[Served]]:
        """The validation days."""
        return [self.ready.labelled[day] for day in self.ready.plan.valid]

    @property
    def features(self) -> list[str]:
        """The steps that make the features; a ranker on some blocks is charged with all of them."""
        return [f"day{day:02d}.features" for day in self.ready.plan.days]

    def before(self, day: int) -> list[int]:
        """The served days before a day."""
        return [other for other in self.ready.plan.days if other < day]

    def mix(self, scores: Scores, names: Sequence[str]) -> list[Floats]:
        """Probabilities of each validation day; what the scores are worth is found on the other one."""
        told = [scores[day] for day in self.ready.plan.valid]
        return self.run.step(click_ranker.mix_across, self.valid, told, list(names), self.config.watch.blend_l2).value


def climb(files: reader.RawFiles, config: MgtvConfig, run: Run) -> list[Row]:
    """One row per rung: the score of the full decision, pick by P(watch) x E[s] and answer max E[s], with its error;
    beside it the hit rate, the scores with p = 1 and with the pick by P(watch), and the log likelihood.
    """
    ground = prepare_ground(files, config, run)
    ladder = Ladder(run, "MGTV: which video is watched, on the validation days", "score")
    climb_plainly(ground, ladder)
    climb_blocks(ground, ladder)
    networks = climb_networks(ground, ladder)
    climb_models(ground, ladder, networks)
    return ladder.write()


def prepare_ground(files: reader.RawFiles, config: MgtvConfig, run: Run) -> Ground:
    """Everything up to served days, as in the pipeline, whose steps these are."""
    ready, step = prepare(files, config, run), run.step
    tables, plan = ready.tables, ready.plan
    log = step(stack, tables.days, tables.videos, config.truth)
    asked = {
        day: step(split.ask_day, log, plan, day, config.split, config.seed, name=f"day{day:02d}.ask")
        for day in plan.days
    }
    values = [
        step(
            decision.value_rows,
            ready.labelled[day],
            fit_completion(run, ready, config, day),
            config.truth.no_duration,
            name=f"day{day:02d}.value",
        ).value
        for day in plan.valid
    ]
    return Ground(run, config, ready, log, asked, values)


def climb_plainly(ground: Ground, ladder: Ladder) -> None:
    """Rungs without a ranker: by chance, by place, by click rate, by neighbours, by factors."""
    step, seed, labelled = ground.run.step, ground.config.seed, ground.ready.labelled
    days = ground.ready.plan.valid
    rate = f"video_own_click_{ground.config.features.half_lives[-1]:g}d"
    with ladder.rung("random", steps.POPULARITY) as rung:
        drawn = step(pick_plainly, ground.valid, None, seed, name="ladder.random").value
        rung.record(**tell(ground, drawn))
    with ladder.rung("place in the list", steps.POPULARITY) as rung:
        found = {
            day: step(
                baselines.score_places,
                [labelled[other] for other in ground.before(day)],
                labelled[day],
                name=f"day{day:02d}.ladder.places",
            )
            for day in days
        }
        rung.record(**tell(ground, ground.mix(found, ["place"])))
    with ladder.rung("smoothed click rate of the video", steps.POPULARITY) as rung:
        rung.record(**tell(ground, step(pick_plainly, ground.valid, rate, seed, name="ladder.rate").value))
    with ladder.rung("item-kNN: clicked near the last clicks", steps.NEIGHBOURS) as rung:
        found = {
            day: step(baselines.score_neighbours, ground.log, ground.asked[day], name=f"day{day:02d}.ladder.neighbours")
            for day in days
        }
        rung.record(**tell(ground, ground.mix(found, ["neighbours"])))
    with ladder.rung("ALS: devices x videos", steps.FACTORS) as rung:
        videos = count_videos(ground)
        found = {
            day: step(
                baselines.score_factors,
                ground.log,
                ground.asked[day],
                videos,
                seed,
                name=f"day{day:02d}.ladder.factors",
            )
            for day in days
        }
        rung.record(**tell(ground, ground.mix(found, ["factors"])))


def count_videos(ground: Ground) -> int:
    """How many video codes there are."""
    return ground.ready.tables.videos.value.frame.height


def pick_plainly(days: Sequence[Served], rate: str | None, seed: int) -> list[Floats]:
    """Probabilities without a model, for each day: in proportion to a rate, or drawn where it is None."""
    found = []
    for day in days:
        if rate is None:
            worth = baselines.score_random(day, seed)[:, 0]
        else:
            worth = day.rows.features[:, day.rows.names.index(rate)].astype(np.float64)
        found.append(click_ranker.normalise(worth, day))
    return found


def climb_blocks(ground: Ground, ladder: Ladder) -> None:
    """One boosted model on block after block of features."""
    for count in range(1, len(BLOCKS) + 1):
        name = f"{FIRST} on the {BLOCKS[0]} block" if count == 1 else f"+ {BLOCKS[count - 1]} block"
        with ladder.rung(name, steps.BOOSTING, ground.features) as rung:
            rung.record(**tell(ground, ground.mix(score_models(ground, [FIRST], BLOCKS[:count]), [FIRST])))


def score_models(ground: Ground, models: Sequence[str], blocks: Sequence[str]) -> Scores:
    """Out-of-time scores of each validation day from some models on some blocks."""
    ready, run = ground.ready, ground.run
    return {
        day: run.step(
            click_ranker.score,
            ready.labelled[day],
            [fit_watch(run, ready, ground.config, day, kind, blocks) for kind in models],
            name=f"day{day:02d}.score",
        )
        for day in ready.plan.valid
    }


def climb_networks(ground: Ground, ladder: Ladder) -> dict[str, Scores]:
    """The networks, each on the ids and on all numeric features of the pipeline; returns their scores."""
    tables, step = ground.ready.tables, ground.run.step
    videos = step(code_video_table, tables.videos, name="ladder.videos")
    devices = step(code_device_table, tables.profiles, ground.config.features.categories, name="ladder.devices")
    height = len(devices.value.ids)
    inputs = {
        day: step(look_up, ground.log, asked, height, DEEP.watched, name=f"day{day:02d}.ladder.inputs")
        for day, asked in ground.asked.items()
    }
    needs = [*ground.features, *(f"day{day:02d}.ladder.inputs" for day in inputs)]
    found = {}
    for kind in NETWORKS:
        with ladder.rung(kind, steps.DEEP, needs) as rung:
            found[kind] = {
                day: run_network(ground, inputs, videos, devices, kind, day) for day in ground.ready.plan.valid
            }
            rung.record(**tell(ground, ground.mix(found[kind], [kind])))
    return found


def run_network(
    ground: Ground,
    inputs: dict[int, Result[Inputs]],
    videos: Result[Fields],
    devices: Result[Fields],
    kind: str,
    day: int,
) -> Result[Floats]:
    """Fit a network on the served days before a validation day and score that day."""
    labelled, before, step = ground.ready.labelled, ground.before(day), ground.run.step
    fitted = step(
        fit_network,
        [labelled[other] for other in before],
        [inputs[other] for other in before],
        videos,
        devices,
        kind,
        ground.config.watch.blocks,
        DEEP,
        ground.config.seed,
        name=f"day{day:02d}.fit.{kind}",
    )
    return step(
        score_network, labelled[day], inputs[day], videos, devices, fitted, DEEP, name=f"day{day:02d}.score.{kind}"
    )


def code_video_table(videos: reader.Videos) -> Fields:
    """Ids of the videos' fields."""
    return code_videos(videos.frame)


def code_device_table(profiles: reader.Profiles, names: Sequence[str]) -> Fields:
    """Ids of the devices' profile names."""
    return code_devices(profiles.frame, names)


def climb_models(ground: Ground, ladder: Ladder, networks: dict[str, Scores]) -> None:
    """The mix with one model more each time, as the pipeline has it; last, with the network that reads the history."""
    blocks = ground.config.watch.blocks
    for count in range(2, len(MODELS) + 1):
        with ladder.rung(f"+ {MODELS[count - 1]}, mixed", steps.BLEND, ground.features) as rung:
            rung.record(**tell(ground, ground.mix(score_models(ground, MODELS[:count], blocks), MODELS[:count])))
    needs = [*ground.features, *(step.name for step in ground.run.timings if step.name.endswith(f".{LAST}"))]
    with ladder.rung(f"+ {LAST}, mixed", steps.BLEND, needs) as rung:
        trees = score_models(ground, MODELS, blocks)
        both = {
            day: ground.run.step(np.hstack, [trees[day], networks[LAST][day]], name=f"day{day:02d}.ladder.beside")
            for day in trees
        }
        rung.record(**tell(ground, ground.mix(both, [*MODELS, LAST])))


def tell(ground: Ground, found: Sequence[Floats]) -> Row:
    """The full decision, and beside it what simpler decisions make of the same probabilities."""
    days, values = [day.value for day in ground.valid], ground.values
    finished = [Values(np.ones(len(v.answer)), np.ones(len(v.answer)), v.mean, v.median) for v in values]
    alike = [Values(v.answer, np.ones(len(v.answer)), v.mean, v.median) for v in values]
    full, likely = judge(days, found, values, 1.0), judge(days, found, alike, 1.0)
    return {
        "score": full["score"],
        "error": full["error"],
        "hit rate": likely["hit_rate"],
        "p = 1": judge(days, found, finished, 1.0)["score"],
        "P(watch), max E[s]": likely["score"],
        "log likelihood": full["log_likelihood"],
    }
