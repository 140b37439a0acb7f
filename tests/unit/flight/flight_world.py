"""Small flight searches by hand: every column has a default, a test names only what it is about."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from common.learning.dataset import RankingDataset
from competitions.flight.features.booking_history import History, build_history, collect_bookings
from competitions.flight.features.build import build_features
from competitions.flight.features.option_attributes import FLIGHTS
from competitions.flight.io.reader import Searches
from competitions.flight.ranking.training_data import FoldData, TrainingData
from competitions.flight.split import take_snapshots

START = 1_716_163_200_000  # 2024-05-20 00:00, a Monday, in ms
MINUTE_MS = 60_000
DAY_MS = 86_400_000
NOON = START // MINUTE_MS + 10 * 1440 + 720  # minutes since 1970: noon of the day ten days later, a Thursday
Row = dict[str, Any]

SESSION: dict[str, tuple[Any, Any]] = {
    "ranker_id": (pl.String, None),
    "time": (pl.Int64, START),
    "company": (pl.Int32, 5),
    "profile": (pl.Int32, 50),
    "vip": (pl.Boolean, False),
    "by_self": (pl.Boolean, True),
    "route": (pl.Int32, 3),
    "round_trip": (pl.Boolean, True),
    "loyalty": (pl.List(pl.Int16), ()),
    "size": (pl.Int32, None),
    "first": (pl.Int64, None),
    "booked": (pl.Int32, 0),
}
FARE: dict[str, tuple[Any, Any]] = {
    "price": (pl.Float32, 100.0),
    "taxes": (pl.Float32, 10.0),
    "access_tp": (pl.Int8, 1),
    "coded": (pl.Boolean, True),
    "cancel_fee": (pl.Float32, 20.0),
    "cancel_percent": (pl.Float32, None),
    "cancel_allowed": (pl.Int8, 1),
    "exchange_fee": (pl.Float32, 0.0),
    "exchange_percent": (pl.Float32, None),
    "exchange_allowed": (pl.Int8, 1),
}
LEG: dict[str, tuple[Any, Any]] = {
    "departure": (pl.Int32, NOON),
    "arrival": (pl.Int32, NOON + 90),
    "duration": (pl.Int16, 90),
    "segments": (pl.Int8, 1),
    "carrier": (pl.Int16, 0),
    "flight": (pl.Int32, 11),
    "origin": (pl.Int16, 0),
    "cabin": (pl.Int8, 1),
    "bags": (pl.Int8, 1),
    "bags_kg": (pl.Int8, 0),
    "seats": (pl.Int8, 9),
    "stop": (pl.Int16, None),
    "layover": (pl.Int16, None),
    "second_cabin": (pl.Int8, None),
    "second_bags": (pl.Int8, None),
}
BACK_DAYS = 2  # the way back is two days after the way out
OPTION = FARE | {f"{leg}_{name}": what for leg in ("out", "back") for name, what in LEG.items()}
ONE_WAY: Row = {f"back_{name}": None for name in LEG}


class Search(NamedTuple):
    """One search: the columns of its session, and its options."""

    session: Row
    options: tuple[Row, ...]


def option(**columns: Any) -> Row:
    """An option; what is not named has its default."""
    implied = {f"back_{name}": LEG[name][1] + BACK_DAYS * 1440 for name in ("departure", "arrival")}
    return _fill(OPTION, implied | columns)


def search(*options: Row, day: float = 0, **columns: Any) -> Search:
    """A search ``day`` days after the start; without options it has two that differ in price."""
    made = options or (option(), option(price=200.0))
    return Search({"time": START + round(day * DAY_MS)} | columns, made)


def make_searches(*searches: Search, rows: Sequence[int] | None = None) -> Searches:
    """The frames that the reader would give; ``rows``: the file row of every option, by default 0, 1, 2 …"""
    sessions, options = [], list[Row]()
    for number, one in enumerate(searches):
        own = {"ranker_id": f"{number:032x}", "size": len(one.options), "first": len(options)}
        sessions.append(_fill(SESSION, own | one.session))
        options += one.options
    numbers = np.repeat(np.arange(len(searches)), [len(one.options) for one in searches])
    positions = pl.Series("row", range(len(options)) if rows is None else rows, pl.Int64)
    framed = _frame(options, OPTION).insert_column(0, positions)
    return Searches(
        _frame(sessions, SESSION).insert_column(0, pl.Series("session", range(len(searches)), pl.Int32)),
        framed.insert_column(0, pl.Series("session", numbers, pl.Int32)),
    )


def draw_searches(seed: int, count: int = 25, longest: int = 9, days: int = 28) -> Searches:
    """Random searches full of what is awkward: ties, equal flights, one-way trips, single options, missing values."""
    rng = np.random.default_rng(seed)
    return make_searches(*(_draw_search(rng, longest, days) for _ in range(count)))


def _draw_search(rng: np.random.Generator, longest: int, days: int) -> Search:
    size, returns = int(rng.integers(1, longest + 1)), bool(rng.random() < 0.7)
    options = [_draw_option(rng)]
    while len(options) < size:
        same = {name: options[-1][name] for name in FLIGHTS} if rng.random() < 0.4 else {}
        options.append(_draw_option(rng) | same)
    return search(
        *(row if returns else row | ONE_WAY for row in options),
        day=float(rng.integers(0, days * 8)) / 8,
        profile=int(rng.integers(4)),
        company=int(rng.integers(2)),
        route=_pick(rng, 0, 1, None),
        vip=_pick(rng, True, False),
        by_self=_pick(rng, True, False, None),
        round_trip=returns,
        loyalty=_pick(rng, (), (0,), (1, 2)),
        booked=None if rng.random() < 0.1 else int(rng.integers(size)),
    )


def _draw_option(rng: np.random.Generator) -> Row:
    drawn: Row = {
        "price": _pick(rng, 60.0, 75.5, 75.5, 120.0, 333.0, 0.5, None),
        "taxes": _pick(rng, 0.0, 12.5, None),
        "access_tp": _pick(rng, 0, 1, None),
        "coded": _pick(rng, True, False),
    }
    for action in ("cancel", "exchange"):
        drawn |= {
            f"{action}_fee": _pick(rng, 0.0, 30.0, None),
            f"{action}_percent": _pick(rng, 0.0, 50.0, None, None),
            f"{action}_allowed": _pick(rng, 0, 1, 1, None),
        }
    for leg, begin in (("out", NOON), ("back", NOON + 3000)):
        departure, duration = begin + _pick(rng, 0, 95, 400, 800), _pick(rng, 60, 90, 300, None)
        drawn |= {
            f"{leg}_departure": departure,
            f"{leg}_arrival": departure + _pick(rng, 60, 200, 900),
            f"{leg}_duration": duration,
            f"{leg}_segments": _pick(rng, 1, 1, 2, 3),
            f"{leg}_carrier": _pick(rng, 0, 1, 2, None),
            f"{leg}_flight": _pick(rng, 11, 12, None),
            f"{leg}_origin": _pick(rng, 0, 1, None),
            f"{leg}_cabin": _pick(rng, 1, 2, 4, None),
            f"{leg}_bags": _pick(rng, 0, 1, 2, None),
            f"{leg}_bags_kg": _pick(rng, 0, 1, None),
        }
        drawn[f"{leg}_stop"] = {2: 2, 3: 3}.get(drawn[f"{leg}_segments"])
    return _fill(OPTION, drawn)


def _pick(rng: np.random.Generator, *values: Any) -> Any:
    return values[int(rng.integers(len(values)))]


def _fill(layout: dict[str, tuple[Any, Any]], columns: Row) -> Row:
    unknown = columns.keys() - layout.keys()
    if unknown:
        raise ValueError(f"there is no column {', '.join(sorted(unknown))}")
    return {name: columns.get(name, default) for name, (_, default) in layout.items()}


def _frame(rows: Sequence[Row], layout: dict[str, tuple[Any, Any]]) -> pl.DataFrame:
    return pl.DataFrame(
        {name: pl.Series(name, [row[name] for row in rows], dtype, strict=False) for name, (dtype, _) in layout.items()}
    )


# --- what the searches know of earlier bookings ---


NO_HISTORY = History(pl.DataFrame(schema={"session": pl.Int32, "snapshot": pl.Int32}), {}, {})


def look_back(searches: Searches, until: pl.Expr | pl.Series) -> History:
    """What every session sees of the searches' own bookings before ``until`` (ms)."""
    (snapshots,) = take_snapshots(searches.sessions, [searches.sessions.select("session", until=until)])
    return build_history(collect_bookings(searches), snapshots)


def build_seen(searches: Searches, until: pl.Expr | pl.Series, *blocks: str) -> pl.DataFrame:
    """The features of all options, every session looking back from ``until`` (ms)."""
    return build_features(searches, 0, searches.sessions.height, look_back(searches, until), blocks)


# --- rows with features ---


def make_fold(
    sizes: Sequence[int],
    booked: Sequence[int],
    sessions: Sequence[int] | None = None,
    features: Mapping[str, Sequence[float]] | None = None,
) -> FoldData:
    """A fold that judges sessions of these sizes, of which the option at ``booked`` is booked; by default one feature.

    ``sessions``: their numbers, by default 0, 1, 2 …
    """
    labels = np.zeros(sum(sizes), np.float32)
    labels[np.cumsum(sizes) - sizes + booked] = 1
    columns = features or {"a": [0.0] * len(labels)}
    matrix = np.column_stack([*columns.values()]).astype(np.float32)
    rows = RankingDataset(tuple(columns), matrix, labels, np.array(sizes, np.int32))
    numbers = np.arange(len(sizes)) if sessions is None else np.array(sessions)
    return FoldData(rows, rows, numbers, numbers)


def join_folds(*folds: FoldData) -> TrainingData:
    """Folds that judge the same sessions."""
    return TrainingData(folds[0].train, np.sort(folds[0].sessions), folds)


# --- for an oracle in plain Python ---


def by_session(searches: Searches) -> list[tuple[Row, list[Row]]]:
    """Every session with its options."""
    options = searches.options.rows(named=True)
    return [
        (session, options[session["first"] : session["first"] + session["size"]])
        for session in searches.sessions.rows(named=True)
    ]


def assert_column(column: pl.Series, expected: Sequence[Any], close: float = 1e-4) -> None:
    """Equal row by row, missing where missing is expected."""
    values = column.cast(pl.Float64).to_list()
    assert len(values) == len(expected), column.name
    for row, (value, right) in enumerate(zip(values, expected, strict=True)):
        near = None not in (value, right) and abs(value - right) <= close * max(1.0, abs(right))
        lacking = right is None and (value is None or np.isnan(value))
        assert near or lacking, f"{column.name}, row {row}: {value} where {right} is right"
