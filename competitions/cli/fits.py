"""The score as the mean over several fits of the same rows: of a run (the setting ``fits``, or --seeds), and of what
``ablate`` leaves without each block of features in turn.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import polars as pl
from msgspec import structs

from common.day.difference import Difference, compute_difference, pair_scores, pool_variance
from common.day.judged import Judged
from common.day.record_schema import Scored
from common.day.run_record import describe_queries
from common.engine.console import print_table, wide_console
from common.engine.errors import UserError
from common.engine.progress import say
from common.engine.run import Run
from common.io.lock import hold
from competitions.cli.options import InputOptions
from competitions.cli.settings import Inputs, load_inputs

ABLATION_FITS = 3  # where the settings do not ask for several
ALL = "all blocks"
FOLDER = "ablation"  # below the competition's of the build


class Variant(NamedTuple):
    """What was scored with or without a block, by query and by fit; a ``Judged`` would hold a whole outcome."""

    queries: pl.DataFrame
    fits: Sequence[float]


def add_fits(first: Judged, inputs: Inputs, work: Run) -> Judged:
    """The ``first`` fit's report with each query's score the mean over all fits, and the score of every single one.

    The further ones validate only: they differ in ``fit_seed``, and the first is submitted.
    """
    competition, config, fits = inputs.competition, inputs.config, [first]
    others = [config.of_fit(number) for number in range(1, config.fits)]
    validated: Iterable[Any] = (competition.validate(inputs.files, another, work.again()) for another in others)
    if work.cluster is not None:  # all are stated before the first is waited for
        validated = list(validated)
    for number, (another, own) in enumerate(zip(others, validated, strict=True), 2):
        fits.append(competition.judge(own, another))
        say(f"  fit {number} of {config.fits}: {describe_queries(fits[-1].queries).score:.4f}")
    return average_judged(fits) if others else first


def average_judged(fits: Sequence[Judged]) -> Judged:
    """The first fit, with every query's score and every model's the mean over all ``fits`` of the same queries."""
    first = fits[0]
    scores = pl.concat([one.queries.select("fold", "query", "score") for one in fits])
    means = scores.group_by("fold", "query").agg(pl.col("score").mean())
    queries = first.queries.drop("score").join(means, on=["fold", "query"], how="left", maintain_order="left")
    queries = queries.select(first.queries.columns)
    by_model = [{row.name: row.score or 0.0 for row in one.ranking} for one in fits]
    whole, ranking = describe_queries(queries), []
    error = whole.error if first.error is None else first.error
    for row in first.ranking:
        known = [one[row.name] for one in by_model if row.name in one]
        score = sum(known) / len(known)
        # The model that is submitted has the headline's error: of each query's mean over fits and repeated folds.
        own = math.isclose(score, whole.score, rel_tol=1e-9)
        ranking.append(Scored(row.name, score, error if own else row.error))
    single = [describe_queries(one.queries).score for one in fits]
    return replace(first, queries=queries, ranking=ranking, fits=single)


def ablate(options: InputOptions) -> None:
    """The score without each block of features in turn, query by query beside that with all, the noise of the fits
    counted: what pays, and what may go. Minutes; with a quick.toml fewer.
    """
    inputs = load_inputs(options)
    competition = inputs.competition
    if competition.blocks is None:
        raise UserError(f"{competition.name} has no setting that removes a block of features.")
    setting, list_blocks = competition.blocks
    scored: dict[str, Variant] = {}
    with hold(options.build / options.name / FOLDER):
        for name in (ALL, *list_blocks()):
            left = [] if name == ALL else [f"{setting}=-{name}"]
            say(f"{name}:" if name == ALL else f"without {name}:")
            scored[name] = _score(inputs, [*options.settings, *left], options)
    fits, rows = scored[ALL].fits, list_differences(scored)
    title = f"{competition.metric} without each block of features, mean of {len(fits)} fits; {ALL}: "
    print_table(wide_console(), f"{title}{sum(fits) / len(fits):.4f}", rows)
    print(f"\nTo remove a block: make {options.name} ARGS={setting}=-NAME, or in config.toml")


def _score(inputs: Inputs, overrides: Sequence[str], options: InputOptions) -> Variant:
    competition = inputs.competition
    config: Any = competition.load_config(overrides, inputs.tuned)
    if config.fits == 1:
        config = structs.replace(config, fits=ABLATION_FITS)
    build = options.build / options.name
    work, inputs = Run(build / FOLDER, build / "cache"), inputs._replace(config=config)
    first = competition.judge(competition.validate(inputs.files, config, work), config)
    judged = add_fits(first, inputs, work)
    return Variant(judged.queries, judged.fits)


def list_differences(scored: dict[str, Variant]) -> list[dict[str, Any]]:
    """A row a block: the score without it, what it adds (the score with all blocks less that) with the error, in words.

    The fits of all variants tell how far another fit moves the score: they differ by a block, and vary alike. Of many
    blocks one seems to help by chance: a difference is clear where it is more than that.
    """
    noise = pool_variance([variant.fits for variant in scored.values()])
    whole, rows = scored[ALL], []
    for name, part in scored.items():
        if name == ALL:
            continue
        joined, fits = pair_scores(part.queries, whole.queries), (len(part.fits), len(whole.fits))
        difference = compute_difference(joined, noise, fits, compared=len(scored) - 1)
        rows.append(
            {
                "block": name,
                "score without": sum(part.fits) / len(part.fits),
                "it adds": difference.mean,
                "error": difference.error,
                "comparison": describe_block(difference),
            }
        )
    return sorted(rows, key=lambda row: -float(row["it adds"]))


def describe_block(difference: Difference) -> str:
    """What the ``difference`` that a block makes says of it."""
    if not difference.changed:
        return "not used"
    return difference.verdict.replace("clear gain", "clear: it helps").replace("clear loss", "clear: better without it")
