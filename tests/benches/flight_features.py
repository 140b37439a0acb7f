"""Flight features as rows per second, beside the same features in pandas on a sample.

    python -m tests.benches.flight_features --scale 1.0

At scale 1.0 a 25th of the host's train file is simulated: features are built slice by slice, so that the rate does not
depend on the size. The pandas side is what one writes by hand: ``groupby`` with ``transform`` and ``rank``, and
``merge`` for the history. It makes the largest blocks, within, history and lift, and before anything is timed every
value is compared with ours. ``times`` is the cost of a row over that of the same blocks.
"""

import pickle
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from competitions.flight.competition import COMPETITION
from competitions.flight.config import BLOCKS
from competitions.flight.features import booking_history
from competitions.flight.features.booking_history import DETAILED, KEYS, LIFTS, SPREADS
from competitions.flight.features.build import build_features
from competitions.flight.features.history_features import COUNTED, SESSION_KEYS
from competitions.flight.features.option_attributes import (
    ATTRIBUTES,
    DAY_MINUTES,
    FLIGHTS,
    slice_sessions,
    take_options,
)
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
COMPARED = ("within", "history", "lift")
TOLERANCE, AT_A_BORDER = 1e-4, 0.05
DAY_MS = 86_400_000
Frame = Any  # pandas.DataFrame; pandas has no types of its own
Made = tuple[int, int]  # rows, features


def prepare(folder: Path, scale: float) -> str:
    """A simulated train file, read, with the history that its sessions may look back on; and the sample for pandas."""
    made = simulate(folder / "raw", SIMULATED * scale, SEED)
    train = reader.read_searches(made.train, reader.learn_codes(made.train), labelled=True)
    snapshots = split_last(train.sessions, COMPETITION.load_config([]).split).final
    past = booking_history.build_history(booking_history.collect_bookings(train), snapshots)
    (folder / "inputs.pickle").write_bytes(pickle.dumps((train, snapshots, past)))
    first = find_sample(train.sessions)
    _write_sample(folder, train, snapshots, past, first)
    features, rows = compare(folder, first)
    return (
        f"{train.options.height:,} options of {train.sessions.height:,} searches; pandas on the last {rows:,}; "
        f"{features} features equal to {TOLERANCE:g}"
    )


def find_sample(sessions: pl.DataFrame) -> int:
    """The first session of the sample."""
    return int((sessions["size"].reverse().cum_sum().reverse() > SAMPLE_ROWS).sum())


def _write_sample(
    folder: Path, train: reader.Searches, snapshots: Snapshots, past: booking_history.History, first: int
) -> None:
    last = train.sessions.height
    take_options(train.options, train.sessions, first, last).write_parquet(folder / "options.parquet")
    sessions = train.sessions[first:].join(snapshots.assigned, on="session", maintain_order="left").drop("loyalty")
    sessions.write_parquet(folder / "sessions.parquet")
    for kind, tables in (("means", past.means), ("lifts", past.lifts)):
        for name, table in tables.items():
            table.write_parquet(folder / f"{kind}-{name}.parquet")


def compare(folder: Path, first: int) -> tuple[int, int]:
    """Refuse to go on where pandas gives another value, or none for a feature of ours; (features, rows)."""
    train, snapshots, past = read(folder)
    ours = build_features(train, first, train.sessions.height, snapshots.assigned, past, COMPARED)
    theirs = make_in_pandas(*read_for_pandas(folder))
    if set(ours.columns) != set(theirs.columns):
        raise SystemExit(f"The two sides differ in {sorted(set(ours.columns) ^ set(theirs.columns))}.")
    for name in ours.columns:
        expected, computed = ours[name].to_numpy().astype(np.float64), theirs[name].to_numpy()
        other = ~np.isclose(computed, expected, TOLERANCE, TOLERANCE, equal_nan=True)
        # A quartile is often the very value of an option: there the last bit of a float decides.
        if other.mean() > (AT_A_BORDER if name.endswith("_usual") else 0):
            at = int(other.argmax())
            raise SystemExit(f"{name} differs in {other.sum()} rows, first {at}: {computed[at]}, {expected[at]}.")
    return len(ours.columns), ours.height


def read(folder: Path) -> tuple[reader.Searches, Snapshots, booking_history.History]:
    """Searches, snapshots and history, as ``prepare`` left them."""
    inputs: tuple[reader.Searches, Snapshots, booking_history.History] = pickle.loads(
        (folder / "inputs.pickle").read_bytes()
    )
    return inputs


def build_blocks(folder: Path, blocks: Sequence[str]) -> Ready:
    """The project's function on the whole file, slice by slice as the pipeline calls it."""
    train, snapshots, past = read(folder)

    def run() -> Made:
        rows = features = 0
        for first, last in slice_sessions(train.sessions, SLICE_ROWS):
            frame = build_features(train, first, last, snapshots.assigned, past, blocks)
            rows, features = rows + frame.height, frame.width
        return rows, features

    return run


def build_all(folder: Path) -> Ready:
    """All blocks."""
    return build_blocks(folder, BLOCKS)


def build_compared(folder: Path) -> Ready:
    """The blocks that the pandas side makes."""
    return build_blocks(folder, COMPARED)


def in_pandas(folder: Path) -> Ready:
    """The same features of the sample."""
    inputs = read_for_pandas(folder)

    def run() -> Made:
        made = make_in_pandas(*inputs)
        return len(made), len(made.columns)

    return run


Tables = dict[str, Frame]


def read_for_pandas(folder: Path) -> tuple[Frame, Frame, Tables, Tables]:
    """Options and sessions of the sample, and the history's tables."""
    means, lifts = (
        {name: pd.read_parquet(folder / f"{kind}-{name}.parquet") for name in names}
        for kind, names in (("means", KEYS), ("lifts", LIFTS))
    )
    options, sessions = (pd.read_parquet(folder / f"{name}.parquet") for name in ("options", "sessions"))
    return options, sessions, means, lifts


def make_in_pandas(options: Frame, sessions: Frame, means: Tables, lifts: Tables) -> Frame:
    """The blocks within, history and lift: one row per option."""
    options = add_attributes(options)
    within = {**compare_prices(options), **compare_groups(options), **compare_times(options), **compare_terms(options)}
    known = sessions[["session", "snapshot", "time", *SESSION_KEYS]]
    known = known.iloc[options["session"].to_numpy() - int(sessions["session"].iloc[0])].reset_index(drop=True)
    past, encoded = compare_history(options, known, means), encode_lifts(options, known, lifts)
    named = {f"within_{name}": values for name, values in within.items()}
    named |= {f"history_{name}": values for name, values in past.items()}
    named |= {f"lift_{name}": values for name, values in encoded.items()}
    return pd.DataFrame({name: np.asarray(values, np.float32) for name, values in named.items()})


def add_attributes(options: Frame) -> Frame:
    """What ``option_attributes.add_attributes`` adds."""
    o = options.copy()
    o["duration"] = o["out_duration"] + o["back_duration"].fillna(0)
    o["segments"] = o["out_segments"] + o["back_segments"].fillna(0)
    o["direct"] = (o["out_segments"] == 1) & (o["back_segments"].fillna(1) <= 1)
    for name in ("out_departure", "back_departure", "out_arrival"):
        o[name.replace("_departure", "") + "_hour"] = (o[name] % DAY_MINUTES).astype(np.float32) / np.float32(60)
    o["cabin"] = o[["out_cabin", "back_cabin"]].mean(axis=1)
    pieces = [o[f"{leg}_bags"].where(o[f"{leg}_bags_kg"] != 1, o[f"{leg}_bags"].clip(0, 1)) for leg in ("out", "back")]
    o["bags"] = pd.concat(pieces, axis=1).min(axis=1)
    for action in ("exchange", "cancel"):
        allowed, costs = o[f"{action}_allowed"], o[[f"{action}_fee", f"{action}_percent"]].max(axis=1)
        unknown = (allowed.isna() & ~(costs > 0)) | (costs.isna() & ~(allowed == 0))
        o[f"free_{action}"] = ((allowed == 1) & (costs == 0)).astype(float).mask(unknown)
    o["itinerary"] = o.groupby(["session", *FLIGHTS], dropna=False, sort=False).ngroup()
    o["stay"] = o["back_departure"] - o["out_arrival"]
    session = o.groupby("session")
    o["position"], o["size"] = session.cumcount(), session["row"].transform("size")
    o["price_rank"] = session["price"].rank("min") - 1
    o["price_place"] = o["price_rank"] / (o["size"] - 1).clip(lower=1)
    for name in ("price", "duration"):
        o[f"{name}_ratio"] = np.log(o[name].clip(lower=1) / session[name].transform("min").clip(lower=1))
    o["segments_more"] = o["segments"] - session["segments"].transform("min")
    itinerary = o.groupby("itinerary")
    o["fare_level"] = itinerary["price"].rank("min") - 1
    o["cheapest_fare"] = itinerary["price"].transform("min")
    return o


def compare_prices(o: Frame) -> Tables:
    """Price and position against the whole session."""
    price = o.groupby("session")["price"]
    made = {name: o[name] for name in ("price_rank", "price_place", "price_ratio", "fare_level", "position")}
    return made | {
        "position_share": o["position"] / (o["size"] - 1).clip(lower=1),
        "price_from_median": np.log(o["price"] / price.transform("median")),
        "price_spreads": spreads(o, "price"),
        "cheapest": (o["price_rank"] == 0).astype(float).mask(o["price"].isna()),
        "next_price": (price.shift(-1) - o["price"]) / o["price"],
        "previous_price": (o["price"] - price.shift(1)) / o["price"],
        "same_price": o.groupby(["session", "price"], dropna=False)["row"].transform("size"),
        "dearer_than_faster": np.log(o["price"] / least_so_far(o, "price", "duration")),
        "slower_than_cheaper": o["duration"] - least_so_far(o, "duration", "price"),
    }


def spreads(o: Frame, name: str) -> Frame:
    """Distance from the session's median in its standard deviations."""
    session = o.groupby("session")[name]
    return (o[name] - session.transform("median")) / session.transform("std").clip(lower=1e-3)


def least_so_far(o: Frame, name: str, by: str) -> Frame:
    """The least value of the session's options up to this one in the order of another column, equals included."""
    ordered = o.sort_values(["session", by], kind="stable", na_position="last")
    least = ordered[name].where(ordered[by].notna()).groupby(ordered["session"]).cummin().reindex(o.index)
    return least.groupby([o["session"], o[by]]).transform("min")


def compare_groups(o: Frame) -> Tables:
    """Price against the options alike in something."""
    groups = {
        "carrier": ["session", "out_carrier", "back_carrier"],
        "direct": ["session", "direct"],
        "cabin": ["session", "cabin"],
        "access": ["session", "access_tp"],
        "terms": ["session", "bags", "exchange_allowed"],
        "out_flight": ["session", "out_departure", "out_carrier", "out_flight"],
        "back_flight": ["session", "back_departure", "back_carrier", "back_flight"],
    }
    made: Tables = {}
    for name, key in groups.items():
        price = o.groupby(key, dropna=False)["price"]
        made[f"{name}_ratio"] = np.log(o["price"] / price.transform("min"))
        made[f"{name}_price_rank"] = price.rank("min") - 1
    session, itinerary = o.groupby("session"), o.groupby("itinerary")
    return made | {
        "fare_ratio": np.log(o["price"] / o["cheapest_fare"]),
        "fares": itinerary["row"].transform("size"),
        "fare_position": o["position"] - itinerary["position"].transform("min"),
        "itinerary_rank": session["cheapest_fare"].rank("dense") - 1,
        "itinerary_ratio": np.log(o["cheapest_fare"] / session["price"].transform("min")),
        "carrier_share": o.groupby(["session", "out_carrier"], dropna=False)["row"].transform("size") / o["size"],
    }


def compare_times(o: Frame) -> Tables:
    """Duration and times of day against the whole session."""
    session = o.groupby("session")
    made = {name: o[name] for name in ("duration_ratio", "segments_more")}
    for name in ("duration", "out_hour", "back_hour", "out_arrival_hour", "stay"):
        made[f"{name}_rank"] = session[name].rank("min") - 1
    for name in ("duration", "out_duration", "back_duration"):
        made[f"{name}_excess"] = o[name] - session[name].transform("min")
    for name in ("duration", "out_hour", "back_hour", "stay"):
        made[f"{name}_spreads"] = spreads(o, name)
    made["fewest_segments"] = (o["segments_more"] == 0).astype(float).mask(o["segments_more"].isna())
    for name in ("out_segments", "back_segments"):
        made[f"{name}_more"] = o[name] - session[name].transform("min")
    return made


def compare_terms(o: Frame) -> Tables:
    """Baggage, cabin, seats and penalties against the whole session."""
    session = o.groupby("session")
    more = ("bags", "cabin", "free_exchange", "free_cancel", "exchange_allowed", "access_tp", "out_seats")
    made = {f"{name}_more": o[name] - session[name].transform("mean") for name in more}
    return made | {f"{name}_rank": session[name].rank("min") - 1 for name in ("cancel_fee", "exchange_fee", "taxes")}


def compare_history(o: Frame, known: Frame, means: Tables) -> Tables:
    """The option against the means of earlier bookings; ``known``: what each option's session is looked up by."""
    made: Tables = {}
    for name, key in KEYS.items():
        made |= compare_with(o, known.merge(means[name], on=["snapshot", *key], how="left"), name)
    return made


def encode_lifts(o: Frame, known: Frame, lifts: Tables) -> Tables:
    """How much more often its carriers and flights were booked than offered."""
    columns = ["out_carrier", "back_carrier", "out_flight", "back_flight", "out_origin"]
    rows = pd.concat([o[columns], known[["snapshot", *SESSION_KEYS]]], axis=1)
    made: Tables = {}
    for name, key in LIFTS.items():
        met = rows.merge(lifts[name], on=["snapshot", *key], how="left")
        made[name] = met["lift"].fillna(0)
        if name.startswith(("habit", "profile", "carrier_profile")):
            made[f"{name}_times"] = met["times"].fillna(0)
    return made


def compare_with(o: Frame, met: Frame, name: str) -> Tables:
    """Traits less the key's means, the spread and quartiles of some, and how much is known."""
    made = {f"{name}_{column}": o[column] - met[column] for column in ATTRIBUTES}
    made[f"{name}_bookings"] = met["bookings"].fillna(0)
    if name in COUNTED:
        made[f"{name}_age_days"] = (met["time"] - met["last_ms"]) / DAY_MS
    for column in SPREADS if name in DETAILED else ():
        low, middle, high = (met[f"{column}_q{q}"] for q in (25, 50, 75))
        made[f"{name}_{column}_spread"] = met[f"{column}_spread"]
        made[f"{name}_{column}_off"] = (o[column] - middle).abs()
        made[f"{name}_{column}_usual"] = o[column].between(low, high).astype(float).mask(o[column].isna() | low.isna())
    return made


def describe(made: Made, seconds: float) -> dict[str, Any]:
    """The rate; ``times`` compares the cost of a row."""
    rows, features = made
    return {"units": rows, "rows": rows, "features": features, "rows/s": rows / seconds}


if __name__ == "__main__":
    ways = {"build, all blocks": build_all, "pandas, a sample": in_pandas, "build, the same features": build_compared}
    main("tests.benches.flight_features", "Flight features", ways, prepare, describe)
