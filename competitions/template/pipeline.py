"""Raw log -> five items for every user, top to bottom.

    make template        or        python -m competitions run template --raw data/template/raw

Two folds go through the same functions: ``labelled`` (the log's last days, whose answers are known) and ``test`` (the
host's users). Each call of ``run.step`` is kept on disk until something that it depends on changes.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.engine.run import Result, Run
from common.io.submission import Checked
from common.learning.gbdt import Ranker, fit, refit
from common.learning.split import Fold
from competitions.template import features, ranking, split, submission
from competitions.template.config import TemplateConfig
from competitions.template.io import reader
from competitions.template.ranking import Labelled


@dataclass(frozen=True)
class FoldCandidates:
    """A fold, its candidates and their features, row by row."""

    fold: Result[Fold]
    candidates: Result[pl.DataFrame]
    features: Result[pl.DataFrame]


@dataclass(frozen=True)
class Prepared:
    """From raw files to the labelled fold's rows to learn from; of the ``test`` the fold alone."""

    labelled: FoldCandidates
    test: Result[Fold]
    rows: Result[Labelled]


@dataclass(frozen=True)
class Validated:
    """What a run knows once it has validated: the ``early`` ranker, and the ``scores`` of the validation users."""

    ready: Prepared
    early: Result[Ranker]
    scores: Result[NDArray[np.float64]]


@dataclass(frozen=True)
class Outcome(Validated):
    """What a whole run leaves for its record."""

    test: FoldCandidates
    final: Result[Ranker]
    lists: Result[pl.DataFrame]
    checked: Checked


def prepare(files: reader.RawFiles, config: TemplateConfig, run: Run) -> Prepared:
    """From raw files to labelled rows with features."""
    step = run.step
    events = step(reader.read_events, files.events)
    users = step(reader.read_users, files.users, events)
    fold = step(split.label_fold, events, config.split, config.seed, name="label")
    labelled = build_fold(fold, config, run, "labelled")
    rows = step(ranking.gather_rows, fold, labelled.candidates, labelled.features)
    return Prepared(labelled, step(split.list_queries, events, users, name="ask"), rows)


def build_fold(fold: Result[Fold], config: TemplateConfig, run: Run, name: str) -> FoldCandidates:
    """A fold's candidates with features."""
    candidates = run.step(features.find_candidates, fold, config.candidates, name=f"{name}.candidates")
    built = run.step(features.build_features, fold, candidates, config.candidates, name=f"{name}.features")
    return FoldCandidates(fold, candidates, built)


def validate(files: reader.RawFiles, config: TemplateConfig, run: Run) -> Validated:
    """Fit, and score the validation users; of the test nothing is made but its fold."""
    ready = prepare(files, config, run)
    early = run.step(fit, ranking.make_recipe(config), ready.rows.train, ready.rows.valid, name="fit")
    return Validated(ready, early, run.step(ranking.score_valid, ready.rows, early))


def solve(files: reader.RawFiles, config: TemplateConfig, run: Run) -> Outcome:
    """Run the whole competition into ``run.folder``; a finished step of an earlier run is not done again."""
    step, judged = run.step, validate(files, config, run)
    final = step(refit, ranking.make_recipe(config), judged.early, judged.ready.rows.train, name="refit")
    test = build_fold(judged.ready.test, config, run, "test")
    scored = step(ranking.score_test, test.candidates, test.features, final)
    lists = step(submission.recommend, test.fold, scored, name="answer")
    path = submission.write_submission(lists.value, run.folder / "submission.csv")
    checked = submission.check_submission(path, files)
    return Outcome(**vars(judged), test=test, final=final, lists=lists, checked=checked)
