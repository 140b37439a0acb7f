"""Tastes: what a company, and a traveller, weighs more than everybody does, told by earlier bookings.

A booking says what was taken and what was left. Let everybody's utility of an option x be w * x, as in a conditional
logit (McFadden 1974), with chances p in a session. Then the booking pulls at the weights with the gradient
g = x(booked) - E_p[x], and what it can tell is the information I = Cov_p[x]. Of somebody with some earlier bookings the
weights deviate from w by about

    d = (sum of I + ridge)^-1 * sum of g

one Newton step from w under a normal prior of precision ``ridge``: the random-effects (mixed) logit by empirical Bayes
(Train 2009, "Discrete Choice Methods with Simulation", chapter 11). Grouped as companies, their routes, and travellers,
each level explains what the one above it left: its gradients are g - I d of the levels above.

Everybody's weights are learned as time goes: a booking is weighed by weights fitted on strictly earlier bookings.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from competitions.flight.splits import Views
from competitions.flight.traits import LEGS

SAMPLED = 30  # options beside the booked one, drawn evenly: a logit stays consistent (McFadden 1978)
FITTED = 4000  # bookings, the latest, that everybody's weights are fitted on
REFIT = 2000  # bookings after which they are fitted anew; at first after 100, 200, 400 ...
WEIGHTS_RIDGE, RIDGE = 1.0, 8.0  # precisions of the priors of everybody's weights and of deviations
STEPS, LONGEST_STEP = 10, 2.0
CHUNK = 2048  # sessions at a time
KEYS: Mapping[str, tuple[str, ...]] = {
    "company": ("company",),
    "habit": ("company", "route"),
    "profile": ("profile",),
}
LONG_MINUTES = 720  # beyond, more minutes do not matter
Floats = NDArray[np.float64]
Array = NDArray[np.float32]
Mask = NDArray[np.bool_]


def _waves(hour: str) -> dict[str, pl.Expr]:
    """A smooth function of the time of day has two harmonics: any hour can be the best one."""
    angle = {times: pl.col(hour) * (2 * np.pi / 24 * times) for times in (1, 2)}
    return {f"{hour}_{wave}{times}": getattr(angle[times], wave)() for times in angle for wave in ("cos", "sin")}


def _excess(minutes: str) -> pl.Expr:
    """Units of two hours beyond the shortest of the session."""
    value = pl.col(minutes).cast(pl.Float32)
    return (value - value.min().over("session")).clip(upper_bound=LONG_MINUTES) / 120


# What tastes are about: x, in units in which tastes differ by about 1.
DESCRIBED: Mapping[str, pl.Expr] = {
    "price": pl.col("price_ratio") * 2,
    **{f"{leg}_excess": _excess(f"{leg}_duration") for leg in LEGS},
    "segments": pl.col("segments_more"),
    **{name: wave for leg in LEGS for name, wave in _waves(f"{leg}_hour").items()},
    "bags": pl.col("bags") > 0,
    "exchange_allowed": pl.col("exchange_allowed"),
    "free_exchange": pl.col("free_exchange"),
    "free_cancel": pl.col("free_cancel"),
    "cabin": pl.col("cabin") > 1,
    "access": pl.col("access_tp"),
    "one_carrier": pl.col("out_carrier") == pl.col("back_carrier"),
    **{f"carrier{code}": pl.col("out_carrier") == code for code in range(3)},  # the three commonest
}
NAMES = tuple(DESCRIBED)


def describe(options: pl.DataFrame) -> Array:
    """x of options with traits: (n, k); what is missing counts as 0."""
    described = options.select(**DESCRIBED).select(pl.all().cast(pl.Float32).fill_nan(None).fill_null(0.0))
    return np.ascontiguousarray(described.to_numpy())


@dataclass(frozen=True)
class Choices:
    """One entry a session with a booking: ``sessions`` (session, time, and the columns of ``KEYS``), its options ``x``
    (n, 1 + SAMPLED, k), the booked one first, and which of these places are taken, ``present`` (n, 1 + SAMPLED).
    """

    sessions: pl.DataFrame
    x: Array
    present: Mask


@dataclass(frozen=True)
class Evidence:
    """Choices in order of time, with what each tells: ``gradient`` (n, k) and ``information`` (n, k, k)."""

    choices: Choices
    gradient: Array
    information: Array


def sample_choices(options: pl.DataFrame) -> Choices:
    """The booked option, and at most ``SAMPLED`` others, of whole sessions with a booking.

    ``options`` has traits, ``chosen`` (1 for the booked option), and time, company, profile and route of the session.
    The draw depends on the session's time and on the positions on its page, not on what else is in the file.
    """
    draw = pl.struct("time", "position").hash(7) // 2 + 1
    drawn = pl.when(pl.col("chosen") == 1).then(pl.lit(0, pl.UInt64)).otherwise(draw)
    place = options.select(place=drawn.rank("ordinal").over("session").cast(pl.Int64) - 1)["place"]
    keep = place <= SAMPLED
    kept = options.select("session", "time", "company", "profile", "route").filter(keep)
    sessions = kept.unique("session", keep="first", maintain_order=True)
    at = kept["session"].rle_id().to_numpy(), place.filter(keep).to_numpy()
    x = np.zeros((sessions.height, 1 + SAMPLED, len(NAMES)), np.float32)
    present = np.zeros(x.shape[:2], bool)
    x[at] = describe(options)[keep.to_numpy()]
    present[at] = True
    return Choices(sessions, x, present)


def weigh(parts: Sequence[Choices]) -> Evidence:
    """Put the choices into order of time and weigh each by what everybody did before."""
    sessions = pl.concat([part.sessions for part in parts])
    order = sessions.with_row_index("at").sort("time", "session")["at"].to_numpy()
    x, present = (np.concatenate([getattr(part, name) for part in parts])[order] for name in ("x", "present"))
    choices = Choices(sessions[order], x, present)
    gradient = np.empty((len(x), x.shape[2]), np.float32)
    information = np.empty((*gradient.shape, x.shape[2]), np.float32)
    times = choices.sessions["time"].to_numpy()
    for first, last in pairwise(list_refits(len(x))):
        weights = fit_weights(choices, np.arange(np.searchsorted(times, times[first])))
        gradient[first:last], information[first:last] = pull(x[first:last], present[first:last], weights)
    return Evidence(choices, gradient, information)


def list_refits(count: int) -> list[int]:
    """Where in a log of ``count`` bookings the weights are fitted anew; begins with 0 and ends with ``count``."""
    places, step = [0], 100
    while places[-1] + step < count:
        places.append(places[-1] + step)
        step = min(max(places[-1], step), REFIT)
    return [*places, count] if count else []


def fit_weights(choices: Choices, rows: NDArray[np.int64]) -> Floats:
    """Everybody's weights (k,) from the latest of the bookings ``rows``, by Newton; zeros where there are none."""
    weights = np.zeros(choices.x.shape[2])
    latest = rows[-FITTED:]
    for _ in range(STEPS if len(latest) else 0):
        slope, bend = -WEIGHTS_RIDGE * weights, WEIGHTS_RIDGE * np.eye(len(weights))
        for part in _chunks(latest):
            gradient, information = pull(choices.x[part], choices.present[part], weights)
            slope += gradient.sum(axis=0, dtype=np.float64)
            bend += information.sum(axis=0, dtype=np.float64)
        step = np.linalg.solve(bend, slope)
        weights = weights + np.clip(step, -LONGEST_STEP, LONGEST_STEP)
        if np.abs(step).max() < 1e-3:
            break
    return weights


def _chunks(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    return (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))


def pull(x: Array, present: Mask, weights: Floats) -> tuple[Array, Array]:
    """Gradient (n, k) and information (n, k, k) of sessions, weighed by ``weights``."""
    gradient = np.empty((len(x), x.shape[2]), np.float32)
    information = np.empty((*gradient.shape, x.shape[2]), np.float32)
    for part in _chunks(np.arange(len(x))):
        utility = np.where(present[part], np.einsum("nmk,k->nm", x[part], weights), -np.inf)
        power = np.exp(utility - utility.max(axis=1, keepdims=True))
        chance = (power / power.sum(axis=1, keepdims=True)).astype(np.float32)
        mean = np.einsum("nm,nmk->nk", chance, x[part])
        spread = (x[part] - mean[:, None]) * np.sqrt(chance)[:, :, None]
        gradient[part], information[part] = x[part][:, 0] - mean, spread.transpose(0, 2, 1) @ spread
    return gradient, information


def look_up(evidence: Evidence, views: Views) -> dict[str, pl.DataFrame]:
    """What every view knows: "everybody" (view, NAMES) and for each of ``KEYS`` one row per (view, key): deviations."""
    sessions = evidence.choices.sessions.with_row_index("at")
    found: dict[str, list[pl.DataFrame]] = {"everybody": [_label(0, pl.DataFrame(), np.empty((0, len(NAMES))))]}
    found |= {name: [_label(0, sessions.select(key).head(0), np.empty((0, len(NAMES))))] for name, key in KEYS.items()}
    for (view,), visible in views.visible.group_by("view", maintain_order=True):
        seen = sessions.join(visible.select("session"), on="session", how="semi", maintain_order="left")
        rows = seen["at"].to_numpy().astype(np.int64)
        found["everybody"].append(_label(view, pl.DataFrame(), fit_weights(evidence.choices, rows)[None]))
        gradient, information = evidence.gradient[rows], evidence.information[rows]
        for name, key in KEYS.items():
            group, keys = _group(seen, key)
            deviation = deviate(gradient, information, group, keys.height)
            found[name].append(_label(view, keys, deviation))
            explained = np.where(group[:, None] >= 0, deviation[group], 0) if len(deviation) else 0
            gradient = gradient - np.einsum("nij,nj->ni", information, np.broadcast_to(explained, gradient.shape))
    return {name: pl.concat(parts) for name, parts in found.items()}


def deviate(gradient: Array, information: Array, group: NDArray[np.int64], groups: int) -> Array:
    """d of each group of bookings: (groups, k); ``group`` (n,) says where a booking belongs, -1 = nowhere."""
    k = gradient.shape[1]
    order = np.argsort(group, kind="stable")[np.count_nonzero(group < 0) :]
    if not len(order):
        return np.zeros((0, k), np.float32)
    starts = np.searchsorted(group[order], np.arange(groups))
    told = np.add.reduceat(information[order], starts) + RIDGE * np.eye(k, dtype=np.float32)
    pulled = np.add.reduceat(gradient[order], starts)
    return np.linalg.solve(told.astype(np.float64), pulled[:, :, None].astype(np.float64))[:, :, 0].astype(np.float32)


def _group(sessions: pl.DataFrame, key: Sequence[str]) -> tuple[NDArray[np.int64], pl.DataFrame]:
    """The group of each session, -1 where a part of the key is missing, and the keys of the groups."""
    keys = sessions.select(key).drop_nulls().unique().sort(key)
    numbered = keys.with_row_index("group").cast({"group": pl.Int64})
    group = sessions.join(numbered, on=list(key), how="left", maintain_order="left")["group"].fill_null(-1)
    return group.to_numpy(), keys


def _label(view: int, keys: pl.DataFrame, values: Array | Floats) -> pl.DataFrame:
    """Rows of a table of ``look_up``."""
    numbers = pl.DataFrame(values.astype(np.float32), schema=dict.fromkeys(NAMES, pl.Float32))
    return pl.concat([keys, numbers], how="horizontal").insert_column(0, _repeat(view, numbers.height))


def _repeat(view: int, count: int) -> pl.Series:
    return pl.Series("view", np.full(count, view, np.int32))
