"""Tianchi news recommendation, top to bottom: raw click logs -> five articles for every test user.

    make news        or        python -m competitions run news --raw data/news/raw

Two folds go through the same functions: ``labelled`` (queries whose hidden click we know: to fit, stop and judge) and
``test`` (the organiser's). Each call of ``run.step`` is kept on disk until something that it depends on changes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.engine.decisions import choose_names, say_decisions
from common.engine.run import Result, Run, collect, derive
from common.io.submission import Checked
from common.learning.chain import Chain
from common.learning.gbdt import Ranker, fit
from common.learning.split import Fold
from common.retrieval.fusion import fuse_channels, learn_fusion
from common.retrieval.neighbours import score_neighbours
from common.retrieval.popularity import find_popular
from common.retrieval.recall import measure_recall
from competitions.news import features, ranking, split, submission
from competitions.news.config import MODEL, NewsConfig, RecallSettings
from competitions.news.io import reader
from competitions.news.io.agreement import compare_files
from competitions.news.plan import Plan, list_blocks, make_plan
from competitions.news.ranking import Labelled
from competitions.news.retrieval.channels import CLICK_TABLES, NEIGHBOURS, POPULAR_HOURS, list_tables
from competitions.news.retrieval.content import find_content_neighbours

Frames = Result[dict[str, pl.DataFrame]]


@dataclass(frozen=True)
class FoldInputs:
    """What retrieval and features of a fold read; ``name`` is the prefix of its steps' names."""

    name: str
    fold: Result[Fold]
    articles: Result[pl.DataFrame]
    content: Result[reader.Embeddings] | None


@dataclass(frozen=True)
class FoldCandidates:
    """The candidates of one fold, the channels that list them, and their features by block."""

    inputs: FoldInputs
    channels: Frames
    candidates: Result[pl.DataFrame]
    blocks: Frames


@dataclass(frozen=True)
class FittedPart:
    """A part of the labelled queries, the validating ones of its ``fold``, and their ``scores`` by a fit on others."""

    fold: Result[Fold]
    rows: Result[Labelled]
    ranker: Result[Ranker]
    scores: Result[NDArray[np.float64]]


@dataclass(frozen=True)
class Prepared:
    """From raw files to candidates with features: what was read, the labelled fold, and the queries of the test."""

    articles: Result[reader.Articles]
    clicks: Result[reader.Clicks]
    content: Result[reader.Embeddings] | None
    plan: Plan
    fusion: Result[dict[str, float]]
    labelled: FoldCandidates
    test: Result[Fold]


@dataclass(frozen=True)
class Validated:
    """What a run knows once it has validated; results are read from disk when used.

    ``parts``: the validation queries, one part but for several folds; ``ranker``: of all of them. ``chain``: whether
    its order is handed in, or that of a plain rule; ``submitted``: the scores of the first part's rows by what is.
    """

    files: reader.RawFiles
    ready: Prepared
    parts: Sequence[FittedPart]
    ranker: Result[Ranker]
    chain: Result[Chain]
    submitted: Result[NDArray[np.float64]]
    recall: Result[pl.DataFrame]


@dataclass(frozen=True)
class Outcome(Validated):
    """What a whole run leaves: the test's candidates, their scores, and the submission."""

    test: FoldCandidates
    predictions: Result[pl.DataFrame]
    checked: Checked


def prepare(files: reader.RawFiles, config: NewsConfig, run: Run) -> Prepared:
    """From raw files to candidates with features."""
    step, seed = run.step, config.seed

    # 1. Read and check. What a rule settles is counted in the notes, anything else stops the run.
    articles = step(reader.read_articles, files.articles)
    clicks = step(reader.read_clicks, files.train, files.tests, files.target, articles.field("frame"))
    content = step(reader.read_embeddings, files.embeddings) if files.embeddings else None

    run.warn(step(compare_files, clicks.field("frame"), articles.field("frame"), files.target.name).value)

    # 2. Split: hide the last click of some users, as the organiser did with the test users.
    fold = step(split.label_fold, clicks.field("frame"), config.split, seed, name="label")
    test = step(split.build_test_fold, clicks.field("frame"), name="ask")

    # Settings meet the log.
    plan = step(make_plan, clicks.field("frame"), fold, config).value
    say_decisions(plan.decisions)

    # 3. Retrieval: eight channels, and the weight of each one's vote.
    inputs = FoldInputs("labelled", fold, articles.field("frame"), content)
    parts = spread_queries(inputs, clicks.field("frame"), plan.histories, seed, run)
    channels = [retrieve(part, config.recall, run) for part in parts]
    fusion = step(learn_fusion, parts[0].fold, channels[0], config.recall.fusion, seed)

    # 4. Features of every candidate.
    # Of several folds every query validates once.
    few = config.split.folds == 1 and plan.negatives < config.recall.candidates - 1
    negatives = plan.negatives if few else None
    made = [
        build_candidates(part, lists, fusion, config, run, negatives)
        for part, lists in zip(parts, channels, strict=True)
    ]
    labelled = made[0] if len(made) == 1 else join_candidates(inputs, made)
    return Prepared(
        articles=articles,
        clicks=clicks,
        content=content,
        plan=plan,
        fusion=fusion,
        labelled=labelled,
        test=test,
    )


def spread_queries(
    inputs: FoldInputs, clicks: Result[pl.DataFrame], histories: int, seed: int, run: Run
) -> list[FoldInputs]:
    """The labelled queries by the history that they are asked of, which lacks the answers of these alone."""
    if histories == 1:
        return [inputs]
    parts = (
        run.step(split.take_history, clicks, inputs.fold, number, histories, seed, name="label.history")
        for number in range(histories)
    )
    return [replace(inputs, fold=part) for part in parts]


def join_candidates(inputs: FoldInputs, parts: Sequence[FoldCandidates]) -> FoldCandidates:
    """The candidates of all histories, one history's after the other's."""
    return FoldCandidates(
        inputs,
        derive(ranking.join_named, collect([part.channels for part in parts])),
        derive(ranking.join_frames, collect([part.candidates for part in parts])),
        derive(ranking.join_named, collect([part.blocks for part in parts])),
    )


def make_tables(inputs: FoldInputs, channels: Sequence[str], run: Run) -> dict[str, Result[pl.DataFrame]]:
    """The item-to-item tables (item, neighbour, weight) that some channels follow, each made once."""
    step, fold, tables = run.step, inputs.fold, {}
    for name in list_tables(channels):
        title = f"{inputs.name}.table.{name}"
        if name == "content":
            tables[name] = step(find_content_neighbours, inputs.content, inputs.articles, fold, name=title)
        else:
            tables[name] = step(CLICK_TABLES[name], fold.field("history"), name=title)
    return tables


def retrieve(inputs: FoldInputs, settings: RecallSettings, run: Run) -> Frames:
    """The lists of every channel of ``settings.channels``: one row per (query, item) with a score, best first."""
    step, fold, top = run.step, inputs.fold, settings.per_channel
    history, queries, seen = (fold.field(name) for name in ("history", "queries", "seen"))
    tables, lists = make_tables(inputs, settings.channels, run), {}
    for name in settings.channels:
        title = f"{inputs.name}.{name}"
        if name in NEIGHBOURS:
            table, weights = NEIGHBOURS[name]
            lists[name] = step(score_neighbours, seen, tables[table], weights, top, name=title)
        else:
            lists[name] = step(find_popular, history, queries, seen, POPULAR_HOURS[name], top, name=title)
    return collect(lists)


def build_candidates(
    inputs: FoldInputs,
    channels: Frames,
    fusion: Result[dict[str, float]],
    config: NewsConfig,
    run: Run,
    negatives: int | None = None,
) -> FoldCandidates:
    """The channels' lists fused into one list of candidates a query, and every candidate's features in blocks.

    ``negatives``: training queries keep their answer and so many others, of which alone all features are built.
    """
    step, prefix, fold, articles = run.step, inputs.name, inputs.fold, inputs.articles
    united = candidates = step(fuse_channels, channels, config.recall.candidates, fusion, name=f"{prefix}.unite")
    if negatives is not None:
        kept = step(ranking.draw_rows, fold, united, negatives, config.seed, name=f"{prefix}.draw")
        candidates = derive(ranking.take_rows, united, kept)

    def describe(block: str, function: Callable[..., pl.DataFrame], *args: Any) -> Result[pl.DataFrame]:
        title = f"{prefix}.{block}_block"
        if negatives is None:
            return step(function, *args, united, name=title)
        return step(features.keep_rows, function, args, united, kept, name=title)

    blocks = {
        "item": describe("item", features.item_block, fold, articles),
        "pair": step(features.pair_block, fold, articles, candidates, inputs.content, name=f"{prefix}.pair_block"),
        "channel": describe("channel", features.channel_block),
    }
    chosen = choose_names(config.rank.blocks, list_blocks())
    blocks |= {
        name: describe(name, block, fold, articles) for name, block in features.EXTRA_BLOCKS.items() if name in chosen
    }
    return FoldCandidates(inputs, channels, candidates, collect({name: blocks[name] for name in chosen}))


def validate(files: reader.RawFiles, config: NewsConfig, run: Run) -> Validated:
    """Fit with an early stop on the validation queries, measure; nothing is made of the test but its queries."""
    step = run.step
    ready = prepare(files, config, run)

    # 5. Rank the candidates.
    first, *others = parts = [fit_part(ready, number, config, run) for number in range(config.split.folds)]
    rows, scores = collect([part.rows for part in parts]), collect([part.scores for part in parts])
    chain = step(ranking.judge_orders, rows, scores, config.rank.answer, name="judge")
    chain.value.say()
    submitted = derive(ranking.take_scores, first.rows, first.scores, chain.value.answer)
    recall = step(measure_recall, first.fold, ready.labelled.channels, ready.labelled.candidates)
    ranker = derive(ranking.join_rankers, collect([part.ranker for part in parts])) if others else first.ranker
    return Validated(files, ready, parts, ranker, chain, submitted, recall)


def fit_part(ready: Prepared, number: int, config: NewsConfig, run: Run) -> FittedPart:
    """Score a part of the labelled queries: the validation users, or one of several folds, by a fit on the others."""
    step, labelled, folds = run.step, ready.labelled, config.split.folds
    fold = (
        labelled.inputs.fold
        if folds == 1
        else derive(split.turn_fold, labelled.inputs.fold, number, folds, config.seed)
    )
    # All fits learn from the same rows, which are put together once.
    rows = step(ranking.gather_rows, fold, labelled.candidates, labelled.blocks, ready.plan.negatives, config.seed)
    recipe = ranking.make_recipe(config.rank, ready.plan.patience, config.model_seed)
    ranker = step(fit, recipe, rows.field("train"), rows.field("stop"), name=f"fit.{MODEL}")
    return FittedPart(fold, rows, ranker, step(ranking.score_valid, rows, ranker))


def solve(files: reader.RawFiles, config: NewsConfig, run: Run) -> Outcome:
    """Run the whole competition into ``run.folder``; a finished step of an earlier run is not done again."""
    step = run.step
    validated = validate(files, config, run)
    ready, answer = validated.ready, validated.chain.value.answer

    # 6. The test through the same functions; write the submission, read it back from disk and check it.
    inputs = FoldInputs("test", ready.test, ready.articles.field("frame"), ready.content)
    channels = retrieve(inputs, config.recall, run)
    test = build_candidates(inputs, channels, ready.fusion, config, run)
    predictions = step(ranking.score_test, test.candidates, test.blocks, validated.ranker, answer)
    lists = step(submission.recommend, inputs.fold, predictions, ready.articles.field("frame"), name="answer")
    path = submission.write_submission(lists.value, run.folder / "submission.csv")
    checked = submission.check_submission(path, files)
    return Outcome(**vars(validated), test=test, predictions=predictions, checked=checked)
