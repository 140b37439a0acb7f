"""Preferences: what a company, and a traveller, weighs more than everybody does, estimated from earlier bookings.

A booking says what was taken and what was left. Let the utility of an option x be w * x, as in a conditional logit
(McFadden 1974), with probabilities p in a session. Then a booking's gradient of the log likelihood is
g = x(booked) - E_p[x], and its information is I = Cov_p[x]. Somebody's weights are w + d, and d is
estimated from his earlier bookings by Newton's method under a normal prior of precision ``ridge``, from d = 0 by

    d <- d + (sum of I + ridge)^-1 (sum of g - ridge * d)

the random-effects (mixed) logit by empirical Bayes (Train 2009, "Discrete Choice Methods with Simulation", chapter 11).
Levels are added one after the other: everybody, the company, its habits on a route, the traveller; each explains what
is left. All of it is a function of the bookings visible in a snapshot, so of strictly earlier ones.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.arrays import Floats
from common.engine.progress import track, warn
from common.learning.conditional_logit import fit_choices
from common.learning.dataset import Matrix
from competitions.flight.features.option_attributes import LEGS
from competitions.flight.split import Snapshots

SAMPLED = 30  # options beside the booked one, drawn evenly: a logit stays consistent (McFadden 1978)
FITTED = 4000  # bookings, the latest, that everybody's weights are fitted on
EVERYBODY_RIDGE, STEPS, LONGEST_STEP, SETTLED = 1.0, 10, 2.0, 1e-3
CHUNK = 2048  # sessions at a time
CHECKED = 4000  # bookings, by which it is judged whether a level's steps were enough
LEAST_GAIN = 2e-3  # nats a booking that more steps may leave
LONG_MINUTES = 720  # beyond, more minutes do not matter
Mask = NDArray[np.bool_]


class Level(NamedTuple):
    """Who shares a deviation, the precision of its prior at 0, and the number of Newton steps."""

    key: tuple[str, ...]
    ridge: float
    steps: int


# Precisions between the two of 2 to 50 that gave simulated held-out bookings the highest likelihood; see LOG.md.
LEVELS: Mapping[str, Level] = {
    "company": Level(("company",), 6.0, 2),
    "habit": Level(("company", "route"), 12.0, 1),
    "profile": Level(("profile",), 12.0, 1),
}


def _waves(hour: str, harmonics: int) -> dict[str, pl.Expr]:
    """A smooth function of the time of day is a sum of waves: any hour can be the best one."""
    angle = {times: pl.col(hour) * (2 * np.pi / 24 * times) for times in range(1, 1 + harmonics)}
    return {f"{hour}_{wave}{times}": getattr(angle[times], wave)() for times in angle for wave in ("cos", "sin")}


def _excess(minutes: str) -> pl.Expr:
    """Units of two hours beyond the shortest of the session."""
    value = pl.col(minutes).cast(pl.Float32)
    return (value - value.min().over("session")).clip(upper_bound=LONG_MINUTES) / 120


# The attributes x that preferences weigh, in units in which the weights differ by about 1.
COVARIATES: Mapping[str, pl.Expr] = {
    "price": pl.col("price_ratio") * 2,
    "dearer": pl.col("fare_level") > 0,  # a fare for which there is a cheaper one on the same flights
    **{f"{leg}_excess": _excess(f"{leg}_duration") for leg in LEGS},
    "segments": pl.col("segments_more"),
    **{name: wave for leg in LEGS for name, wave in _waves(f"{leg}_hour", 2).items()},
    **{name: wave for leg in LEGS for name, wave in _waves(f"{leg}_arrival_hour", 1).items()},
    "bags": pl.col("bags") > 0,
    "exchange_allowed": pl.col("exchange_allowed"),
    "free_exchange": pl.col("free_exchange"),
    "free_cancel": pl.col("free_cancel"),
    "cabin": pl.col("cabin") > 1,
    "access": pl.col("access_tp"),
    "coded": pl.col("coded"),
    "one_carrier": pl.col("out_carrier") == pl.col("back_carrier"),
    **{f"carrier{code}": pl.col("out_carrier") == code for code in range(3)},  # the three commonest
}
NAMES = tuple(COVARIATES)


def encode_options(options: pl.DataFrame) -> Matrix:
    """x of options with attributes: (n, k); what is missing counts as 0."""
    x = options.select(**COVARIATES).select(pl.all().cast(pl.Float32).fill_nan(None).fill_null(0.0))
    return np.ascontiguousarray(x.to_numpy())


@dataclass(frozen=True)
class Choices:
    """One entry a session with a booking: ``sessions`` (session, time, company, profile, route), its options ``x``
    (n, 1 + SAMPLED, k), the booked one first, and which of these rows are filled, ``present`` (n, 1 + SAMPLED).
    """

    sessions: pl.DataFrame
    x: Matrix
    present: Mask


def sample_choices(options: pl.DataFrame) -> Choices:
    """The booked option, and at most ``SAMPLED`` others, of whole sessions with a booking.

    ``options`` has attributes, ``chosen`` (1 for the booked option), and the session's time, company, profile, route.
    The draw depends on the session's time and on the positions on its page, not on what else is in the file.
    """
    draw = pl.struct("time", "position").hash(7) // 2 + 1
    drawn = pl.when(pl.col("chosen") == 1).then(pl.lit(0, pl.UInt64)).otherwise(draw)
    rank = options.select(rank=drawn.rank("ordinal").over("session").cast(pl.Int64) - 1)["rank"]
    keep = rank <= SAMPLED
    kept = options.select("session", "time", "company", "profile", "route").filter(keep)
    sessions = kept.unique("session", keep="first", maintain_order=True)
    cells = kept["session"].rle_id().to_numpy(), rank.filter(keep).to_numpy()
    x = np.zeros((sessions.height, 1 + SAMPLED, len(NAMES)), np.float32)
    present = np.zeros(x.shape[:2], bool)
    x[cells] = encode_options(options)[keep.to_numpy()]
    present[cells] = True
    return Choices(sessions, x, present)


def order_choices(parts: Sequence[Choices]) -> Choices:
    """All of them in order of time."""
    sessions = pl.concat([part.sessions for part in parts])
    order = sessions.with_row_index("row").sort("time", "session")["row"].to_numpy()
    x, present = (np.concatenate([getattr(part, name) for part in parts])[order] for name in ("x", "present"))
    return Choices(sessions[order], x, present)


def estimate_preferences(choices: Choices, snapshots: Snapshots) -> dict[str, pl.DataFrame]:
    """By snapshot the weights of "everybody" (snapshot, NAMES), and for each of ``LEVELS`` the deviations, one row per
    (snapshot, key).
    """
    sessions, nothing = choices.sessions.with_row_index("row"), np.empty((0, len(NAMES)))
    keys = {"everybody": pl.DataFrame()} | {name: sessions.select(level.key).head(0) for name, level in LEVELS.items()}
    tables = {name: [_to_table(0, empty, nothing)] for name, empty in keys.items()}
    everybody, by_time = np.zeros(len(NAMES)), not snapshots.assigned["until"].null_count()
    last = snapshots.visible["snapshot"].last()
    for (snapshot,), visible in track(snapshots.visible.group_by("snapshot", maintain_order=True), "preferences"):
        bookings = sessions.join(visible.select("session"), on="session", how="semi", maintain_order="left")
        rows = bookings["row"].to_numpy()
        x, present = choices.x[rows], choices.present[rows]
        # A later snapshot's weights are near: Newton's method needs two or three steps from there. Of folds, which see
        # each other's bookings, none may begin at another's.
        start = everybody if by_time else np.zeros(len(NAMES))
        everybody = fit_weights(x[-FITTED:], present[-FITTED:], start)
        tables["everybody"].append(_to_table(snapshot, keys["everybody"], everybody[None]))
        weights = np.broadcast_to(everybody, (len(x), len(everybody)))
        for name, level in LEVELS.items():
            group, groups = _group(bookings, level.key)
            deviations = fit_deviations(x, present, weights, group, level)
            tables[name].append(_to_table(snapshot, groups, deviations))
            if snapshot == last:
                check_deviations(name, x, present, weights, group, deviations)
            weights = weights + take_deviations(deviations, group)
    return {name: pl.concat(frames) for name, frames in tables.items()}


def fit_weights(x: Matrix, present: Mask, weights: Floats) -> Floats:
    """Everybody's weights (k,) from bookings, by Newton's method from given ones, which stay where there are none.

    Where its steps do not settle, by the common conditional logit, from 0.
    """
    for _ in range(STEPS if len(x) else 0):
        slope, curvature = -EVERYBODY_RIDGE * weights, EVERYBODY_RIDGE * np.eye(len(weights))
        for part in _chunks(len(x)):
            gradient, information = compute_gradients(x[part], present[part], weights)
            slope += gradient.sum(axis=0, dtype=np.float64)
            curvature += information.sum(axis=0, dtype=np.float64)
        step = np.linalg.solve(curvature, slope)
        weights = weights + np.clip(step, -LONGEST_STEP, LONGEST_STEP)
        if np.abs(step).max() < SETTLED:
            return weights
    if not len(x):
        return weights
    booked = np.zeros(present.shape, np.float32)
    booked[:, 0] = 1
    sizes, ridge = present.sum(axis=1).astype(np.int32), EVERYBODY_RIDGE / len(x)  # of the mean over the bookings
    return fit_choices(x[present], sizes, booked[present], ridge, "everybody's preferences")


def fit_deviations(x: Matrix, present: Mask, weights: Floats, group: NDArray[np.int64], level: Level) -> Floats:
    """The deviation of every group of bookings from ``weights`` (n, k), the weights of each so far: (groups, k).

    ``group`` (n,) numbers the groups from 0; -1 belongs to none.
    """
    deviations = np.zeros((group.max(initial=-1) + 1, x.shape[2]))
    for _ in range(level.steps):
        deviations = deviations + take_step(x, present, weights, group, level, deviations)[0]
    return deviations


def take_step(
    x: Matrix, present: Mask, weights: Floats, group: NDArray[np.int64], level: Level, deviations: Floats
) -> tuple[Floats, Floats]:
    """Newton's next step of each group from its deviation (groups, k), and the nats that it should gain (groups,): half
    the Newton decrement.
    """
    order = np.argsort(group, kind="stable")[np.count_nonzero(group < 0) :]
    if not len(order):
        return deviations, np.empty(0)
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    gradient, information = compute_gradients(x, present, weights + take_deviations(deviations, group))
    curvature = np.add.reduceat(information[order], starts) + level.ridge * np.eye(x.shape[2])
    slope = np.add.reduceat(gradient[order], starts) - level.ridge * deviations
    step = np.linalg.solve(curvature, slope[:, :, None])[:, :, 0]
    return np.asarray(step), np.asarray((slope * step).sum(axis=1) / 2)


def check_deviations(
    name: str, x: Matrix, present: Mask, weights: Floats, group: NDArray[np.int64], deviations: Floats
) -> None:
    """Say where the steps of a level left much of the likelihood, by its first groups, of ``CHECKED`` bookings."""
    sizes = np.cumsum(np.bincount(group[group >= 0], minlength=len(deviations)))
    some = max(int((sizes <= CHECKED).sum()), 1)
    rows = np.flatnonzero((group >= 0) & (group < some))
    if not len(rows):
        return
    gains = take_step(x[rows], present[rows], weights[rows], group[rows], LEVELS[name], deviations[:some])[1]
    if (gain := float(gains.sum()) / len(rows)) > LEAST_GAIN:
        steps = LEVELS[name].steps
        warn(
            f"The preferences by {name} did not converge: more than {steps} steps would gain {gain:.2g} nats a booking."
        )


def take_deviations(deviations: Floats, group: NDArray[np.int64]) -> Floats:
    """Each booking's own (n, k); zeros for those of no group."""
    return np.vstack([deviations, np.zeros((1, deviations.shape[1]))])[group]


def compute_gradients(x: Matrix, present: Mask, weights: Floats) -> tuple[Matrix, Matrix]:
    """Gradient (n, k) and information (n, k, k) of sessions, under ``weights`` (k,) or (n, k)."""
    weights = np.broadcast_to(weights, (len(x), x.shape[2]))
    gradient = np.empty(weights.shape, np.float32)
    information = np.empty((*gradient.shape, x.shape[2]), np.float32)
    for part in _chunks(len(x)):
        utility = np.where(present[part], np.einsum("nmk,nk->nm", x[part], weights[part]), -np.inf)
        power = np.exp(utility - utility.max(axis=1, keepdims=True))
        probability = (power / power.sum(axis=1, keepdims=True)).astype(np.float32)
        mean = np.einsum("nm,nmk->nk", probability, x[part])
        spread = (x[part] - mean[:, None]) * np.sqrt(probability)[:, :, None]
        gradient[part], information[part] = x[part][:, 0] - mean, spread.transpose(0, 2, 1) @ spread
    return gradient, information


def _chunks(count: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, count, CHUNK))


def _group(sessions: pl.DataFrame, key: Sequence[str]) -> tuple[NDArray[np.int64], pl.DataFrame]:
    """The group of each session, -1 where a part of the key is missing, and the keys of the groups."""
    keys = sessions.select(key).drop_nulls().unique().sort(key)
    numbered = keys.with_row_index("group").cast({"group": pl.Int64})
    group = sessions.join(numbered, on=list(key), how="left", maintain_order="left")["group"].fill_null(-1)
    return group.to_numpy(), keys


def _to_table(snapshot: int, keys: pl.DataFrame, values: Floats) -> pl.DataFrame:
    """Rows of a table of ``estimate_preferences``."""
    numbers = pl.DataFrame(values.astype(np.float32), schema=dict.fromkeys(NAMES, pl.Float32))
    column = pl.Series("snapshot", np.full(numbers.height, snapshot, np.int32))
    return pl.concat([keys, numbers], how="horizontal").insert_column(0, column)
