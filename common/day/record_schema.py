"""The shape of the JSON files that runs, ladders and studies leave: what later verbs compute with, in its types.

This code wrote them; what is damaged or of another make is refused here. A part may be null or absent, as in records of
earlier versions, and may hold more than is named.
"""

from pathlib import Path
from typing import Any

import msgspec

from common.engine.errors import UserError

Number = float | None
Row = dict[str, Any]
Rows = list[Row]

RECORD, SCORES = "run.json", "scores.json"  # of a run; of its submission, by ``score``
# What a record has at least, once it was read.
WHOLE: dict[str, Row] = {
    "code": {"revision": None, "changed": False},
    "cv": {"score": None, "error": None, "queries": 0, "folds": [], "slices": []},
    "config": {},
}
LISTS = ("ranking", "features", "overrides", "steps", "notes", "tables")


class Scored(msgspec.Struct):
    """A score: of all queries, of a fold or slice, of a model, of the truth."""

    score: Number = None
    error: Number = None
    oracle: Number = None
    queries: Number = None
    folds: list["Scored"] | None = None
    slices: list["Scored"] | None = None
    scores: Row | None = None


class RunFile(msgspec.Struct, kw_only=True):
    """run.json."""

    name: str
    run: str | None
    config: Row | None
    cv: Scored | None
    metric: str | None
    data: dict[str, str | bool | Number] | None
    steps: Rows | None
    note: str | None = None
    code: Row | None = None
    threads: Row | None = None
    overrides: list[str] | None = None
    features: list[str] | None = None
    until: str | None = None
    ranking: list[Scored] | None = None
    fits: list[float] | None = None
    truth: Scored | None = None
    notes: Rows | None = None
    tables: Rows | None = None
    insight: dict[str, Row | Rows | None] | None = None
    wall_seconds: Number = None
    peak_mib: Number = None
    submission: Row | None = None
    summary: Row | None = None


class FiguresFile(msgspec.Struct):
    """ladder.json, or a study's JSON."""

    rows: Rows | None = None
    trials: Rows | None = None
    importance: Row | None = None


def decode_file(content: bytes, kind: type[msgspec.Struct]) -> Row:
    """A file's content as plain values, of the types of ``kind``. Raises ``ValueError`` for anything else."""
    plain: Row = msgspec.json.decode(content)
    msgspec.convert(plain, kind)
    return plain


def read_figures(path: Path) -> Row | None:
    """A ladder's or a study's figures; None where there are none that can be read."""
    try:
        return decode_file(path.read_bytes(), FiguresFile)
    except (OSError, ValueError):
        return None


def read_studies(folder: Path) -> Rows:
    """The studies of tuning below a competition's folder of the build; a damaged file has none."""
    return [study for path in sorted((folder / "tuning").glob("*.json")) if (study := read_figures(path))]


def read_record(path: Path) -> Row:
    """A run.json. ``UserError`` where it is missing or not whole.

    Where the score has another error than that of its queries, as users who click the same ad are right together, it is
    that one on every page.
    """
    try:
        record = decode_file(path.read_bytes(), RunFile)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UserError(f"{path} is not a record of a run ({error}); run again.") from error
    parts = {name: {**whole, **(record.get(name) or {})} for name, whole in WHOLE.items()}
    parts["cv"]["error"] = (record.get("expected") or {}).get("error", parts["cv"]["error"])
    return record | parts | {name: record.get(name) or [] for name in LISTS}
