"""What `make look-flight` shows of the raw files: options, prices, times, travellers; train beside test."""

import polars as pl

from common.day.look.columns import RawTable
from common.day.look.distributions import Sides, histogram, share_values
from common.day.look.page import Look
from common.engine.run import Run
from common.time_units import MINUTE_MS
from competitions.flight.config import FlightConfig
from competitions.flight.io.reader import RawFiles, Searches, learn_codes, read_searches

DAY_MINUTES = 1_440
YES_NO = {1: "yes", 0: "no"}  # of truth values as well, which equal them


def look(files: RawFiles, config: FlightConfig, run: Run) -> Look:
    """Tables and pictures of the host's files."""
    codes = run.step(learn_codes, files.train)
    train = run.step(read_searches, files.train, codes, True, name="train.read").value
    test = run.step(read_searches, files.test, codes, False, name="test.read").value
    sessions = Sides({"train": train.sessions, "test": test.sessions})
    options = Sides({"train": list_options(train), "test": list_options(test)})
    every = options.frames["train"]
    booked = every.filter("booked")
    direct = {"all options": every["out_segments"], "booked": booked["out_segments"]}
    ratio = {"all options": every["ratio"], "booked": booked["ratio"]}
    unknown = "Missing: a route that is not in the train file."
    wins = "From the train file: how often the cheapest option is booked."
    again = "If all values are 1, travellers do not return and history has no value."
    return Look(
        tables=[RawTable("options", {"train": [files.train], "test": [files.test]})],
        pictures={
            "Searches": [
                sessions.histogram("size", "Options of a session", "options", logarithmic=True),
                sessions.timeline("time", "Searches by day"),
                sessions.shares("route", "Route, by its rank in the train file", missing=True, note=unknown),
                sessions.shares("by_self", "Booked by the traveller", missing=True, names=YES_NO),
            ],
            "Prices": [
                options.histogram("price", "Price", "price", logarithmic=True),
                options.histogram(
                    "ratio", "Price relative to the cheapest of the session", "times the cheapest", logarithmic=True
                ),
                histogram(
                    "Price rank of booked options",
                    "rank, 1 the cheapest",
                    {"train": booked["price_rank"]},
                    logarithmic=True,
                    note=wins,
                ),
                histogram("Price of booked options", "times the cheapest", ratio, logarithmic=True),
            ],
            "Trips": [
                options.histogram("days_ahead", "Days from search to departure", "days", logarithmic=True),
                options.histogram("hour", "Hour of departure", "hour"),
                options.histogram("out_duration", "Duration of the outbound leg", "minutes"),
                share_values("Flights of the outbound leg", direct, note="Train: all options against booked ones."),
            ],
            "Travellers and carriers": [
                sessions.counts("profile", "Searches of a traveller", "searches", note=again),
                options.concentration("out_carrier", "Share of options by the largest carriers", "carriers"),
                options.shares("out_cabin", "Cabin of the first flight"),
                options.shares("access_tp", "Within the company's travel policy", names=YES_NO),
            ],
        },
        notes=(*train.notes, *test.notes),
    )


def list_options(searches: Searches) -> pl.DataFrame:
    """The options with what is shown of them: ratio to the cheapest, price rank, days ahead, hour, booked or not."""
    price = pl.col("price")
    joined = searches.options.lazy().join(searches.sessions.lazy().select("session", "time", "booked"), on="session")
    index = pl.int_range(pl.len()).over("session")
    return joined.select(
        "price",
        "out_duration",
        "out_carrier",
        "out_cabin",
        "out_segments",
        "access_tp",
        ratio=price / price.min().over("session"),
        price_rank=price.rank("min").over("session"),
        days_ahead=(pl.col("out_departure") - pl.col("time") / MINUTE_MS) / DAY_MINUTES,
        hour=pl.col("out_departure") % DAY_MINUTES // 60,
        booked=(index == pl.col("booked")).fill_null(value=False),
    ).collect()
