"""What a run leaves of itself: run.json, which ledger, comparison and report read, and queries.parquet beside it.

run.json holds the resolved settings, a digest of the raw files, the revision of the code, scores by fold and slice,
times and memory. queries.parquet holds one row per validation query (query, fold, score, then slices as text), so that
two runs can be compared query by query: the difference of two scores is known far better than either. truth.parquet
holds the same of the test, where a simulation knows the truth.
"""

import dataclasses
import datetime
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import polars as pl

from common.day.hosts import STANDIN_SIGNS
from common.day.record_schema import Row as Row
from common.day.stamp import DataLabel, Stamp
from common.io.natural_order import natural_key
from common.learning.metrics import weighted_error, weighted_mean

QUERIES, TRUTH = "queries.parquet", "truth.parquet"
WEIGHT = "weight"  # optional column: how much a query counts in every mean


@dataclass(frozen=True)
class SimulatedTruth:
    """How a submission scores on simulated data: the metric, its standard error, what the oracle has, every metric.

    ``queries``: one row per query of the test: query (text), score. ``tables``: (title, rows) of what else was measured
    on the truth.
    """

    score: float
    error: float
    oracle: float
    scores: Mapping[str, float]
    queries: pl.DataFrame
    tables: Sequence[tuple[str, Sequence[Row]]] = ()


@dataclass(frozen=True)
class Origin:
    """Where a run came from: the raw ``files`` (any structure that holds their paths) in ``folder``, the settings, and
    the stage after which it stopped, None for a whole run; ``sample``: the files pose no queries, as a sample's do;
    ``differs``: how they differ from what is known of the host's, "" if they do not, None where nothing is known;
    ``note``: what a person calls the run; ``stamp``: version, machine and load as it began; ``label``: how
    a page of figures names the files.
    """

    name: str
    folder: Path
    files: object
    simulated: bool
    config: msgspec.Struct
    overrides: Sequence[str]
    tuned: bool
    started: datetime.datetime
    until: str | None = None
    sample: bool = False
    differs: str | None = None
    note: str | None = None
    stamp: Stamp | None = None
    label: DataLabel | None = None


def describe_queries(queries: pl.DataFrame) -> Row:
    """Mean score with its standard error over all queries, by fold, and by value of every slice; a digest of which
    queries these are.

    Weighted where there is a column ``weight``: of queries drawn otherwise than the test's.
    """
    slices = [name for name in queries.columns if name not in ("query", "fold", "score", WEIGHT)]
    queries = weigh_alike(queries)
    folds = [{"fold": value} | row for value, row in group_slice(queries, "fold", MEAN)]
    rows = [{"slice": f"{name}: {value}"} | row for name in slices for value, row in group_slice(queries, name, MEAN)]
    (whole,) = queries.select(*MEAN).fill_nan(0.0).to_dicts()
    figures = {name: 0.0 if value is None else value for name, value in whole.items()}
    return figures | {"digest": digest_queries(queries), "folds": folds, "slices": rows}


def digest_queries(queries: pl.DataFrame) -> str:
    """One digest of the names of all queries and of their folds, whatever their order."""
    names = queries.select(pl.concat_str("fold", "query", separator="\t")).to_series().sort()
    return hashlib.blake2b("\n".join(names).encode(), digest_size=8).hexdigest()


def weigh_alike(queries: pl.DataFrame) -> pl.DataFrame:
    """With a ``weight`` of 1 each where the queries have none."""
    return queries if WEIGHT in queries.columns else queries.with_columns(pl.lit(1.0).alias(WEIGHT))


MEAN = (
    weighted_mean(pl.col("score"), pl.col(WEIGHT)).alias("score"),
    weighted_error(pl.col("score"), pl.col(WEIGHT)).alias("error"),
    pl.len().alias("queries"),
)


def group_slice(queries: pl.DataFrame, name: str, figures: Iterable[pl.Expr]) -> list[tuple[str, Row]]:
    """Each value of a slice in natural order, and the ``figures`` of its queries."""
    rows = queries.drop_nulls(name).group_by(name).agg(*figures).to_dicts()
    return [(str(row.pop(name)), row) for row in sorted(rows, key=lambda row: natural_key(row[name]))]


def describe_data(origin: Origin, cache: Path) -> Row:
    """The raw files: their number, size, and one digest of all names and contents."""
    paths = sorted(set(find_paths(origin.files)))
    size = sum(path.stat().st_size for path in paths)
    return {
        "folder": str(origin.folder),
        "simulated": origin.simulated,
        "standin": not origin.simulated and any((origin.folder / sign).exists() for sign in STANDIN_SIGNS),
        "digest": digest_files(origin.files, cache),
        "files": len(paths),
        "bytes": size,
        **({"sample": True} if origin.sample else {}),
        "differs": origin.differs,
    }


def digest_files(files: object, cache: Path) -> str:
    """One digest of the names and contents of all raw files; the cache keeps those of unchanged files."""
    from common.engine.step_key import Digests

    digests, state = Digests(cache / "digests.json"), hashlib.blake2b(digest_size=16)
    for path in sorted(set(find_paths(files))):
        state.update(f"{path.name} {digests.digest(path)}\n".encode())
    return state.hexdigest()


def find_paths(value: object) -> Iterator[Path]:
    """Every path of a file inside dataclasses, lists, tuples and dictionaries."""
    if isinstance(value, Path):
        if value.is_file():
            yield value
    elif dataclasses.is_dataclass(value):
        for part in dataclasses.fields(value):
            yield from find_paths(getattr(value, part.name))
    elif isinstance(value, dict):
        yield from find_paths(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from find_paths(item)
