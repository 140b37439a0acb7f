"""What `make look-flight` shows of the raw files: options, prices, times, travellers; train beside test."""

import polars as pl

from common.day.look.columns import RawTable
from common.day.look.distributions import Picture, concentration, count_by, histogram, share_values, timeline
from common.day.look.page import Look
from common.day.run_record import list_notes
from common.engine.run import Run
from competitions.flight.config import FlightConfig
from competitions.flight.io.reader import RawFiles, Searches, learn_codes, read_searches

DAY_MINUTES, MINUTE_MS = 1_440, 60_000
YES_NO = {1: "yes", 0: "no"}  # of truth values as well, which equal them
Sides = dict[str, pl.DataFrame]  # train and test


def look(files: RawFiles, config: FlightConfig, run: Run) -> Look:
    """Tables and pictures of the host's files."""
    codes = run.step(learn_codes, files.train)
    train = run.step(read_searches, files.train, codes, True, name="train.read").value
    test = run.step(read_searches, files.test, codes, False, name="test.read").value
    sides = {"train": train, "test": test}
    sessions = {side: searches.sessions for side, searches in sides.items()}
    options = {side: add_shown(searches) for side, searches in sides.items()}
    profiles = {side: count_by(frame, "profile") for side, frame in sessions.items()}
    returning = "Where everybody stands at 1, nobody comes back and history is worth nothing."
    return Look(
        tables=[RawTable("options", {"train": [files.train], "test": [files.test]})],
        pictures={
            "Searches": [
                histogram("Options of a session", "options", take(sessions, "size"), logarithmic=True),
                timeline("Searches by day", take(sessions, "time")),
                share_values(
                    "Route, by its rank in the train file",
                    take(sessions, "route"),
                    note="Missing: a route that the train file lacks.",
                ),
                share_values("Booked by oneself", take(sessions, "by_self"), names=YES_NO),
            ],
            **list_option_pictures(options),
            "Travellers and carriers": [
                histogram("Searches of a traveller", "searches", profiles, note=returning),
                concentration("How few carriers hold how many options", take_known(options, "out_carrier"), "carriers"),
                share_values("Cabin of the first flight", take_known(options, "out_cabin")),
                share_values("Within the company's travel policy", take_known(options, "access_tp"), names=YES_NO),
            ],
        },
        notes=list_notes([note._asdict() for note in (*train.notes, *test.notes)]),
    )


def list_option_pictures(options: Sides) -> dict[str, list[Picture | None]]:
    """Prices and trips of the options, and of those that were booked."""
    every = options["train"]
    booked = every.filter("booked")
    labels = "The labels of the train file: how often the cheapest wins."
    times = "times the cheapest"
    ratios = {"all options": every["ratio"], "booked": booked["ratio"]}
    ranks = {"train": booked["price_rank"]}
    flights = {"all options": every["out_segments"], "booked": booked["out_segments"]}
    return {
        "Prices": [
            histogram("Price", "price", take_known(options, "price"), logarithmic=True),
            histogram(
                "Price beside the cheapest of the session", times, take_known(options, "ratio"), logarithmic=True
            ),
            histogram("Price rank of what is booked", "rank, 1 the cheapest", ranks, logarithmic=True, note=labels),
            histogram("Price of what is booked", times, ratios, logarithmic=True),
        ],
        "Trips": [
            histogram("Days from search to departure", "days", take_known(options, "days_ahead"), logarithmic=True),
            histogram("Hour of departure", "hour", take_known(options, "hour")),
            histogram("Duration of the way out", "minutes", take_known(options, "out_duration")),
            share_values("Flights on the way out", flights, note="Train: all options beside what is booked."),
        ],
    }


def take(sides: Sides, column: str) -> dict[str, pl.Series]:
    """A column of both files."""
    return {side: frame[column] for side, frame in sides.items()}


def take_known(sides: Sides, column: str) -> dict[str, pl.Series]:
    """The values of a column of both files."""
    return {side: frame[column].drop_nulls() for side, frame in sides.items()}


def add_shown(searches: Searches) -> pl.DataFrame:
    """The options with what is shown of them: ratio to the cheapest, price rank, days ahead, hour, booked or not."""
    price = pl.col("price")
    joined = searches.options.lazy().join(searches.sessions.lazy().select("session", "time", "booked"), on="session")
    index = pl.int_range(pl.len()).over("session")
    return joined.select(
        *("price", "out_duration", "out_carrier", "out_cabin", "out_segments", "access_tp"),
        ratio=price / price.min().over("session"),
        price_rank=price.rank("min").over("session"),
        days_ahead=(pl.col("out_departure") - pl.col("time") / MINUTE_MS) / DAY_MINUTES,
        hour=pl.col("out_departure") % DAY_MINUTES // 60,
        booked=(index == pl.col("booked")).fill_null(value=False),
    ).collect()
