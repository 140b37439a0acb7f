"""The layout of the host's files, train.parquet and test.parquet: name, order and kind of every column."""

from enum import Enum

import polars as pl

TRAIN, TEST = "train.parquet", "test.parquet"
WHERE = (
    "put the host's files in data/flight/raw or name their folder with RAW=DIR (Kaggle, competition "
    "aeroclub-recsys-2025)"
)


class Kind(Enum):
    """What a column holds; integers and reals may stand for each other in a file where no value is changed by it."""

    INTEGER = "a whole number"
    REAL = "a number"
    FLAG = "true or false"
    TEXT = "text"
    TIME = "a date and time without a time zone"


# As the files are read; the host writes its times in nanoseconds.
DTYPES: dict[Kind, pl.DataType] = {
    Kind.INTEGER: pl.Int64(),
    Kind.REAL: pl.Float64(),
    Kind.FLAG: pl.Boolean(),
    Kind.TEXT: pl.String(),
    Kind.TIME: pl.Datetime("ms"),
}
HOST_DTYPES = DTYPES | {Kind.TIME: pl.Datetime("ns")}
LEGS = {0: "out_", 1: "back_"}
SEGMENTS = range(4)
SEGMENT_FIELDS = {
    "aircraft_code": Kind.TEXT,
    "arrivalTo_airport_city_iata": Kind.TEXT,
    "arrivalTo_airport_iata": Kind.TEXT,
    "baggageAllowance_quantity": Kind.REAL,
    "baggageAllowance_weightMeasurementType": Kind.REAL,
    "cabinClass": Kind.REAL,
    "departureFrom_airport_iata": Kind.TEXT,
    "duration": Kind.TEXT,
    "flightNumber": Kind.TEXT,
    "marketingCarrier_code": Kind.TEXT,
    "operatingCarrier_code": Kind.TEXT,
    "seatsAvailable": Kind.REAL,
}
LEG_FIELDS = ("arrivalAt", "departureAt", "duration")


def leg_column(leg: int, field: str) -> str:
    """Name the column of a leg (0 out, 1 back)."""
    return f"legs{leg}_{field}"


def segment_column(leg: int, segment: int, field: str) -> str:
    """Name the column of a segment (0 to 3) of a leg."""
    return f"legs{leg}_segments{segment}_{field}"


def _leg_columns(leg: int) -> dict[str, Kind]:
    segments = {
        segment_column(leg, segment, field): kind for segment in SEGMENTS for field, kind in SEGMENT_FIELDS.items()
    }
    return {leg_column(leg, field): Kind.TEXT for field in LEG_FIELDS} | segments


SELECTED = "selected"
INDEX = "__index_level_0__"
# In the host's order; ``selected`` is in train.parquet alone; the index of the host's own table is never read.
LAYOUT: dict[str, Kind] = {
    "Id": Kind.INTEGER,
    "bySelf": Kind.FLAG,
    "companyID": Kind.INTEGER,
    "corporateTariffCode": Kind.INTEGER,
    "frequentFlyer": Kind.TEXT,
    "nationality": Kind.INTEGER,
    "isAccess3D": Kind.FLAG,
    "isVip": Kind.FLAG,
    **_leg_columns(0),
    **_leg_columns(1),
    "miniRules0_monetaryAmount": Kind.REAL,
    "miniRules0_percentage": Kind.REAL,
    "miniRules0_statusInfos": Kind.REAL,
    "miniRules1_monetaryAmount": Kind.REAL,
    "miniRules1_percentage": Kind.REAL,
    "miniRules1_statusInfos": Kind.REAL,
    "pricingInfo_isAccessTP": Kind.REAL,
    "pricingInfo_passengerCount": Kind.INTEGER,
    "profileId": Kind.INTEGER,
    "ranker_id": Kind.TEXT,
    "requestDate": Kind.TIME,
    "searchRoute": Kind.TEXT,
    "sex": Kind.FLAG,
    "taxes": Kind.REAL,
    "totalPrice": Kind.REAL,
    SELECTED: Kind.INTEGER,
    INDEX: Kind.INTEGER,
}
# A null in one of these is refused: the row belongs to no session. Elsewhere a null is a missing value.
NEVER_NULL = ("Id", "companyID", "profileId", "ranker_id", "requestDate")


def required(labelled: bool) -> tuple[str, ...]:
    """Name the columns that a file must have: ``labelled`` for train.parquet."""
    return tuple(name for name in LAYOUT if name != INDEX and (labelled or name != SELECTED))


def file_schema(labelled: bool, index: bool = True) -> dict[str, pl.DataType]:
    """Columns and types of the host's train.parquet (``labelled``) or test.parquet, in its order; ``index``: the last
    one, too, which no reader needs.
    """
    return {name: HOST_DTYPES[LAYOUT[name]] for name in (*required(labelled), *([INDEX] if index else []))}


def lay_out(rows: pl.DataFrame, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """Rows in the layout of a ``file_schema``: a column that they lack is null, one that it lacks is left out."""
    return rows.select(name if name in rows.columns else pl.lit(None).alias(name) for name in schema).cast(schema)  # type: ignore[arg-type]
