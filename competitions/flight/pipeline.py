"""Kaggle FlightRank 2025, top to bottom: the searches of business travellers -> their options, ranked.

    make flight        or        python -m competitions run flight --raw data/flight/raw

Each call of ``run.step`` is kept on disk until something that it depends on changes. Validation sessions go through the
same functions as the test's; what either may look back on is decided in one place, ``split.py``.
"""

from dataclasses import dataclass

from common.pipeline.run import Result, Run, collect
from common.ranking.gbdt import fit, refit
from competitions.flight import submission
from competitions.flight.config import FlightConfig
from competitions.flight.features.booking_history import BookingLog, History, build_history, collect_bookings
from competitions.flight.io.reader import RawFiles, Searches, learn_codes, read_searches, refuse_shared
from competitions.flight.ranking.blending import find_blend, find_penalty, measure_all, rank_test
from competitions.flight.ranking.rankers import list_recipes, score_test, score_valid
from competitions.flight.ranking.split_diagnostics import evaluate_splits
from competitions.flight.ranking.training_data import TrainingData, build_training_data
from competitions.flight.reporting.summary import Outcome
from competitions.flight.split import Split, split_last, take_test_snapshot


@dataclass(frozen=True)
class Prepared:
    """The rows to learn from (``data``), and what they were made of."""

    train: Result[Searches]
    test: Result[Searches]
    split: Result[Split]
    log: Result[BookingLog]
    history: Result[History]
    data: Result[TrainingData]


def prepare(files: RawFiles, config: FlightConfig, run: Run) -> Prepared:
    """From raw files to labelled rows with features."""
    step, settings = run.step, config.rank

    # 1. Read and check. Sessions (who searches) and options (what is on offer); findings are counted in the notes.
    codes = step(learn_codes, files.train)
    train = step(read_searches, files.train, codes, True, name="train.read")
    test = step(read_searches, files.test, codes, False, name="test.read")
    step(refuse_shared, train, test)

    # 2. Split by request time. The last sessions validate; nobody sees a booking from after the start of his period.
    split = step(split_last, train.sessions, config.split)

    # 3. History: statistics of the bookings that a session may look back on.
    log = step(collect_bookings, train, name="record")
    history = step(build_history, log, split.snapshots, name="train.history")

    # 4. Features of every option, then negatives.
    data = step(
        build_training_data,
        train,
        split,
        history,
        settings.blocks,
        settings.sample,
        config.seed,
        name="train.features",
    )
    return Prepared(train=train, test=test, split=split, log=log, history=history, data=data)


def solve(files: RawFiles, config: FlightConfig, run: Run) -> Outcome:
    """Run the whole competition into ``run.folder``; a finished step of an earlier run is not done again."""
    step = run.step
    prepared = prepare(files, config, run)
    train, test, data = prepared.train, prepared.test, prepared.data

    # 5. Rankers: the named baseline, then what beats it. Early stop on the validation sessions, refit on all.
    recipes = list_recipes(config)
    early = [step(fit, recipe, data.train, data.stop, name=f"fit.{name}") for name, recipe in recipes.items()]
    both = collect([data.train, data.stop])
    final = [
        step(refit, recipe, ranker, both, name=f"refit.{name}")
        for ranker, (name, recipe) in zip(early, recipes.items(), strict=True)
    ]

    # 6. Blend by group size, then the same-flight rerank; both are chosen on out-of-time scores.
    scores = step(score_valid, data.valid, collect(early))
    blend = step(find_blend, data.valid, scores, config.blend, config.seed)
    penalty = step(find_penalty, data, scores, blend, config.rerank_penalties)

    # 7. Score the test, write the submission in the order of its rows, read it back from disk and check it.
    snapshots = step(take_test_snapshot, train.sessions, test.sessions, name="ask_test")
    history = step(build_history, prepared.log, snapshots, name="test.history")
    test_scores = step(score_test, test, snapshots, history, collect(final), config.rank.blocks)
    ranks = step(rank_test, test, test_scores, blend, penalty)
    paths = submission.write_submission(ranks.value, files.test, run.folder)

    return Outcome(
        files=files,
        train=train,
        test=test,
        split=prepared.split,
        data=data,
        names=list(recipes),
        rankers=early,
        final_rankers=final,
        scores=scores,
        blend=blend,
        penalty=penalty,
        measured=step(measure_all, data, scores, blend, penalty),
        readings=evaluate_splits(run, train, prepared.log, config),
        snapshots=snapshots,
        history=history,
        test_scores=test_scores,
        checked=[submission.check_submission(path, files) for path in paths],
    )
