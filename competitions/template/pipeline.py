"""Raw log -> five items for every user, top to bottom.

    make template        or        python -m competitions run template --raw data/template/raw

Two folds go through the same functions: ``labelled`` (the log's last days, whose answers are known) and ``test`` (the
host's users). Each call of ``run.step`` is kept on disk until something that it depends on changes.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.engine.errors import UserError
from common.engine.run import Result, Run
from common.io.submission import Checked, write_whole
from common.learning.dataset import RankingDataset, pick_queries, to_matrix
from common.learning.fitters import Recipe
from common.learning.gbdt import Ranker, fit, predict, refit
from common.learning.split import Fold
from competitions.template import features, split, submission
from competitions.template.config import MODEL, TemplateConfig
from competitions.template.io import reader


@dataclass(frozen=True)
class Labelled:
    """Every candidate of the labelled queries: those to learn from, those to stop and judge by."""

    train: RankingDataset
    valid: RankingDataset


@dataclass(frozen=True)
class Validated:
    """What a run knows once it has validated; ``early``: the ranker that stopped by the validation users."""

    fold: Result[Fold]
    candidates: Result[pl.DataFrame]
    features: Result[pl.DataFrame]
    rows: Result[Labelled]
    early: Result[Ranker]
    test: Result[Fold]


@dataclass(frozen=True)
class Outcome(Validated):
    """What a whole run leaves for its record."""

    test_candidates: Result[pl.DataFrame]
    test_features: Result[pl.DataFrame]
    scored: Result[pl.DataFrame]
    checked: Checked


def validate(files: reader.RawFiles, config: TemplateConfig, run: Run) -> Validated:
    """Fit, and score the validation users; of the test nothing is made but its fold."""
    step = run.step
    events = step(reader.read_events, files.events)
    users = step(reader.read_users, files.users, events)
    fold = step(split.label_fold, events, config.split, config.seed, name="label")
    candidates, built = build_features(fold, config, run, "labelled")
    rows = step(gather_rows, fold, candidates, built)
    early = step(fit, make_recipe(config), rows.field("train"), rows.field("valid"), name="fit")
    test = step(split.list_queries, events, users, name="ask")
    return Validated(fold, candidates, built, rows, early, test)


def solve(files: reader.RawFiles, config: TemplateConfig, run: Run) -> Outcome:
    """Run the whole competition into ``run.folder``; a finished step of an earlier run is not done again."""
    step, judged = run.step, validate(files, config, run)
    final = step(refit, make_recipe(config), judged.early, judged.rows.field("train"), name="refit")
    candidates, built = build_features(judged.test, config, run, "test")
    scored = step(score_test, candidates, built, final)
    lists = step(submission.recommend, judged.test, scored, name="answer")
    checked = submission.check_submission(write_whole(run.folder / "submission.csv", lists.value.write_csv), files)
    return Outcome(**vars(judged), test_candidates=candidates, test_features=built, scored=scored, checked=checked)


def build_features(
    fold: Result[Fold], config: TemplateConfig, run: Run, name: str
) -> tuple[Result[pl.DataFrame], Result[pl.DataFrame]]:
    """A fold's candidates, and their features."""
    candidates = run.step(features.find_candidates, fold, config.candidates, name=f"{name}.candidates")
    return candidates, run.step(features.build_features, fold, candidates, config.candidates, name=f"{name}.features")


def make_recipe(config: TemplateConfig) -> Recipe:
    """How the ranker is fitted."""
    rank = config.rank
    return Recipe(MODEL, rank.lightgbm_lambdarank, rank.rounds, rank.patience, config.model_seed, submission.LENGTH)


def gather_rows(fold: Fold, candidates: pl.DataFrame, features: pl.DataFrame) -> Labelled:
    """The labelled candidates as matrices."""
    assert fold.answers is not None
    right = fold.answers.with_columns(label=pl.lit(1.0, pl.Float32))
    labels = candidates.join(right, on=["query", "item"], how="left", maintain_order="left")["label"].fill_null(0.0)
    rows, train = make_rows(candidates, features, labels.to_numpy()), (fold.queries["role"] == "train").to_numpy()
    parts = pick_queries(rows, train), pick_queries(rows, ~train)
    if not all(part.labels.any() for part in parts):
        raise UserError("No right answer is among the candidates: the log or candidates.popular is too small.")
    return Labelled(*parts)


def make_rows(
    candidates: pl.DataFrame, features: pl.DataFrame, labels: NDArray[np.float32] | None = None
) -> RankingDataset:
    """Candidates in the order of their queries, as a ranker takes them; without labels where nobody knows them."""
    labels = np.zeros(features.height, np.float32) if labels is None else labels
    sizes = candidates.group_by("query", maintain_order=True).len()["len"].cast(pl.Int32).to_numpy()
    return RankingDataset(tuple(features.columns), to_matrix(features), labels, sizes)


def score_test(candidates: pl.DataFrame, features: pl.DataFrame, ranker: Ranker) -> pl.DataFrame:
    """The test's candidates with their scores: query, item, score."""
    return candidates.with_columns(score=pl.Series(predict(ranker, features.columns, to_matrix(features))))
