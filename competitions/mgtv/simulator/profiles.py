"""The table of profiles: 88 columns about devices, of which some carry a little signal and most none.

No file says what the host's columns mean. Here, f1 .. f12 are noisy tastes, by channel; f13 .. f15 noisy patience; f16
.. f18 noisy activity; the count-like columns are heavy-tailed, the first eighteen of them of the same traits; f0, f68
and f69 are codes without signal, f67 is constant; f87 is a word for the activity. The columns of ``EMPTY`` have no
value at all, the others are noise. Every column lacks values.
"""

from pathlib import Path

import numpy as np
import polars as pl

from common.arrays import Floats, Ints, Singles
from common.simulation.writer import append_csv
from competitions.mgtv.io import schema
from competitions.mgtv.simulator.constants import CHANNELS
from competitions.mgtv.simulator.users import Users

# The columns that a team of the 2025 edition took the logarithm of.
COUNTS = (29, 31, 32, 34, 35, 37, 38, 40, 41, 43, 44, 46, 47, 48, 61, 63, 64, 66, 71, 72, 74, 76, 79, 80, 83)
CODES, CONSTANT = {0: 160_000, 68: 500, 69: 500}, 67  # values of a column of codes
DEVICES_A_CODE = 9  # at least
EMPTY = (22, 27, 55, 59, 86)
BLOCK = 100_000  # devices drawn and written at once
MISSING = 0.005  # of the devices have no row
WORDS = ("new", "low", "middle", "high", "full")
NOISE = 0.8  # beside a trait


def write_profiles(folder: Path, users: Users, seed: int) -> int:
    """Write the table block by block; its rows."""
    path, rows, count = folder / schema.PROFILES, 0, len(users.activity)
    nulls = np.random.default_rng([51, seed]).choice([0.01, 0.05, 0.2, 0.5], len(schema.NUMBERS) + 1)
    for start in range(0, count, BLOCK):
        rng = np.random.default_rng([52, seed, start])
        devices = np.arange(start, min(start + BLOCK, count))
        devices = devices[rng.random(len(devices)) >= MISSING]
        frame = _draw_block(users, devices, nulls, rng)
        append_csv(path, frame)
        rows += frame.height
    return rows


def _draw_block(users: Users, devices: Ints, nulls: Floats, rng: np.random.Generator) -> pl.DataFrame:
    columns: dict[str, pl.Series] = {"did": users.did.gather(devices)}
    for at, name in enumerate(schema.NUMBERS):
        values = _draw_column(users, devices, at, rng)
        values[rng.random(len(values), dtype=np.float32) < (1.0 if at in EMPTY else nulls[at])] = np.nan
        columns[name] = pl.Series(values).fill_nan(None)
    loud = users.activity[devices] + NOISE * rng.standard_normal(len(devices), dtype=np.float32)
    words = np.digitize(loud, [-1.5, -0.5, 0.5, 1.5])
    words[rng.random(len(words)) < nulls[-1]] = len(WORDS)
    columns[schema.WORD] = pl.Series([*WORDS, None], dtype=pl.String).gather(words)
    return pl.DataFrame(columns)


def _draw_column(users: Users, devices: Ints, at: int, rng: np.random.Generator) -> Singles:
    """Values of column f``at``."""
    if at in CODES:
        codes = min(CODES[at], max(len(users.activity) // DEVICES_A_CODE, 1))
        return np.floor(codes * rng.random(len(devices), dtype=np.float32) ** 3).astype(np.float32)
    if at == CONSTANT:
        return np.ones(len(devices), np.float32)
    trait = COUNTS.index(at) if at in COUNTS else at - 1
    value = NOISE * rng.standard_normal(len(devices), dtype=np.float32)
    if trait < len(CHANNELS):
        value += users.taste[devices, trait]
    elif trait < len(CHANNELS) + 3:
        value += users.patience[devices]
    elif trait < len(CHANNELS) + 6:
        value += users.activity[devices]
    return np.asarray(np.floor(np.exp(1.0 + 1.2 * value)) if at in COUNTS else np.round(value, 3))
