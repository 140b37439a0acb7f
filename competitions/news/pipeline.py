"""Tianchi news recommendation, top to bottom: raw click logs -> five articles for every test user.

    make news        or        python -m competitions run news --raw data/news/raw

Two folds go through the same functions: ``labelled`` (queries whose hidden click we know: to fit, stop and judge) and
``test`` (the organiser's). Each call of ``run.step`` is kept on disk until something that it depends on changes.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.pipeline import progress
from common.pipeline.run import Result, Run, collect, collect_named
from common.ranking.blending import Blend
from common.ranking.gbdt import Ranker, fit, refit
from common.retrieval.channels import fuse_channels
from common.retrieval.item2vec import learn_item2vec
from common.submission import Checked
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
    """From raw files to candidates with features: what was read, both folds, and the labelled rows to learn from."""

    articles: Result[reader.Articles]
    clicks: Result[reader.Clicks]
    content: Result[reader.Embeddings] | None
    plan: Plan
    fusion: Result[dict[str, float]]
    labelled: FoldCandidates
    test: FoldCandidates
    rows: Result[Labelled]


@dataclass(frozen=True)
class Outcome:
    """What a run leaves for its summary; results are read from disk when used. Rankers: in the order of the config."""

    files: reader.RawFiles
    ready: Prepared
    early: list[Result[Ranker]]
    final: list[Result[Ranker]]
    out_of_fold: Result[NDArray[np.float64]]
    blend: Result[Blend]
    recall: Result[pl.DataFrame]
    scores: Result[list[tuple[float, float]]]
    checked: Checked


def prepare(files: reader.RawFiles, config: NewsConfig, run: Run) -> Prepared:
    """From raw files to labelled rows, and to the test's candidates with features."""
    step, settings, seed = run.step, config.recall, config.seed

    # 1. Read and check. What a rule settles is counted in the notes, anything else stops the run.
    articles = step(reader.read_articles, files.articles)
    clicks = step(reader.read_clicks, files.train, files.tests, files.target, articles.frame)
    content = step(reader.read_embeddings, files.embeddings) if files.embeddings else None

    # 2. Split: hide the last click of some users, as the organiser did with the test users.
    folds = {
        "labelled": step(split.label_fold, clicks.frame, config.split, seed, name="label"),
        "test": step(split.test_fold, clicks.frame, name="ask"),
    }

    # Settings meet the log.
    plan = step(make_plan, clicks.frame, folds["labelled"], config).value
    for decision in plan.decisions:
        progress.say(f"  {decision.setting}: {decision.value} ({decision.reason})")

    prepared = {}
    for name, fold in folds.items():
        # 3. Retrieval: eighteen channels, fused into one list of candidates a query.
        vectors = step(learn_item2vec, fold.history, settings.item2vec, seed, name=f"{name}.vectors")
        inputs = FoldInputs(name, fold, articles.frame, content, vectors)
        channels = collect_named(retrieval.retrieve(run, inputs, settings, seed))
        constant, top = settings.fusion_constant, settings.candidates
        if name == "labelled":
            fusion = step(retrieval.learn_fusion, fold, channels, settings, seed)
        candidates = step(fuse_channels, channels, constant, top, fusion, name=f"{name}.unite")

        # 4. Features of every candidate, in blocks.
        blocks = collect_named(features.build_blocks(run, inputs, candidates, config.rank.blocks))
        prepared[name] = FoldCandidates(inputs, channels, candidates, blocks)

    labelled, test = prepared["labelled"], prepared["test"]
    fold = labelled.inputs.fold
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


def solve(files: reader.RawFiles, config: NewsConfig, run: Run) -> Outcome:
    """Run the whole competition into ``run.folder``; a finished step of an earlier run is not done again."""
    step, seed = run.step, config.seed
    ready = prepare(files, config, run)
    labelled, test, rows = ready.labelled, ready.test, ready.rows

    # 5. Rank: fit with an early stop on the validation queries, blend, refit on everything.
    recipes = [ranking.make_recipe(config.rank, kind, seed) for kind in config.rank.models]
    early = [step(fit, recipe, rows.train, rows.stop, name=f"fit.{recipe.kind}") for recipe in recipes]
    out_of_fold = step(ranking.score_valid, rows, collect(early))
    blend = step(ranking.find_blend, rows, out_of_fold, config.blend.trials, seed)
    pairs, parts = zip(recipes, early, strict=True), collect([rows.train, rows.stop])
    final = [step(refit, recipe, ranker, parts, name=f"refit.{recipe.kind}") for recipe, ranker in pairs]

    # 6. Score the test, write the submission, read it back from disk and check it.
    predictions = step(ranking.score_test, test.candidates, test.blocks, collect(final), blend)
    lists = step(submission.recommend, test.inputs.fold, predictions, ready.articles.frame, name="answer")
    path = submission.write_submission(lists.value, run.folder / "submission.csv")
    checked = submission.check_submission(path, files)

    recall = step(retrieval.measure_recall, labelled.inputs.fold, labelled.channels, labelled.candidates)
    scores = step(ranking.measure, rows, out_of_fold)
    return Outcome(
        files=files,
        ready=ready,
        early=early,
        final=final,
        out_of_fold=out_of_fold,
        blend=blend,
        recall=recall,
        scores=scores,
        checked=checked,
    )
