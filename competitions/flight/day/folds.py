"""How many sessions there are of each kind, and how many bookings they look back on."""

import numpy as np
import polars as pl

from common.day.run_record import Row
from common.io.notes import Note
from competitions.flight.io.schema import TEST
from competitions.flight.metrics import LARGE
from competitions.flight.pipeline import Validated
from competitions.flight.split import Snapshots, Split, find_test_start

APART = 2.0  # a ratio of the test's bookings to validation's, or the other way round, that is worth a warning


def count_sessions(outcome: Validated) -> dict[str, int]:
    """Sessions with a booking, those of them that validate, the scored ones of these, and the test's."""
    judged = np.unique(outcome.data.value.valid_sessions)
    sessions = outcome.train.value.sessions
    booked = sessions["booked"].is_not_null()
    scored = sessions.filter(pl.col("session").is_in(judged) & (pl.col("size") > LARGE)).height
    counts = {"train": int(booked.sum()), "unused": int((~booked).sum()), "valid": len(judged)}
    return counts | {"valid_scored": scored, "test": outcome.test.value.sessions.height}


def mean_bookings(snapshots: Snapshots) -> float:
    """The bookings that a session sees, on average."""
    counts = snapshots.visible.group_by("snapshot").agg(pl.len().alias("bookings"))
    seen = snapshots.assigned.join(counts, on="snapshot", how="left")["bookings"].fill_null(0)
    return float(seen.mean() or 0.0)  # type: ignore[arg-type]


def count_bookings(split: Split, test: Snapshots) -> Row:
    """What is looked back on: by the sessions of the final fit, those that the last fold judges, and the test's."""
    judged = split.folds[-1].snapshots
    if split.cross_fitted:  # there the snapshots are those of all sessions
        valid = split.folds[-1].roles.filter(role="valid")["session"].implode()
        judged = Snapshots(judged.assigned.filter(pl.col("session").is_in(valid)), judged.visible)
    parts = {"train": split.final, "validation": judged, "test": test}
    return {name: mean_bookings(part) for name, part in parts.items()}


def note_look_back(train: pl.DataFrame, test: pl.DataFrame, split: Split, bookings: Row) -> list[Note]:
    """Test sessions from before the end of the train file, and bookings that the test sees far fewer or more of."""
    notes = []
    if not split.cross_fitted and (early := int((test["time"] < find_test_start(train, test)).sum())):
        done = "use bookings up to the start of their own period"
        notes.append(Note(TEST, "sessions with a requestDate before the end of the train file", early, done))
    valid, test_mean = bookings["validation"], bookings["test"]
    if max(valid, test_mean) > APART * min(valid, test_mean):
        what = f"sessions with {test_mean:,.0f} earlier bookings on average; validation has {valid:,.0f}"
        notes.append(Note(TEST, what, test.height, "the test score will differ from validation: check the dates"))
    return notes
