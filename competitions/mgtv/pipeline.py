"""MGTV, top to bottom: what devices were shown, clicked and played -> the video each will watch, and how much of it.

    make mgtv        or        python -m competitions run mgtv --raw data/mgtv/raw

Each call of ``run.step`` is kept on disk until something that it depends on changes. Training days, validation days and
the test day go through the same functions; each sees the log strictly before it, which ``rates.past_of`` decides.
"""

import dataclasses
import datetime
from collections.abc import Sequence

import polars as pl

from common.pipeline.run import Result, Run
from common.ranking.conditional_logit import Logit
from common.ranking.gbdt import Ranker
from competitions.mgtv import labels, split, submission
from competitions.mgtv.config import FeatureSettings, MgtvConfig, SplitSettings, TruthSettings
from competitions.mgtv.features import profile, target_encoding
from competitions.mgtv.features.build import Sources
from competitions.mgtv.io import reader
from competitions.mgtv.labels import Floats
from competitions.mgtv.models import click_ranker, completion_training, dataset, decision
from competitions.mgtv.models.completion import Completion
from competitions.mgtv.models.dataset import Served
from competitions.mgtv.models.decision import Values
from competitions.mgtv.reporting.summary import Outcome, Prepared, Tables, measure
from competitions.mgtv.split import Asked, Plan


def solve(files: reader.RawFiles, config: MgtvConfig, run: Run) -> Outcome:
    """Run the whole competition into ``run.folder``; a finished step of an earlier run is not done again."""
    step, seed = run.step, config.seed
    ready = prepare(files, config, run)
    plan, labelled = ready.plan, ready.labelled
    valid = [labelled[day] for day in plan.valid]

    # 4. Watch: each validation day is scored by models fitted on the days before it; the mix of them is found there.
    models, blocks = config.watch.models, config.watch.blocks
    early = {day: [fit_watch(run, ready, config, day, kind, blocks) for kind in models] for day in plan.valid}
    scores = [step(click_ranker.score, labelled[day], early[day], name=f"day{day:02d}.score") for day in plan.valid]
    blend = step(click_ranker.find_blend, valid, scores, models, config.watch.blend_l2)
    mixed = step(click_ranker.mix_across, valid, scores, models, config.watch.blend_l2)

    # 5. Completion: the distribution of t for every shown video, and the answer that earns most under it.
    found = {day: fit_completion(run, ready, config, day) for day in plan.valid}
    values = [
        step(decision.value_rows, labelled[day], found[day], config.truth.no_duration, name=f"day{day:02d}.value")
        for day in plan.valid
    ]
    measured = step(measure, valid, scores, mixed, values, models, config.decide.power, seed)

    # 6. The final fits use every served day; the test is answered, written, read back from disk and checked.
    every = list(labelled.values())
    final = [
        step(
            click_ranker.refit,
            every,
            [early[day][place] for day in plan.valid],
            getattr(config.watch, kind),
            blocks,
            seed,
            name=f"refit.{kind}",
        )
        for place, kind in enumerate(models)
    ]
    full = step(
        completion_training.refit, every, config.completion, list(found.values()), seed, name="refit.completion"
    )
    test_scores = step(click_ranker.score, ready.test, final, name="test.score")
    test_values = step(decision.value_rows, ready.test, full, config.truth.no_duration, name="test.value")
    answers = step(
        answer,
        ready.asked,
        ready.test,
        test_scores,
        blend,
        test_values,
        config.decide.power,
        ready.fallback,
        ready.tables.codes,
    )
    path = submission.write_submission(answers.value, run.folder / config.host.submission)
    checked = submission.check_submission(path, files)
    judged = early, found, blend, mixed, values, measured
    return Outcome(files, config, ready, *judged, test_scores, test_values, answers, checked)


def prepare(files: reader.RawFiles, config: MgtvConfig, run: Run) -> Prepared:
    """From raw files to served days."""
    step, seed = run.step, config.seed

    # 1. Read and check, day by day. What a rule settles is counted in the notes, anything else stops the run.
    logs = dataclasses.replace(files, profiles=None, comments=(), notes=())  # another workbook is no other code
    codes = step(reader.learn_codes, logs)
    videos = step(reader.read_videos, logs, codes, config.host)
    profiles = step(reader.read_profiles, files, codes)
    comments = step(reader.read_comments, files, codes, config.host)
    days = [step(reader.read_day, day, codes, config.host, name=f"day{day.day:02d}.read") for day in files.days]
    test = step(reader.read_test, logs, codes)
    log = step(stack, days, videos, config.truth)
    tally = step(target_encoding.tally_videos, log)
    categories = step(tally_categories, log, profiles, videos, config.features)
    dates = step(list_dates, days)
    sources = log, tally, categories, videos, profiles, comments, dates

    # 2. Split by day: the last days validate, the days before them train.
    plan = step(plan_days, log, test, config.split).value
    # 3. Features of every row that is asked about, from the log before its day; then what came of it.
    labelled, asks = {}, {}
    for day in plan.days:
        asked = asks[day] = step(split.ask_day, log, plan, day, config.split, seed, name=f"day{day:02d}.ask")
        outcome = step(split.look_up_outcome, log, asked, name=f"day{day:02d}.outcome")
        labelled[day] = step(serve, *sources, asked, outcome, config.features, seed, name=f"day{day:02d}.features")
    asked = step(ask_test, test, plan)
    served = step(serve, *sources, asked, None, config.features, seed, name="test.features")
    fallback = step(find_fallback, log, videos)
    return Prepared(
        Tables(codes, videos, profiles, comments, days, test), plan, labelled, asks, asked, served, fallback
    )


def fit_watch(
    run: Run, ready: Prepared, config: MgtvConfig, day: int, kind: str, blocks: Sequence[str]
) -> Result[Ranker]:
    """Fit one model on the served days before a validation day, until that day stops it."""
    before = [ready.labelled[other] for other in ready.plan.days if other < day]
    settings = config.watch
    told = kind, getattr(settings, kind), tuple(blocks), settings.rounds, settings.patience, config.seed
    return run.step(click_ranker.fit_early, before, ready.labelled[day], *told, name=f"day{day:02d}.fit.{kind}")


def fit_completion(run: Run, ready: Prepared, config: MgtvConfig, day: int) -> Result[Completion]:
    """Fit the completion model on the plays of the served days before a validation day."""
    before = [ready.labelled[other] for other in ready.plan.days if other < day]
    return run.step(
        completion_training.fit_early,
        before,
        ready.labelled[day],
        config.completion,
        config.seed,
        name=f"day{day:02d}.fit.completion",
    )


def stack(days: list[reader.Day], videos: reader.Videos, settings: TruthSettings) -> pl.DataFrame:
    """The log of all days, with completion rates and answers."""
    return labels.stack_log([day.frame for day in days], list_durations(videos), settings)


def list_durations(videos: reader.Videos) -> pl.Series:
    """Seconds by video code."""
    return videos.frame["duration"]


def find_fallback(log: pl.DataFrame, videos: reader.Videos) -> tuple[int, float]:
    """What a device is answered that was shown nothing."""
    return decision.find_fallback(log, list_durations(videos))


def list_dates(days: list[reader.Day]) -> dict[int, datetime.date]:
    """The date of every day that has clicks."""
    return {int(day.frame["day"][0]): day.date for day in days if day.date is not None and day.frame.height}


def plan_days(log: pl.DataFrame, test: reader.Test, settings: SplitSettings) -> Plan:
    """Which days train and which validate."""
    return split.plan_days(log, test.shown, settings)


def tally_categories(
    log: pl.DataFrame, profiles: reader.Profiles, videos: reader.Videos, settings: FeatureSettings
) -> dict[str, pl.DataFrame]:
    """Counts by the profile columns of names."""
    return profile.tally_categories(log, profiles.frame, videos.frame.rename({"classify": "channel"}), settings)


def ask_test(test: reader.Test, plan: Plan) -> Asked:
    """The host's question."""
    return split.ask(plan.test, test.asked["device"], test.shown)


def serve(
    log: pl.DataFrame,
    tally: pl.DataFrame,
    categories: dict[str, pl.DataFrame],
    videos: reader.Videos,
    profiles: reader.Profiles,
    comments: reader.Comments,
    dates: dict[int, datetime.date],
    asked: Asked,
    outcome: pl.DataFrame | None,
    settings: FeatureSettings,
    seed: int,
) -> Served:
    """The rows of a day with features and outcome."""
    sources = Sources(
        log, tally, categories, videos.frame.rename({"classify": "channel"}), profiles.frame, comments.frame, dates
    )
    return dataset.serve(sources, asked, outcome, settings, seed)


def answer(
    asked: Asked,
    day: Served,
    scores: Floats,
    blend: Logit,
    values: Values,
    power: float,
    fallback: tuple[int, float],
    codes: reader.Codes,
) -> pl.DataFrame:
    """The submission frame: did, vid, completion_rate, one row per device in the order asked."""
    rows = decision.pick(decision.weigh(click_ranker.mix(blend, scores, day), values, power), day.rows.group_sizes)
    chosen = asked.rows[rows].select("query", "video", rate=pl.Series(values.answer[rows]))
    return submission.build_submission(asked.queries, chosen, fallback, codes)
