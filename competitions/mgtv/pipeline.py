"""MGTV, top to bottom: what devices were shown, clicked and played -> the video each will watch, and how much of it.

    make mgtv        or        python -m competitions run mgtv --raw data/mgtv/raw

Each call of ``run.step`` is kept on disk until something that it depends on changes. Training days, validation days and
the test day go through the same functions; each sees the log strictly before it (``target_encoding.before_day``).
"""

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from common.engine.decisions import Decision, say_decisions
from common.engine.run import Result, Run, collect, derive
from common.io.submission import Checked, write_whole
from common.learning.chain import Chain
from common.learning.dataset import RankingDataset
from common.learning.fitters import Recipe
from common.learning.gbdt import Ranker, fit, refit
from competitions.mgtv import labels, metrics, split, submission
from competitions.mgtv.config import CompletionSettings, FeatureSettings, MgtvConfig
from competitions.mgtv.features import build, comment, device, pair, profile, target_encoding, video
from competitions.mgtv.features import list as slate_list
from competitions.mgtv.features.device_history import build_history
from competitions.mgtv.io import reader
from competitions.mgtv.io.agreement import compare_days
from competitions.mgtv.models import click_ranker, completion, decision
from competitions.mgtv.models.completion import Completion, Plays
from competitions.mgtv.models.dataset import DayFeatures, join_day
from competitions.mgtv.models.decision import Predictions
from competitions.mgtv.plan import measure_files, settle
from competitions.mgtv.split import DayPlan, Slates, plan_days

Days = Mapping[int, Result[DayFeatures]]  # by number, ascending


@dataclass(frozen=True)
class Tables:
    """What was read, and what features are made of beside it: the ``log`` of all days with labels, its ``tally`` by
    video and day, the date of each day of the log.
    """

    codes: Result[reader.Codes]
    videos: Result[reader.Videos]
    profiles: Result[reader.Profiles]
    comments: Result[reader.Comments]
    days: Sequence[Result[reader.Day]]
    test: Result[reader.Test]
    log: Result[pl.DataFrame]
    tally: Result[pl.DataFrame]
    dates: Result[dict[int, datetime.date]]


@dataclass(frozen=True)
class Prepared:
    """From raw files to features: the plan, the ``labelled`` days with their ``slates`` by number, and the slates of
    the test day. ``config``: with the ``decisions`` in place of ``auto``.
    """

    tables: Tables
    config: MgtvConfig
    decisions: tuple[Decision, ...]
    plan: DayPlan
    slates: dict[int, Result[Slates]]
    labelled: dict[int, Result[DayFeatures]]
    test_slates: Result[Slates]


@dataclass(frozen=True)
class DayModels:
    """The ranker of P(watch), and the completion model."""

    ranker: Result[Ranker]
    completion: Result[Completion]


@dataclass(frozen=True)
class Validated:
    """What a run knows once it has validated; results are read from disk when needed.

    ``early``: the models fitted before the validation days, of several folds those of the first; ``valid`` the
    predictions of each day, by its number in ``folds`` the fold; ``chain``: how the video is picked.
    """

    files: reader.RawFiles
    config: MgtvConfig
    ready: Prepared
    early: DayModels
    folds: Mapping[int, int]
    valid: Sequence[Result[Predictions]]
    chain: Result[Chain]
    measured: Result[metrics.Measured]


@dataclass(frozen=True)
class Outcome(Validated):
    """What a whole run leaves: the predictions of the ``test`` day, its ``answers``, and the submission."""

    test: Result[Predictions]
    answers: Result[pl.DataFrame]
    checked: Checked


def prepare(files: reader.RawFiles, config: MgtvConfig, run: Run) -> Prepared:
    """From raw files to days with features."""
    step, seed = run.step, config.seed

    # 1. Read and check, day by day. What a rule settles is counted in the notes, anything else stops the run.
    logs = dataclasses.replace(files, profiles=None, comments=(), notes=())  # another workbook is no other code
    codes = step(reader.learn_codes, logs)
    videos = step(reader.read_videos, logs, codes)
    profiles = step(reader.read_profiles, files, codes)
    comments = step(reader.read_comments, files, codes)
    days = [step(reader.read_day, day, codes, config.host, name=f"day{day.day:02d}.read") for day in files.days]
    test = step(reader.read_test, logs, codes)
    frames = collect([day.field("frame") for day in days])
    video_rows, profile_rows, comment_rows = (each.field("frame") for each in (videos, profiles, comments))
    run.warn(step(compare_days, frames, test.field("shown"), video_rows, comment_rows).value)
    measured = step(measure_files, files.days, frames, video_rows, profile_rows, comment_rows)
    config, decisions = settle(config, measured.value)
    say_decisions(decisions)
    log = step(labels.stack_log, frames, video_rows, config.truth, name="stack")
    tally = step(target_encoding.tally_videos, log)
    dates = step(comment.list_dates, [day.day for day in files.days], collect([day.field("date") for day in days]))
    tables = Tables(codes, videos, profiles, comments, days, test, log, tally, dates)

    # 2. Split by day: the last days validate, the days before them train.
    plan = step(plan_days, log, test.field("shown"), config.split).value
    # 3. Features of every row that is shown, from the log before its day; then what came of it.
    labelled, slates = {}, {}
    for day in plan.days:
        name = f"day{day:02d}"
        slates[day] = step(split.draw_slates, log, plan, day, config.split, seed, name=f"{name}.ask")
        outcome = step(split.look_up_outcome, log, slates[day], name=f"{name}.outcome")
        labelled[day] = build_day(run, name, tables, slates[day], outcome, config)
    return Prepared(
        config=config,
        decisions=decisions,
        tables=tables,
        plan=plan,
        slates=slates,
        labelled=labelled,
        test_slates=step(split.build_slates, plan.test, test.field("queries"), test.field("shown"), name="ask_test"),
    )


def build_day(
    run: Run, day: str, tables: Tables, slates: Result[Slates], outcome: Result[pl.DataFrame], config: MgtvConfig
) -> Result[DayFeatures]:
    """A day's features, from the log before it; beside them, what came of the day."""
    blocks = collect(build_blocks(run, day, tables, slates, config.features))
    return derive(join_day, blocks, slates, tables.videos.field("frame"), outcome)


def build_blocks(
    run: Run, day: str, tables: Tables, slates: Result[Slates], settings: FeatureSettings
) -> dict[str, Result[pl.DataFrame]]:
    """The frames of the chosen blocks by name, each a step of its own: a changed block leaves the others as they are.

    ``pair`` and ``list`` compare with the rates of ``video`` and ``device``, which are then built as well.
    """
    step, chosen, videos = run.step, settings.blocks, tables.videos.field("frame")
    history = step(build_history, tables.log, slates, videos, name=f"{day}.history")
    frames: dict[str, Result[pl.DataFrame]] = {}
    if {"video", "pair", "list"} & {*chosen}:
        frames["video"] = step(video.describe_videos, tables.tally, videos, slates.field("day"), name=f"{day}.video")
    if {"device", "pair", "list"} & {*chosen}:
        frames["device"] = step(device.describe_devices, history, slates, name=f"{day}.device")
    if "pair" in chosen:
        above = frames["video"], frames["device"]
        frames["pair"] = step(pair.describe_pairs, history, slates, videos, *above, name=f"{day}.pair")
    if "profile" in chosen:
        profiles = tables.profiles.field("frame")
        frames["profile"] = step(profile.describe_profiles, profiles, slates, name=f"{day}.profile")
    if "comment" in chosen:
        dated = tables.comments.field("frame"), tables.dates
        frames["comment"] = step(comment.describe_comments, *dated, videos, slates.field("day"), name=f"{day}.comment")
    if "list" in chosen:
        by_pair: Result[pl.DataFrame | None] | None = frames.get("pair")
        frames["list"] = step(slate_list.describe_lists, slates, videos, frames["video"], by_pair, name=f"{day}.list")
    for name, describe in build.EXTRA_BLOCKS.items():
        if name in chosen:
            frames[name] = step(describe, history, slates, videos, name=f"{day}.{name}")
    return {name: frames[name] for name in chosen}


def validate(files: reader.RawFiles, config: MgtvConfig, run: Run) -> Validated:
    """Fit, predict and score each validation day; of the test day nothing is made but its slates."""
    step, ready = run.step, prepare(files, config, run)
    config, plan, labelled = ready.config, ready.plan, ready.labelled

    # 4. Watch and 5. completion: the validation days are scored by models fitted on the days before them.
    # One fit for all of them: a fit for each, on all that lies before it, is worth nothing (LOG.md).
    folds = deal_days(plan, config.split.folds)
    models = [
        fit_fold(run, labelled, config, [day for day in folds if folds[day] == fold]) for fold in {*folds.values()}
    ]
    early = {day: models[fold] for day, fold in folds.items()}
    valid = [predict_day(run, config, f"day{day:02d}", labelled[day], early[day]) for day in folds]
    chain = step(decision.judge_picks, collect(valid), config.watch.answer, name="judge")
    chain.value.say()
    measured = step(metrics.measure, collect(valid))
    return Validated(files, config, ready, models[0], folds, valid, chain, measured)


def solve(files: reader.RawFiles, config: MgtvConfig, run: Run) -> Outcome:
    """Run the whole competition into ``run.folder``; a finished step of an earlier run is not done again."""
    step, judged = run.step, validate(files, config, run)
    config, ready, tables = judged.config, judged.ready, judged.ready.tables

    # 6. The final fits use every labelled day; the test is answered, written, read back from disk and checked.
    slates = ready.test_slates
    outcome = step(split.hide_outcome, slates, name="test.outcome")
    day = build_day(run, "test", tables, slates, outcome, config)
    fallback = step(decision.find_fallback, tables.log, tables.videos.field("frame"))
    final = refit_models(run, ready.labelled, config, judged.early)
    test = predict_day(run, config, "test", day, final)
    answers = step(submission.answer, slates, test, fallback, tables.codes, judged.chain.value.answer)
    path = write_whole(run.folder / submission.FILE, answers.value.write_csv)
    checked = submission.check_submission(path, files)
    return Outcome(**vars(judged), test=test, answers=answers, checked=checked)


def deal_days(plan: DayPlan, folds: int) -> dict[int, int]:
    """The fold of each day that is scored: all labelled days by turns, or of a single fold the validation days."""
    return {day: number % folds for number, day in enumerate(plan.days if folds > 1 else plan.valid)}


def fit_fold(run: Run, labelled: Days, config: MgtvConfig, valid: Sequence[int]) -> DayModels:
    """The models that score some days, fitted on the others."""
    recipe = click_ranker.make_recipe(config.watch, config.model_seed)
    return DayModels(fit_ranker(run, labelled, recipe, valid), fit_completion(run, labelled, config, valid))


def fit_ranker(run: Run, labelled: Days, recipe: Recipe, valid: Sequence[int]) -> Result[Ranker]:
    """Fit one model of P(watch) on the days that do not validate."""
    train, held = cut_days(labelled, valid)
    rows, name = thin_days(train, recipe), f"{name_days(valid)}.fit.{recipe.kind}"
    return run.step(fit, recipe, rows, collect([day.field("rows") for day in held]), name=name)


def thin_days(days: Sequence[Result[DayFeatures]], recipe: Recipe) -> Result[list[RankingDataset]]:
    """What a fit takes of each day, thinned as it is loaded: never are two whole days in memory."""
    return collect([derive(click_ranker.thin, day.field("rows"), recipe) for day in days])


def fit_completion(run: Run, labelled: Days, config: MgtvConfig, valid: Sequence[int]) -> Result[Completion]:
    """Fit the completion model on the plays of the days that do not validate."""
    settings, name, (train, held) = config.completion, f"{name_days(valid)}.fit.completion", cut_days(labelled, valid)
    plays = list_plays(train, settings), list_plays(held, settings, answers=True)
    return run.step(completion.fit, *plays, settings, config.model_seed, name=name)


def list_plays(
    days: Sequence[Result[DayFeatures]], settings: CompletionSettings, answers: bool = False
) -> Result[list[Plays]]:
    """The plays of each day, or of its answers alone, taken as it is loaded."""
    return collect([derive(completion.take_plays, day, settings.blocks, answers) for day in days])


def cut_days(labelled: Days, valid: Sequence[int]) -> tuple[list[Result[DayFeatures]], list[Result[DayFeatures]]]:
    """The days that do not validate, which lie before these but where all days are scored by turns; and these."""
    return [labelled[day] for day in labelled if day not in valid], [labelled[day] for day in valid]


def name_days(days: Sequence[int]) -> str:
    """Of what is about some days, in the names of steps."""
    return f"day{days[0]:02d}" if len(days) == 1 else f"day{days[0]:02d}-{days[-1]:02d}"


def refit_models(run: Run, labelled: Days, config: MgtvConfig, early: DayModels) -> DayModels:
    """Fit all models on every labelled day, for the rounds that the early stops found."""
    days = list(labelled.values())
    recipe = click_ranker.make_recipe(config.watch, config.model_seed)
    ranker = run.step(refit, recipe, early.ranker, thin_days(days, recipe), name=f"refit.{recipe.kind}")
    settings, name = config.completion, "refit.completion"
    plays = list_plays(days, settings)
    fitted = run.step(completion.refit, plays, early.completion, settings, config.model_seed, name=name)
    return DayModels(ranker, fitted)


def predict_day(
    run: Run, config: MgtvConfig, name: str, day: Result[DayFeatures], models: DayModels
) -> Result[Predictions]:
    """P(watch) of a day's rows, and the expected reward of each row."""
    chances = run.step(click_ranker.predict, day, models.ranker, name=f"{name}.watch")
    rewards = run.step(decision.expect_rewards, day, models.completion, config.truth.no_duration, name=f"{name}.value")
    return derive(Predictions, day, chances, rewards)
