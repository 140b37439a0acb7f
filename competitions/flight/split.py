"""Which sessions train, which validate, and which bookings each of them may look back on.

A *snapshot* is the booking log as of a time: a session sees the bookings of the sessions made strictly before the time
of the snapshot that it is assigned to. Test sessions see the log as it stood when the test began: the last of them look
back on bookings that are as old as the test is long, and tastes move meanwhile. So that models learn how much a booking
of that age still tells, training sessions are given a *lag* each, drawn from those of the test, and see the log as it
stood that long before; validation sessions have the test's lags too, from the cut on. Snapshots are taken at the starts
of periods of days, so that they are few, and a colleague's twin search, seconds earlier, is as unknown as it will be in
the test. A session with a wrong time, years before or behind the others, moves none of these moments.

Where nobody comes back there is no past to look back on, and no future that could tell: there the log is cut into folds
of whole sessions, and a session sees the bookings of all folds but its own. Its features are then *cross-fitted*, as
the target encodings of the field are. ``plan.py`` says which of these ways a log takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.engine.errors import UserError
from common.time_units import DAY_MS, MINUTE_MS
from competitions.flight.config import SplitSettings

INNER_FOLDS = 5  # of the training sessions, each of which sees the bookings of the other four
ALL_TIME = (1 << 62) - 1
TWIN_MS = MINUTE_MS  # colleagues' searches on a route follow each other within this
FENCE = 1.5  # of the distance of the quartiles: Tukey's rule for what lies apart from the rest
ODD_SHARE = 0.001  # of the train sessions, which do not say when it ends
LONGEST_LAG = 0.5  # of the days of the train file: behind a longer one too few bookings are left to look back on
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Validation:
    """How a log is validated: ``kind`` (time, blocks or folds), the number of ``folds``, and of ``repeats`` of them.

    ``lags`` (ms, ascending): how old the latest bookings are that a session looks back on, as evenly spaced quantiles.
    """

    kind: str
    folds: int
    repeats: int
    lags: tuple[int, ...]


@dataclass(frozen=True)
class Snapshots:
    """``assigned``: one row per session (session, snapshot, until). ``visible``: the bookings in each snapshot.

    ``until``: the snapshot's time (ms), null where a session sees other folds' bookings. ``visible`` has one row per
    (snapshot, session), the session being one of the train file whose booking is seen.
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
    other folds' bookings, not earlier ones; by time the folds' snapshots are among the final ones. ``repeats``: how
    often every validation session is judged. ``searches``: by session the number of its search, which twins share.
    """

    name: str
    folds: tuple[Fold, ...]
    final: Snapshots
    searches: Numbers
    cross_fitted: bool = False
    repeats: int = 1


def make_split(sessions: pl.DataFrame, validation: Validation, settings: SplitSettings, seed: int) -> Split:
    """The split of a plan."""
    folds = validation.folds
    if validation.kind == "folds":
        return split_folds(sessions, folds, validation.repeats, seed)
    # The last shares of the sessions, one after the other; each is judged by what was learned before it.
    cuts = [find_cut(sessions, settings.valid_share * count) for count in range(folds, 0, -1)]
    name = "last sessions" if validation.kind == "time" else "successive blocks of time"
    return split_by_time(sessions, np.array(validation.lags), cuts, settings.stretch_days, name, seed)


def list_lags(train: pl.DataFrame, test: pl.DataFrame) -> Numbers:
    """How old (ms, ascending) the latest bookings are that each test session looks back on, 0 for one within train.

    At most ``LONGEST_LAG`` of the train file's days.
    """
    times = usual_times(train)
    end = times[int((len(times) - 1) * (1 - ODD_SHARE))]
    lags: Numbers = np.clip(np.sort(test["time"].to_numpy()) - end, 0, int((end - times[0]) * LONGEST_LAG))
    return lags


def number_searches(sessions: pl.DataFrame) -> Numbers:
    """By session the number of its search: sessions on a route that follow each other within a minute are one.

    Colleagues who travel together look at the same options, one after the other, and mostly book the same.

    >>> times = [0, 59_000, 118_000, 300_000, 10_000]
    >>> number_searches(pl.DataFrame({"route": [7, 7, 7, 7, 8], "time": times})).tolist()
    [0, 0, 0, 1, 2]
    """
    rows = sessions.select("route", "time").with_row_index("row").sort("route", "time", "row")
    apart = (pl.col("time").diff() >= TWIN_MS) | (pl.col("route") != pl.col("route").shift())
    heads = rows.with_columns(search=apart.fill_null(True).cum_sum())
    # Numbered in the order of the file, so that a log without twins is dealt as if there were none.
    first = heads.group_by("search").agg(pl.col("row").min().alias("head")).sort("head").with_row_index("number")
    numbers = heads.join(first, on="search").sort("row")["number"].cast(pl.Int64)
    return numbers.to_numpy()


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


def start_of_period(time: Numbers, begin: int, period_days: float) -> Numbers:
    """When the period of so many days began that a time (ms) is in, counted from ``begin``."""
    period = max(int(period_days * DAY_MS), 1)
    starts: Numbers = begin + (time - begin) // period * period
    return starts


def split_by_time(
    sessions: pl.DataFrame, lags: Numbers, cuts: Sequence[int], period_days: float, name: str, seed: int
) -> Split:
    """A fold for each of the ascending ``cuts`` (ms): the sessions up to the next cut validate, those before it train.

    Sessions without a single booking are unused.
    """
    time, begin = sessions["time"].to_numpy(), int(usual_times(sessions)[0])
    half = int(period_days * DAY_MS / 2)

    # Drawn by a session's own time: another session changes no lag.
    back = time - lags[(sessions["time"].hash(seed) % len(lags)).to_numpy().astype(np.int64)]

    def look_back(latest: Numbers | int) -> pl.Series:
        """By session the start of a period that is nearest to its time less its lag, not behind ``latest``."""
        nearest = np.minimum(start_of_period(back + half, begin, period_days), latest)
        return pl.Series(np.where(back >= latest, latest, nearest))

    parts = [sessions.select("session", until=look_back(start_of_period(time, begin, period_days)))]
    roles = []
    for cut, end in zip(cuts, [*cuts[1:], ALL_TIME], strict=True):
        roles.append(_cut_fold(sessions, cut, end, name))
        judged = (pl.col("time") >= cut) & (pl.col("time") < end)
        parts.append(sessions.select("session", "time", until=look_back(cut)).filter(judged).drop("time"))
    final, *seen = take_snapshots(sessions, parts)
    folds = tuple(Fold(role, snapshots) for role, snapshots in zip(roles, seen, strict=True))
    return Split(name, folds, final, number_searches(sessions))


def spread_lags(lags: Numbers, count: int) -> Numbers:
    """As many lags, ascending, spread as the given ones (ascending) are.

    >>> spread_lags(np.array([0, 10, 20, 30]), 2).tolist()
    [10, 30]
    """
    spread: Numbers = lags[((np.arange(count) + 0.5) / max(count, 1) * len(lags)).astype(np.int64)]
    return spread


def _cut_fold(sessions: pl.DataFrame, cut: int, end: int, name: str) -> pl.DataFrame:
    """The roles; a ``UserError`` where no session trains, or none validates."""
    time = pl.col("time")
    role = pl.when(time < cut).then(pl.lit("train")).when(time < end).then(pl.lit("valid")).otherwise(pl.lit("unused"))
    roles = _mark_unused(sessions, role)
    for needed in ("train", "valid"):
        if not roles.filter(role=needed).height:
            raise UserError(
                f"The split ({name}) leaves no {needed} session with a booking: the train file is too small."
            )
    return roles


def _mark_unused(sessions: pl.DataFrame, role: pl.Expr) -> pl.DataFrame:
    """The role of every session; one without a single booking can neither train nor validate."""
    unused = pl.when(pl.col("booked").is_null()).then(pl.lit("unused"))
    return sessions.select("session", role=unused.otherwise(role))


def take_test_snapshot(train: pl.DataFrame, test: pl.DataFrame, cross_fitted: bool, period_days: float) -> Snapshots:
    """The test's snapshot: the train file's bookings from before the first test session; all if cross-fitted.

    A test session from before the end of the train file is not that first one. It sees the log as it stood at the start
    of its own period of ``period_days``, and the others see what they would without it.
    """
    if cross_fitted:
        (snapshots,) = take_snapshots(train, [test.select("session", until=pl.lit(ALL_TIME))])
        return replace(snapshots, assigned=snapshots.assigned.with_columns(until=pl.lit(None, pl.Int64)))
    start, begin, time = find_test_start(train, test), int(usual_times(train)[0]), test["time"].to_numpy()
    early = np.maximum(start_of_period(time, begin, period_days), int(train["time"].min()))  # type: ignore[arg-type]
    until = pl.Series(np.where(time >= start, start, early))
    return take_snapshots(train, [test.select("session", until=until)])[0]


def find_test_start(train: pl.DataFrame, test: pl.DataFrame) -> int:
    """The time (ms) of the first test session that is not before the end of the train file, or of the first."""
    times = usual_times(train)
    end = times[int((len(times) - 1) * (1 - ODD_SHARE))]
    behind = test["time"].filter(test["time"] >= end)
    return int((behind if len(behind) else test["time"]).min())  # type: ignore[arg-type]


def take_snapshots(log: pl.DataFrame, parts: Sequence[pl.DataFrame]) -> list[Snapshots]:
    """One snapshot of the bookings of ``log`` for each time ``until`` of the ``parts``.

    ``parts``: sessions (session, until in ms); each part is assigned to the snapshots of all of them.
    """
    until = pl.concat([part["until"] for part in parts]).unique().sort()
    times = pl.DataFrame({"until": until}).with_row_index("snapshot").cast({"snapshot": pl.Int32})
    booked = log.filter(pl.col("booked").is_not_null()).select("session", "time")
    visible = times.join(booked, how="cross").filter(pl.col("time") < pl.col("until")).select("snapshot", "session")
    joined = [part.join(times, on="until", how="left", maintain_order="left") for part in parts]
    return [Snapshots(part.select("session", "snapshot", "until"), visible) for part in joined]


def split_folds(sessions: pl.DataFrame, folds: int, repeats: int, seed: int) -> Split:
    """``repeats`` times, the searches with a booking are dealt into ``folds`` of which each validates once.

    The sessions of a search stay together: what one colleague booked tells what the other did.
    """
    booked, searches = sessions["booked"].is_not_null().to_numpy(), number_searches(sessions)
    folds = min(folds, len(np.unique(searches[booked])))
    if folds < 2:
        raise UserError("The train file has a single search with a booking: validation needs a second one.")
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(repeats):
        fold = deal(searches, booked, folds, -1, rng)
        made += [_deal_fold(sessions, searches, fold == number, rng) for number in range(folds)]
    final = cross_snapshots(sessions, searches, booked, rng)
    return Split("folds of whole sessions", tuple(made), final, searches, True, repeats)


def deal(searches: Numbers, some: NDArray[np.bool_], parts: int, other: int, rng: np.random.Generator) -> Numbers:
    """The part of each of ``some`` sessions (n,), alike for those of one search; ``other`` for the rest."""
    own = np.unique(searches[some], return_inverse=True)[1]
    dealt = np.full(len(some), other)
    dealt[some] = (rng.permutation(int(own.max(initial=-1)) + 1) % parts)[own]
    return dealt


def _deal_fold(sessions: pl.DataFrame, searches: Numbers, held: NDArray[np.bool_], rng: np.random.Generator) -> Fold:
    """The held sessions validate and see the bookings of all others, which see each other's across inner folds."""
    role = pl.when(pl.Series(held)).then(pl.lit("valid")).otherwise(pl.lit("train"))
    learned = sessions["booked"].is_not_null().to_numpy() & ~held
    return Fold(_mark_unused(sessions, role), cross_snapshots(sessions, searches, learned, rng))


def cross_snapshots(
    sessions: pl.DataFrame, searches: Numbers, learned: NDArray[np.bool_], rng: np.random.Generator
) -> Snapshots:
    """The ``learned`` sessions (n,) in inner folds see the bookings of the other inner folds, any other sees all."""
    inner = deal(searches, learned, INNER_FOLDS, INNER_FOLDS, rng)
    assigned = sessions.select("session", snapshot=pl.Series(inner, dtype=pl.Int32), until=pl.lit(None, pl.Int64))
    known = assigned.select("session", inner="snapshot").filter(pl.Series(learned))
    snapshots = pl.DataFrame({"snapshot": np.arange(INNER_FOLDS + 1, dtype=np.int32)})
    visible = snapshots.join(known, how="cross").filter(pl.col("snapshot") != pl.col("inner"))
    return Snapshots(assigned, visible.select("snapshot", "session"))
