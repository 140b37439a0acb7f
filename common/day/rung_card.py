"""One rung in words: its score, what it gains, what it costs, where its code stands, and the lists of one query."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from common.day.ladder import BASE, BEFORE, FITS, GAIN, GAIN_ERROR, KEY, LISTS, MEMORY, PATH, SECONDS, Row
from common.day.report.formatting import is_number, score, with_error
from common.day.report.score_sections import SHOWN_OF_LADDER
from common.io.tables import read_parquet

NO_ANSWER = 1_000  # the rank of an answer that a list does not show, when two lists are compared


def describe_rung(row: Row, metric: str) -> list[str]:
    """The lines above the lists; ``row``: of ``Ladder.climb``."""
    path = f", rung {PATH[row['family']]} of LEARNING.md" if row["family"] in PATH else ""
    lines = [f"{row[KEY]}: {row['title']} ({row['family']}{path})"]
    before = score(row.get(BEFORE))
    lines.append(f"  {metric} {with_error(row['score'], row['error'])}" + (f"; before {before}" if before else ""))
    if row[BASE]:
        gain = with_error(row[GAIN], row[GAIN_ERROR])
        noise = "" if row.get(FITS) is None else f", with the noise of {row.get(FITS)} fits"
        noise = ", without the noise between fits (a run with --seeds 3 measures it)" if row.get(FITS) == 0 else noise
        lines.append(f"  against {row[BASE]}: {gain}, on the same queries{noise}")
    further = {name: each for name, each in row.items() if name not in (*SHOWN_OF_LADDER, BEFORE) and is_number(each)}
    if further:
        lines.append("  " + ", ".join(f"{name} {each:.4g}" for name, each in further.items()))
    memory = f", {row[MEMORY]:,.0f} MiB" if row[MEMORY] is not None else ""
    lines.append(f"  {row[SECONDS]:.1f} s{memory}")
    return [*lines, f"  code: {row['code']}"]


def read_lists(folder: Path, keys: Sequence[str]) -> dict[str, pl.DataFrame]:
    """The lists that these rungs left below a ladder's folder, by key; a rung without any is left out."""
    paths = {key: folder / LISTS / f"{key}.parquet" for key in keys}
    return {key: read_parquet(path) for key, path in paths.items() if path.is_file()}


def choose_others(folder: Path, key: str, base: str | None) -> list[str]:
    """Two rungs to show beside this one: what it builds on, and of the others the one measured last."""
    paths = sorted((folder / LISTS).glob("*.parquet"), key=lambda path: (path.stat().st_mtime, path.name))
    others = [path.stem for path in reversed(paths) if path.stem not in (key, base)]
    return [*([base] if base else []), *others][:2]


def choose_query(lists: dict[str, pl.DataFrame], key: str, base: str | None) -> str | None:
    """The query whose answer the rung ranks highest above the rung that it builds on; the first of several.

    >>> row = {"query": ["a", "b"], "rank": [1, 1], "item": ["x", "y"], "answer": [False, True]}
    >>> choose_query({"als": pl.DataFrame(row)}, "als", None)
    'b'
    """
    if key not in lists or lists[key].is_empty():
        return None
    ranks = lists[key].select("query").unique(maintain_order=True)
    for name in (key, base):
        found = lists[name].filter("answer") if name in lists else lists[key].clear()
        ranks = ranks.join(found.select("query", pl.col("rank").alias(str(name))), on="query", how="left")
    gain = pl.col(str(base)).fill_null(NO_ANSWER) - pl.col(key).fill_null(NO_ANSWER)
    return str(ranks.sort(gain, descending=True, maintain_order=True)["query"][0])


def lay_out_lists(lists: dict[str, pl.DataFrame], query: str) -> list[Row]:
    """A row a rank, a column a rung; the right answer is marked with a star."""
    columns = {
        name: frame.filter(query=query).sort("rank").select("item", "answer").rows() for name, frame in lists.items()
    }
    longest = max(len(items) for items in columns.values())
    return [
        {
            "rank": str(rank + 1),
            **{name: _name(items[rank]) if rank < len(items) else "" for name, items in columns.items()},
        }
        for rank in range(longest)
    ]


def _name(item: tuple[str, bool]) -> str:
    return f"* {item[0]}" if item[1] else item[0]
