"""The scores of LEARNING.md and of the pages below learning/: what stands between two marks is of the ladders.

<!-- scores: news popularity-ever = all clicks, popularity; tencent counts; with gain, coverage -->
(a row a method: title, command, score on simulated and on real data, the further columns of the ladder, the versions)
<!-- end -->

The title is the ladder's where the mark gives none.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from common.day.stamp import FILE, Figure, read_figures
from common.engine.errors import UserError
from competitions import NAMES, ROOM

BLOCK = re.compile(r"<!-- scores: (?P<methods>[^\n]+?) -->\n(?P<table>.*?)<!-- end -->", re.DOTALL)
SIMULATED = {"news": "0.04", "flight": "0.05", "mgtv": "0.02", "tencent": "0.01"}  # the scale of a default
# The folders of real rows, as a ladder names them, and what a table calls them.
REAL = {
    "news": {"host": "Globo", "quarter": "Globo, a quarter"},
    "flight": {"larch": "larch"},
    "mgtv": {"kuairand": "KuaiRand"},
    "tencent": {"globo": "Globo", "beauty": "Beauty"},
}
ENGLISH, CHINESE = ("method", "command", "simulated", "real rows"), ("方法", "命令", "模拟数据", "真实数据")
# What a ladder names in English, in the order in which it is replaced.
TRANSLATED = {
    "Globo, a quarter": "Globo 的四分之一",
    "share of float32's ten": "与 float32 相同的前十",
    "vectors MiB in float32": "float32 向量 MiB",
    "vectors MiB": "向量 MiB",
    "log likelihood": "对数似然",
    "calibration error": "校准误差",
    "hit rate": "命中率",
    "recall": "召回率",
    "coverage": "覆盖率",
    "distance": "距离",
    "unseen": "未见过的",
    "gain": "增益",
}
WITH = "with "  # begins the group of a mark that names further columns


class Ladder(NamedTuple):
    """What one ladder measured: its data ("" for simulated), the version that climbed it, its rows by key."""

    data: str
    version: str
    rows: Mapping[str, Mapping[str, str]]


Ladders = Mapping[str, Sequence[Ladder]]  # by competition, simulated first


def list_pages(room: Path = ROOM) -> list[Path]:
    """The pages that may hold such tables."""
    return [*sorted(room.glob("LEARNING*.md")), *sorted(room.glob("learning/*.md"))]


def read_ladders(room: Path = ROOM) -> Ladders:
    """The ladders of every competition, from the tables that its page of figures was last written from."""
    return {name: list_ladders(name, read_figures(room / name / FILE)) for name in NAMES}


def list_ladders(name: str, figures: Mapping[str, Figure]) -> list[Ladder]:
    """The ladders of a competition that were climbed."""
    labels = {f"simulated/{SIMULATED[name]}": "", **REAL[name]}
    climbed = {label: figures[f"ladder {folder}"] for folder, label in labels.items() if f"ladder {folder}" in figures}
    return [
        Ladder(label, each.stamp.version, {row["rung"]: row for row in each.rows}) for label, each in climbed.items()
    ]


def fill(page: str, ladders: Ladders, chinese: bool = False) -> str:
    """The page with every table of scores written anew; in Chinese numbers begin with a zero."""

    def write(match: re.Match[str]) -> str:
        table = write_table(match["methods"], ladders, CHINESE if chinese else ENGLISH)
        table = translate(table) if chinese else table
        return f"<!-- scores: {match['methods']} -->\n{table}<!-- end -->"

    return BLOCK.sub(write, page)


def translate(table: str) -> str:
    """The heads of the columns and the names of the data in Chinese, and a zero before the point.

    >>> translate("| gain, 模拟数据 |")
    '| 增益, 模拟数据 |'
    """
    for english, chinese in TRANSLATED.items():
        table = re.sub(rf"(?<=[|:,] ){english}\b", chinese, table)
    return re.sub(r"(?<![\d.])\.(?=\d)", "0.", table)


def list_methods(mark: str) -> Iterator[tuple[str, str, str]]:
    """Competition, key and title ("" for the ladder's) of each method that a mark names.

    >>> list(list_methods("news als, mmr = MMR; tencent als; with gain"))
    [('news', 'als', ''), ('news', 'mmr', 'MMR'), ('tencent', 'als', '')]
    """
    for group in mark.split(";"):
        name, _, methods = group.strip().partition(" ")
        for method in methods.split(",") if not group.strip().startswith(WITH) else ():
            key, _, title = method.partition("=")
            yield name, key.strip(), title.strip()


def write_table(mark: str, ladders: Ladders, heads: Sequence[str]) -> str:
    """The table of a mark, and below it the versions that measured it."""
    groups = [group.strip() for group in mark.split(";")]
    named = [each.removeprefix(WITH) for each in groups if each.startswith(WITH)]
    columns = ["score", *(name.strip() for each in named for name in each.split(","))]
    rows = [write_row(*method, ladders, columns) for method in list_methods(mark)]
    names = [*heads, *(f"{column}, {data}" for column in columns[1:] for data in heads[2:])]
    kept = [place for place in range(len(names)) if place < 4 or any(row[place] for row in rows)]
    rule = ["---", "---", *["---:"] * (len(kept) - 2)]
    lines = [[names[place] for place in kept], rule, *([row[place] for place in kept] for row in rows)]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return f"{table}\n<sub>{describe_versions(mark, ladders, heads)}</sub>\n"


def write_row(name: str, key: str, title: str, ladders: Ladders, columns: Sequence[str]) -> list[str]:
    """The cells of a method; ``UserError`` for one that no ladder has."""
    known = [each for each in ladders.get(name, ()) if key in each.rows]
    if not known:
        raise UserError(
            f"A page shows the score of {name} {key}, which no ladder in competitions/{name}/{FILE} has: run make "
            f"ladder-{name} figures-{name}, or take it out of the page's mark."
        )
    cells = [title or known[0].rows[key]["title"], f"`make rung-{name} RUNG={key}`"]
    for column in columns:
        values = [(each.data, each.rows[key].get(column, "")) for each in known]
        cells.append("".join(value for data, value in values if not data))
        cells.append(", ".join(f"{data} {value}" for data, value in values if data and value))
    return cells


def describe_versions(mark: str, ladders: Ladders, heads: Sequence[str]) -> str:
    """The version behind each column of each competition: ``news: simulated 0.19.0; flight: larch 0.19.0``."""
    said = []
    for name in dict.fromkeys(name for name, _, _ in list_methods(mark)):
        keys = [key for of, key, _ in list_methods(mark) if of == name]
        used = [each for each in ladders[name] if any(key in each.rows for key in keys)]
        said.append(f"{name}: " + ", ".join(f"{each.data or heads[2]} {each.version}" for each in used))
    return "; ".join(said)
