"""When simulated users click: how often, on which days, in which sessions; not yet what.

Every session has at least two clicks and ends with a gap of exactly 30,000 ms; no other gap has that length.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from common.arrays import Bools, Floats, Ints
from common.time_units import HOUR_MS
from competitions.news.simulator.articles import HOURS, START_MS

TERMINAL_GAP_MS = 30_000
SESSION_BREAK_MS = 30 * 60 * 1000  # a session is over after half an hour
GAP_LOG_SECONDS, GAP_SIGMA = 4.98, 1.15  # log-normal gap inside a session: median 146 s
# Sessions of a user: 1 and the whole part of a log-normal draw, (median, sigma). With them a session has 2.5 clicks.
TRAIN_SESSIONS, TEST_SESSIONS = (0.69, 1.32), (2.2, 1.11)
MOST_SESSIONS = 80
EARLY_IS_LONG = 2.2  # noise of the tie between early arrival and many sessions, in log sessions
# Test users arrive evenly in the first hours of the log, train users after, the more the earlier.
MAIN_END_HOUR, TEST_ARRIVAL_HOURS = 16 * 24 + 6, 54
TRAIN_ARRIVAL_POWER = 2.0
HOURS_PER_SESSION = 3  # a user arrives early enough to fit the sessions
REST_MS = SESSION_BREAK_MS + 1  # shortest time between two sessions of a user
# Clicks by hour of the day (UTC), in percent of the busiest hour; a weekend day has 0.6 of them.
CLICKS_BY_HOUR = np.array(
    [55, 49, 44, 28, 15, 8, 6, 6, 9, 26, 53, 83, 78, 72, 79, 77, 99, 100, 95, 91, 87, 72, 62, 61], dtype=np.float64
)
EDGES = np.arange(HOURS + 1)  # of the hour bins
# Clicks expected before each of them: a clock that runs faster when users are awake.
BUSY = np.append(0.0, np.cumsum(CLICKS_BY_HOUR[EDGES[:-1] % 24] * np.where(EDGES[:-1] // 24 % 7 % 6 == 0, 0.6, 1.0)))


@dataclass(frozen=True)
class Sessions:
    """``counts``: clicks of each user, train users first. The rest has one row a click, by user, then time."""

    counts: Ints
    train_users: int
    user: Ints
    time: Ints  # ms
    session: Ints  # number of the session among all
    opens: Bools  # the click opens its session


def make_sessions(users: tuple[int, int], clicks: tuple[int, int], seed: int) -> Sessions:
    """Draw the sessions of (train, test) users with exactly so many (train, test) clicks, the hidden one included."""
    rng = np.random.default_rng([5, seed])
    train = _draw_arrivals(rng, users[0], TEST_ARRIVAL_HOURS, MAIN_END_HOUR, TRAIN_ARRIVAL_POWER)
    test = _draw_arrivals(rng, users[1], 0, TEST_ARRIVAL_HOURS, 1.0)
    numbers = [_draw_numbers(rng, users[0], *TRAIN_SESSIONS), _draw_numbers(rng, users[1], *TEST_SESSIONS)]
    size = np.concatenate([_draw_sizes(rng, int(n.sum()), total) for n, total in zip(numbers, clicks, strict=True)])
    number = np.concatenate(numbers)
    owner, session = np.repeat(np.arange(len(number)), number), np.repeat(np.arange(len(size)), size)
    opens = np.diff(session, prepend=-1) > 0
    gaps = _draw_gaps(rng, opens)
    length = np.bincount(session, weights=gaps).astype(np.int64)
    start = _space(owner, _draw_starts(rng, owner, np.concatenate([train, test])), length + REST_MS)
    elapsed = np.cumsum(gaps)
    time = start[session] + elapsed - elapsed[opens][session]
    user = owner[session]
    return Sessions(np.bincount(user), users[0], user, time, session, opens)


def _draw_arrivals(rng: np.random.Generator, users: int, first: int, end: int, power: float) -> Floats:
    """Hours since the start of the log, with the rhythm of the day. Ids run against time, as in the host's log."""
    level = BUSY[first] + rng.random(users) ** power * (BUSY[end] - BUSY[first])
    return np.sort(np.interp(level, BUSY, EDGES))[::-1]


def _draw_numbers(rng: np.random.Generator, users: int, median: float, sigma: float) -> Ints:
    """Sessions of each user, the latest to arrive first: those who arrive early have more of them, loosely.

    The numbers are quantiles, not draws, so that a heavy tail never asks for more sessions than there are clicks.
    """
    beyond = median * np.exp(sigma * ndtri((np.arange(users) + 0.5) / users))
    number: Ints = np.minimum(1 + beyond.astype(np.int64), MOST_SESSIONS)
    return number[np.argsort(np.log(number) + EARLY_IS_LONG * rng.standard_normal(users))]


def _draw_sizes(rng: np.random.Generator, sessions: int, clicks: int) -> Ints:
    """Clicks of each session, exactly ``clicks`` in all: two, and beyond them independent geometric numbers given their
    sum, which are the steps between uniform cuts.
    """
    spare = clicks - 2 * sessions
    cuts = np.sort(rng.choice(spare + sessions - 1, sessions - 1, replace=False))
    return np.asarray(1 + np.diff(cuts, prepend=-1, append=spare + sessions - 1), dtype=np.int64)


def _draw_gaps(rng: np.random.Generator, opens: Bools) -> Ints:
    """Gap in ms before each click of a session; 0 before the first, 30,000 before the last."""
    gaps = 1000 * np.exp(rng.normal(GAP_LOG_SECONDS, GAP_SIGMA, len(opens)))
    whole = np.asarray(np.clip(gaps, 1000, SESSION_BREAK_MS - 1), dtype=np.int64)
    whole += whole == TERMINAL_GAP_MS
    whole[opens] = 0
    whole[np.append(opens[1:], True)] = TERMINAL_GAP_MS
    return whole


def _draw_starts(rng: np.random.Generator, owner: Ints, arrival: Floats) -> Ints:
    """Start of each session in ms, ascending within a user: the arrival, then one in each of equal parts of the rest of
    the log, since users come back at intervals, not in bursts.
    """
    sessions = np.bincount(owner)
    low = np.interp(np.minimum(arrival, MAIN_END_HOUR - HOURS_PER_SESSION * sessions), EDGES, BUSY)[owner]
    number = np.arange(len(owner)) - (np.cumsum(sessions) - sessions)[owner]
    share = (number - rng.random(len(owner))) / np.maximum(sessions - 1, 1)[owner]
    level = low + np.where(number > 0, share, 0.0) * (BUSY[MAIN_END_HOUR] - low)
    return np.asarray(START_MS + np.interp(level, BUSY, EDGES) * HOUR_MS, dtype=np.int64)


def _space(owner: Ints, start: Ints, length: Ints) -> Ints:
    """Move sessions later until each starts ``length`` after the one before it (a running maximum within the user)."""
    before = np.cumsum(length) - length
    first = np.diff(owner, prepend=-1) > 0
    before -= before[first][owner]
    far = np.int64(10) ** 12  # keeps the users' running maxima apart
    slack = np.maximum.accumulate(start - START_MS - before + owner * far)
    return np.asarray(slack - owner * far + before + START_MS, dtype=np.int64)
