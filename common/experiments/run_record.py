"""What a run leaves of itself: run.json, which ledger, comparison and report read, and queries.parquet beside it.

run.json holds the resolved settings, a digest of the raw files, the revision of the code, scores by fold and slice,
times and memory. queries.parquet holds one row per validation query (query, fold, score, then slices as text), so that
two runs can be compared query by query: the difference of two scores is known far better than either.
"""

import dataclasses
import datetime
import hashlib
import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from common.errors import UserError
from common.pipeline.code_fingerprint import PROJECT_ROOT
from common.pipeline.run import Run
from common.pipeline.step_key import Digests
from common.submission import Checked, write_parquet

RECORD = "run.json"
QUERIES = "queries.parquet"
Row = dict[str, Any]


@dataclass(frozen=True)
class RunRecord:
    """What a competition tells of a finished run.

    ``queries``: one row per validation query: query and fold (text), score (what the query earns under ``metric``),
    then any number of slices (text). ``ranking``: the models side by side, as rows of model, score, error. ``truth``:
    score, error, oracle and all scores on simulated data, None elsewhere. ``tables``: (title, rows) of the
    competition's own. ``notes``: where, what, rows, done. ``summary``: everything that its closing summary prints.
    """

    metric: str
    queries: pl.DataFrame
    ranking: Sequence[Row]
    tables: Sequence[tuple[str, Sequence[Row]]]
    notes: Sequence[Row]
    features: Sequence[str]
    truth: Row | None
    submissions: Sequence[Checked]
    summary: Row
    insight: Row = field(default_factory=dict)


@dataclass(frozen=True)
class Origin:
    """Where a run came from: the raw ``files`` (any structure that holds their paths) in ``folder``, the settings."""

    name: str
    folder: Path
    files: object
    simulated: bool
    config: msgspec.Struct
    overrides: Sequence[str]
    tuned: bool
    started: datetime.datetime


def write_record(run: Run, origin: Origin, told: RunRecord, wall_seconds: float) -> Row:
    """Write queries.parquet and run.json into the run's folder; returns what the latter holds."""
    write_parquet(told.queries, run.folder / QUERIES)
    record = {
        "name": origin.name,
        "run": run.folder.name,
        "started": origin.started.isoformat(timespec="seconds"),
        "data": describe_data(origin, run.cache),
        "code": find_revision(),
        "config": msgspec.to_builtins(origin.config),
        "overrides": list(origin.overrides),
        "tuned": origin.tuned,
        "metric": told.metric,
        "cv": describe_queries(told.queries),
        "ranking": told.ranking,
        "truth": told.truth,
        "notes": told.notes,
        "tables": [{"title": title, "rows": rows} for title, rows in told.tables if rows],
        "features": list(told.features),
        "insight": told.insight,
        "steps": run.timings,
        "wall_seconds": wall_seconds,
        "peak_mib": max((step.peak_mib for step in run.timings), default=0.0),
        "submission": {
            "paths": [str(checked.path) for checked in told.submissions],
            "rows": told.submissions[0].rows if told.submissions else 0,
        },
        "summary": told.summary,
    }
    return read_record(run.write_json(RECORD, record))


def read_record(path: Path) -> Row:
    """A run.json. ``UserError`` where it is missing or not whole."""
    try:
        record: Row = json.loads(path.read_text())
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UserError(f"{path} is no record of a run ({error}); run again.") from error
    missing = [key for key in ("name", "run", "config", "cv", "metric", "data", "steps") if key not in record]
    if missing:
        raise UserError(f"{path} is no record of a run: it lacks {', '.join(missing)}; run again.")
    return record


def describe_queries(queries: pl.DataFrame) -> Row:
    """Mean score with its standard error over all queries, by fold, and by value of every slice."""
    slices = [name for name in queries.columns if name not in ("query", "fold", "score")]
    rows = [
        {"slice": f"{name}: {value}", **found}
        for name in slices
        for value, found in _describe_by(queries.drop_nulls(name), name)
    ]
    folds = [{"fold": value, **found} for value, found in _describe_by(queries, "fold")]
    (whole,) = queries.select(*MEAN).to_dicts()
    return {**_fill(whole), "folds": folds, "slices": rows}


MEAN = (
    pl.col("score").mean(),
    (pl.col("score").std(ddof=0) / pl.len().sqrt()).alias("error"),
    pl.len().alias("queries"),
)


def _describe_by(queries: pl.DataFrame, column: str) -> Iterator[tuple[str, Row]]:
    for row in queries.group_by(column).agg(*MEAN).sort(column).to_dicts():
        yield str(row.pop(column)), _fill(row)


def _fill(row: Row) -> Row:
    return {name: 0.0 if value is None else value for name, value in row.items()}


def describe_data(origin: Origin, cache: Path) -> Row:
    """The raw files: their number, size, and one digest of all names and contents."""
    paths = sorted(set(find_paths(origin.files)))
    digests, state = Digests(cache / "digests.json"), hashlib.blake2b(digest_size=16)
    for path in paths:
        state.update(f"{path.name} {digests.digest(path)}\n".encode())
    size = sum(path.stat().st_size for path in paths)
    told = {"folder": str(origin.folder), "simulated": origin.simulated, "digest": state.hexdigest()}
    return told | {"files": len(paths), "bytes": size}


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


def find_revision() -> Row:
    """The commit of the code, and whether the source was changed since; nothing where git does not know it."""
    head = _ask_git("rev-parse", "--short=10", "HEAD")
    changed = _ask_git("status", "--porcelain", "--", "common", "competitions")
    return {"revision": head or None, "changed": bool(changed)}


def _ask_git(*words: str) -> str:
    try:
        ended = subprocess.run(["git", *words], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    except OSError:  # no git on this machine
        return ""
    return ended.stdout.strip() if ended.returncode == 0 else ""


def list_notes(notes: Sequence[Row]) -> list[Row]:
    """What reading found, under the record's names whatever the reader calls them."""

    def first(note: Row, *names: str) -> Any:
        return next((note[name] for name in names if name in note), None)

    return [
        {
            "where": " ".join(filter(None, (note["file"], note.get("column", "")))),
            "what": first(note, "what", "rule"),
            "rows": first(note, "rows", "count"),
            "done": first(note, "done", "first"),
        }
        for note in notes
    ]
