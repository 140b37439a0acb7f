"""What the cards of the steps draw: popularity by its window, the channels' overlap, a trade-off."""

import math
from collections.abc import Mapping

import numpy as np
import polars as pl

from common.day.methods.scored import Scored
from common.day.report.charts import Dot, Figure, Line, Plot, TableColumn, make_plot, make_scale, make_span
from common.day.report.formatting import with_error
from common.learning.split import Fold
from competitions.news.lab.reranking import Method
from competitions.news.lab.scoring import NewsBench
from competitions.news.retrieval.popularity import find_popular

HOURS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 24.0, 72.0)
LISTED = 50  # articles of a list of popularity
WEIGHTS: dict[Method, tuple[float, ...]] = {"mmr": (1.0, 0.95, 0.9, 0.8, 0.7, 0.5), "dpp": (32.0, 16.0, 8.0, 4.0, 2.0)}


def draw_windows(bench: NewsBench, *_: object) -> list[Figure]:
    """The score of popularity by the hours that are counted: around a query's time, and before it alone."""
    history, queries, seen = (bench.fold.field(part) for part in ("history", "queries", "seen"))
    dots, lines = [], []
    for style, line, after in (("a", "line", 1.0), ("b", "other", 0.0)):
        points = []
        for hours in HOURS:
            name = f"ladder.window-{hours:g}-{after * hours:g}"
            window = (hours, after * hours)
            lists = bench.run.step(find_popular, history, queries, seen, window, LISTED, name=name)
            scored = bench.record(lists.value)
            value, error = scored.weigh(scored.each)
            points.append((math.log10(hours), value))
            dots.append(Dot(*points[-1], f"{hours:g} h: {with_error(value, error)}", style))
        lines.append(Line(points, line))
    across = make_span(math.log10(HOURS[0]), math.log10(HOURS[-1]), logarithmic=True)
    plot = Plot(lines, dots, across, make_scale([dot.y for dot in dots], zero=True))
    legend = {"a": "so many hours before and after the user's last click", "b": "before it alone, as a live system"}
    return [
        Figure(
            "Popularity by its window",
            plot,
            "hours",
            "MRR@5",
            "What counts is what is popular now. Each dot names its error.",
            legend,
        )
    ]


def draw_channels(fold: Fold, channels: Mapping[str, pl.DataFrame]) -> list[Figure]:
    """A table: the recall of each channel, and which share of the answers that it lists another lists as well."""
    assert fold.answers is not None
    answers = fold.answers.join(fold.queries.filter(role="valid"), on="query", how="semi").select("query", "item")
    found = np.array([is_listed(lists, answers) for lists in channels.values()], np.float64)
    both = found @ found.T
    shares = both / np.maximum(both.diagonal(), 1.0)[:, None]
    recall = (found.sum(1) / max(answers.height, 1)).tolist()
    columns = [TableColumn("channel", list(channels))]
    columns += [
        TableColumn(name, [f"{value:.0%}" for value in column], True, column)
        for name, column in zip(["recall", *channels], [recall, *shares.T.tolist()], strict=True)
    ]
    caption = "A row: of the answers that this channel lists, the share that the channel of the column lists as well."
    return [Figure("Recall of the channels, and their overlap", caption=caption, columns=columns)]


def is_listed(lists: pl.DataFrame, answers: pl.DataFrame) -> pl.Series:
    """Whether each answer (query, item) is among the lists (query, item)."""
    marked = lists.select("query", "item", listed=True)
    return answers.join(marked, on=["query", "item"], how="left", maintain_order="left")["listed"].fill_null(False)


def draw_trade_off(method: Method, measured: Mapping[float, Scored]) -> list[Figure]:
    """The score against the distance of the lists, by weight, from the ranker's own order to more and more variety."""
    dots = []
    for weight, scored in measured.items():
        value, error = scored.weigh(scored.each)
        distance = scored.more["distance"]
        assert distance is not None
        dots.append(Dot(distance, value, f"{weight:g}: {with_error(value, error)}, distance {distance:.3f}"))
    line = Line([(dot.x, dot.y) for dot in dots], "thin")
    what = "trade-off" if method == "mmr" else "strength"
    caption = f"From right to left the {what} grows: {', '.join(f'{weight:g}' for weight in reversed(list(measured)))}."
    return [
        Figure("Score against variety", make_plot([line], dots), "distance of the articles of a list", "MRR@5", caption)
    ]
