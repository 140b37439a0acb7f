"""A finished run as a service, and requests of the test with the answers of its submission."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import polars as pl

from common.engine.decisions import choose_names
from common.engine.errors import UserError
from common.engine.run import Run
from common.io.tables import read_csv
from common.learning.split import Fold
from common.retrieval.lists import Scorer, gather_histories
from common.retrieval.neighbours import Followed, index_neighbours
from common.retrieval.popularity import count_popular
from competitions.news import pipeline, submission
from competitions.news.config import NewsConfig, RecallSettings
from competitions.news.day.service import COLUMNS, Answer, NewsService
from competitions.news.features import EXTRA_BLOCKS
from competitions.news.io import reader
from competitions.news.lookups import build_feature_tables
from competitions.news.pipeline import FoldInputs
from competitions.news.plan import list_blocks
from competitions.news.ranking import RANKER
from competitions.news.retrieval.channels import NEIGHBOURS, POPULAR_HOURS


class Export(NamedTuple):
    """``bodies``: requests of the test as JSON; ``expected``: the answers of the run's submission; ``articles``: all
    that the run knows.
    """

    service: NewsService
    bodies: list[bytes]
    expected: list[Answer]
    articles: pl.DataFrame


def export(files: reader.RawFiles, config: NewsConfig, run: Run, requests: int) -> Export:
    """The fit, with about so many ``requests`` of the test, evenly spread over its users."""
    outcome = pipeline.solve(files, config, run)
    test = outcome.test.inputs.fold.value
    users = test.queries.sort("query").gather_every(max(test.queries.height // requests, 1))
    return Export(
        gather(outcome, config, run),
        list(list_bodies(test, users)),
        list_expected(outcome.checked.path, users),
        outcome.ready.articles.value.frame,
    )


def gather(outcome: pipeline.Outcome, config: NewsConfig, run: Run) -> NewsService:
    """What a service of the test's fold needs."""
    blocks = choose_names(config.rank.blocks, list_blocks())
    if own := sorted(EXTRA_BLOCKS.keys() & {*blocks}):
        raise UserError(f"The service does not support the block {own[0]}: add it in service.py, like the others.")
    if (answer := outcome.chain.value.answer) != RANKER:
        raise UserError(
            f'The run hands in the order of "{answer}", and a service answers by the ranker: set rank.answer=ranker.'
        )
    inputs = outcome.test.inputs
    content = None if inputs.content is None else inputs.content.value
    return NewsService(
        channels=fit_channels(inputs, config.recall, run),
        features=build_feature_tables(inputs.fold.value.history, inputs.articles.value, content),
        fusion=outcome.ready.fusion.value,
        recall=config.recall,
        blocks=blocks,
        ranker=outcome.ranker.value,
    )


def fit_channels(inputs: FoldInputs, settings: RecallSettings, run: Run) -> dict[str, Scorer]:
    """The channels of a fold, by the tables that its steps made."""
    fold = inputs.fold.value
    _, histories = gather_histories(fold.seen, fold.queries)
    made = pipeline.make_tables(inputs, settings.channels, run)
    tables = {name: index_neighbours(table.value) for name, table in made.items()}
    channels = dict[str, Scorer]()
    for name in settings.channels:
        if name in NEIGHBOURS:
            channels[name] = Followed(tables[NEIGHBOURS[name].table], NEIGHBOURS[name].weights)
        else:
            channels[name] = count_popular(fold.history, histories, POPULAR_HOURS[name], settings.per_channel)
    return channels


def list_bodies(fold: Fold, queries: pl.DataFrame) -> Iterator[bytes]:
    """What each of these queries has clicked, as the host's rows."""
    clicks = fold.seen.join(queries.select("query"), on="query", how="semi").sort("query", "back")
    for own in clicks.partition_by("query", maintain_order=True):
        rows = own.select(pl.col(column.name).alias(column.header) for column in COLUMNS)
        yield msgspec.json.encode({"clicks": rows.to_dicts()})


def list_expected(path: Path, queries: pl.DataFrame) -> list[Answer]:
    """The submission's own articles for the users of these queries."""
    rows = queries.select(user_id="user").join(read_csv(path), on="user_id", how="left", maintain_order="left")
    return [{"articles": [int(item) for item in row]} for row in rows.select(submission.ARTICLES).iter_rows()]
