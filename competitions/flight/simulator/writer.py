"""Turn the choices of sessions into rows of the host's layout.

The clean case only: every column is there, of the host's type, but no code is dirty, no currency foreign, no value
lost. What the host's files have of these, the reader's tests write by hand.
"""

import numpy as np
import polars as pl

from competitions.flight.io.schema import INDEX, SELECTED, file_schema, lay_out
from competitions.flight.simulator.hashing import hashed
from competitions.flight.simulator.legs import CITIES, CODES, DAY
from competitions.flight.simulator.offers import FEE
from competitions.flight.simulator.search_sessions import LOYALTY, SimulationState

Columns = dict[str, pl.Expr | pl.Series]
CLOCK = pl.Series([f"{minute // 60:02d}:{minute % 60:02d}:00" for minute in range(DAY)])  # no leg lasts a day


def make_table(
    state: SimulationState, choices: pl.DataFrame, selected: pl.Series | None, first_id: int
) -> pl.DataFrame:
    """The rows of some choices in the host's layout; ``first_id``: the Id of the first. What the simulation has no word
    for is null.
    """
    number = pl.int_range(first_id, first_id + pl.len())
    columns: Columns = {"Id": number, INDEX: number, **_session_columns(state, choices), **_option_columns()}
    for leg, way in enumerate(("out", "back")):
        columns |= {f"legs{leg}_{name}": values for name, values in _leg_columns(state, choices, way).items()}
    labelled = selected is not None
    rows = choices.select(**columns, **({SELECTED: selected} if labelled else {}))
    return lay_out(rows, file_schema(labelled))


def _session_columns(state: SimulationState, choices: pl.DataFrame) -> Columns:
    """Columns that are constant in a session."""
    people = state.people.travellers[choices["user"]]
    cities = pl.Series(CITIES)
    ends = choices.select("flip", "round_trip").with_columns(
        cities.gather(state.pairs[name][choices["pair"]]).alias(name) for name in ("start", "end")
    )
    start = pl.when("flip").then("end").otherwise("start")
    end = pl.when("flip").then("start").otherwise("end")
    back = pl.when("round_trip").then(pl.concat_str(pl.lit("/"), end, start)).otherwise(pl.lit(""))
    first, last = choices["session"][0], choices["session"][-1]
    ids = [f"{int(uniform * 2**53):032x}" for uniform in hashed(state.seed, 171, np.arange(first, last + 1))]
    return {
        "bySelf": pl.col("by_self"),
        "companyID": state.people.companies["code"].gather(choices["company"]),
        "frequentFlyer": pl.Series([*LOYALTY, None]).gather(people["loyalty"].to_numpy() % (1 + len(LOYALTY))),
        "nationality": people["nationality"],
        "isVip": people["vip"],
        "pricingInfo_passengerCount": pl.lit(1),
        "profileId": people["code"],
        "ranker_id": pl.Series(ids).gather(choices["session"] - first),
        "requestDate": pl.from_epoch("time", "s"),
        "searchRoute": ends.select(pl.concat_str(start, end, back)).to_series(),
        "sex": people["male"],
    }


def _option_columns() -> Columns:
    """Price, taxes, the corporate tariff, and what the fare allows."""
    return {
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
    known, direct, cities, codes = choices[way] >= 0, own["segments"] == 1, pl.Series(CITIES), pl.Series(CODES)
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
