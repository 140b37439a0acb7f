"""The table of profiles: 88 columns about devices, of which some carry a little signal and most none.

No file says what the host's columns mean. Here, f1 .. f12 are noisy tastes, by channel; f13 .. f15 noisy patience; f16
.. f18 noisy activity; f68 is the region, which shares tastes; f69 and f0 are codes without signal; f67 is constant; the
count-like columns are heavy-tailed, the first twelve of them counts of what the device watched in a channel, four more
of its activity and two of its patience; f87 is a word for the activity. The columns of ``EMPTY`` have no value at all,
the others are noise. Every column lacks values.
"""

from pathlib import Path

import numpy as np
import polars as pl

from common.arrays import Floats, Ints, Singles
from common.simulation.writer import append_csv
from competitions.mgtv.io import schema
from competitions.mgtv.simulator.constants import CHANNELS
from competitions.mgtv.simulator.users import REGIONS, Users

# The columns that a team of the 2025 edition took the logarithm of.
COUNTS = (29, 31, 32, 34, 35, 37, 38, 40, 41, 43, 44, 46, 47, 48, 61, 63, 64, 66, 71, 72, 74, 76, 79, 80, 83)
CODE, CONSTANT, REGION, OTHER_CODE = 0, 67, 68, 69
CODES = 160_000  # values of f0 at scale 1
EMPTY = (22, 27, 55, 59, 86)
BLOCK = 100_000  # devices drawn and written at once
MISSING = 0.005  # of the devices have no row
WORDS = ("new", "low", "middle", "high", "full")
TASTE_NOISE, TRAIT_NOISE = 0.8, 0.8


def write_profiles(folder: Path, users: Users, seed: int) -> int:
    """Write the table block by block; its rows."""
    path, rows, count = folder / schema.PROFILES, 0, len(users.activity)
    nulls = np.random.default_rng([51, seed]).choice([0.01, 0.05, 0.2, 0.5], len(schema.NUMBERS) + 1)
    for start in range(0, count, BLOCK):
        rng = np.random.default_rng([52, seed, start])
        devices = np.arange(start, min(start + BLOCK, count))
        devices = devices[rng.random(len(devices)) >= MISSING]
        frame = _draw_block(users, devices, nulls, max(count // 9, 1), rng)
        append_csv(path, frame)
        rows += frame.height
    return rows


def _draw_block(users: Users, devices: Ints, nulls: Floats, codes: int, rng: np.random.Generator) -> pl.DataFrame:
    columns: dict[str, pl.Series] = {"did": users.did.gather(devices)}
    for at, name in enumerate(schema.NUMBERS):
        if at in EMPTY:
            columns[name] = pl.repeat(None, len(devices), dtype=pl.Float32, eager=True)
            continue
        values = _draw_column(users, devices, at, min(codes, CODES), rng)
        values[rng.random(len(values), dtype=np.float32) < nulls[at]] = np.nan
        columns[name] = pl.Series(values).fill_nan(None)
    loud = users.activity[devices] + TRAIT_NOISE * rng.standard_normal(len(devices), dtype=np.float32)
    words = np.digitize(loud, [-1.5, -0.5, 0.5, 1.5])
    words[rng.random(len(words)) < nulls[-1]] = len(WORDS)
    columns[schema.WORD] = pl.Series([*WORDS, None], dtype=pl.String).gather(words)
    return pl.DataFrame(columns)


def _draw_column(users: Users, devices: Ints, at: int, codes: int, rng: np.random.Generator) -> Singles:
    """Values of column f``at``."""
    count, channels = len(devices), len(CHANNELS)
    noise = rng.standard_normal(count, dtype=np.float32)
    if at == CODE:
        return np.floor(codes * rng.random(count, dtype=np.float32) ** 3).astype(np.float32)
    if at == CONSTANT:
        return np.ones(count, np.float32)
    if at == REGION:
        return users.region[devices].astype(np.float32)
    if at == OTHER_CODE:
        return np.floor(REGIONS * rng.random(count, dtype=np.float32) ** 2).astype(np.float32)
    if at in COUNTS:
        return _draw_counts(users, devices, COUNTS.index(at), noise)
    signal: Singles = noise
    if at <= channels:
        signal = users.taste[devices, at - 1] + TASTE_NOISE * noise
    elif at <= channels + 3:
        signal = users.patience[devices] + TRAIT_NOISE * noise
    elif at <= channels + 6:
        signal = users.activity[devices] + TRAIT_NOISE * noise
    return np.asarray(np.round(signal, 3))


def _draw_counts(users: Users, devices: Ints, at: int, noise: Singles) -> Singles:
    """Heavy-tailed counts: exp of a trait and noise, rounded down."""
    level: Singles = noise
    if at < len(CHANNELS):
        level = 0.7 * users.taste[devices, at] + 0.5 * users.activity[devices] + 0.7 * noise
    elif at < len(CHANNELS) + 4:
        level = 0.9 * users.activity[devices] + 0.6 * noise
    elif at < len(CHANNELS) + 6:
        level = 0.8 * users.patience[devices] + 0.7 * noise
    return np.asarray(np.floor(np.exp(1.0 + 1.4 * level)), np.float32)
