"""MGTV, top to bottom: what devices were shown, clicked and played -> the video each will watch, and how much of it.

    make mgtv        or        python -m competitions run mgtv --raw data/mgtv/raw

Each call of ``run.step`` is kept on disk until something that it depends on changes. Training days, validation days and
the test day go through the same functions; each sees the log strictly before it (``target_encoding.before_day``).
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import polars as pl

from common.engine.decisions import say_decisions
from common.engine.run import Result, Run, bundle, collect, collect_named, derive
from common.io.submission import write_csv
from competitions.mgtv import labels, split, submission
from competitions.mgtv.config import MgtvConfig
from competitions.mgtv.day.summary import Outcome, Prepared, Tables, Validated, measure
from competitions.mgtv.features import profile, target_encoding
from competitions.mgtv.features.build import Sources, describe_blocks, list_dates
from competitions.mgtv.io import reader
from competitions.mgtv.models import click_ranker, decision
from competitions.mgtv.models.dataset import DayFeatures, join_day
from competitions.mgtv.models.day_models import fit_models, predict_day, refit_models
from competitions.mgtv.plan import choose_settings, list_asked, settle
from competitions.mgtv.split import Slates


def validate(files: reader.RawFiles, config: MgtvConfig, run: Run) -> Validated:
    """Fit, predict and score each validation day; of the test day nothing is made but its slates."""
    step, ready = run.step, prepare(files, config, run)
    config, plan, labelled = ready.config, ready.plan, ready.labelled
    watch = config.watch

    # 4. Watch and 5. completion: the validation days are scored by models fitted on the days before them.
    early = fit_models(run, labelled, config, plan.valid)
    valid = [predict_day(run, config, f"day{day:02d}", labelled[day], early) for day in plan.valid]
    days, scores = collect([labelled[day] for day in plan.valid]), collect([day.scores for day in valid])
    blend = step(click_ranker.find_blend, days, scores, watch.models, watch.blend_l2)
    mixed = step(click_ranker.mix_across, days, scores, watch.models, watch.blend_l2)
    measured = step(measure, collect(valid), mixed, watch.models, config.decide.power, config.seed)
    return Validated(
        files=files, config=config, ready=ready, early=early, valid=valid, blend=blend, mixed=mixed, measured=measured
    )


def solve(files: reader.RawFiles, config: MgtvConfig, run: Run) -> Outcome:
    """Run the whole competition into ``run.folder``; a finished step of an earlier run is not done again."""
    step, judged = run.step, validate(files, config, run)
    config, ready, videos = judged.config, judged.ready, judged.ready.tables.videos

    # 6. The final fits use every labelled day; the test is answered, written, read back from disk and checked.
    slates = ready.test_slates
    outcome = step(split.hide_outcome, slates, name="test.outcome")
    day = describe_day(run, "test", ready.sources, slates, outcome, config)
    fallback = step(decision.find_fallback, ready.sources.log, videos.frame)
    final = refit_models(run, ready.labelled, config, judged.early)
    test = predict_day(run, config, "test", day, final)
    answers = step(submission.answer, slates, test, judged.blend, config.decide.power, fallback, ready.tables.codes)
    path = write_csv(answers.value, run.folder / config.host.submission)
    return Outcome(**vars(judged), final=final, test=test, checked=submission.check_submission(path, files))


def prepare(files: reader.RawFiles, config: MgtvConfig, run: Run) -> Prepared:
    """From raw files to days with features."""
    step, seed = run.step, config.seed

    # 1. Read and check, day by day. What a rule settles is counted in the notes, anything else stops the run.
    logs = dataclasses.replace(files, profiles=None, comments=(), notes=())  # another workbook is no other code
    codes = step(reader.learn_codes, logs)
    videos = step(reader.read_videos, logs, codes, config.host)
    profiles = step(reader.read_profiles, files, codes)
    comments = step(reader.read_comments, files, codes, config.host)
    days = [step(reader.read_day, day, codes, config.host, name=f"day{day.day:02d}.read") for day in files.days]
    test = step(reader.read_test, logs, codes)
    frames, tables = collect([day.frame for day in days]), (videos.frame, profiles.frame, comments.frame)
    choices = step(choose_settings, frames, *tables, list_asked(config)).value
    say_decisions(choices.decisions)
    config = settle(config, choices)
    log = step(labels.stack_log, frames, videos.frame, config.truth, name="stack")
    own = config.features.of_blocks()
    sources = bundle(
        Sources,
        log=log,
        tally=step(target_encoding.tally_videos, log),
        categories=step(profile.tally_categories, log, profiles.frame, videos.frame, own),
        videos=videos.frame,
        profiles=profiles.frame,
        comments=comments.frame,
        dates=step(list_dates, [day.day for day in files.days], collect([day.date for day in days])),
    )

    # 2. Split by day: the last days validate, the days before them train.
    plan = step(split.plan_days, log, test.shown, config.split).value
    # 3. Features of every row that is shown, from the log before its day; then what came of it.
    labelled, slates = {}, {}
    for day in plan.days:
        name = f"day{day:02d}"
        slates[day] = step(split.draw_slates, log, plan, day, config.split, seed, name=f"{name}.ask")
        outcome = step(split.look_up_outcome, log, slates[day], name=f"{name}.outcome")
        labelled[day] = describe_day(run, name, sources, slates[day], outcome, config)
    return Prepared(
        config=config,
        decisions=choices.decisions,
        tables=Tables(codes=codes, videos=videos, profiles=profiles, comments=comments, days=days, test=test),
        sources=sources,
        plan=plan,
        slates=slates,
        labelled=labelled,
        test_slates=step(split.build_slates, plan.test, test.queries, test.shown, name="ask_test"),
    )


def describe_day(
    run: Run,
    day: str,
    sources: Result[Sources],
    slates: Result[Slates],
    outcome: Result[pl.DataFrame],
    config: MgtvConfig,
) -> Result[DayFeatures]:
    """A day's features, block by block, from the log before it; beside them, what came of the day."""

    def step(function: Callable[..., Any], *arguments: Any, name: str) -> Any:
        return run.step(function, *arguments, name=f"{day}.{name}")

    blocks = describe_blocks(step, sources, slates, config.features, config.seed)
    return derive(join_day, blocks=collect_named(blocks), slates=slates, videos=sources.videos, outcome=outcome)
