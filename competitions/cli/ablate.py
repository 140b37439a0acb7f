"""What ``ablate`` does: the score without each block of features in turn, paired with the score with all of them."""

import time
from collections.abc import Sequence
from typing import Any

import polars as pl

from common.day.compare import Difference, compute_difference, pair_scores
from common.day.fit_noise import pool_variance, widen_error
from common.engine.console import print_table, wide_console
from common.engine.errors import UserError
from common.engine.progress import say
from common.engine.run import Run
from competitions import find_competition
from competitions.cli.fits import judge_fits
from competitions.cli.options import InputOptions
from competitions.cli.settings import Inputs, load_inputs

FITS = 3  # where the settings do not ask for several
ALL = "all blocks"
Scored = tuple[pl.DataFrame, list[float], float]  # the scores by query, those of each fit, the seconds that it took


def ablate(options: InputOptions) -> None:
    """The score without each block of features in turn, query by query beside that with all, the noise of the fits
    counted: what pays, and what may go. Minutes; with a quick.toml fewer.
    """
    inputs = load_inputs(options)
    competition = inputs.competition
    if competition.blocks is None:
        raise UserError(f"{competition.name} has no blocks of features that a setting takes out.")
    setting, list_blocks = competition.blocks
    scored: dict[str, Scored] = {}
    for name in (ALL, *list_blocks()):
        left = [] if name == ALL else [f"{setting}=-{name}"]
        say(f"{name}:" if name == ALL else f"without {name}:")
        scored[name] = _score(inputs, [f"seed={options.seed}", *(options.overrides or []), *left], options)
    fits = len(scored[ALL][1])
    title = f"{competition.metric} without each block of features, the mean of {fits} fits each; {ALL}: " + (
        f"{sum(scored[ALL][1]) / fits:.4f}"
    )
    print_table(wide_console(), title, list_differences(scored))
    print(f"\nWithout one from here on: make {options.name} ARGS={setting}=-NAME, or in config.toml")


def _score(inputs: Inputs, overrides: Sequence[str], options: InputOptions) -> Scored:
    began = time.monotonic()
    competition = find_competition(options.name).under_law(options.law)
    config: Any = competition.load_config(overrides, inputs.tuned)
    if config.fits == 1:
        config = competition.load_config([*overrides, f"fits={FITS}"], inputs.tuned)
    build = options.build / options.name
    work, inputs = Run(build / "ablation", build / "cache"), inputs._replace(config=config)
    judged, fits = judge_fits(competition.validate(inputs.files, config, work), inputs, work)
    return judged.queries, fits, time.monotonic() - began


def list_differences(scored: dict[str, Scored]) -> list[dict[str, Any]]:
    """A row a block: the score without it, what it adds with the error of that, in words, the seconds.

    The fits of all variants tell how far another fit moves the score: they differ by a block, and vary alike.
    """
    noise = pool_variance([fits for _, fits, _ in scored.values()])
    whole, rows = scored[ALL], []
    for name, (queries, fits, seconds) in scored.items():
        if name == ALL:
            continue
        difference = compute_difference(pair_scores(queries, whole[0]))
        if noise is not None and difference.changed:
            error = widen_error(difference.error, noise, (len(fits), len(whole[1])))
            difference = difference._replace(error=error, fits=noise.freedom + 1)
        rows.append(
            {
                "without": name,
                "score": sum(fits) / len(fits),
                "it adds": difference.mean,
                "error": difference.error,
                "verdict": name_verdict(difference),
                "seconds": round(seconds),
            }
        )
    return sorted(rows, key=lambda row: -float(row["it adds"]))


def name_verdict(difference: Difference) -> str:
    """What a block is worth, in words."""
    return "not in use" if not difference.changed else difference.verdict
