"""Who is asked, who learns, and which bookings each session may look back on.

A *view* is a moment: a session served by a view sees the bookings of the sessions made strictly before that moment.
Training sessions see the log as it stood at the start of their own stretch of days, validation sessions as it stood at
the cut, test sessions as it stood when the test began. So in training the history is as stale as it will be in the
test, and a colleague's twin search, seconds earlier, is as unknown as it will be there.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from common.errors import UserError

DAY_MS = 86_400_000
LARGE = 10  # the host scores sessions with more options than this


@dataclass(frozen=True)
class Views:
    """``served``: one row per session asked about (session, view). ``visible``: the bookings that each view sees.

    ``visible`` has one row per (view, session), the session being one of the train file whose booking is seen.
    """

    served: pl.DataFrame
    visible: pl.DataFrame


@dataclass(frozen=True)
class Split:
    """``roles``: session, role (train, valid or unused), of the train file; ``views``: what each of them sees."""

    name: str
    roles: pl.DataFrame
    views: Views


def find_cut(sessions: pl.DataFrame, share: float) -> int:
    """The moment (ms) from which on the last ``share`` of the sessions were made."""
    times = sessions["time"].sort()
    return int(times[min(int(len(times) * (1 - share)), len(times) - 1)])


def split_by_time(sessions: pl.DataFrame, cut: int, stretch_days: float, name: str) -> Split:
    """Sessions from ``cut`` (ms) on validate, the others train; sessions without a single booking are unused."""
    booked, late = pl.col("booked").is_not_null(), pl.col("time") >= cut
    role = pl.when(~booked).then(pl.lit("unused")).when(late).then(pl.lit("valid")).otherwise(pl.lit("train"))
    roles = sessions.select("session", role=role)
    for wanted in ("train", "valid"):
        if not roles.filter(role=wanted).height:
            raise UserError(
                f"The split by time ({name}) leaves no {wanted} session with a booking: the train file is too small."
            )
    begin = sessions["time"].min()
    stretch = max(int(stretch_days * DAY_MS), 1)
    start = begin + (pl.col("time") - begin) // stretch * stretch
    seen_until = pl.when(late).then(cut).otherwise(start.clip(upper_bound=cut))
    return Split(name, roles, look_back(sessions, sessions.select("session", until=seen_until)))


def ask_test(train: pl.DataFrame, test: pl.DataFrame) -> Views:
    """The test's only view: the train file's bookings from before the first test session."""
    first = test["time"].min()
    return look_back(train, test.select("session", until=pl.lit(first, pl.Int64)))


def look_back(log: pl.DataFrame, asked: pl.DataFrame) -> Views:
    """One view for each moment ``until`` of ``asked`` (session, until in ms) over the bookings of ``log``."""
    moments = asked.select(pl.col("until").unique().sort()).with_row_index("view").cast({"view": pl.Int32})
    booked = log.filter(pl.col("booked").is_not_null()).select("session", "time")
    seen = moments.join(booked, how="cross").filter(pl.col("time") < pl.col("until")).select("view", "session")
    served = asked.join(moments, on="until", how="left", maintain_order="left").select("session", "view")
    return Views(served, seen)


def split_at_random(sessions: pl.DataFrame, share: float, seed: int) -> Split:
    """The diagnostic that nothing is chosen on: random sessions validate, and history is every *other* fold's bookings.

    Sessions fall into 1 / ``share`` folds; a session sees the bookings of all folds but its own, also those made after
    it. This is what a random GroupKFold with target statistics does, and why its score is too high: twin searches and
    later trips of the same traveller tell the answer.
    """
    folds = max(round(1 / share), 2)
    draw = np.random.default_rng(seed).permutation(sessions.height) % folds
    views = sessions.select("session", "booked", view=pl.Series(draw.astype(np.int32)))
    booked = views.filter(pl.col("booked").is_not_null())
    others = pl.DataFrame({"fold": np.arange(folds, dtype=np.int32)}).join(booked, how="cross")
    visible = others.filter(pl.col("fold") != pl.col("view")).select(view="fold", session="session")
    held = pl.when(pl.col("view") == 0).then(pl.lit("valid")).otherwise(pl.lit("train"))
    role = pl.when(pl.col("booked").is_null()).then(pl.lit("unused")).otherwise(held)
    return Split("random", views.select("session", role=role), Views(views.select("session", "view"), visible))
