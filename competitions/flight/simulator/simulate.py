"""Write train and test of any size in the host's layout, with the bookings of test and the best score anyone can reach.

    python -m competitions simulate flight --out build/flight/simulated --scale 0.02 --seed 1

Every booking is drawn from the model in ``choice_model.py``: the oracle, which ranks by it, knows the ceiling exactly.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from common.day.hosts import TRUTH
from common.engine.progress import track
from common.simulation.oracle import Oracle
from common.simulation.writer import Simulation, check_request, write_simulation
from competitions.flight.io.schema import INDEX, SELECTED, TEST, TRAIN, file_schema, lay_out
from competitions.flight.metrics import CUTOFF, LARGE, measure_ranks
from competitions.flight.simulator.choice_model import draw_bookings, list_choices
from competitions.flight.simulator.hashing import hashed
from competitions.flight.simulator.legs import CARRIERS, CITIES, DAY
from competitions.flight.simulator.offers import FEE, list_options
from competitions.flight.simulator.search_sessions import SimulationState, draw_state

VERSION = 5  # goes up when the same scale and seed give other files
SAMPLE = "sample_submission.parquet"
CHUNK = 600  # sessions of a row group, about
Columns = dict[str, pl.Expr | pl.Series]
CLOCK = pl.Series([f"{minute // 60:02d}:{minute % 60:02d}:00" for minute in range(DAY)])  # no leg lasts a day


def simulate(out: Path, scale: float, seed: int) -> Simulation:
    """Simulate into ``out``, see ``write_simulation``; the same arguments give the same bytes."""
    check_request(scale, seed)
    arguments = {"version": VERSION, "scale": scale, "seed": seed}
    return write_simulation(out, {TRAIN, TEST, SAMPLE}, arguments, lambda folder: _write_all(folder, scale, seed))


def _write_all(folder: Path, scale: float, seed: int) -> tuple[dict[str, int], Oracle]:
    state, tests, ranks = draw_state(scale, seed), [], []
    train_rows = sum(len(rows) for _, rows in _write_file(folder / TRAIN, state, False, 0))
    for choices, rows in _write_file(folder / TEST, state, True, train_rows):
        tests.append(rows.select("Id", "ranker_id", choices["booked"]))
        ranks.append(rank_sessions(choices))
    test = pl.concat(tests)
    test.filter("booked").drop("booked").write_csv(folder / TRUTH)
    in_order = pl.int_range(1, pl.len() + 1).over("ranker_id")
    test.select("Id", "ranker_id", selected=in_order).write_parquet(folder / SAMPLE)
    late = int(state.sessions["test"].sum())
    sizes = {"train_sessions": len(state.sessions) - late, "test_sessions": late}
    return sizes | {"train_rows": train_rows, "test_rows": len(test)}, summarise_ranks(pl.concat(ranks))


def _write_file(
    path: Path, state: SimulationState, test: bool, first_id: int
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Write train or test chunk by chunk, and hand on the choices and rows of each chunk."""
    schema = pl.DataFrame(schema=file_schema(labelled=not test)).to_arrow().schema
    with pq.ParquetWriter(path, schema, store_schema=False) as file:
        for part in track(list_parts(state, test), f"Writing {path.stem}"):
            choices = make_chunk(state, part)
            rows = make_table(state, choices, not test, first_id)
            first_id += len(rows)
            file.write_table(rows.to_arrow(), row_group_size=len(rows))
            yield choices, rows


def list_parts(state: SimulationState, test: bool) -> list[slice]:
    """Runs of about ``CHUNK`` sessions of one file; the sessions of a search stay together."""
    low, high = np.searchsorted(state.sessions["test"].to_numpy(), [test, test + 1]).tolist()
    heads = low + np.flatnonzero(~state.sessions["joined"].to_numpy()[low:high])
    return [slice(a, b) for a, b in pairwise([*heads[::CHUNK].tolist(), high])]


def make_chunk(state: SimulationState, part: slice) -> pl.DataFrame:
    """Choices and bookings of the sessions ``part``, which are whole searches."""
    search = state.sessions["search"]
    options = list_options(state, state.searches[search[part.start] : search[part.stop - 1] + 1])
    return draw_bookings(list_choices(state, part, options), state.seed)


# --- the host's layout, the clean case: the reader's tests have dirty codes, foreign currencies and lost values ---


def make_table(state: SimulationState, choices: pl.DataFrame, labelled: bool, first_id: int) -> pl.DataFrame:
    """The rows of some choices in the host's layout; ``first_id``: the Id of the first. What the simulation has no word
    for is null.
    """
    number = pl.int_range(first_id, first_id + pl.len())
    columns: Columns = {"Id": number, INDEX: number, SELECTED: pl.col("booked").cast(pl.Int64)}
    columns |= _trip_columns(state, choices)
    for leg, way in enumerate(("out", "back")):
        columns |= {f"legs{leg}_{name}": values for name, values in _leg_columns(state, choices, way).items()}
    return lay_out(choices.select(**columns), file_schema(labelled))


def _trip_columns(state: SimulationState, choices: pl.DataFrame) -> Columns:
    """Columns of the session, and of the option as a whole."""
    people, trip = state.travellers[choices["user"]], state.legs[choices["out"]]
    start, end = (pl.Series(CITIES).gather(trip[name]) for name in ("origin", "destination"))
    back = pl.when("round_trip").then("/" + end + start).otherwise(pl.lit(""))
    first, last = choices["session"][0], choices["session"][-1]
    ids = [f"{int(uniform * 2**53):032x}" for uniform in hashed(state.seed, 171, np.arange(first, last + 1))]
    return {
        "bySelf": pl.col("by_self"),
        "companyID": state.companies["code"].gather(choices["company"]),
        "frequentFlyer": people["clubs"],
        "nationality": people["nationality"],
        "isVip": people["vip"],
        "pricingInfo_passengerCount": pl.lit(1),
        "profileId": people["code"],
        "ranker_id": pl.Series(ids).gather(choices["session"] - first),
        "requestDate": pl.from_epoch("time", "s"),
        "searchRoute": start + end + back,
        "sex": people["male"],
        "corporateTariffCode": pl.when(pl.col("tariff") >= 0).then("tariff"),
        "isAccess3D": pl.col("tariff") >= 0,
        "miniRules0_monetaryAmount": pl.when("free").then(0.0).otherwise(FEE),
        "miniRules0_statusInfos": pl.lit(1.0),
        "miniRules1_monetaryAmount": pl.when(~pl.col("free") & pl.col("exchange")).then(FEE).otherwise(0.0),
        "miniRules1_statusInfos": pl.col("exchange"),
        "pricingInfo_isAccessTP": pl.col("within"),
        "taxes": pl.col("taxes"),
        "totalPrice": pl.col("price"),
    }


def _leg_columns(state: SimulationState, choices: pl.DataFrame, way: str) -> Columns:
    """Columns of one way; all null where there is none."""
    own = state.legs[np.maximum(choices[way], 0)]
    known, direct, cities, codes = choices[way] >= 0, own["segments"] == 1, pl.Series(CITIES), CARRIERS["code"]
    departure = choices[f"{way}_day"] * DAY + own["departure"]  # minutes since 1970
    columns: Columns = {
        "departureAt": pl.lit(pl.from_epoch(departure * 60, "s")).dt.strftime("%Y-%m-%dT%H:%M:%S"),
        "arrivalAt": pl.lit(pl.from_epoch((departure + own["duration"]) * 60, "s")).dt.strftime("%Y-%m-%dT%H:%M:%S"),
        "duration": CLOCK.gather(own["duration"]),
    }
    ends = own["origin"], own["stop"].zip_with(~direct, own["destination"]), own["destination"]
    for segment, minutes in enumerate(("first", "second")):
        fields: Columns = {
            "arrivalTo_airport_city_iata": cities.gather(ends[segment + 1]),
            "arrivalTo_airport_iata": cities.gather(ends[segment + 1]),
            "baggageAllowance_quantity": pl.col("bags"),
            "baggageAllowance_weightMeasurementType": pl.lit(0.0),
            "cabinClass": pl.col("cabin"),
            "departureFrom_airport_iata": cities.gather(ends[segment]),
            "duration": CLOCK.gather(own[minutes]),
            "flightNumber": own[f"flight{segment}"].cast(pl.String),
            "marketingCarrier_code": codes.gather(own["carrier"]),
            "operatingCarrier_code": codes.gather(own["carrier"]),
            "seatsAvailable": pl.col("seats"),
        }
        flown = pl.lit(True) if segment == 0 else pl.lit(~direct)
        columns |= {f"segments{segment}_{name}": pl.when(flown).then(values) for name, values in fields.items()}
    return {name: pl.when(known).then(values) for name, values in columns.items()}


# --- the oracle ---


def rank_sessions(choices: pl.DataFrame) -> pl.DataFrame:
    """By session its ``search`` (which twins share), its ``size``, the oracle's ``rank`` of its booking (ties in file
    order), and how likely the first ``CUTOFF`` have it.
    """
    rank, probability = pl.col("rank"), pl.col("probability")
    ranked = choices.with_columns(rank=probability.rank("ordinal", descending=True).over("session"))
    return ranked.group_by("session", "search", maintain_order=True).agg(
        rank.filter("booked").first(), size=pl.len(), expected=probability.filter(rank <= CUTOFF).sum()
    )


def summarise_ranks(ranks: pl.DataFrame) -> Oracle:
    """HitRate@3 over the scored sessions; beside it at other cut-offs and by class of sizes."""
    scored = ranks.filter(pl.col("size") > LARGE)
    rank, size, search, expected = (scored[name].to_numpy() for name in ("rank", "size", "search", "expected"))
    rates = measure_ranks(rank, size, search)
    error, score = rates.pop("error"), rates[f"hit_rate@{CUTOFF}"]
    return Oracle(len(rank), score, error, float(expected.mean()), {k: v for k, v in rates.items() if k != "searches"})
