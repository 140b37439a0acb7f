"""Kaggle FlightRank 2025, top to bottom: the searches of business travellers -> their options, ranked.

    make flight        or        python -m competitions run flight --raw data/flight/raw

Each call of ``run.step`` is kept on disk until something that it depends on changes. Validation sessions go through the
same functions as the test's; what either may look back on is decided in one place, ``splits.py``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import UserError
from common.pipeline.run import Result, Run
from common.ranking.gbdt import Ranker
from competitions.flight import split as splitting
from competitions.flight import submission
from competitions.flight.config import FlightConfig, SplitSettings
from competitions.flight.features import booking_history
from competitions.flight.features.booking_history import History, Log
from competitions.flight.io import reader
from competitions.flight.io.reader import Searches
from competitions.flight.ranking import blending, rankers, split_diagnostics, training_data
from competitions.flight.ranking.training_data import Labelled
from competitions.flight.reporting.summary import Outcome, Reading
from competitions.flight.split import Split, Views


@dataclass(frozen=True)
class Prepared:
    """The labelled rows, and what they were made of."""

    train: Result[Searches]
    test: Result[Searches]
    split: Result[Split]
    log: Result[Log]
    labelled: Result[Labelled]


def prepare(files: reader.RawFiles, config: FlightConfig, run: Run) -> Prepared:
    """From raw files to labelled rows with features."""
    step = run.step

    # 1. Read and check. Sessions (who asks) and options (what is on offer); findings are counted in the notes.
    codes = step(reader.learn_codes, files.train)
    train = step(reader.read_searches, files.train, codes, True, name="train.read")
    test = step(reader.read_searches, files.test, codes, False, name="test.read")
    step(reader.refuse_shared, train, test)

    # 2. Split by request time. The last sessions validate; nobody sees a booking from after the start of his stretch.
    split = step(split_last, train, config.split)

    # 3. History: what the bookings that a session may look back on tell.
    log = step(booking_history.record, train)
    past = step(look_up_labelled, log, split, name="train.history")

    # 4. Features of every option, then negatives.
    rows = step(
        training_data.gather_rows,
        train,
        split,
        past,
        config.rank.blocks,
        config.rank.sample,
        config.seed,
        name="train.features",
    )
    return Prepared(train, test, split, log, rows)


def solve(files: reader.RawFiles, config: FlightConfig, run: Run) -> Outcome:
    """Run the whole competition into ``run.folder``; a finished step of an earlier run is not done again."""
    step, seed, settings = run.step, config.seed, config.rank
    ready = prepare(files, config, run)
    train, test, labelled = ready.train, ready.test, ready.labelled

    # 5. Rankers: the named baseline, then what beats it. Early stop on the validation sessions, refit on all.
    recipes = [("baseline", config.baseline.model, config.baseline.blocks)]
    recipes += [(kind, kind, settings.blocks) for kind in settings.models]
    early = [fit_early(run, labelled, config, *recipe) for recipe in recipes]
    final = [
        step(rankers.refit, labelled, fitted, getattr(settings, kind), blocks, seed, name=f"refit.{name}")
        for fitted, (name, kind, blocks) in zip(early, recipes, strict=True)
    ]

    # 6. Blend by group size, then the same-flight rerank; both are found on out-of-time scores.
    scores = step(rankers.score_valid, labelled, early)
    blend = step(blending.find_blend, labelled, scores, config.blend.trials, config.blend.bucket_sessions, seed)
    penalty = step(blending.find_penalty, labelled, scores, blend, config.rerank_penalties)

    # 7. Score the test, write the submission in the order of its rows, read it back from disk and check it.
    asked = step(ask_test, train, test)
    known = step(booking_history.look_up, ready.log, asked, name="test.history")
    answers = step(rankers.score_test, test, asked, known, final, settings.blocks)
    ranks = step(blending.rank_test, test, answers, blend, penalty)
    paths = submission.write_submission(ranks.value, files.test, run.folder)
    checked = [submission.check_submission(path, files) for path in paths]

    measured = step(blending.measure_all, labelled, scores, blend, penalty)
    read = take_readings(run, train, ready.log, config)
    names = [name for name, _, _ in recipes]
    judged = names, early, measured, blend, penalty, read, labelled, scores
    return Outcome(files, train, test, ready.split, *judged, asked, known, answers, checked)


def fit_early(
    run: Run,
    labelled: Result[Labelled],
    config: FlightConfig,
    name: str,
    kind: str,
    blocks: Sequence[str],
    told: Mapping[str, Any] | None = None,
) -> Result[Ranker]:
    """Fit one model on some blocks until the validation sessions stop it; ``told``: parameters in place of its own."""
    settings = config.rank
    parameters = getattr(settings, kind) if told is None else told
    limits = settings.rounds, settings.patience
    return run.step(rankers.fit_early, labelled, kind, parameters, blocks, *limits, config.seed, name=f"fit.{name}")


def take_readings(run: Run, train: Result[Searches], log: Result[Log], config: FlightConfig) -> dict[str, Reading]:
    """One model on other splits, by name: to be read beside the score, never chosen on.

    A split that the train file is too small for gives its reason instead; the submission does not hang on it.
    """
    settings, model = config.rank, config.readings.model
    made = {
        "second": lambda: run.step(
            split_diagnostics.split_last_days, train, config.split.second_days, config.split.stretch_days
        ),
        "random": lambda: run.step(split_diagnostics.split_random, train, config.split.valid_share, config.seed),
    }
    recipe = (model, getattr(settings, model), settings.blocks, settings.sample, settings.rounds, settings.patience)
    found: dict[str, Reading] = {}
    for name in config.readings.splits:
        try:
            split = made[name]()
            read = run.step(
                split_diagnostics.read_split, train, log, split, *recipe, config.seed, name=f"reading.{name}"
            )
            found[name] = read.value
        except UserError as error:
            found[name] = str(error)
    return found


def split_last(train: Searches, settings: SplitSettings) -> Split:
    """The last share of the sessions validates."""
    cut = splitting.find_cut(train.sessions, settings.valid_share)
    return splitting.split_by_time(train.sessions, cut, settings.stretch_days, "the last sessions")


def ask_test(train: Searches, test: Searches) -> Views:
    """What the test sees."""
    return splitting.ask_test(train.sessions, test.sessions)


def look_up_labelled(log: Log, split: Split) -> History:
    """What the views of a split see."""
    return booking_history.look_up(log, split.views)
