"""Verbs that work on raw files: run the pipeline, simulate files, look at them, climb the ladder, ablate, tune; check
and score a submission.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from common.engine.console import print_table, wide_console
from competitions import ROOM, find_competition, find_lesson, find_room
from competitions.cli.options import (
    BUILD,
    Build,
    InputOptions,
    LadderOptions,
    Law,
    Name,
    OwnRaw,
    RunOptions,
    Scale,
    Seed,
    StepOptions,
    Submission,
    Truth,
    TuneOptions,
    takes,
)


@takes(RunOptions)
def run(options: RunOptions) -> None:
    """Raw files to a checked submission, with a closing summary. Exit code 3: the submission is checked and kept, but a
    part of the report failed.
    """
    from competitions.cli.execution import execute

    execute(options)


def simulate(
    name: Name,
    out: Annotated[Path | None, typer.Option(help="Folder to write; default build/NAME/simulated/...")] = None,
    scale: Scale = None,
    seed: Seed = None,
    law: Law = None,
    build: Build = BUILD,
    describe: Annotated[bool, typer.Option(help="Compare the marginals with the host's.")] = False,
) -> None:
    """Write raw files of any size in the host's layout, with the truth and the oracle's score."""
    competition = find_competition(name).under_law(law)
    config = competition.load_config([] if seed is None else [f"seed={seed}"])  # which has the bounds
    folder, simulation = competition.simulate(out, scale, config.seed, build)
    print(f"{folder}: {simulation.rows}")
    print(f"oracle {competition.metric} {simulation.oracle}")
    if describe and competition.describe:
        print_table(wide_console(), "Simulated against documented", competition.describe(folder).to_dicts())
    elif describe:
        print(f"Nothing is documented of {name}'s files to compare with: its declaration names no describe.")


@takes(InputOptions)
def look(options: InputOptions) -> None:
    """A page on the raw files: rows, missing values, distributions, train against test."""
    from common.day.look.page import write_look
    from common.engine.run import Run
    from competitions.cli.data import identify_files
    from competitions.cli.settings import load_inputs

    inputs = load_inputs(replace(options, untuned=True))
    build = options.build / options.name
    shown = find_room(options.name, "day.look").look(inputs.files, inputs.config, Run(build / "look", build / "cache"))
    basis = str(identify_files(options.name, inputs.folder))
    page = write_look(options.name, inputs.folder, basis, shown, build / "look")
    print(f"Look: {page.resolve().as_uri()}")


@takes(LadderOptions)
def ladder(options: LadderOptions) -> None:
    """What each channel, feature block and model adds, on the same split (minutes); or one step only."""
    from common.day.stamp import make_stamp, stamp_ladder
    from common.engine.cluster import connect
    from common.engine.run import Run
    from common.io.lock import hold
    from competitions.cli.settings import load_inputs
    from competitions.learning import ladder as ladders
    from competitions.learning.card import make_card

    lesson = find_lesson(options.name, "ladder")
    if options.only is not None:  # a wrong name is refused before a file is read, or simulated
        config = find_competition(options.name).load_config(options.settings, not options.untuned)
        lesson.make_ladder(None, config, None).find(options.only)
    inputs = load_inputs(options)
    build = options.build / options.name
    stamp, run = make_stamp(), Run(build / "ladder", build / "cache")
    made = lesson.make_ladder(inputs.files, inputs.config, run)
    with hold(run.folder), connect(options.cluster, run.cache) as run.cluster:
        rows = made.climb(options.only)
    if options.only is not None:
        title, facts = make_card(made, rows, ROOM / options.name / "figures.json")
        width = max(map(len, facts))
        print("", title, *(f"  {fact:<{width}}  {text}" for fact, text in facts.items()), sep="\n")
        return
    if not options.overrides:
        stamp_ladder(run.folder / ladders.TABLE, inputs.folder, stamp)
    title = f"Ladder, {made.metric} on validation. {ladders.CAPTION}"
    hidden = ("title", ladders.CODE)
    print_table(wide_console(), title, [{name: row[name] for name in row if name not in hidden} for row in rows])


@takes(StepOptions)
def ablate(options: StepOptions) -> None:
    """What each block of features adds: the score without it, paired, with the noise between fits (minutes)."""
    from competitions.cli import fits

    fits.ablate(options)


@takes(TuneOptions)
def tune(options: TuneOptions) -> None:
    """Search the settings that space.toml names; a gain beyond the noise is written to tuned.toml."""
    from competitions.cli import tuning

    tuning.tune(options)


def check(name: Name, submission: Submission, raw: OwnRaw = None) -> None:
    """Check a submission file against the raw files it answers."""
    competition = find_competition(name)
    checked = competition.check(submission, competition.locate_known(raw))
    print(f"{checked.path}: {checked.rows} rows, valid. Checked: {'; '.join(checked.rules)}.")


def score(name: Name, submission: Submission, truth: Truth, raw: OwnRaw = None) -> None:
    """Score a submission file against a truth file: every metric."""
    from common.day.record_schema import RECORD, SCORES
    from common.io.submission import write_bytes

    competition = find_competition(name)
    files = competition.locate_known(raw) if raw is not None else None
    scores = competition.score(submission, truth, files)
    for metric, value in scores.items():
        print(f"{metric:24s} {value:.4f}")
    if (submission.parent / RECORD).exists():  # of a run: its page of figures shows them
        write_bytes(submission.parent / SCORES, json.dumps(dict(scores)).encode())
