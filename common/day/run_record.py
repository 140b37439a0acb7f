"""What a run leaves of itself: run.json, which ledger, comparison and report read, and queries.parquet beside it.

run.json holds the resolved settings, a digest of the raw files, the revision of the code, scores by fold and slice,
times and memory. queries.parquet holds one row per validation query (query, fold, score, then slices as text), so that
two runs can be compared query by query: the difference of two scores is known far better than either. truth.parquet
holds the same of the test, where a simulation knows the truth.
"""

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from common.day.hosts import STANDIN_SIGNS
from common.day.hosts.simulated import is_simulated
from common.day.record_schema import Data, FoldScore, QueryScores, SliceScore
from common.day.record_schema import Row as Row
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


def describe_queries(queries: pl.DataFrame) -> QueryScores:
    """Mean score with its standard error over all queries, by fold, and by value of every slice; a digest of which
    queries these are.

    Weighted where there is a column ``weight``: of queries drawn otherwise than the test's.
    """
    slices = [name for name in queries.columns if name not in ("query", "fold", "score", WEIGHT)]
    digest, queries = digest_queries(queries), weigh_alike(queries)
    (whole,) = queries.select(*MEAN).fill_nan(0.0).to_dicts()
    return QueryScores(
        score=whole["score"] or 0.0,  # None without a query
        error=whole["error"] or 0.0,
        queries=whole["queries"],
        digest=digest,
        folds=[FoldScore(fold=value, **row) for value, row in group_slice(queries, "fold", MEAN)],
        slices=[
            SliceScore(slice=f"{name}: {value}", **row)
            for name in slices
            for value, row in group_slice(queries, name, MEAN)
        ],
    )


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


def describe_data(
    folder: Path, files: object, cache: Path, *, sample: bool = False, differs: str | None = None
) -> Data:
    """The raw ``files`` (any structure that holds their paths) in ``folder``: their number, size, and one digest of all
    names and contents.

    ``sample``: they pose no queries, as a sample's do; ``differs``: how they differ from what is known of the host's,
    "" if they do not, None where nothing is known.
    """
    paths, simulated = sorted(set(find_paths(files))), is_simulated(folder)
    return Data(
        folder=str(folder),
        simulated=simulated,
        standin=not simulated and any((folder / sign).exists() for sign in STANDIN_SIGNS),
        digest=digest_files(files, cache),
        files=len(paths),
        bytes=sum(path.stat().st_size for path in paths),
        sample=sample,
        differs=differs,
    )


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
