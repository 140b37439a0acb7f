"""What changed between two runs: settings, features, code, data, and the score, query by query where that is possible.

Two scores of the same validation queries share most of their noise. Their difference is taken query by query, so that
its standard error is that of the difference and not of two scores.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from common.errors import UserError
from common.experiments.run_record import QUERIES, RECORD, Row, read_record

CLEAR = 2.0  # standard errors


class Difference(NamedTuple):
    """B - A over ``queries`` that both answered: mean, its standard error; ``changed``: those scored differently."""

    mean: float
    error: float
    queries: int
    changed: int

    @property
    def verdict(self) -> str:
        """In words."""
        if not self.changed:
            return "no query is answered differently"
        size = abs(self.mean) / self.error if self.error else float("inf")
        if size < 1:
            return "within the noise"
        sign = "better" if self.mean > 0 else "worse"
        return f"clearly {sign} ({size:.1f} standard errors)" if size >= CLEAR else f"perhaps {sign} ({size:.1f})"


class Comparison(NamedTuple):
    """Everything that a comparison prints: tables of rows, the paired difference if there is one, what to mind."""

    settings: list[Row]
    features: list[Row]
    scores: list[Row]
    slices: list[Row]
    difference: Difference | None
    warnings: list[str]


def compare(first: Path, second: Path) -> Comparison:
    """Compare two runs of one competition by their folders. ``UserError`` where they are not of one."""
    one, other = read_record(first / RECORD), read_record(second / RECORD)
    if one["name"] != other["name"]:
        raise UserError(f"{first} is a run of {one['name']} and {second} one of {other['name']}: nothing to compare.")
    joined = pair_queries(first, second)
    return Comparison(
        list_changed_settings(one["config"], other["config"]),
        list_changed_features(one, other),
        list_scores(one, other),
        list_slices(joined),
        describe_difference(joined) if joined.height else None,
        list_warnings(one, other, joined.height),
    )


def pair_queries(first: Path, second: Path) -> pl.DataFrame:
    """One row per query of both runs: fold, query, slices of the second, ``before`` and ``after``."""
    frames = []
    for folder in (first, second):
        path = folder / QUERIES
        if not path.exists():
            raise UserError(f"{path} does not exist: the run did not finish its record; run again.")
        try:
            frames.append(pl.read_parquet(path))
        except (OSError, pl.exceptions.PolarsError) as error:
            raise UserError(f"{path} cannot be read ({error}): run again.") from error
    before = frames[0].select("fold", "query", before="score")
    return frames[1].rename({"score": "after"}).join(before, on=["fold", "query"], maintain_order="left")


def describe_difference(joined: pl.DataFrame) -> Difference:
    """The paired difference of some queries."""
    gain = joined.select(gain=pl.col("after") - pl.col("before"))["gain"]
    error = float(gain.std(ddof=0) or 0.0) / max(len(gain), 1) ** 0.5  # type: ignore[arg-type]
    return Difference(float(gain.mean() or 0.0), error, len(gain), int((gain != 0).sum()))  # type: ignore[arg-type]


def list_slices(joined: pl.DataFrame) -> list[Row]:
    """The paired difference by fold and by value of every slice."""
    names = ["fold", *(name for name in joined.columns if name not in ("fold", "query", "before", "after"))]
    rows = []
    for name in names:
        for value in joined[name].drop_nulls().unique().sort():
            part = joined.filter(pl.col(name) == value)
            found = describe_difference(part)
            rows.append(
                {
                    "slice": f"{name}: {value}",
                    "A": part["before"].mean(),
                    "B": part["after"].mean(),
                    "B - A": found.mean,
                    "error": found.error,
                    "queries": found.queries,
                }
            )
    return rows


def list_scores(one: Row, other: Row) -> list[Row]:
    """The score, the truth and every model, side by side."""
    rows = [_score_row("CV", one["cv"], other["cv"])]
    if one.get("truth") and other.get("truth"):
        rows.append(_score_row("simulated truth", one["truth"], other["truth"]))
    after = {row["model"]: row for row in other["ranking"]}
    rows += [_score_row(row["model"], row, after[row["model"]]) for row in one["ranking"] if row["model"] in after]
    return rows


def _score_row(name: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> Row:
    return {
        "score": name,
        "A": one["score"],
        "error A": one["error"],
        "B": other["score"],
        "error B": other["error"],
        "B - A": other["score"] - one["score"],
    }


def list_changed_settings(one: Row, other: Row) -> list[Row]:
    """Every setting with another value, by its dotted key."""
    before, after = dict(flatten(one)), dict(flatten(other))
    keys = [*before, *(key for key in after if key not in before)]
    return [
        {"setting": key, "A": _say(before, key), "B": _say(after, key)}
        for key in keys
        if before.get(key, _ABSENT) != after.get(key, _ABSENT)
    ]


_ABSENT = object()


def _say(settings: Row, key: str) -> str:
    return str(settings[key]) if key in settings else "(not there)"


def flatten(table: Row, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of everything that is no table."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def list_changed_features(one: Row, other: Row) -> list[Row]:
    """Features that only one of the runs has, with their share of the gain where it is known."""
    before, after = one.get("features", []), other.get("features", [])
    gains = {
        side: {row["feature"]: row["gain"] for row in record.get("insight", {}).get("importance", [])}
        for side, record in (("A", one), ("B", other))
    }
    only = [("A", name) for name in before if name not in set(after)]
    only += [("B", name) for name in after if name not in set(before)]
    return [{"feature": name, "only in": side, "gain": gains[side].get(name)} for side, name in only]


def list_warnings(one: Row, other: Row, shared: int) -> list[str]:
    """What makes the two scores hard to compare."""
    found = []
    if one["data"]["digest"] != other["data"]["digest"]:
        found.append("the raw files differ: the scores are of different data")
    if not shared:
        found.append("the runs have no validation query in common: only the two scores can be compared")
    elif shared < max(one["cv"]["queries"], other["cv"]["queries"]):
        found.append(f"only {shared} of the validation queries are common to both runs; the difference is of these")
    if one["code"] != other["code"]:
        found.append(f"the code differs: {_say_code(one)} and {_say_code(other)}")
    elif other["code"]["changed"]:
        found.append("the source was changed and not committed: which change it was, git cannot tell")
    return found


def _say_code(record: Row) -> str:
    return f"{record['code']['revision'] or 'unknown'}{' (changed)' if record['code']['changed'] else ''}"
