"""How many bookings training, validation and test sessions look back on: where these differ, so does the score."""

from typing import Any

import polars as pl

from common.io.notes import Note
from competitions.flight.io.schema import TEST
from competitions.flight.split import Snapshots, Split, find_test_start

APART = 2.0  # a ratio of the test's bookings to validation's, or the other way round, that is worth a warning


def mean_bookings(snapshots: Snapshots) -> float:
    """The bookings that a session sees, on average."""
    counts = snapshots.visible.group_by("snapshot").agg(pl.len().alias("bookings"))
    seen = snapshots.assigned.join(counts, on="snapshot", how="left")["bookings"].fill_null(0)
    return float(seen.mean() or 0.0)  # type: ignore[arg-type]


def count_bookings(split: Split, test: Snapshots) -> dict[str, Any]:
    """What is looked back on: by the sessions of the final fit, those that the last fold judges, and the test's."""
    judged = split.folds[-1].snapshots
    if split.cross_fitted:  # there the snapshots are those of all sessions
        valid = split.folds[-1].roles.filter(role="valid")["session"].implode()
        judged = Snapshots(judged.assigned.filter(pl.col("session").is_in(valid)), judged.visible)
    parts = {"train": split.final, "validation": judged, "test": test}
    return {"what": "bookings looked back on, mean"} | {name: mean_bookings(part) for name, part in parts.items()}


def note_look_back(train: pl.DataFrame, test: pl.DataFrame, split: Split, bookings: dict[str, Any]) -> list[Note]:
    """Test sessions from before the end of the train file, and bookings that the test sees far fewer or more of."""
    notes = []
    if not split.cross_fitted and (early := int((test["time"] < find_test_start(train, test)).sum())):
        done = "they see the bookings up to the start of their own period"
        notes.append(Note(TEST, "sessions with a requestDate before the end of the train file", early, done))
    valid, asked = bookings["validation"], bookings["test"]
    if max(valid, asked) > APART * min(valid, asked):
        what = f"sessions that look back on {asked:,.0f} bookings where validation looks back on {valid:,.0f}"
        notes.append(Note(TEST, what, test.height, "the score on validation will not be the test's: check the dates"))
    return notes
