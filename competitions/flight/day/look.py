"""What `make look-flight` shows of the raw files: options, prices, times, travellers; train beside test."""

import polars as pl

from common.day.look.columns import RawTable
from common.day.look.distributions import concentration, count_by, histogram, share_values, timeline
from common.day.look.page import Look
from common.day.run_record import list_notes
from common.engine.run import Run
from competitions.flight.config import FlightConfig
from competitions.flight.io.reader import RawFiles, Searches, learn_codes, read_searches

DAY_MINUTES, MINUTE_MS = 1_440, 60_000
YES_NO = {1: "yes", 0: "no"}  # of truth values as well, which equal them


def look(files: RawFiles, config: FlightConfig, run: Run) -> Look:
    """Tables and pictures of the host's files."""
    codes = run.step(learn_codes, files.train)
    train = run.step(read_searches, files.train, codes, True, name="train.read").value
    test = run.step(read_searches, files.test, codes, False, name="test.read").value
    sides = {"train": train, "test": test}
    sessions = {side: searches.sessions for side, searches in sides.items()}
    options = {side: describe_options(searches) for side, searches in sides.items()}

    def session(name: str) -> dict[str, pl.Series]:
        return {side: frame[name] for side, frame in sessions.items()}

    def option(name: str) -> dict[str, pl.Series]:
        return {side: frame[name].drop_nulls() for side, frame in options.items()}

    profiles = {side: count_by(frame, "profile") for side, frame in sessions.items()}
    booked = options["train"].filter("booked")
    direct = {"all options": options["train"]["out_segments"], "booked": booked["out_segments"]}
    return Look(
        tables=[RawTable("options", {"train": [files.train], "test": [files.test]})],
        pictures={
            "Searches": [
                histogram("Options of a session", "options", session("size"), logarithmic=True),
                timeline("Searches by day", session("time")),
                share_values(
                    "Route, by its rank in the train file",
                    session("route"),
                    note="Missing: a route that the train file lacks.",
                ),
                share_values("Booked by oneself", session("by_self"), names=YES_NO),
            ],
            "Prices": [
                histogram("Price", "price", option("price"), logarithmic=True),
                histogram(
                    "Price beside the cheapest of the session", "times the cheapest", option("ratio"), logarithmic=True
                ),
                histogram(
                    "Price rank of what is booked",
                    "rank, 1 the cheapest",
                    {"train": booked["price_rank"]},
                    logarithmic=True,
                    note="The labels of the train file: how often the cheapest wins.",
                ),
                histogram(
                    "Price of what is booked",
                    "times the cheapest",
                    {"all options": options["train"]["ratio"], "booked": booked["ratio"]},
                    logarithmic=True,
                ),
            ],
            "Trips": [
                histogram("Days from search to departure", "days", option("days_ahead"), logarithmic=True),
                histogram("Hour of departure", "hour", option("hour")),
                histogram("Duration of the way out", "minutes", option("out_duration")),
                share_values("Flights on the way out", direct, note="Train: all options beside what is booked."),
            ],
            "Travellers and carriers": [
                histogram(
                    "Searches of a traveller",
                    "searches",
                    profiles,
                    note="Where everybody stands at 1, nobody comes back and history is worth nothing.",
                ),
                concentration("How few carriers hold how many options", option("out_carrier"), "carriers"),
                share_values("Cabin of the first flight", option("out_cabin")),
                share_values("Within the company's travel policy", option("access_tp"), names=YES_NO),
            ],
        },
        notes=list_notes([note._asdict() for note in (*train.notes, *test.notes)]),
    )


def describe_options(searches: Searches) -> pl.DataFrame:
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
