"""Tianchi news recommendation, top to bottom: raw click logs -> five articles for every test user.

    make news        or        python -m competitions run news --raw data/news/raw

Two folds go through the same functions: ``labelled`` (queries whose hidden click we know: to fit, stop and judge) and
``test`` (the host's question). Each call of ``run.step`` is kept on disk until something that it depends on changes.
"""

from pathlib import Path

import polars as pl
from msgspec.structs import asdict

from common.pipeline.run import Result, Run
from common.ranking.gbdt import Ranker
from common.schemas import Candidates, Predictions, validate
from common.split import Fold
from competitions.news import features, ranking, retrieval, split, submission
from competitions.news.config import NewsConfig, RankSettings, SplitSettings
from competitions.news.io import reader
from competitions.news.ranking import Labelled
from competitions.news.reporting.summary import Outcome, Prepared, measure_recall


def prepare(files: reader.RawFiles, config: NewsConfig, run: Run) -> Prepared:
    """From raw files to labelled rows, and to the test's candidates with features."""
    step, seed = run.step, config.seed

    # 1. Read and check. What a rule settles is counted in the notes, anything else stops the run.
    articles = step(reader.read_articles, files.articles)
    clicks = step(read_clicks, files.train, files.tests, files.target, articles)
    catalogue = step(frame_of, articles)
    content = step(reader.read_embeddings, files.embeddings) if files.embeddings else None

    # 2. Split: hide the last click of some users, as the host did with the test users.
    labelled = step(label, clicks, config.split, seed)
    test = step(ask, clicks)

    # 3. Recall: eighteen ways to find candidates, fused into one list a query.
    # 4. Features of every candidate, in blocks.
    prepared = {}
    for name, fold in {"labelled": labelled, "test": test}.items():
        vectors = step(retrieval.embed_clicks, fold, config.recall.item2vec, seed, name=f"{name}.vectors")
        channels = retrieval.recall(run, name, fold, catalogue, content, vectors, config.recall, seed)
        candidates = step(
            unite, channels, config.recall.fusion_constant, config.recall.candidates, name=f"{name}.unite"
        )
        blocks = {
            "query": step(features.query_block, fold, catalogue, name=f"{name}.query_block"),
            "item": step(features.item_block, fold, catalogue, candidates, name=f"{name}.item_block"),
            "pair": step(features.pair_block, fold, catalogue, candidates, vectors, content, name=f"{name}.pair_block"),
            "channel": step(features.channel_block, candidates, name=f"{name}.channel_block"),
        }
        prepared[name] = channels, candidates, {block: blocks[block] for block in config.rank.blocks}

    channels, candidates, blocks = prepared["labelled"]
    rows = step(ranking.gather_rows, labelled, candidates, blocks, config.rank.negatives, seed)
    read = articles, clicks, content, catalogue, labelled, test
    return Prepared(*read, channels, candidates, rows, *prepared["test"][1:])


def solve(files: reader.RawFiles, config: NewsConfig, run: Run) -> Outcome:
    """Run the whole competition into ``run.folder``; a finished step of an earlier run is not done again."""
    step, seed = run.step, config.seed
    ready = prepare(files, config, run)
    labelled, rows = ready.labelled, ready.rows

    # 5. Rank: fit with an early stop on the validation queries, blend, refit on everything.
    early = [fit_early(run, rows, config, kind, parameters(config.rank, kind)) for kind in config.rank.models]
    out_of_fold = step(ranking.score_valid, rows, early)
    asked = step(count_valid, labelled)
    blend = step(ranking.find_blend, rows, out_of_fold, asked, config.blend.trials, seed)
    final = [
        step(ranking.refit, rows, ranker, parameters(config.rank, kind), seed, name=f"refit.{kind}")
        for kind, ranker in zip(config.rank.models, early, strict=True)
    ]

    # 6. Score the test, write the submission, read it back from disk and check it.
    predictions = step(ranking.score_test, ready.asked, ready.blocks, final, blend)
    answers = step(answer, ready.test, predictions, ready.catalogue)
    path = submission.write_submission(answers.value, run.folder / "submission.csv")
    checked = submission.check_submission(path, files)

    found = step(measure_recall, labelled, ready.channels, ready.candidates)
    scores = step(ranking.measure, rows, out_of_fold, asked)
    return Outcome(files, ready, found, scores, blend, early, out_of_fold, checked)


def fit_early(
    run: Run, rows: Result[Labelled], config: NewsConfig, kind: str, told: dict[str, object]
) -> Result[Ranker]:
    """Fit one model with parameters until the validation queries stop it."""
    limits = config.rank.rounds, config.rank.patience
    return run.step(ranking.fit_early, rows, kind, told, *limits, config.seed, name=f"fit.{kind}")


def read_clicks(train: Path, tests: tuple[Path, ...], target: Path, articles: reader.Articles) -> reader.Clicks:
    """The click logs, checked against the articles."""
    return reader.read_clicks(train, tests, target, articles.frame)


def frame_of(articles: reader.Articles) -> pl.DataFrame:
    """The articles without the reader's notes."""
    return articles.frame


def label(clicks: reader.Clicks, settings: SplitSettings, seed: int) -> Fold:
    """The labelled fold: training and validation queries."""
    return split.label_fold(clicks.frame, seed=seed, **asdict(settings))


def ask(clicks: reader.Clicks) -> Fold:
    """The test fold: the host's question."""
    return split.ask_test(clicks.frame)


def unite(channels: dict[str, pl.DataFrame], constant: float, top: int) -> pl.DataFrame:
    """The candidates: one row per (query, item), with every channel's rank and score."""
    return validate(retrieval.unite_channels(channels, constant, top), Candidates, "the union of the recall channels")


def parameters(settings: RankSettings, kind: str) -> dict[str, object]:
    """The parameters of one model, under the library's own names."""
    chosen: dict[str, object] = getattr(settings, kind)
    return chosen


def count_valid(fold: Fold) -> int:
    """The number of validation queries, with or without candidates."""
    return fold.queries.filter(role="valid").height


def answer(test: Fold, predictions: pl.DataFrame, articles: pl.DataFrame) -> pl.DataFrame:
    """The submission frame: the best five of every test user, padded from popularity."""
    validate(predictions, Predictions, "the blended scores")
    users = test.queries.select("query", "user")
    order = pl.struct(-pl.col("score"), "item").rank("ordinal").over("query")
    top = predictions.with_columns(rank=order).filter(pl.col("rank") <= submission.LENGTH).join(users, on="query")
    popular = test.history["item"].value_counts().sort("count", "item", descending=[True, False]).select("item")
    seen = test.seen.select("query", "item").join(users, on="query")
    return submission.build_submission(top.select("user", "item", "rank"), users["user"], popular, seen, articles)
