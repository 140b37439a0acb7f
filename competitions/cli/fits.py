"""The score as the mean over several fits of the same rows: of a run (the setting ``fits``, or --seeds), and of what
``ablate`` leaves without each block of features in turn.
"""

import math
import operator
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import polars as pl
from msgspec import structs

from common.competition import Competition
from common.day.difference import Difference, compute_difference, pair_scores
from common.day.judged import Judged
from common.day.record_schema import Scored
from common.day.run_record import average_fits, average_queries, describe_queries, stack_fits
from common.engine.cluster import connect
from common.engine.config import change
from common.engine.console import print_table, wide_console
from common.engine.decisions import AUTO, choose_names
from common.engine.errors import UserError
from common.engine.progress import say
from common.engine.run import Run
from common.io.lock import hold
from competitions.cli.options import StepOptions
from competitions.cli.settings import Inputs, load_inputs

ABLATION_FITS = 3  # where the settings do not ask for several
ALL = "all blocks"
FOLDER = "ablation"  # below the competition's of the build


def add_fits(first: Judged, inputs: Inputs, work: Run) -> Judged:
    """The ``first`` fit's report with each query's score the mean over all fits, and the score of every single one.

    The further ones validate only: they differ in ``fit_seed``, and the first is submitted.
    """
    competition, config, fits = inputs.competition, inputs.config, [first]
    count = first.fits if config.fits == AUTO else config.fits
    others = [config.of_fit(number) for number in range(1, count)]
    validated: Iterable[Any] = (competition.validate(inputs.files, another, work.again()) for another in others)
    if work.cluster is not None:  # all are stated before the first is waited for
        validated = list(validated)
    for number, (another, own) in enumerate(zip(others, validated, strict=True), 2):
        fits.append(competition.judge(own, another))
        say(f"  fit {number} of {count}: {describe_queries(fits[-1].queries).score:.4f}")
    return average_judged(fits) if others else first


def average_judged(fits: Sequence[Judged]) -> Judged:
    """The first fit, with every query's score and every model's the mean over all ``fits`` of the same queries."""
    first, queries = fits[0], stack_fits([one.queries for one in fits])
    by_model = [{row.name: row.score or 0.0 for row in one.ranking} for one in fits]
    whole, ranking = describe_queries(queries), []
    error = whole.error if first.error is None else first.error
    for row in first.ranking:
        known = [one[row.name] for one in by_model if row.name in one]
        score = sum(known) / len(known)
        # The model that is submitted has the headline's error: of each query's mean over fits and repeated folds.
        own = math.isclose(score, whole.score, rel_tol=1e-9)
        ranking.append(Scored(row.name, score, error if own else row.error))
    return replace(first, queries=queries, ranking=ranking)


def ablate(options: StepOptions) -> None:
    """The score without each block of features in turn, query by query beside that with all, the noise of the fits
    counted: what pays, and what may go. Minutes; with a quick.toml fewer.
    """
    inputs = load_inputs(options)
    competition = inputs.competition
    if competition.blocks is None:
        raise UserError(f"{competition.name} has no setting that removes a block of features.")
    used = list_used(competition, inputs.config)
    configs = {ALL: inputs.config} | {name: leave_out(competition, inputs.config, name) for name in used}
    scored: dict[str, pl.DataFrame] = {}
    build = options.build / options.name
    with hold(build / FOLDER), connect(options.cluster, build / "cache") as cluster:
        for name, config in configs.items():
            say(f"{name}:" if name == ALL else f"without {name}:")
            work = Run(build / FOLDER, build / "cache")
            work.cluster = cluster
            scored[name] = score_config(inputs._replace(config=config), work)
    whole = average_queries(scored[ALL])["score"]
    title = (
        f"{competition.metric} without each block of features, mean of {len(average_fits(scored[ALL]))} fits; {ALL}: "
    )
    print_table(wide_console(), f"{title}{whole:.4f}", list_differences(scored))
    print(f"\nTo remove a block: make {options.name} ARGS={competition.blocks[0]}=-NAME, or in config.toml")


def list_used(competition: Competition, config: Any) -> tuple[str, ...]:
    """The blocks of features that these settings take."""
    assert competition.blocks
    setting, list_blocks = competition.blocks
    return choose_names(operator.attrgetter(setting)(config), tuple(list_blocks()))


def leave_out(competition: Competition, config: Any, block: str) -> Any:
    """The settings without a block that they take: a change of the list, such as "-a", is changed further."""
    assert competition.blocks
    setting, _ = competition.blocks
    given = operator.attrgetter(setting)(config)
    changed = given != AUTO and all(name.startswith(("+", "-")) for name in given)
    kept = [name for name in given if name != f"+{block}"] if changed else []
    names = [*kept, f"-{block}"] if changed or given in (AUTO, [AUTO], (AUTO,)) else [n for n in given if n != block]
    return change(config, {setting: names}, competition.check_names)


def score_config(inputs: Inputs, work: Run) -> pl.DataFrame:
    """The validation queries under some settings, by several fits."""
    if inputs.config.fits in (1, AUTO):
        inputs = inputs._replace(config=structs.replace(inputs.config, fits=ABLATION_FITS))
    first = inputs.competition.judge(inputs.competition.validate(inputs.files, inputs.config, work), inputs.config)
    return add_fits(first, inputs, work).queries


def list_differences(scored: dict[str, pl.DataFrame]) -> list[dict[str, Any]]:
    """A row a block: the score without it, what it adds (the score with all blocks less that) with the error, in words.

    Of many blocks one seems to help by chance: a difference is clear where it is more than that.
    """
    rows, compared = [], len(scored) - 1
    for name, queries in scored.items():
        if name != ALL:
            difference = compute_difference(pair_scores(queries, scored[ALL]), compared)
            row = {"block": name, "score without": average_queries(queries)["score"], "it adds": difference.mean}
            rows.append(row | {"error": difference.error, "comparison": describe_block(difference)})
    return sorted(rows, key=lambda row: -float(row["it adds"]))


def describe_block(difference: Difference) -> str:
    """What the ``difference`` that a block makes says of it."""
    if not difference.changed:
        return "not used"
    return difference.verdict.replace("clear gain", "clear: it helps").replace("clear loss", "clear: better without it")
