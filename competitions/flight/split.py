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
from typing import NamedTuple

import numpy as np
import polars as pl

from common.arrays import Bools, Ints
from common.engine.errors import UserError
from common.time_units import DAY_MS, MINUTE_MS
from competitions.flight.config import SplitSettings

INNER_FOLDS = 5  # of the training sessions, each of which sees the bookings of the other four
ALL_TIME = (1 << 62) - 1
TWIN_MS = MINUTE_MS  # colleagues' searches on a route follow each other within this
FENCE = 1.5  # of the distance of the quartiles: Tukey's rule for what lies apart from the rest
ODD_SHARE = 0.001  # of the train sessions, which do not say when it ends
LONGEST_LAG = 0.5  # of the days of the train file: behind a longer one too few bookings are left to look back on
FOLDS_NAME = "folds of whole sessions"


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
    searches: Ints
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


def list_lags(train: pl.DataFrame, test: pl.DataFrame, count: int) -> Ints:
    """How old (ms) the latest bookings are that the test sessions look back on, 0 for one within train: as many evenly
    spaced quantiles, ascending. At most ``LONGEST_LAG`` of the train file's days.

    The train file below ends on day 9, and the test sessions are 1 to 4 days behind it.

    >>> train, test = (pl.DataFrame({"time": np.array(days) * DAY_MS}) for days in (range(11), [10, 11, 12, 13]))
    >>> (list_lags(train, test, count=2) / DAY_MS).tolist()
    [2.0, 4.0]
    """
    begin, end = int(usual_times(train)[0]), find_end(train)
    lags = np.clip(np.sort(test["time"].to_numpy()) - end, 0, int((end - begin) * LONGEST_LAG))
    return np.asarray(lags[((np.arange(count) + 0.5) / count * len(lags)).astype(np.int64)])


def number_searches(sessions: pl.DataFrame) -> Ints:
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


def usual_times(sessions: pl.DataFrame) -> Ints:
    """The times (ms), ascending, without those that lie apart from all others."""
    times: Ints = np.sort(sessions["time"].to_numpy())
    low, high = np.quantile(times, (0.25, 0.75))
    usual: Ints = times[(times >= low - FENCE * (high - low)) & (times <= high + FENCE * (high - low))]
    return usual


def find_end(train: pl.DataFrame) -> int:
    """When (ms) the train file ends: few sessions are later, and may have a wrong time."""
    times = usual_times(train)
    return int(times[int((len(times) - 1) * (1 - ODD_SHARE))])


class Periods(NamedTuple):
    """Time in periods of ``length`` ms, of which one starts at ``begin``: snapshots are taken at such starts."""

    begin: int
    length: int

    @classmethod
    def of(cls, train: pl.DataFrame, days: float) -> "Periods":
        """Periods of so many days from the first session on."""
        return cls(int(usual_times(train)[0]), max(int(days * DAY_MS), 1))

    def start(self, time: Ints) -> Ints:
        """When the period started that a time is in."""
        return np.asarray(self.begin + (time - self.begin) // self.length * self.length)

    def find_moments(self, query_time: Ints, lag: Ints, latest: Ints | int) -> Ints:
        """When the log stood as each session sees it: at the start of the period that is nearest to ``lag`` before the
        session's ``query_time``, and at ``latest`` at the latest.

        Weeks start on the days 0, 7 and 14. A session of day 20 sees the log of day 14, where its own week starts;
        with a lag of 11 days that of day 7, which is nearest to day 9.

        >>> Periods(begin=0, length=7).find_moments(np.array([20, 20]), lag=np.array([0, 11]), latest=14).tolist()
        [14, 7]
        """
        target = query_time - lag
        nearest = np.minimum(self.start(target + self.length // 2), latest)
        return np.where(target >= latest, latest, nearest)


def split_by_time(
    sessions: pl.DataFrame, lags: Ints, cuts: Sequence[int], period_days: float, name: str, seed: int
) -> Split:
    """A fold for each of the ascending ``cuts`` (ms): the sessions up to the next cut validate, those before it train.

    Sessions without a single booking are unused.
    """
    time, periods = sessions["time"].to_numpy(), Periods.of(sessions, period_days)
    # Drawn by a session's own time: another session changes no lag.
    lag = lags[(sessions["time"].hash(seed) % len(lags)).to_numpy().astype(np.int64)]

    def see(latest: Ints | int) -> pl.DataFrame:
        return sessions.select("session", until=pl.Series(periods.find_moments(time, lag, latest)))

    # A session that trains sees the log up to the start of its own period at the latest, one that validates to the cut.
    parts, roles = [see(periods.start(time))], []
    for cut, end in zip(cuts, [*cuts[1:], ALL_TIME], strict=True):
        judged = pl.Series((time >= cut) & (time < end))
        other = pl.when(pl.Series(time < cut)).then(pl.lit("train")).otherwise(pl.lit("unused"))
        roles.append(_assign_roles(sessions, pl.when(judged).then(pl.lit("valid")).otherwise(other), name))
        parts.append(see(cut).filter(judged))
    final, *seen = take_snapshots(sessions, parts)
    folds = tuple(Fold(role, snapshots) for role, snapshots in zip(roles, seen, strict=True))
    return Split(name, folds, final, number_searches(sessions))


def _assign_roles(sessions: pl.DataFrame, role: pl.Expr, name: str) -> pl.DataFrame:
    """The role of every session; one without a single booking can neither train nor validate. A ``UserError`` where no
    session trains, or none validates.
    """
    unused = pl.when(pl.col("booked").is_null()).then(pl.lit("unused"))
    roles = sessions.select("session", role=unused.otherwise(role))
    if lacking := {"train", "valid"} - set(roles["role"]):
        raise UserError(
            f"The split ({name}) leaves no {min(lacking)} session with a booking: the train file is too small."
        )
    return roles


def take_test_snapshot(train: pl.DataFrame, test: pl.DataFrame, cross_fitted: bool, period_days: float) -> Snapshots:
    """The test's snapshot: the train file's bookings from before the first test session; all if cross-fitted.

    A test session from before the end of the train file is not that first one. It sees the log as it stood at the start
    of its own period of ``period_days``, and the others see what they would without it.
    """
    if cross_fitted:
        (snapshots,) = take_snapshots(train, [test.select("session", until=pl.lit(ALL_TIME))])
        return replace(snapshots, assigned=snapshots.assigned.with_columns(until=pl.lit(None, pl.Int64)))
    start, time = find_test_start(train, test), test["time"].to_numpy()
    early = np.maximum(Periods.of(train, period_days).start(time), int(train["time"].min()))  # type: ignore[arg-type]
    until = pl.Series(np.where(time >= start, start, early))
    return take_snapshots(train, [test.select("session", until=until)])[0]


def find_test_start(train: pl.DataFrame, test: pl.DataFrame) -> int:
    """The time (ms) of the first test session that is not before the end of the train file, or of the first."""
    behind = test["time"].filter(test["time"] >= find_end(train))
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
    return Split(FOLDS_NAME, tuple(made), final, searches, True, repeats)


def deal(searches: Ints, some: Bools, parts: int, other: int, rng: np.random.Generator) -> Ints:
    """The part of each of ``some`` sessions (n,), alike for those of one search; ``other`` for the rest."""
    own = np.unique(searches[some], return_inverse=True)[1]
    dealt = np.full(len(some), other)
    dealt[some] = (rng.permutation(int(own.max(initial=-1)) + 1) % parts)[own]
    return dealt


def _deal_fold(sessions: pl.DataFrame, searches: Ints, held: Bools, rng: np.random.Generator) -> Fold:
    """The held sessions validate and see the bookings of all others, which see each other's across inner folds."""
    role = pl.when(pl.Series(held)).then(pl.lit("valid")).otherwise(pl.lit("train"))
    learned = sessions["booked"].is_not_null().to_numpy() & ~held
    roles = _assign_roles(sessions, role, FOLDS_NAME)
    return Fold(roles, cross_snapshots(sessions, searches, learned, rng))


def cross_snapshots(sessions: pl.DataFrame, searches: Ints, learned: Bools, rng: np.random.Generator) -> Snapshots:
    """The ``learned`` sessions (n,) in inner folds see the bookings of the other inner folds, any other sees all."""
    inner = deal(searches, learned, INNER_FOLDS, INNER_FOLDS, rng)
    assigned = sessions.select("session", snapshot=pl.Series(inner, dtype=pl.Int32), until=pl.lit(None, pl.Int64))
    known = assigned.select("session", inner="snapshot").filter(pl.Series(learned))
    snapshots = pl.DataFrame({"snapshot": np.arange(INNER_FOLDS + 1, dtype=np.int32)})
    visible = snapshots.join(known, how="cross").filter(pl.col("snapshot") != pl.col("inner"))
    return Snapshots(assigned, visible.select("snapshot", "session"))
