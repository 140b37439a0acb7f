"""What changed between two runs: settings, features, code, data, and the score, query by query where that is possible.

Two scores of the same validation queries share most of their noise. Their difference is taken query by query, so that
its standard error is that of the difference and not of two scores.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from common.day.fit_noise import count_fits, find_noise, flatten, widen_error
from common.day.record_schema import RECORD, Row, read_record
from common.day.revision import describe_difference as describe_code
from common.day.run_record import QUERIES, TRUTH, WEIGHT, group_slice, weigh_alike
from common.engine.errors import UserError
from common.io.files import UNREADABLE, describe_failure
from common.io.tables import read_parquet
from common.learning.metrics import weighted_error, weighted_mean

CLEAR = 2.0  # standard errors
BEFORE, AFTER = pl.col("before"), pl.col("after")
GAIN, EACH = AFTER - BEFORE, pl.col(WEIGHT)
WON, LOST = (AFTER > BEFORE).sum().alias("won"), (AFTER < BEFORE).sum().alias("lost")
OUTCOMES = (
    WON,
    LOST,
    (AFTER == BEFORE).sum().alias("equal"),
    ((BEFORE > 0) & (AFTER > 0)).sum().alias("hit by both"),
    ((BEFORE > 0) & (AFTER <= 0)).sum().alias("only A"),
    ((BEFORE <= 0) & (AFTER > 0)).sum().alias("only B"),
    ((BEFORE <= 0) & (AFTER <= 0)).sum().alias("neither"),
)
PAIRED = (
    weighted_mean(BEFORE, EACH).alias("A"),
    weighted_mean(AFTER, EACH).alias("B"),
    weighted_mean(GAIN, EACH).alias("B - A"),
    weighted_error(GAIN, EACH).alias("error"),
    WON,
    LOST,
    pl.len().alias("queries"),
)
FEW = 20  # queries, of which a mean says nothing


class Difference(NamedTuple):
    """B - A over ``queries`` that both answered: mean, its standard error; ``changed``: those scored differently.

    ``fits``: the error is that of the queries and of the fits, of which so many are known; 0: of the queries alone.
    """

    mean: float
    error: float
    queries: int
    changed: int
    fits: int = 0

    @property
    def clear(self) -> bool:
        """Whether chance, that of the fits too, would bring such a difference once in twenty times at most."""
        return self.fits > 0 and self.changed > 0 and abs(self.mean) >= CLEAR * self.error

    @property
    def verdict(self) -> str:
        """In words. Never "clearly" where it is not known how far another fit moves the score."""
        if not self.changed:
            return "no query is scored differently"
        size = abs(self.mean) / self.error if self.error else float("inf")
        sign = "better" if self.mean > 0 else "worse"
        if size < 1:
            return "within the noise"
        return f"{'clearly' if self.clear else 'perhaps'} {sign} ({size:.1f} standard errors)"

    @property
    def sentence(self) -> str:
        """The difference, its error and what is counted in it, the same words on every page."""
        what = (
            f"{self.mean:+.4f} +- {self.error:.4f} on {self.queries:,} common queries, {self.changed:,} of them scored"
        )
        what = f"{what} differently: {self.verdict}"
        if not self.changed:
            return what
        if self.fits:
            return f"{what}, with the noise of {self.fits} fits included"
        return f"{what}; the noise between fits is not included (--seeds 3 measures it)"


class Comparison(NamedTuple):
    """Everything that a comparison prints: tables of rows, the paired difference on the validation queries and, where
    both runs know it, on the simulated ``truth``, what to mind, what the two are called.
    """

    settings: list[Row]
    features: list[Row]
    scores: list[Row]
    slices: list[Row]
    outcomes: list[Row]
    difference: Difference
    truth: Difference | None
    warnings: list[str]
    notes: tuple[str | None, str | None]


def compare(first: Path, second: Path) -> Comparison:
    """Compare two runs of one competition by their folders. ``UserError`` where they answered other queries."""
    (one, other), joined = read_records(first, second), pair_queries(first, second)
    truth, folders = pair_truth(first, second), (first.parent, second.parent)
    return Comparison(
        list_changed_settings(one["config"], other["config"]),
        list_changed_features(one, other),
        list_scores(one, other),
        list_slices(weigh_alike(joined)),
        joined.select(*OUTCOMES).to_dicts(),
        add_fits(compute_difference(joined), (one, other), folders),
        None if truth is None else add_fits(compute_difference(truth), (one, other), folders, (1, 1)),
        list_warnings(one, other, joined.height),
        (one.get("note"), other.get("note")),
    )


def read_records(first: Path, second: Path) -> tuple[Row, Row]:
    """The records of two runs. ``UserError`` where they are not of one competition, or of other simulated files."""
    one, other = read_record(first / RECORD), read_record(second / RECORD)
    if one["name"] != other["name"]:
        raise UserError(f"{first} is a run of {one['name']}, {second} of {other['name']}: they cannot be compared.")
    data = [record["data"] or {} for record in (one, other)]
    if data[0].get("digest") != data[1].get("digest") and any(each.get("simulated") for each in data):
        folders = " and ".join(str(each.get("folder") or "other files") for each in data)
        raise UserError(
            f"{first} and {second} are of different files ({folders}), so their queries are not the same:"
            " compare two runs on the same files."
        )
    return one, other


def pair_queries(first: Path, second: Path) -> pl.DataFrame:
    """One row per query of both runs: fold, query, slices of the second, ``before`` and ``after``. ``UserError`` where
    there is none.
    """
    joined = _pair(first / QUERIES, second / QUERIES)
    if not joined.height:
        raise UserError(
            f"{first} and {second} have no validation query in common: compare two runs on the same files and split."
        )
    return joined


def pair_truth(first: Path, second: Path) -> pl.DataFrame | None:
    """The same of the queries of the test; None where a run does not know their truth."""
    if not ((first / TRUTH).exists() and (second / TRUTH).exists()):
        return None
    joined = _pair(first / TRUTH, second / TRUTH)
    return joined if joined.height else None


def _pair(first: Path, second: Path) -> pl.DataFrame:
    return pair_scores(_read_queries(first), _read_queries(second))


def pair_scores(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    """One row per query of both: the second's columns with its score as ``after``, the first's as ``before``."""
    before = first.select("fold", "query", before="score")
    return second.rename({"score": "after"}).join(before, on=["fold", "query"], maintain_order="left")


def _read_queries(path: Path) -> pl.DataFrame:
    if not path.exists():
        raise UserError(f"{path} does not exist: the run did not finish its record; run again.")
    try:
        return read_parquet(path)
    except UNREADABLE as error:
        raise UserError(f"{path} cannot be read ({describe_failure(error)}): run again.") from error


def compute_difference(joined: pl.DataFrame) -> Difference:
    """The paired difference of some queries."""
    mean, error = weighted_mean(GAIN, EACH), weighted_error(GAIN, EACH)
    figures = mean.alias("mean"), error.alias("error"), (GAIN != 0).sum().alias("changed")
    (row,) = weigh_alike(joined).select(*figures).to_dicts()
    return Difference(row["mean"], row["error"], joined.height, row["changed"])


def add_fits(
    difference: Difference, pair: tuple[Row, Row], folders: Sequence[Path], fits: tuple[int, int] | None = None
) -> Difference:
    """The difference of two runs with the noise of their fits in its error, where runs in ``folders`` tell it.

    ``fits``: how many each score is the mean of; by default those of the records.
    """
    noise = find_noise(folders, pair)
    if noise is None or not difference.changed:
        return difference
    error = widen_error(difference.error, noise, fits or (count_fits(pair[0]), count_fits(pair[1])))
    return difference._replace(error=error, fits=noise.fits)


def measure_difference(first: Path, second: Path) -> Difference:
    """B - A of two runs by their folders, as every page has it. ``UserError`` where they answered other queries."""
    pair = read_records(first, second)
    if pair[0]["metric"] != pair[1]["metric"]:
        raise UserError(f"{first} is scored by {pair[0]['metric']}, {second} by {pair[1]['metric']}.")
    return add_fits(compute_difference(pair_queries(first, second)), pair, (first.parent, second.parent))


def list_slices(joined: pl.DataFrame) -> list[Row]:
    """``PAIRED`` by fold and by value of every slice, of ``FEW`` queries or more. A slice that divides the queries as
    the folds do, days in most logs, is not told twice.
    """
    names = [name for name in joined.columns if name not in ("fold", "query", "before", "after", WEIGHT)]
    names = [name for name in names if joined.select("fold", name).n_unique() > joined["fold"].n_unique()]
    slices = [(name, group_slice(joined, name, PAIRED)) for name in ("fold", *names)]
    return [
        {"slice": f"{name}: {value}"} | row for name, rows in slices for value, row in rows if row["queries"] >= FEW
    ]


def list_scores(one: Row, other: Row) -> list[Row]:
    """The score, the truth and every model, side by side."""
    rows = [_score_row("CV", one["cv"], other["cv"])]
    if one.get("truth") and other.get("truth"):
        rows.append(_score_row("simulated truth", one["truth"], other["truth"]))
    after = {row.get("model"): row for row in other["ranking"]}
    shared = [(row.get("model"), row) for row in one["ranking"] if row.get("model") in after]
    rows += [_score_row(str(model), row, after[model]) for model, row in shared]
    return rows


def _score_row(name: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> Row:
    before, after = one.get("score"), other.get("score")
    return {
        "score": name,
        "A": before,
        "error A": one.get("error"),
        "B": after,
        "error B": other.get("error"),
        "B - A": None if before is None or after is None else after - before,
    }


def list_changed_settings(one: Row, other: Row) -> list[Row]:
    """Every setting with another value, by its dotted key."""
    before, after = dict(flatten(one)), dict(flatten(other))
    absent = "(not set)"
    rows = [{"setting": key, "A": before.get(key, absent), "B": after.get(key, absent)} for key in before | after]
    return [row | {"A": str(row["A"]), "B": str(row["B"])} for row in rows if row["A"] != row["B"]]


def list_changed_features(one: Row, other: Row) -> list[Row]:
    """Features that only one of the runs has, with their share of the gain where it is known."""
    before, after = one.get("features", []), other.get("features", [])
    gains = {
        side: (record.get("summary") or {}).get("gains", {})
        | {row.get("feature"): row.get("gain") for row in (record.get("insight") or {}).get("importance") or []}
        for side, record in (("A", one), ("B", other))
    }
    only = [("A", name) for name in before if name not in set(after)]
    only += [("B", name) for name in after if name not in set(before)]
    return [{"feature": name, "only in": side, "gain": gains[side].get(name)} for side, name in only]


def list_warnings(one: Row, other: Row, shared: int) -> list[str]:
    """What makes the two scores hard to compare."""
    warnings = []
    if (one["data"] or {}).get("digest") != (other["data"] or {}).get("digest"):
        warnings.append("the raw files differ: the scores come from different data")
    if shared < max(record["cv"]["queries"] or 0 for record in (one, other)):
        warnings.append(f"only {shared} of the validation queries are common to both runs; only these are used")
    if difference := describe_code(one["code"], other["code"]):
        warnings.append(difference)
    before, after = (record.get("threads") for record in (one, other))
    if before and after and before != after:
        names = [", ".join(f"{name} {count}" for name, count in threads.items()) for threads in (before, after)]
        warnings.append(f"A was computed with threads {names[0]}, B with {names[1]}: rounding may differ")
    return warnings
