"""What a run leaves of itself: run.json, which ledger, comparison and report read, and queries.parquet beside it.

run.json holds the resolved settings, a digest of the raw files, the revision of the code, scores by fold and slice,
times and memory. queries.parquet holds one row per validation query (query, fold, score, then slices as text), so that
two runs can be compared query by query: the difference of two scores is known far better than either. truth.parquet
holds the same of the test, where a simulation knows the truth.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import polars.selectors as cs

from common.arrays import Floats, Ints
from common.day.hosts import SIMULATED, STANDIN, find_basis
from common.day.record_schema import (
    CLUSTER,
    FITS,
    LABEL,
    PART,
    PREDICTED,
    RECORD,
    WEIGHT,
    Data,
    QueryScores,
    Row,
    RunRecord,
    Scored,
    read_record,
)
from common.engine.errors import UserError
from common.engine.result import walk
from common.io.files import UNREADABLE, describe_failure
from common.io.tables import read_parquet
from common.learning.metrics import average, score_auc, weigh_classes

QUERIES, TRUTH_QUERIES = "queries.parquet", "truth.parquet"
CANDIDATES, FEATURES = "candidates.parquet", "features.parquet"
NO_SLICE = ("query", "fold", "score", WEIGHT, CLUSTER, FITS, PART, LABEL, PREDICTED)


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

    Weighted where there is a column ``weight``: of queries drawn otherwise than the test's. The error counts that the
    queries of a ``cluster`` rise and fall together.
    """
    slices = [name for name in queries.columns if name not in NO_SLICE]
    return QueryScores(
        **average_queries(queries),
        digest=digest_queries(queries),
        folds=[Scored(value, **average_queries(part)) for value, part in split_slice(queries, "fold")],
        slices=[
            Scored(f"{name}: {value}", **average_queries(part))
            for name in slices
            for value, part in split_slice(queries, name)
        ],
    )


def score_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Queries of the kind ``rows`` (``label``, ``predicted``) with the score and weight of each, so that the mean is
    their AUC and its error DeLong's (``score_auc``); no row where all labels are alike.

    A row is placed among these rows: a part of a log is scored anew, since AUC is no mean of that of its parts. Of two
    runs side by side both are.

    >>> rows = score_rows(pl.DataFrame({"label": [1, 0, 0], "predicted": [0.5, 0.9, 0.1]}))
    >>> average_queries(rows)["score"]
    0.5
    """
    paired = "before" in rows.columns
    columns = {"before": f"{PREDICTED} before", "after": PREDICTED} if paired else {"score": PREDICTED}
    if rows[LABEL].n_unique() < 2:
        return rows.clear()
    labels = rows[LABEL].cast(pl.Float64).to_numpy()
    scores = (
        pl.Series(name, score_auc(labels, rows[column].cast(pl.Float64).to_numpy())) for name, column in columns.items()
    )
    return rows.with_columns(*scores, pl.Series(WEIGHT, weigh_classes(labels)))


def average_queries(queries: pl.DataFrame) -> Row:
    """Mean ``score``, its ``error``, and how many ``queries``; 0 of none."""
    scores = queries["score"].cast(pl.Float64).to_numpy()
    mean, error = average(scores, find_weights(queries), number_groups(queries, CLUSTER))
    return {"score": mean, "error": error, "queries": queries.height}


def stack_fits(fits: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The queries of the first of several ``fits`` with each one's mean score over all, and its scores as a list; one
    that brings several single fits of its own adds these.

    >>> one, other = (pl.DataFrame({"query": ["a"], "fold": ["x"], "score": [score]}) for score in (1.0, 0.5))
    >>> stack_fits([one, other]).rows()
    [('a', 'x', 0.75, [1.0, 0.5])]
    """
    joined = fits[0].drop(FITS, strict=False)
    scores, single = [f"score {number}" for number in range(len(fits))], [f"{FITS} {n}" for n in range(len(fits))]
    for one, score, each in zip(fits, scores, single, strict=True):
        own = pl.col(FITS) if FITS in one.columns else pl.concat_list("score")
        columns = one.select("fold", "query", pl.col("score").alias(score), own.alias(each))
        joined = joined.join(columns, on=["fold", "query"], how="left", maintain_order="left")
    stacked = joined.with_columns(pl.concat_list(single).alias(FITS), score=pl.mean_horizontal(scores))
    return stacked.drop(*scores, *single)


def average_fits(queries: pl.DataFrame) -> list[float]:
    """The score of every single fit; none where they are not known."""
    if FITS not in queries.columns or not queries.height:
        return []
    weights, fits = find_weights(queries), queries[FITS].list.to_array(len(queries[FITS][0])).to_numpy()
    return [average(each, weights)[0] for each in fits.T]


def find_weights(queries: pl.DataFrame) -> Floats:
    """How much each query counts: all alike where there is no such column."""
    return queries[WEIGHT].cast(pl.Float64).to_numpy() if WEIGHT in queries.columns else np.ones(queries.height)


def number_groups(queries: pl.DataFrame, column: str) -> Ints:
    """The number, from 0, of each query's group by a column; where there is none, each is a cluster of its own, and all
    are one part.
    """
    if column in queries.columns:
        return np.asarray(queries[column].rank("dense").cast(pl.Int64).to_numpy() - 1)
    return np.arange(queries.height) if column == CLUSTER else np.zeros(queries.height, np.int64)


def digest_queries(queries: pl.DataFrame) -> str:
    """One digest of the names of all queries and of their folds, whatever their order."""
    names = queries.select(pl.concat_str("fold", "query", separator="\t")).to_series().sort()
    return hashlib.blake2b("\n".join(names).encode(), digest_size=8).hexdigest()


def split_slice(queries: pl.DataFrame, name: str) -> list[tuple[str, pl.DataFrame]]:
    """The queries of each value of a slice, in natural order; of the kind ``rows`` those that have either label, scored
    among themselves.
    """
    parts = queries.drop_nulls(name).partition_by(name, as_dict=True)
    if PREDICTED in queries.columns:
        fits = cs.starts_with(FITS)  # which were placed among all rows
        parts = {value: scored for value, part in parts.items() if (scored := score_rows(part.drop(fits))).height}
    return [(str(value), part) for (value,), part in sorted(parts.items(), key=lambda each: natural_key(each[0][0]))]


def natural_key(name: object) -> list[tuple[int, int, str]]:
    """A key to sort names by as a person expects, 1-2, 3-5, 6-10, over 20: numbers by their size, and before words."""
    parts = [part for part in re.split(r"(\d+)", str(name)) if part]
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def describe_data(folder: Path, files: object, cache: Path, *, sample: bool = False) -> Data:
    """The raw ``files`` (any structure that holds their paths) in ``folder``: their number, size, and one digest of all
    names and contents.

    ``sample``: they pose no queries, as a sample's do.
    """
    paths, kind = sorted(set(find_paths(files))), find_basis(folder).kind
    return Data(
        folder=str(folder),
        simulated=kind == SIMULATED,
        standin=kind == STANDIN,
        digest=digest_files(files, cache),
        files=len(paths),
        bytes=sum(path.stat().st_size for path in paths),
        sample=sample,
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
    return (leaf for leaf in walk(value) if isinstance(leaf, Path) and leaf.is_file())


# --- a finished run as frames ---


@dataclass(frozen=True)
class LoadedRun:
    """``queries``: one row per validation query: query, fold, score, slices. ``candidates``: one row per candidate of a
    query: query, item, label (1: the right one), a score a model; the list that is handed in is sorted by the last.
    ``features`` (float32, NaN: missing) of the first candidates, row by row: of all, where they are few. A run that
    ranked no candidates has empty ones.
    """

    folder: Path
    record: RunRecord
    queries: pl.DataFrame
    candidates: pl.DataFrame
    features: pl.DataFrame


def load_run(folder: Path) -> LoadedRun:
    """The run in ``folder``. ``UserError`` where its files are gone, damaged, or of an earlier version."""
    frames = (read_frame(folder / name) for name in (QUERIES, CANDIDATES, FEATURES))
    return LoadedRun(folder, read_record(folder / RECORD), *frames)


def read_frame(path: Path) -> pl.DataFrame:
    """A table that a run left. ``UserError`` where it is missing or damaged."""
    if not path.exists():
        raise UserError(f"{path} does not exist: the run did not finish its record, or judged no query; run again.")
    try:
        return read_parquet(path)
    except UNREADABLE as error:
        raise UserError(f"{path} cannot be read ({describe_failure(error)}): run again.") from error
