"""Whether a run says anything that the one before it did not."""

from pathlib import Path
from typing import Any

from common.day.record_schema import RECORD, Row, read_record
from common.day.run_record import QUERIES
from common.engine.errors import UserError

# What is the same in two runs of the same files by the same settings and code, whatever they cost.
SAME = ("name", "config", "metric", "cv", "ranking", "features")
SAME_WHOLE = (*SAME, "until", "truth", "notes", "tables", "insight")


def adds_nothing(before: Path, after: Path) -> bool:
    """Whether nothing was computed for the run ``after`` and all it has lies in the folder of the run ``before``:
    scores by query, tables and submissions; of a run that stopped early, its scores alone.
    """
    try:
        one, other = read_record(before / RECORD), read_record(after / RECORD)
    except UserError:  # of a damaged record there is nothing to be said
        return False
    parts = SAME if other.get("until") else SAME_WHOLE
    submitted = (other.get("submission") or {}).get("paths") or []
    return (
        all(step.get("kept") for step in other["steps"])
        and _digest(one) == _digest(other)
        and all(one.get(part) == other.get(part) for part in parts)
        and other.get("fits") in (None, one.get("fits"))
        and all(_same_bytes(before / Path(path).name, after / Path(path).name) for path in (QUERIES, *submitted))
    )


def _digest(record: Row) -> Any:
    return (record["data"] or {}).get("digest")


def _same_bytes(one: Path, other: Path) -> bool:
    try:
        return one.read_bytes() == other.read_bytes()
    except OSError:
        return False
