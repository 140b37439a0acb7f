"""What each part is worth: from a random pick to the mix of all models, block after block of features.

All rungs share one split, and one completion model a validation day: rungs differ in which video they pick.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from common.run import Result, Run
from competitions.mgtv import decide, raw, watch
from competitions.mgtv.config import BLOCKS, MODELS, MgtvConfig
from competitions.mgtv.decide import Values
from competitions.mgtv.gather import Served
from competitions.mgtv.pipeline import fit_completion, fit_watch, prepare
from competitions.mgtv.summary import Prepared, judge
from competitions.mgtv.truth import Floats

FIRST = "lightgbm_softmax"
Row = dict[str, Any]


def climb(files: raw.RawFiles, config: MgtvConfig, run: Run) -> list[Row]:
    """One row per rung: hit rate, and the score with p = 1, with max E[s], and with the pick by P(watch) x E[s]."""
    ready = prepare(files, config, run)
    days = [ready.labelled[day] for day in ready.plan.valid]
    values = [
        run.step(
            decide.value_rows,
            ready.labelled[day],
            fit_completion(run, ready, config, day),
            config.truth.no_duration,
            name=f"day{day:02d}.value",
        )
        for day in ready.plan.valid
    ]
    shown = run.step(pick_plainly, days, f"video_own_click_{config.features.half_lives[-1]:g}d", config.seed)
    rungs = {"random": shown.value["random"], "smoothed click rate of the video": shown.value["rate"]}
    for count in range(1, len(BLOCKS) + 1):
        name = f"{FIRST} on the {BLOCKS[0]} block" if count == 1 else f"+ {BLOCKS[count - 1]} block"
        rungs[name] = _mix(run, ready, config, days, [FIRST], BLOCKS[:count])
    for count in range(2, len(MODELS) + 1):
        rungs[f"+ {MODELS[count - 1]}, mixed"] = _mix(run, ready, config, days, MODELS[:count], config.watch.blocks)
    served, worth = [day.value for day in days], [value.value for value in values]
    return [_row(name, served, found, worth) for name, found in rungs.items()]


def pick_plainly(days: Sequence[Served], rate: str, seed: int) -> dict[str, list[Floats]]:
    """Probabilities without a model, for each day: drawn, and in proportion to a rate."""
    found: dict[str, list[Floats]] = {"random": [], "rate": []}
    for day in days:
        height = len(day.rows.features)
        found["random"].append(np.random.default_rng([seed, day.day]).random(height))
        found["rate"].append(day.rows.features[:, day.rows.names.index(rate)].astype(np.float64))
    return {
        name: [watch.normalise(column, day) for column, day in zip(columns, days, strict=True)]
        for name, columns in found.items()
    }


def _mix(
    run: Run,
    ready: Prepared,
    config: MgtvConfig,
    days: Sequence[Result[Served]],
    models: Sequence[str],
    blocks: Sequence[str],
) -> list[Floats]:
    """Out-of-time probabilities of each validation day from some models on some blocks."""
    scores = [
        run.step(
            watch.score,
            ready.labelled[day],
            [fit_watch(run, ready, config, day, kind, blocks) for kind in models],
            name=f"day{day:02d}.score",
        )
        for day in ready.plan.valid
    ]
    return run.step(watch.mix_across, list(days), scores, list(models), config.watch.blend_l2).value


def _row(name: str, days: Sequence[Served], found: Sequence[Floats], values: Sequence[Values]) -> Row:
    """The full decision, and beside it what simpler decisions make of the same probabilities."""
    plain = [Values(np.ones(len(v.answer)), np.ones(len(v.answer)), v.mean, v.median) for v in values]
    alike = [Values(v.answer, np.ones(len(v.answer)), v.mean, v.median) for v in values]
    full = judge(days, found, values, 1.0)
    return {
        "rung": name,
        "hit rate": judge(days, found, alike, 1.0)["hit_rate"],
        "p = 1": judge(days, found, plain, 1.0)["score"],
        "max E[s]": judge(days, found, alike, 1.0)["score"],
        "P(watch) x E[s]": full["score"],
        "error": full["error"],
        "log likelihood": full["log_likelihood"],
    }
