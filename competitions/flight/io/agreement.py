"""Whether both files are of one market and one time, before anything is fitted on them."""

from collections.abc import Iterator

import polars as pl

from common.io.agreement import Amounts, Dates, Share, compare, note_shares
from common.io.notes import Note
from common.time_units import DAY_MS, MINUTE_MS
from competitions.flight.io.reader import Searches
from competitions.flight.io.schema import TEST, TRAIN

LATER_MS = 366.0 * DAY_MS  # from the train file to the test: the host's begins where the train file ends
AMOUNTS = {"price": "totalPrice", "taxes": "taxes", "out_duration": "legs0_duration in minutes"}


def compare_files(train: Searches, test: Searches) -> tuple[Note, ...]:
    """What disagrees between the two files, and in each of them."""
    dates = Dates("requestDate", train.sessions["time"], test.sessions["time"], LATER_MS)
    amounts = [Amounts(column, train.options[name], test.options[name]) for name, column in AMOUNTS.items()]
    notes = [*compare(TEST, TRAIN, [dates, *amounts])]
    for name, searches in ((TRAIN, train), (TEST, test)):
        notes += note_shares(name, list_shares(searches))
    return tuple(notes)


def list_shares(searches: Searches) -> Iterator[Share]:
    """How many searches have a first option at an impossible time. Its times are local: a day is left for zones."""
    first = searches.options[searches.sessions["first"]].with_columns(time=searches.sessions["time"] // MINUTE_MS)
    departure, arrival = pl.col("out_departure"), pl.col("out_arrival")
    kinds = {
        "legs0_departureAt before the requestDate": (departure < pl.col("time") - DAY_MS // MINUTE_MS, 0.05),
        "legs0_arrivalAt before the departure": (arrival.is_null() | (arrival < departure), 0.2),
    }
    flown = first.filter(departure.is_not_null())
    for what, (rows, most) in kinds.items():
        yield Share(what, int(flown.select(rows.sum()).item()), flown.height, most)
