"""Flight features as rows per second, and the block lift beside the same features in pandas on a sample.

    python -m tests.benches.flight_features --scale 1.0

At scale 1.0 a 25th of the host's train file is simulated: features are built slice by slice, so that the rate does not
depend on the size. The pandas side is what one writes by hand, a ``merge`` for each key; before anything is timed every
value is compared with ours.
"""

import pickle
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from competitions.flight.competition import COMPETITION
from competitions.flight.features import booking_history
from competitions.flight.features.booking_history import LIFTS
from competitions.flight.features.build import build_features
from competitions.flight.features.history_features import SESSION_KEYS
from competitions.flight.features.option_attributes import slice_sessions, take_options
from competitions.flight.io import reader
from competitions.flight.ranking.training_data import SLICE_ROWS
from competitions.flight.simulator.simulate import simulate
from competitions.flight.split import Snapshots, split_last
from tests.benches.side_by_side import Ready, main

try:
    import pandas as pd  # type: ignore[import-untyped]
except ModuleNotFoundError:
    sys.exit("This bench compares with pandas, which is not installed: pip install pandas")

SIMULATED, SEED = 0.04, 0
SAMPLE_ROWS = 150_000  # of the latest sessions, which have most to look back on
DEFAULT = ("core", "pair", "lift", "taste", "tariff")
TOLERANCE = 1e-4
OPTION_KEYS = ["out_carrier", "back_carrier", "out_flight", "back_flight", "out_origin"]
Frame = Any  # pandas.DataFrame; pandas has no types of its own
Made = tuple[int, int]  # rows, features
Inputs = tuple[reader.Searches, Snapshots, booking_history.History]


def prepare(folder: Path, scale: float) -> str:
    """A simulated train file, read, with the history that its sessions may look back on; and the sample for pandas."""
    made = simulate(folder / "raw", SIMULATED * scale, SEED)
    train = reader.read_searches(made.train, reader.learn_codes(made.train), labelled=True)
    snapshots = split_last(train.sessions, COMPETITION.load_config([]).split).final
    past = booking_history.build_history(booking_history.collect_bookings(train), snapshots)
    (folder / "inputs.pickle").write_bytes(pickle.dumps((train, snapshots, past)))
    first = int((train.sessions["size"].reverse().cum_sum().reverse() > SAMPLE_ROWS).sum())
    last = train.sessions.height
    options = take_options(train.options, train.sessions, first, last)
    sessions = train.sessions[first:].join(snapshots.assigned, on="session", maintain_order="left")
    keys = options.select("session", *OPTION_KEYS).join(
        sessions.select("session", "snapshot", *SESSION_KEYS), on="session", maintain_order="left"
    )
    keys.write_parquet(folder / "keys.parquet")
    for name, table in past.lifts.items():
        table.write_parquet(folder / f"{name}.parquet")
    ours = build_features(train, first, last, snapshots.assigned, past, ["lift"])
    refuse_other(ours, encode_lifts(*read_for_pandas(folder)))
    return (
        f"{train.options.height:,} options of {last:,} searches; pandas on the last {ours.height:,}; "
        f"{ours.width} features equal to {TOLERANCE:g}"
    )


def refuse_other(ours: pl.DataFrame, theirs: Frame) -> None:
    """Refuse to go on where pandas gives another value, or none for a feature of ours."""
    if set(ours.columns) != set(theirs.columns):
        raise SystemExit(f"The two sides differ in {sorted(set(ours.columns) ^ set(theirs.columns))}.")
    for name in ours.columns:
        other = ~np.isclose(theirs[name].to_numpy(), ours[name].to_numpy(), TOLERANCE, TOLERANCE)
        if other.any():
            raise SystemExit(f"{name} differs in {other.sum()} rows, first {int(other.argmax())}.")


def build_blocks(folder: Path, blocks: Sequence[str]) -> Ready:
    """The project's function on the whole file, slice by slice as the pipeline calls it."""
    inputs: Inputs = pickle.loads((folder / "inputs.pickle").read_bytes())
    train, snapshots, past = inputs

    def run() -> Made:
        rows = features = 0
        for first, last in slice_sessions(train.sessions, SLICE_ROWS):
            frame = build_features(train, first, last, snapshots.assigned, past, blocks)
            rows, features = rows + frame.height, frame.width
        return rows, features

    return run


def build_default(folder: Path) -> Ready:
    """The blocks of a default run."""
    return build_blocks(folder, DEFAULT)


def build_lifts(folder: Path) -> Ready:
    """The block that the pandas side makes."""
    return build_blocks(folder, ["lift"])


def in_pandas(folder: Path) -> Ready:
    """The same features of the sample."""
    inputs = read_for_pandas(folder)

    def run() -> Made:
        made = encode_lifts(*inputs)
        return len(made), len(made.columns)

    return run


def read_for_pandas(folder: Path) -> tuple[Frame, dict[str, Frame]]:
    """What each option of the sample is looked up by, and the history's tables."""
    lifts = {name: pd.read_parquet(folder / f"{name}.parquet") for name in LIFTS}
    return pd.read_parquet(folder / "keys.parquet"), lifts


def encode_lifts(keys: Frame, lifts: dict[str, Frame]) -> Frame:
    """How much more often its carriers and flights were booked than offered: one row per option."""
    made: dict[str, Frame] = {}
    for name, key in LIFTS.items():
        met = keys.merge(lifts[name], on=["snapshot", *key], how="left")
        made[f"lift_{name}"] = met["lift"].fillna(0)
        if name.startswith(("habit", "profile", "carrier_profile")):
            made[f"lift_{name}_times"] = met["times"].fillna(0)
    return pd.DataFrame({name: np.asarray(values, np.float32) for name, values in made.items()})


def describe(made: Made, seconds: float) -> dict[str, Any]:
    """The rate; ``times`` compares the cost of a row."""
    rows, features = made
    return {"units": rows, "rows": rows, "features": features, "rows/s": rows / seconds}


if __name__ == "__main__":
    ways = {"build, default blocks": build_default, "pandas, lift of a sample": in_pandas, "build, lift": build_lifts}
    main("tests.benches.flight_features", "Flight features", ways, prepare, describe)
