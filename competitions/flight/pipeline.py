"""Kaggle FlightRank 2025, top to bottom: the searches of business travellers -> their options, ranked.

    make flight        or        python -m competitions run flight --raw data/flight/raw

Each call of ``run.step`` is kept on disk until something that it depends on changes. Validation sessions go through the
same functions as the test's; what either may look back on is decided in one place, ``split.py``, and what depends on
the log in another, ``plan.py``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from common.arrays import Floats
from common.engine.decisions import say_decisions
from common.engine.resources import find_total_gib
from common.engine.run import Result, Run, collect, derive
from common.io.submission import Checked
from common.learning.blending import Blend
from common.learning.chain import Chain
from common.learning.dataset import Matrix
from competitions.flight import submission
from competitions.flight.config import NONE, FlightConfig
from competitions.flight.features.booking_history import BookingLog, build_history, collect_bookings
from competitions.flight.features.build import EXTRA_BLOCKS
from competitions.flight.io.agreement import compare_files
from competitions.flight.io.reader import RawFiles, Searches, learn_codes, read_searches, refuse_shared
from competitions.flight.plan import Plan, cap_rows, make_plan
from competitions.flight.ranking.blending import find_blend, measure_all, rank_test
from competitions.flight.ranking.rankers import (
    CrossFit,
    cross_fit,
    list_recipes,
    make_second_recipe,
    refit_all,
    score_test,
    stack_scores,
)
from competitions.flight.ranking.submitted_order import RULES, judge_orders, order_test, order_test_by_rule
from competitions.flight.ranking.training_data import TrainingData, build_histories, build_training_data
from competitions.flight.ranking.trial import try_models
from competitions.flight.split import Snapshots, Split, make_split, take_test_snapshot


@dataclass(frozen=True)
class Sessions:
    """What was read, what was decided from it, the split, and the bookings that sessions may look back on."""

    train: Result[Searches]
    test: Result[Searches]
    plan: Plan
    split: Result[Split]
    log: Result[BookingLog]


@dataclass(frozen=True)
class Prepared(Sessions):
    """The labelled rows with features (``data``) beside them."""

    data: Result[TrainingData]


@dataclass(frozen=True)
class Validated(Prepared):
    """What a run knows once it has validated, read from disk on access.

    ``names``: the rankers, which are the columns of ``scores`` (of the validation rows, by ``crosses``). ``chain``:
    whether the blend's order is handed in. ``second``: the model of a second file. ``snapshots``: what the sessions of
    the test look back on.
    """

    files: RawFiles
    names: Sequence[str]
    crosses: Sequence[Result[CrossFit]]
    second: Result[CrossFit] | None
    scores: Result[Floats]
    blend: Result[Blend]
    chain: Result[Chain]
    measured: Result[list[dict[str, float]]]
    snapshots: Result[Snapshots]


@dataclass(frozen=True)
class Outcome(Validated):
    """The results of a whole run: ``test_scores`` has a column for each of ``names``; ``submitted``: the scores that
    are handed in.
    """

    test_scores: Result[Matrix]
    submitted: Result[Floats]
    checked: Sequence[Checked]


def split_sessions(files: RawFiles, config: FlightConfig, run: Run) -> Sessions:
    """From raw files to a split."""
    step = run.step

    # 1. Read and check. Sessions (who searches) and options (what is on offer); findings are counted in the notes.
    codes = step(learn_codes, files.train)
    train = step(read_searches, files.train, codes, True, name="train.read")
    test = step(read_searches, files.test, codes, False, name="test.read")
    step(refuse_shared, train, test)
    run.warn(step(compare_files, train, test).value)

    # 2. Settings meet the log: how to validate, from which features and rows, how large the models are.
    sessions = train.field("sessions"), test.field("sessions")
    plan = step(make_plan, *sessions, config, tuple(EXTRA_BLOCKS)).value
    plan = cap_rows(plan, config.rank.sample.rows, find_total_gib())
    say_decisions(plan.decisions)

    # 3. Split: by request time, or in folds of whole sessions; and which bookings each session may look back on.
    split = step(make_split, sessions[0], plan.validation, config.split, config.seed, name="split")
    return Sessions(train, test, plan, split, step(collect_bookings, train, name="record"))


def build_rows(sessions: Sessions, blocks: Sequence[str], config: FlightConfig, run: Run) -> Result[TrainingData]:
    """Labelled rows with the features of some blocks."""
    # 4. History: statistics of the bookings that a session may look back on.
    histories = run.step(build_histories, sessions.log, sessions.split, blocks, name="train.history")
    # 5. Features of every option, then negatives.
    inputs = sessions.train, sessions.split, histories, blocks
    sample = msgspec.structs.replace(config.rank.sample, rows=sessions.plan.rows)
    return run.step(build_training_data, *inputs, sample, config.seed, name="train.features")


def prepare(files: RawFiles, config: FlightConfig, run: Run) -> Prepared:
    """From raw files to labelled rows with features."""
    sessions = split_sessions(files, config, run)
    return Prepared(**vars(sessions), data=build_rows(sessions, sessions.plan.blocks, config, run))


def validate(files: RawFiles, config: FlightConfig, run: Run) -> Validated:
    """Fit on the folds, blend, measure; of the test no more is known than what its sessions look back on."""
    step = run.step
    prepared = prepare(files, config, run)
    data, split = prepared.data, prepared.split

    # 6. Rankers: of a large log a trial says which are worth a full fit; the folds choose the rounds.
    plan, folds, negatives = prepared.plan, data.field("folds"), config.rank.sample.negatives
    if plan.trial:
        searches = prepared.train.field("sessions"), split.field("searches")
        plan = step(try_models, plan, list_recipes(config, plan), folds, *searches, negatives, name="trial").value
        say_decisions(plan.decisions[-1:])
    recipes = list_recipes(config, plan)
    crosses = [step(cross_fit, recipe, folds, negatives, name=f"fit.{name}") for name, recipe in recipes.items()]

    # 7. Blend: temperatures, and weights where these pay, are fitted on out-of-fold scores.
    scores = step(stack_scores, collect(crosses))
    blend = step(find_blend, data, scores, split.field("searches"))
    orders = list(recipes), scores, blend, split.field("searches"), config.rank.answer
    chain = step(judge_orders, data, *orders, name="judge")
    chain.value.say()

    # A model for a second file, where one is wanted; it is in no blend.
    second, recipe = config.rank.second, make_second_recipe(config, plan)
    both = prepared.train.field("sessions"), prepared.test.field("sessions")
    return Validated(
        **vars(prepared) | {"plan": plan},
        files=files,
        names=list(recipes),
        crosses=crosses,
        second=None if second == NONE else step(cross_fit, recipe, folds, negatives, name=f"fit.{second}"),
        scores=scores,
        blend=blend,
        chain=chain,
        measured=step(measure_all, data, scores, blend, split.field("searches")),
        snapshots=step(
            take_test_snapshot, *both, split.field("cross_fitted"), config.split.stretch_days, name="ask_test"
        ),
    )


def solve(files: RawFiles, config: FlightConfig, run: Run) -> Outcome:
    """Run the whole competition into ``run.folder``; a finished step of an earlier run is not done again."""
    step = run.step
    judged = validate(files, config, run)
    test, plan = judged.test, judged.plan

    # 8. The last fit is on everything, for the models that the blend weighs or whose order is handed in.
    answer, weights, final = judged.chain.value.answer, judged.blend.value.weights, judged.data.field("final")
    recipes = list_recipes(config, plan).items()
    fits = [
        step(refit_all, recipe, cross, final, weight > 0 or name == answer, name=f"refit.{name}")
        for cross, weight, (name, recipe) in zip(judged.crosses, weights, recipes, strict=True)
    ]

    # 9. Score the test, write the submission in the order of its rows, read it back from disk and check it.
    history = step(build_history, judged.log, judged.snapshots, plan.blocks, name="test.history")
    test_scores = step(score_test, test, history, collect(fits), plan.blocks)
    if answer in RULES:
        submitted = step(order_test_by_rule, test, history, answer)
    else:
        submitted = derive(order_test, test, judged.names, test_scores, judged.blend, answer)
    ranks = step(rank_test, test, submitted)
    paths = [*submission.write_submission(ranks.value, files.test, run.folder)]

    # 10. The second file in the same way, from one model alone.
    if judged.second:
        alone = step(refit_all, make_second_recipe(config, plan), judged.second, final, name="refit.second")
        column = step(score_test, test, history, collect([alone]), plan.blocks, name="score_second")
        ranks = step(rank_test, test, derive(np.ravel, column), name="rank_second")
        paths += submission.write_submission(ranks.value, files.test, run.folder, submission.SECOND)
    return Outcome(
        **vars(judged),
        test_scores=test_scores,
        submitted=submitted,
        checked=[submission.check_submission(path, files) for path in paths],
    )
