"""Tianchi news recommendation, top to bottom: raw click logs -> five articles for every test user.

    make news        or        python -m competitions run news --raw data/news/raw

Two folds go through the same functions: ``labelled`` (queries whose hidden click we know: to fit, stop and judge) and
``test`` (the organiser's). Each call of ``run.step`` is kept on disk until something that it depends on changes.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.engine.decisions import say_decisions
from common.engine.run import Result, Run, collect, collect_named
from common.io.submission import Checked
from common.learning.blending import Blend
from common.learning.fit_task import Recipe
from common.learning.gbdt import Ranker, fit, refit
from common.learning.split import Fold
from common.retrieval.channels import fuse_channels
from common.retrieval.item2vec import learn_item2vec
from competitions.news import features, ranking, retrieval, split, submission
from competitions.news.config import NewsConfig
from competitions.news.io import reader
from competitions.news.plan import Plan, make_plan
from competitions.news.ranking import Labelled
from competitions.news.retrieval import FoldInputs


@dataclass(frozen=True)
class FoldCandidates:
    """The candidates of one fold, the channels that list them, and their features by block."""

    inputs: FoldInputs
    channels: Result[dict[str, pl.DataFrame]]
    candidates: Result[pl.DataFrame]
    blocks: Result[dict[str, pl.DataFrame]]


@dataclass(frozen=True)
class Prepared:
    """From raw files to candidates with features: what was read, the labelled fold with its rows to learn from, and the
    queries of the test.
    """

    articles: Result[reader.Articles]
    clicks: Result[reader.Clicks]
    content: Result[reader.Embeddings] | None
    plan: Plan
    fusion: Result[dict[str, float]]
    labelled: FoldCandidates
    test: Result[Fold]
    rows: Result[Labelled]


@dataclass(frozen=True)
class Validated:
    """What a run knows once it has validated; results are read from disk when used. Rankers: in the config's order."""

    files: reader.RawFiles
    ready: Prepared
    early: list[Result[Ranker]]
    out_of_fold: Result[NDArray[np.float64]]
    blend: Result[Blend]
    recall: Result[pl.DataFrame]
    scores: Result[list[tuple[float, float]]]


@dataclass(frozen=True)
class Outcome(Validated):
    """What a whole run leaves: the test's candidates, the ``final`` rankers that scored them, the submission."""

    test: FoldCandidates
    final: list[Result[Ranker]]
    checked: Checked


def prepare(files: reader.RawFiles, config: NewsConfig, run: Run) -> Prepared:
    """From raw files to labelled rows."""
    step, settings, seed = run.step, config.recall, config.seed

    # 1. Read and check. What a rule settles is counted in the notes, anything else stops the run.
    articles = step(reader.read_articles, files.articles)
    clicks = step(reader.read_clicks, files.train, files.tests, files.target, articles.frame)
    content = step(reader.read_embeddings, files.embeddings) if files.embeddings else None

    # 2. Split: hide the last click of some users, as the organiser did with the test users.
    fold = step(split.label_fold, clicks.frame, config.split, seed, name="label")
    test = step(split.test_fold, clicks.frame, name="ask")

    # Settings meet the log.
    plan = step(make_plan, clicks.frame, fold, config).value
    say_decisions(plan.decisions)

    # 3. Retrieval: eighteen channels, and the weight of each one's vote.
    vectors = step(learn_item2vec, fold.history, settings.item2vec, seed, name="labelled.vectors")
    inputs = FoldInputs("labelled", fold, articles.frame, content, vectors)
    channels = collect_named(retrieval.retrieve(run, inputs, settings, seed))
    fusion = step(retrieval.learn_fusion, fold, channels, settings, seed)

    # 4. Features of every candidate, and the rows to learn from.
    labelled = describe_candidates(inputs, channels, fusion, config, run)
    rows = step(ranking.gather_rows, fold, labelled.candidates, labelled.blocks, plan.negatives, seed)
    return Prepared(
        articles=articles,
        clicks=clicks,
        content=content,
        plan=plan,
        fusion=fusion,
        labelled=labelled,
        test=test,
        rows=rows,
    )


def describe_candidates(
    inputs: FoldInputs,
    channels: Result[dict[str, pl.DataFrame]],
    fusion: Result[dict[str, float]],
    config: NewsConfig,
    run: Run,
) -> FoldCandidates:
    """The channels' lists fused into one list of candidates a query, and every candidate's features in blocks."""
    constant, top = config.recall.fusion_constant, config.recall.candidates
    candidates = run.step(fuse_channels, channels, constant, top, fusion, name=f"{inputs.name}.unite")
    blocks = collect_named(features.build_blocks(run, inputs, candidates, config.rank.blocks))
    return FoldCandidates(inputs, channels, candidates, blocks)


def validate(files: reader.RawFiles, config: NewsConfig, run: Run) -> Validated:
    """Fit with an early stop on the validation queries, blend, measure; nothing is made of the test but its queries."""
    step, seed = run.step, config.seed
    ready = prepare(files, config, run)
    labelled, rows = ready.labelled, ready.rows

    # 5. Rank: each model alone, then the blend.
    recipes = list_recipes(config)
    early = [step(fit, recipe, rows.train, rows.stop, name=f"fit.{recipe.kind}") for recipe in recipes]
    out_of_fold = step(ranking.score_valid, rows, collect(early))
    blend = step(ranking.find_blend, rows, out_of_fold, config.blend.trials, seed)
    recall = step(retrieval.measure_recall, labelled.inputs.fold, labelled.channels, labelled.candidates)
    scores = step(ranking.measure, rows, out_of_fold)
    return Validated(files, ready, early, out_of_fold, blend, recall, scores)


def list_recipes(config: NewsConfig) -> list[Recipe]:
    """How each model is fitted, in the order of the config."""
    return [ranking.make_recipe(config.rank, kind, config.seed) for kind in config.rank.models]


def solve(files: reader.RawFiles, config: NewsConfig, run: Run) -> Outcome:
    """Run the whole competition into ``run.folder``; a finished step of an earlier run is not done again."""
    step, seed = run.step, config.seed
    validated = validate(files, config, run)
    ready, early = validated.ready, validated.early

    # 6. Refit on everything, for the rounds that the early stop found.
    pairs, parts = zip(list_recipes(config), early, strict=True), collect([ready.rows.train, ready.rows.stop])
    final = [step(refit, recipe, ranker, parts, name=f"refit.{recipe.kind}") for recipe, ranker in pairs]

    # 7. The test through the same functions; write the submission, read it back from disk and check it.
    vectors = step(learn_item2vec, ready.test.history, config.recall.item2vec, seed, name="test.vectors")
    inputs = FoldInputs("test", ready.test, ready.articles.frame, ready.content, vectors)
    channels = collect_named(retrieval.retrieve(run, inputs, config.recall, seed))
    test = describe_candidates(inputs, channels, ready.fusion, config, run)
    predictions = step(ranking.score_test, test.candidates, test.blocks, collect(final), validated.blend)
    lists = step(submission.recommend, inputs.fold, predictions, ready.articles.frame, name="answer")
    path = submission.write_submission(lists.value, run.folder / "submission.csv")
    return Outcome(**vars(validated), test=test, final=final, checked=submission.check_submission(path, files))
