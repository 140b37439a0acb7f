"""The scores of LEARNING.md and of the pages below learning/: what stands between two marks is of the ladders.

<!-- scores: news popularity-ever = all clicks, popularity; tencent counts -->
(a row a method: title, command, score on simulated and on real data)
<!-- end -->

The title is the ladder's where the mark gives none.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from common.day.stamp import FILE, Figure, read_figures
from common.engine.errors import UserError
from competitions import NAMES, ROOM

BLOCK = re.compile(r"<!-- scores: (?P<methods>[^\n]+?) -->\n(?P<table>.*?)<!-- end -->", re.DOTALL)
HEADS = "| method | command | simulated | real rows |\n| --- | --- | ---: | ---: |\n"
CHINESE_HEADS = "| 方法 | 命令 | 模拟数据 | 真实数据 |\n| --- | --- | ---: | ---: |\n"
SIMULATED = {"news": "0.04", "flight": "0.05", "mgtv": "0.02", "tencent": "0.01"}  # the scale of a default
REAL = {
    "news": {"globo-tenth": "Globo"},
    "flight": {"larch": "larch"},
    "mgtv": {"kuairand": "KuaiRand"},
    "tencent": {"globo": "Globo", "beauty": "Beauty"},
}


class Method(NamedTuple):
    """A method of a ladder: its title, its score on simulated data ("" without one), its scores by real data set."""

    title: str
    simulated: str
    real: dict[str, str]


Ladders = Mapping[str, Mapping[str, Method]]  # by competition and key


def list_pages(room: Path = ROOM) -> list[Path]:
    """The pages that may hold such tables."""
    return [*sorted(room.glob("LEARNING*.md")), *sorted(room.glob("learning/*.md"))]


def read_ladders(room: Path = ROOM) -> Ladders:
    """The methods of every competition, from the tables that its page of figures was last written from."""
    return {name: read_methods(name, read_figures(room / name / FILE)) for name in NAMES}


def read_methods(name: str, figures: Mapping[str, Figure]) -> dict[str, Method]:
    """The methods of all ladders of a competition, by key."""
    simulated = list_scores(figures, f"ladder simulated/{SIMULATED[name]}")
    real = {label: list_scores(figures, f"ladder {folder}") for folder, label in REAL[name].items()}
    methods: dict[str, Method] = {}
    for key in dict.fromkeys([*simulated, *(key for scores in real.values() for key in scores)]):
        known = {label: scores[key] for label, scores in real.items() if key in scores}
        title, score = simulated.get(key) or (next(iter(known.values()))[0], "")
        methods[key] = Method(title, score, {label: each for label, (_, each) in known.items()})
    return methods


def list_scores(figures: Mapping[str, Figure], ladder: str) -> dict[str, tuple[str, str]]:
    """Title and score of each method of a ladder, by key; nothing of one that was not climbed."""
    return {row["rung"]: (row["title"], row["score"]) for row in figures[ladder].rows} if ladder in figures else {}


def fill(page: str, ladders: Ladders, chinese: bool = False) -> str:
    """The page with every table of scores written anew; in Chinese numbers begin with a zero."""

    def write(match: re.Match[str]) -> str:
        rows = "".join(write_row(*asked, ladders) for asked in list_methods(match["methods"]))
        table = CHINESE_HEADS + re.sub(r"(?<![\d.])\.(?=\d)", "0.", rows) if chinese else HEADS + rows
        return f"<!-- scores: {match['methods']} -->\n{table}<!-- end -->"

    return BLOCK.sub(write, page)


def list_methods(mark: str) -> Iterator[tuple[str, str, str]]:
    """Competition, key and title ("" for the ladder's) of each method that a mark names.

    >>> list(list_methods("news als, mmr = MMR; tencent als"))
    [('news', 'als', ''), ('news', 'mmr', 'MMR'), ('tencent', 'als', '')]
    """
    for group in mark.split(";"):
        name, _, methods = group.strip().partition(" ")
        for method in methods.split(","):
            key, _, title = method.partition("=")
            yield name, key.strip(), title.strip()


def write_row(name: str, key: str, title: str, ladders: Ladders) -> str:
    """A line of the table; ``UserError`` for a method that no ladder has."""
    method = ladders.get(name, {}).get(key)
    if method is None:
        raise UserError(
            f"A page shows the score of {name} {key}, which no ladder in competitions/{name}/{FILE} has: run make "
            f"ladder-{name} figures-{name}, or take it out of the page's mark."
        )
    real = ", ".join(f"{label} {score}" for label, score in method.real.items())
    return f"| {title or method.title} | `make rung-{name} RUNG={key}` | {method.simulated} | {real} |\n"
