"""Which sessions train, which validate, and which bookings each of them may look back on.

A *snapshot* is the booking log as of a time: a session sees the bookings of the sessions made strictly before the time
of the snapshot that it is assigned to. Training sessions see the log as it stood at the start of their own period of
days, validation sessions as it stood at the cut, test sessions as it stood when the test began. So in training the
history is as stale as it will be in the test, and a colleague's twin search, seconds earlier, is as unknown as it will
be there. A session with a wrong time, years before or behind the others, moves none of these moments.

Where nobody comes back there is no past to look back on, and no future that could tell: there the log is cut into folds
of whole sessions, and a session sees the bookings of all folds but its own. Its features are then *cross-fitted*, as
the target encodings of the field are. ``plan.py`` says which of these ways a log takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.engine.errors import UserError
from common.time_units import DAY_MS
from competitions.flight.config import SplitSettings

INNER_FOLDS = 5  # of the training sessions, each of which sees the bookings of the other four
ALL_TIME = (1 << 62) - 1
FENCE = 1.5  # of the distance of the quartiles: Tukey's rule for what lies apart from the rest
ODD_SHARE = 0.001  # of the train sessions, which do not say when it ends


@dataclass(frozen=True)
class Snapshots:
    """``assigned``: one row per session (session, snapshot). ``visible``: the bookings in each snapshot.

    ``visible`` has one row per (snapshot, session), the session being one of the train file whose booking is seen.
    """

    assigned: pl.DataFrame
    visible: pl.DataFrame


@dataclass(frozen=True)
class Fold:
    """``roles``: session, role (train, valid or unused), of the train file; ``snapshots``: what each of them sees.

    Of a fold by time the snapshots are those of the validation sessions alone: its training rows are the final fit's.
    """

    roles: pl.DataFrame
    snapshots: Snapshots


@dataclass(frozen=True)
class Split:
    """``final``: what each session of the train file sees where all of them train. ``cross_fitted``: a session sees
    other folds' bookings, not earlier ones. ``repeats``: how often every validation session is judged.
    """

    name: str
    folds: tuple[Fold, ...]
    final: Snapshots
    cross_fitted: bool = False
    repeats: int = 1


def make_split(
    sessions: pl.DataFrame, settings: SplitSettings, validation: str, folds: int, repeats: int, seed: int
) -> Split:
    """The split of a plan: its way of ``validation`` (time, blocks or folds), the number of folds and of repeats."""
    if validation == "folds":
        return split_folds(sessions, folds, repeats, seed)
    # The last shares of the sessions, one after the other; each is judged by what was learned before it.
    cuts = [find_cut(sessions, settings.valid_share * count) for count in range(folds, 0, -1)]
    name = "last sessions" if validation == "time" else "successive blocks of time"
    return split_by_time(sessions, cuts, settings.stretch_days, name)


def find_cut(sessions: pl.DataFrame, share: float) -> int:
    """The time (ms) from which on the last ``share`` of the sessions were made."""
    times = sessions["time"].sort()
    return int(times[min(max(int(len(times) * (1 - share) + 1e-9), 0), len(times) - 1)])


def usual_times(sessions: pl.DataFrame) -> NDArray[np.int64]:
    """The times (ms), ascending, without those that lie apart from all others."""
    times: NDArray[np.int64] = np.sort(sessions["time"].to_numpy())
    low, high = np.quantile(times, (0.25, 0.75))
    usual: NDArray[np.int64] = times[(times >= low - FENCE * (high - low)) & (times <= high + FENCE * (high - low))]
    return usual


def start_of_period(time: pl.Expr, begin: int, period_days: float) -> pl.Expr:
    """When the period of so many days began that a time (ms) is in, counted from ``begin``."""
    period = max(int(period_days * DAY_MS), 1)
    return begin + (time - begin) // period * period


def split_by_time(sessions: pl.DataFrame, cuts: Sequence[int], period_days: float, name: str) -> Split:
    """A fold for each of the ascending ``cuts`` (ms): the sessions up to the next cut validate, those before it train.

    Sessions without a single booking are unused.
    """
    begin = int(usual_times(sessions)[0])
    starts = sessions.select("session", until=start_of_period(pl.col("time"), begin, period_days))
    ends = [*cuts[1:], ALL_TIME]
    folds = tuple(_cut_fold(sessions, cut, end, name) for cut, end in zip(cuts, ends, strict=True))
    return Split(name, folds, take_snapshots(sessions, starts))


def _cut_fold(sessions: pl.DataFrame, cut: int, end: int, name: str) -> Fold:
    time = pl.col("time")
    role = pl.when(time < cut).then(pl.lit("train")).when(time < end).then(pl.lit("valid")).otherwise(pl.lit("unused"))
    roles = _mark_unused(sessions, role)
    refuse_empty(roles, name)
    judged = sessions.filter((time >= cut) & (time < end))
    return Fold(roles, take_snapshots(sessions, judged.select("session", until=pl.lit(cut, pl.Int64))))


def _mark_unused(sessions: pl.DataFrame, role: pl.Expr) -> pl.DataFrame:
    """The role of every session; one without a single booking can neither train nor validate."""
    unused = pl.when(pl.col("booked").is_null()).then(pl.lit("unused"))
    return sessions.select("session", role=unused.otherwise(role))


def refuse_empty(roles: pl.DataFrame, name: str) -> None:
    """A ``UserError`` where no session trains, or none validates."""
    for needed in ("train", "valid"):
        if not roles.filter(role=needed).height:
            raise UserError(
                f"The split ({name}) leaves no {needed} session with a booking: the train file is too small."
            )


def take_test_snapshot(train: pl.DataFrame, test: pl.DataFrame, cross_fitted: bool, period_days: float) -> Snapshots:
    """The test's snapshot: the train file's bookings from before the first test session; all if cross-fitted.

    A test session from before the end of the train file is not that first one. It sees what a training session of its
    time does, the log as it stood at the start of its period of ``period_days``, and the others see what they would
    without it.
    """
    start = ALL_TIME if cross_fitted else find_test_start(train, test)
    begin, time = int(usual_times(train)[0]), pl.col("time")
    early = pl.max_horizontal(start_of_period(time, begin, period_days), pl.lit(int(train["time"].min())))  # type: ignore[arg-type]
    until = pl.when(cross_fitted or time >= start).then(pl.lit(start, pl.Int64)).otherwise(early)
    return take_snapshots(train, test.select("session", until=until))


def find_test_start(train: pl.DataFrame, test: pl.DataFrame) -> int:
    """The time (ms) of the first test session that is not before the end of the train file, or of the first."""
    times = usual_times(train)
    end = times[int((len(times) - 1) * (1 - ODD_SHARE))]
    behind = test["time"].filter(test["time"] >= end)
    return int((behind if len(behind) else test["time"]).min())  # type: ignore[arg-type]


def take_snapshots(log: pl.DataFrame, sessions: pl.DataFrame) -> Snapshots:
    """One snapshot of the bookings of ``log`` for each time ``until`` of ``sessions`` (session, until in ms)."""
    times = sessions.select(pl.col("until").unique().sort()).with_row_index("snapshot").cast({"snapshot": pl.Int32})
    booked = log.filter(pl.col("booked").is_not_null()).select("session", "time")
    visible = times.join(booked, how="cross").filter(pl.col("time") < pl.col("until")).select("snapshot", "session")
    assigned = sessions.join(times, on="until", how="left", maintain_order="left").select("session", "snapshot")
    return Snapshots(assigned, visible)


def split_folds(sessions: pl.DataFrame, folds: int, repeats: int, seed: int) -> Split:
    """``repeats`` times, the sessions with a booking are dealt into ``folds`` of which each validates once."""
    booked = sessions["booked"].is_not_null().to_numpy()
    folds = min(folds, int(booked.sum()))
    if folds < 2:
        raise UserError("The train file has a single session with a booking: validation needs a second one.")
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(repeats):
        fold = np.full(len(booked), -1)
        fold[booked] = rng.permutation(int(booked.sum())) % folds
        made += [_deal_fold(sessions, fold == number, rng) for number in range(folds)]
    return Split("folds of whole sessions", tuple(made), cross_snapshots(sessions, booked, rng), True, repeats)


def _deal_fold(sessions: pl.DataFrame, held: NDArray[np.bool_], rng: np.random.Generator) -> Fold:
    """The held sessions validate and see the bookings of all others, which see each other's across inner folds."""
    role = pl.when(pl.Series(held)).then(pl.lit("valid")).otherwise(pl.lit("train"))
    learned = sessions["booked"].is_not_null().to_numpy() & ~held
    return Fold(_mark_unused(sessions, role), cross_snapshots(sessions, learned, rng))


def cross_snapshots(sessions: pl.DataFrame, learned: NDArray[np.bool_], rng: np.random.Generator) -> Snapshots:
    """The ``learned`` sessions (n,) in inner folds see the bookings of the other inner folds, any other sees all."""
    inner = np.full(len(learned), INNER_FOLDS, np.int32)
    inner[learned] = rng.permutation(int(learned.sum())) % INNER_FOLDS
    assigned = sessions.select("session", snapshot=pl.Series(inner, dtype=pl.Int32))
    known = assigned.filter(pl.Series(learned)).rename({"snapshot": "inner"})
    snapshots = pl.DataFrame({"snapshot": np.arange(INNER_FOLDS + 1, dtype=np.int32)})
    visible = snapshots.join(known, how="cross").filter(pl.col("snapshot") != pl.col("inner"))
    return Snapshots(assigned, visible.select("snapshot", "session"))
