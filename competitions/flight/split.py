"""Which sessions train, which validate, and which bookings each of them may look back on.

A *snapshot* is the booking log as of a time: a session sees the bookings of the sessions made strictly before the time
of the snapshot that it is assigned to. Training sessions see the log as it stood at the start of their own period of
days, validation sessions as it stood at the cut, test sessions as it stood when the test began. So in training the
history is as stale as it will be in the test, and a colleague's twin search, seconds earlier, is as unknown as it will
be there.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from common.errors import UserError
from competitions.flight.config import SplitSettings

DAY_MS = 86_400_000


@dataclass(frozen=True)
class Snapshots:
    """``assigned``: one row per session (session, snapshot). ``visible``: the bookings in each snapshot.

    ``visible`` has one row per (snapshot, session), the session being one of the train file whose booking is seen.
    """

    assigned: pl.DataFrame
    visible: pl.DataFrame


@dataclass(frozen=True)
class Split:
    """``roles``: session, role (train, valid or unused), of the train file; ``snapshots``: what each of them sees."""

    name: str
    roles: pl.DataFrame
    snapshots: Snapshots


def split_last(sessions: pl.DataFrame, settings: SplitSettings) -> Split:
    """The last share of the sessions validates."""
    cut = find_cut(sessions, settings.valid_share)
    return split_by_time(sessions, cut, settings.stretch_days, "the last sessions")


def split_last_days(sessions: pl.DataFrame, settings: SplitSettings) -> Split:
    """The last days of the log validate."""
    cut = int(sessions["time"].max()) - int(settings.second_days * DAY_MS)  # type: ignore[arg-type]
    return split_by_time(sessions, cut, settings.stretch_days, "the last days")


def find_cut(sessions: pl.DataFrame, share: float) -> int:
    """The time (ms) from which on the last ``share`` of the sessions were made."""
    times = sessions["time"].sort()
    return int(times[min(int(len(times) * (1 - share)), len(times) - 1)])


def split_by_time(sessions: pl.DataFrame, cut: int, period_days: float, name: str) -> Split:
    """Sessions from ``cut`` (ms) on validate, the others train; sessions without a single booking are unused."""
    booked, late = pl.col("booked").is_not_null(), pl.col("time") >= cut
    role = pl.when(~booked).then(pl.lit("unused")).when(late).then(pl.lit("valid")).otherwise(pl.lit("train"))
    roles = sessions.select("session", role=role)
    for needed in ("train", "valid"):
        if not roles.filter(role=needed).height:
            raise UserError(
                f"The split by time ({name}) leaves no {needed} session with a booking: the train file is too small."
            )
    begin, period = sessions["time"].min(), max(int(period_days * DAY_MS), 1)
    start = begin + (pl.col("time") - begin) // period * period
    until = pl.when(late).then(cut).otherwise(start.clip(upper_bound=cut))
    return Split(name, roles, take_snapshots(sessions, sessions.select("session", until=until)))


def take_test_snapshot(train: pl.DataFrame, test: pl.DataFrame) -> Snapshots:
    """The test's only snapshot: the train file's bookings from before the first test session."""
    return take_snapshots(train, test.select("session", until=pl.lit(test["time"].min(), pl.Int64)))


def take_snapshots(log: pl.DataFrame, sessions: pl.DataFrame) -> Snapshots:
    """One snapshot of the bookings of ``log`` for each time ``until`` of ``sessions`` (session, until in ms)."""
    times = sessions.select(pl.col("until").unique().sort()).with_row_index("snapshot").cast({"snapshot": pl.Int32})
    booked = log.filter(pl.col("booked").is_not_null()).select("session", "time")
    visible = times.join(booked, how="cross").filter(pl.col("time") < pl.col("until")).select("snapshot", "session")
    assigned = sessions.join(times, on="until", how="left", maintain_order="left").select("session", "snapshot")
    return Snapshots(assigned, visible)


def split_at_random(sessions: pl.DataFrame, share: float, seed: int) -> Split:
    """The diagnostic that nothing is chosen on: random sessions validate, and history is every *other* fold's bookings.

    Sessions fall into 1 / ``share`` folds; a session sees the bookings of all folds but its own, also those made after
    it. This is what a random GroupKFold with target statistics does, and why its score is too high: twin searches and
    later trips of the same traveller tell the answer.
    """
    folds = max(round(1 / share), 2)
    fold = np.random.default_rng(seed).permutation(sessions.height) % folds
    drawn = sessions.select("session", "booked", snapshot=pl.Series(fold.astype(np.int32)))
    booked = drawn.drop_nulls("booked").rename({"snapshot": "fold"})
    others = pl.DataFrame({"snapshot": np.arange(folds, dtype=np.int32)}).join(booked, how="cross")
    visible = others.filter(pl.col("snapshot") != pl.col("fold")).select("snapshot", "session")
    held_out = pl.when(pl.col("snapshot") == 0).then(pl.lit("valid")).otherwise(pl.lit("train"))
    role = pl.when(pl.col("booked").is_null()).then(pl.lit("unused")).otherwise(held_out)
    return Split("random", drawn.select("session", role=role), Snapshots(drawn.select("session", "snapshot"), visible))
