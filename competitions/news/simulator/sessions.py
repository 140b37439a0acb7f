"""When simulated users click: how often, on which days, in which sessions; not yet what.

Every session has at least two clicks and ends with a gap of exactly 30,000 ms; no other gap has that length.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.arrays import Floats, Ints
from common.time_units import HOUR_MS
from competitions.news.simulator.articles import HOURS, START_MS

TERMINAL_GAP_MS = 30_000
SESSION_BREAK_MS = 30 * 60 * 1000  # a session is over after half an hour
STOP_AFTER_TWO = 0.61  # a session ends after 2 clicks with this chance, and after each later one
GAP_LOG_SECONDS, GAP_SIGMA = 5.05, 1.2  # log-normal gap inside a session: median 156 s
TRAIN_SIGMA, TEST_SIGMA = 1.3, 1.35  # spread of the log-normal number of clicks beyond the first two
MOST_CLICKS = 300
EARLY_IS_LONG = 2.2  # noise of the tie between early arrival and a long history, in log clicks
MAIN_END_HOUR = 16 * 24 + 6
TEST_ARRIVAL_HOURS = 54  # test users arrive in the first hours of the log, train users after
TRAIN_ARRIVAL_MEAN_HOURS = 130.0
STRAGGLER_SHARE = 0.0005  # train users who come back as late as 2017-11-13
STRAGGLER_END_HOUR = 43 * 24
HOURS_PER_SESSION = 3  # a reader arrives early enough to fit the sessions
SHORT_STAY = 0.8  # a reader stays between 1 - SHORT_STAY and all of the days that are left
REST_MS = 2 * HOUR_MS  # shortest time between two sessions of a reader
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
    opens: NDArray[np.bool_]  # the click opens its session


def make_sessions(users: tuple[int, int], clicks: tuple[int, int], seed: int) -> Sessions:
    """Draw the sessions of (train, test) users with exactly so many (train, test) clicks, the hidden one included."""
    rng = np.random.default_rng([5, seed])
    sizes = zip(users, clicks, (TRAIN_SIGMA, TEST_SIGMA), strict=True)
    counts = [_draw_counts(rng, count, total, sigma) for count, total, sigma in sizes]
    arrivals = [_draw_arrivals(rng, users[0], train=True), _draw_arrivals(rng, users[1], train=False)]
    pairs = [_pair(rng, n, arrival) for n, arrival in zip(counts, arrivals, strict=True)]
    count, arrival = (np.concatenate(part) for part in zip(*pairs, strict=True))
    owner, size = _cut_sessions(rng, count)
    session = np.repeat(np.arange(len(size)), size)
    opens = np.diff(session, prepend=-1) > 0
    gaps = _draw_gaps(rng, opens)
    start = _draw_starts(rng, owner, arrival, users[0])
    length = np.bincount(session, weights=gaps).astype(np.int64)
    start = _space(owner, start, length + REST_MS)
    elapsed = np.cumsum(gaps)
    time = start[session] + elapsed - elapsed[opens][session]
    return Sessions(count, users[0], np.repeat(np.arange(len(count)), count), time, session, opens)


def _draw_counts(rng: np.random.Generator, users: int, total: int, sigma: float) -> Ints:
    """Heavy-tailed clicks per user, at least 2, exactly ``total`` in all."""
    draw = rng.lognormal(0.0, sigma, users)
    low, high = 0.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        short = np.minimum(2 + (middle * draw).astype(np.int64), MOST_CLICKS).sum() < total
        low, high = (middle, high) if short else (low, middle)
    counts = np.minimum(2 + (low * draw).astype(np.int64), MOST_CLICKS)
    # What rounding leaves goes one by one to the users just below the next integer.
    missing = total - int(counts.sum())
    order = np.argsort(counts - 2 - low * draw, kind="stable")
    counts += missing // users
    counts[order[: missing % users]] += 1
    return counts


def _draw_arrivals(rng: np.random.Generator, users: int, *, train: bool) -> Floats:
    """Hours since the start of the log, with the rhythm of the day, ascending."""
    if not train:
        return np.sort(np.interp(rng.random(users) * BUSY[TEST_ARRIVAL_HOURS], BUSY, EDGES))
    first, last = float(TEST_ARRIVAL_HOURS), float(MAIN_END_HOUR - 1)
    reach = 1 - np.exp(-(last - first) / TRAIN_ARRIVAL_MEAN_HOURS)
    rough = first - TRAIN_ARRIVAL_MEAN_HOURS * np.log(1 - reach * rng.random(users))
    # Redraw the hour inside the day from the rhythm.
    day = rough // 24 * 24
    left, right = np.maximum(day, first).astype(np.int64), np.minimum(day + 24, last).astype(np.int64)
    level = BUSY[left] + rng.random(users) * (BUSY[right] - BUSY[left])
    return np.sort(np.interp(level, BUSY, EDGES))


def _pair(rng: np.random.Generator, counts: Ints, arrivals: Floats) -> tuple[Ints, Floats]:
    """Give long histories to early arrivals, loosely. Ids run against time, as in the host's log."""
    order = np.argsort(EARLY_IS_LONG * rng.standard_normal(len(counts)) - np.log(counts), kind="stable")
    return counts[order][::-1], arrivals[::-1]


def _cut_sessions(rng: np.random.Generator, counts: Ints) -> tuple[Ints, Ints]:
    """Cut each user's clicks into sessions of 2 or more: the sessions' users, ascending, and sizes."""
    left, owners, sizes = counts.copy(), [], []
    active = np.arange(len(counts))
    while len(active):
        size = np.minimum(1 + rng.geometric(STOP_AFTER_TWO, len(active)), left[active])
        size += left[active] - size == 1  # a single click cannot be a session
        owners.append(active)
        sizes.append(size)
        left[active] -= size
        active = active[left[active] > 0]
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return owner[order], np.concatenate(sizes)[order]


def _draw_gaps(rng: np.random.Generator, opens: NDArray[np.bool_]) -> Ints:
    """Gap in ms before each click of a session; 0 before the first, 30,000 before the last."""
    gaps = 1000 * np.exp(rng.normal(GAP_LOG_SECONDS, GAP_SIGMA, len(opens)))
    whole = np.asarray(np.clip(gaps, 1000, SESSION_BREAK_MS - 1), dtype=np.int64)
    whole += whole == TERMINAL_GAP_MS
    whole[opens] = 0
    whole[np.append(opens[1:], True)] = TERMINAL_GAP_MS
    return whole


def _draw_starts(rng: np.random.Generator, owner: Ints, arrival: Floats, train_users: int) -> Ints:
    """Start of each session in ms, ascending within a user: the arrival, then busy hours up to the user's own end."""
    sessions = np.bincount(owner)
    arrival = np.clip(np.minimum(arrival, MAIN_END_HOUR - HOURS_PER_SESSION * sessions), 0.01, None)
    end = arrival + (MAIN_END_HOUR - arrival) * (1 - SHORT_STAY * rng.random(len(arrival)) ** 1.5)
    late = rng.choice(train_users, max(1, round(STRAGGLER_SHARE * train_users)), replace=False)
    end[late] = rng.uniform(MAIN_END_HOUR, STRAGGLER_END_HOUR, len(late))
    low, high = (np.interp(hour, EDGES, BUSY) for hour in (arrival, end))
    first = np.diff(owner, prepend=-1) > 0
    # One session in each of equal parts of the stay: users come back at intervals, not in bursts.
    number = np.arange(len(owner)) - np.flatnonzero(first)[owner]
    level = low[owner] + (number + rng.random(len(owner))) / sessions[owner] * (high - low)[owner]
    level[first] = low
    return np.asarray(START_MS + np.interp(level, BUSY, EDGES) * HOUR_MS, dtype=np.int64)


def _space(owner: Ints, start: Ints, length: Ints) -> Ints:
    """Move sessions later until each starts ``length`` after the one before it (a running maximum within the user)."""
    before = np.cumsum(length) - length
    first = np.diff(owner, prepend=-1) > 0
    before -= before[first][owner]
    far = np.int64(10) ** 12  # keeps the users' running maxima apart
    slack = np.maximum.accumulate(start - START_MS - before + owner * far)
    return np.asarray(slack - owner * far + before + START_MS, dtype=np.int64)
