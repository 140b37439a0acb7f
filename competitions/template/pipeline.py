"""Raw log -> five items for every user, top to bottom.

    make template        or        python -m competitions run template --raw data/template/raw

Two folds go through the same functions: ``labelled`` (the log's last days, whose answers are known) and ``test`` (the
host's users). Each call of ``run.step`` is kept on disk until something that it depends on changes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.pipeline.run import Result, Run
from common.ranking.gbdt import Ranker, fit, refit
from common.split import Fold
from common.submission import Checked
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
    """From raw files to both folds' candidates with features, and the labelled rows to learn from."""

    labelled: FoldCandidates
    test: FoldCandidates
    rows: Result[Labelled]


@dataclass(frozen=True)
class Outcome:
    """What a run leaves for its record."""

    ready: Prepared
    early: Result[Ranker]
    final: Result[Ranker]
    lists: Result[pl.DataFrame]
    scores: Result[NDArray[np.float64]]
    checked: Checked


def prepare(files: reader.RawFiles, config: TemplateConfig, run: Run) -> Prepared:
    """From raw files to labelled rows, and to the test's candidates with features."""
    step = run.step
    events = step(reader.read_events, files.events)
    users = step(reader.read_users, files.users, events)
    folds = {
        "labelled": step(split.label_fold, events, config.split, config.seed, name="label"),
        "test": step(split.ask, events, users, name="ask"),
    }
    made: dict[str, Any] = {}
    for name, fold in folds.items():
        candidates = step(features.find_candidates, fold, config.candidates, name=f"{name}.candidates")
        described = step(features.describe, fold, candidates, config.candidates, name=f"{name}.features")
        made[name] = FoldCandidates(fold, candidates, described)
    labelled, test = made["labelled"], made["test"]
    rows = step(ranking.gather_rows, labelled.fold, labelled.candidates, labelled.features)
    return Prepared(labelled, test, rows)


def solve(files: reader.RawFiles, config: TemplateConfig, run: Run) -> Outcome:
    """Run the whole competition into ``run.folder``; a finished step of an earlier run is not done again."""
    step, ready, recipe = run.step, prepare(files, config, run), ranking.make_recipe(config)
    early = step(fit, recipe, ready.rows.train, ready.rows.valid, name="fit")
    scores = step(ranking.score_valid, ready.rows, early)
    final = step(refit, recipe, early, ready.rows.train, name="refit")
    scored = step(ranking.score_test, ready.test.candidates, ready.test.features, final)
    lists = step(submission.recommend, ready.test.fold, scored, name="answer")
    path = submission.write_submission(lists.value, run.folder / "submission.csv")
    checked = submission.check_submission(path, files)
    return Outcome(ready=ready, early=early, final=final, lists=lists, scores=scores, checked=checked)
