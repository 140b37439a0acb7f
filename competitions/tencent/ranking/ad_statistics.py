"""What is known of every ad at a time: how much it is shown lately, how long it has run, how ads of its features do."""

from dataclasses import dataclass

import numpy as np

from competitions.tencent.corpus import Bools, Catalogue, Floats, Int64s
from competitions.tencent.io import schema
from competitions.tencent.sequences import Histories
from competitions.tencent.split import HOUR_S, end_time

FADES_H = (2.0, 8.4, 30.0, 120.0)  # an event counts exp(-age / fade)
CLICK_FADE_H = 30.0
ALIVE_H, YOUNG_H, RECENT_H = 72.0, 240.0, 24.0
FLOOR = 0.05  # of faded events, below one event of yesterday
SHRINK = 5.0  # ads that a value's rate is pulled to the mean by


@dataclass(frozen=True)
class AdStatistics:
    """One row per row of the catalogue. ``own`` float32 [rows, columns of ``names``]: of the ad; ``values`` float32
    [rows, 2 x features]: logarithm of the mean events of the last day, and of the events in all, of the ads with its
    value. ``events`` int64 [rows] of each ad.
    """

    names: tuple[str, ...]
    own: Floats
    values: Floats
    events: Int64s


def compute_statistics(history: Histories, catalogue: Catalogue, *, times: bool) -> AdStatistics:
    """From the events of these histories, at the second behind the last of them; without ``times`` only how many
    events an ad has.
    """
    rows, sequences, events = len(catalogue.oid), history.sequences, history.events()
    item = sequences.item[events]
    count = np.bincount(item, minlength=rows)
    if not times:
        counted = np.log1p(count).astype(np.float32)[:, None]
        return AdStatistics(("events",), counted, np.empty((rows, 0), np.float32), count)
    now = end_time(history)
    age = np.maximum(now - sequences.time[events], 0) / HOUR_S  # a date from behind the end is wrong: it counts once
    clicked = sequences.action[events] >= schema.CLICK
    faded = [np.bincount(item, np.exp(-age / fade), rows) for fade in FADES_H]
    faded.append(np.bincount(item, np.exp(-age / CLICK_FADE_H) * clicked, rows))
    first, last = np.full(rows, 0.0), np.full(rows, np.inf)
    np.maximum.at(first, item, age)
    np.minimum.at(last, item, age)
    recent = np.bincount(item[age < RECENT_H], minlength=rows).astype(np.float64)
    codes = np.asarray(catalogue.features)
    shown = [mean_by_value(codes[:, at], recent, last < ALIVE_H) for at in range(codes.shape[1])]
    lasting = np.log1p(count)
    total = [mean_by_value(codes[:, at], lasting, (count > 0) & (first < YOUNG_H)) for at in range(codes.shape[1])]
    columns = [
        *(np.log(values + FLOOR) for values in faded),
        lasting,
        np.log1p(first),
        np.log1p(np.where(count > 0, last, 0.0)),
        count == 0,
    ]
    names = (*(f"events faded by {fade:g} h" for fade in FADES_H), "clicks faded", "events", "age", "idle", "unseen")
    values = np.log(np.column_stack([*shown, *total]) + 1e-3)
    return AdStatistics(names, np.column_stack(columns).astype(np.float32), values.astype(np.float32), count)


def mean_by_value(codes: np.ndarray, values: np.ndarray, among: Bools) -> np.ndarray:
    """The mean of ``values`` over the ads ``among`` that share an ad's code, for every ad; few ads are pulled to the
    mean of all.
    """
    mean = float(values[among].mean()) if among.any() else 0.0
    ads = np.bincount(codes[among], minlength=int(codes.max(initial=0)) + 1)
    total = np.bincount(codes[among], values[among], len(ads))
    return np.asarray(((total + SHRINK * mean) / (ads + SHRINK))[codes])
