"""What `make look-flight` shows of the raw files: searches, options, booked options; train beside test."""

import polars as pl

from common.day.look.columns import RawTable, count_by
from common.day.look.page import Look
from common.engine.run import Run
from common.time_units import MINUTE_MS
from competitions.flight.config import FlightConfig
from competitions.flight.io.agreement import compare_files
from competitions.flight.io.reader import RawFiles, Searches, learn_codes, read_searches

DAY_MINUTES = 1_440


def look(files: RawFiles, config: FlightConfig, run: Run) -> Look:
    """Tables of the host's files, and what their rows are."""
    codes = run.step(learn_codes, files.train)
    train = run.step(read_searches, files.train, codes, True, name="train.read").value
    test = run.step(read_searches, files.test, codes, False, name="test.read").value
    run.warn(compare_files(train, test))
    options = {"train": list_options(train), "test": list_options(test)}
    booked = options["train"].filter("booked")
    return Look(
        tables=[RawTable("options", {"train": [files.train], "test": [files.test]})],
        frames={
            "Searches": {"train": list_sessions(train), "test": list_sessions(test)},
            "Travellers": {
                side: count_by(searches.sessions, ["profile"], "searches of a traveller")
                for side, searches in (("train", train), ("test", test))
            },
            "Options": {side: frame.drop("booked") for side, frame in options.items()},
            "Booked options": {"all options": options["train"].drop("booked"), "booked": booked.drop("booked")},
        },
        notes=(*train.notes, *test.notes, *run.notes),
    )


def list_sessions(searches: Searches) -> pl.DataFrame:
    """A row a session; routes by their rank in the train file, unknown ones as missing."""
    return searches.sessions.select(
        pl.col("time").cast(pl.Datetime("ms")).alias("day"),
        pl.col("size").alias("options"),
        pl.col("route").cast(pl.String).fill_null("not in the train file"),
        pl.col("by_self").cast(pl.String).fill_null("missing").alias("booked by the traveller"),
    )


def list_options(searches: Searches) -> pl.DataFrame:
    """A row an option."""
    price = pl.col("price")
    joined = searches.options.lazy().join(searches.sessions.lazy().select("session", "time", "booked"), on="session")
    index = pl.int_range(pl.len()).over("session")
    return joined.select(
        "price",
        (price / price.min().over("session")).alias("price to the cheapest"),
        price.rank("min").over("session").alias("price rank"),
        ((pl.col("out_departure") - pl.col("time") / MINUTE_MS) / DAY_MINUTES).alias("days ahead"),
        (pl.col("out_departure") % DAY_MINUTES // 60).alias("hour of departure"),
        pl.col("out_duration").alias("minutes of the outward leg"),
        pl.col("out_segments").alias("flights of the outward leg"),
        pl.col("out_carrier").cast(pl.String).alias("carrier, by its rank"),
        pl.col("out_cabin").cast(pl.String).alias("cabin"),
        pl.col("access_tp").cast(pl.String).alias("within the travel policy"),
        booked=(index == pl.col("booked")).fill_null(value=False),
    ).collect()
