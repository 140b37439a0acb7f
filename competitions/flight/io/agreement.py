"""Whether both files are of one market and one time, before anything is fitted on them."""

import polars as pl

from common.io.agreement import compare
from common.io.notes import Note
from common.time_units import MINUTE_MS
from competitions.flight.io.reader import Searches
from competitions.flight.io.schema import TEST, TRAIN

AMOUNTS = {"totalPrice": "price", "taxes": "taxes", "legs0_duration in minutes": "out_duration"}


def compare_files(train: Searches, test: Searches) -> tuple[Note, ...]:
    """What disagrees between the two files, and between the times in each of them."""
    searched, tested = (file.sessions["time"].cast(pl.Datetime("ms")) for file in (train, test))
    amounts = {column: (train.options[name], test.options[name]) for column, name in AMOUNTS.items()}
    notes = [*compare(TEST, TRAIN, {"requestDate": (searched, tested), **amounts})]
    for name, file, times in ((TRAIN, train, searched), (TEST, test, tested)):
        minutes = file.options["out_departure"].gather(file.sessions["first"]).drop_nulls().cast(pl.Int64)
        departures = (minutes * MINUTE_MS).cast(pl.Datetime("ms"))
        notes += compare(name, "requestDate", {"legs0_departureAt": (times, departures)})
    return tuple(notes)
