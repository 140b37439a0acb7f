"""What the networks read beside the numeric features: ids of the video and of the device, and what it watched last.

An id becomes the index of a vector. Fields with more values than ``MOST`` share vectors by a hash (Weinberger et al.
2009), so that the tables stay small at any size of the log.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from competitions.mgtv.features.profile import code_names
from competitions.mgtv.lab.clicks import list_recent
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.split import Slates

Ids = NDArray[np.int64]
MOST = 16_384  # vectors of one field
ITEM_FIELDS = ("video", "collection", "channel", "type", "stype")


@dataclass(frozen=True)
class Fields:
    """Ids by field: 0 is none or unknown. ``ids`` (n, fields), ``sizes``: how many ids each field has."""

    names: tuple[str, ...]
    ids: Ids
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class FieldTables:
    """The fields of all videos and of all devices."""

    videos: Fields
    devices: Fields


@dataclass(frozen=True)
class Inputs:
    """A day as the networks see it, slates in the order of its ``DayFeatures``.

    ``video`` (rows,): row of the video ``Fields``, 0 is none. ``device`` (slates,): row of the device ``Fields``.
    ``watched`` (slates, most): rows of the last clicked videos, latest first; ``rates``: their completion rates, -1
    where unknown.
    """

    video: Ids
    device: Ids
    watched: Ids
    rates: NDArray[np.float32]


@dataclass(frozen=True)
class NetworkDay:
    """A day's numeric features and labels, and its ids."""

    features: DayFeatures
    inputs: Inputs


def code_videos(videos: pl.DataFrame) -> Fields:
    """Ids of the videos' fields; row 0 is no video, row c + 1 the video of code c."""
    return _code(videos.select(ITEM_FIELDS))


def code_devices(profiles: pl.DataFrame, names: Sequence[str]) -> Fields:
    """Ids of the profile columns that are names; row 0 is a device without a profile, row d + 1 device d.

    Rows of ``profiles`` may stand in any order, and devices may lack.
    """
    chosen = [name for name in names if name in profiles.columns]
    coded = profiles.select("device", *(code_names(name) for name in chosen))
    height = int(profiles["device"].max() or 0) + 1 if profiles.height else 0  # type: ignore[arg-type]
    every = pl.DataFrame({"device": pl.int_range(height, dtype=pl.Int32, eager=True)})
    return _code(every.join(coded, on="device", how="left", maintain_order="left").drop("device"))


def _code(frame: pl.DataFrame) -> Fields:
    """Codes (from 0, null none) as ids from 1, hashed where they are many."""
    columns, sizes = [np.zeros((frame.height + 1, 0), np.int64)], []
    for name in frame.columns:
        code = frame[name].cast(pl.Int64).fill_null(-1).to_numpy()
        ids = np.where(code < 0, 0, code % MOST + 1)
        columns.append(np.concatenate([[0], ids])[:, None])
        sizes.append(int(ids.max(initial=0)) + 1)
    return Fields(tuple(frame.columns), np.hstack(columns), tuple(sizes))


def look_up(log: pl.DataFrame, slates: Slates, devices: int, most: int) -> Inputs:
    """The inputs of a day from the log before it; ``devices``: rows of the device ``Fields``."""
    recent = list_recent(log, slates, most)
    queries = slates.queries.height
    watched, rates = np.zeros((queries, most), np.int64), np.full((queries, most), -1.0, np.float32)
    at = recent["query"].to_numpy(), recent["back"].to_numpy()
    watched[at] = recent["video"].to_numpy() + 1
    rates[at] = recent["t"].fill_null(-1.0).to_numpy().clip(-1.0, 2.0)
    shown = slates.rows["query"].unique(maintain_order=True).to_numpy()  # a query without rows is no slate
    device = slates.queries["device"].to_numpy()[shown].astype(np.int64) + 1
    device = np.where(device < devices, device, 0)
    return Inputs(slates.rows["video"].to_numpy().astype(np.int64) + 1, device, watched[shown], rates[shown])
