"""The table of profiles: 88 columns about devices, of which some carry a little signal and most none.

No file says what the host's columns mean. Here, f1 .. f12 are noisy tastes, by channel; f13 .. f15 noisy patience; f16
.. f18 noisy activity; f87 is a word for the activity, the others are noise. Every column lacks values.
"""

from pathlib import Path

import numpy as np
import polars as pl

from common.simulation.writer import append_csv
from competitions.mgtv.io import schema
from competitions.mgtv.simulator.users import Users

BLOCK = 100_000  # devices drawn and written at once
NULLS = 0.1  # of the values of a column
COPIES = 3  # columns of patience, and of activity
WORDS = ("new", "low", "middle", "high", "full")
NOISE = 0.8  # beside a trait


def write_profiles(folder: Path, users: Users, seed: int) -> int:
    """Write the table block by block; its rows."""
    for start in range(0, len(users.activity), BLOCK):
        part, rng = slice(start, start + BLOCK), np.random.default_rng([52, seed, start])
        patience, activity = users.patience[part, None], users.activity[part, None]
        traits = np.hstack([users.taste[part], *[patience] * COPIES, *[activity] * COPIES])
        values = NOISE * rng.standard_normal((len(traits), len(schema.NUMBERS)), dtype=np.float32)
        values[:, 1 : traits.shape[1] + 1] += traits
        words = np.digitize(activity.ravel() + NOISE * rng.standard_normal(len(traits)), [-1.5, -0.5, 0.5, 1.5])
        values[rng.random(values.shape, dtype=np.float32) < NULLS] = np.nan
        words[rng.random(len(words)) < NULLS] = len(WORDS)
        numbers = pl.DataFrame(values, schema=list(schema.NUMBERS)).fill_nan(None)
        frame = numbers.insert_column(0, users.did[part]).with_columns(
            pl.Series([*WORDS, None], dtype=pl.String).gather(words).alias(schema.WORD)
        )
        append_csv(folder / schema.PROFILES, frame, float_precision=3)
    return len(users.activity)
