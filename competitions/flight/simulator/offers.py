"""What a search is offered: legs of the day, crossed out and back by carrier, at light, standard, flex and business
fares. The options of a search stand together, itineraries by number of segments then price, fares by price.
"""

from pathlib import Path

import numpy as np
import polars as pl

from common.io.tables import read_csv
from competitions.flight.simulator.hashing import hashed, hashed_normal
from competitions.flight.simulator.search_sessions import SimulationState

# By fare: how often a carrier has it on a route, and how often it is not sold out on the date (assumed); bags: pieces;
# how often it allows no exchange, by carrier and pair (of standard: by the published share), and whether change and
# refund are free; roubles before taxes: ``factor`` times the lowest fare and a ``step`` each way. The steps are those
# of a published example of a return, 6,586 / 10,086 / 17,901; business fares are assumed.
FARES = read_csv(Path(__file__).with_name("fares.csv")).with_columns(key=pl.int_range(pl.len()))
DATE_SIGMA = 0.20  # of the logarithm of a leg's price from day to day; assumed
ROUND_TRIP_PRICE = 0.95
FEE = 2800.0  # the published upper quartile of both fees
FULL_PLANE = 0.27  # of the entries have nine seats or more


def list_options(state: SimulationState, searches: pl.DataFrame) -> pl.DataFrame:
    """The options of some searches, in file order.

    ``search``, ``out`` and ``back`` (legs; -1 one way), ``carrier``, ``segments``, ``price``, ``taxes``, ``bags``,
    ``cabin``, ``free`` (to change and cancel), ``exchange`` (allowed), ``within`` (the company's policy), ``tariff``
    (code of its agreement with the carrier, -1 for none), ``seats`` (of the way out).
    """
    out = _offer(state, searches, pl.col("flip"), "out_day").rename({"leg": "out"})
    sure = out.filter(pl.col("queue") == pl.col("queue").min().over("search")).select("search", sure="carrier")
    returns = searches.filter("round_trip").join(sure, on="search", maintain_order="left")
    back = _offer(state, returns, ~pl.col("flip"), "back_day").select(
        "search", "carrier", back="leg", back_fare="price", back_segments="segments"
    )
    trips = out.join(back, on=["search", "carrier"], how="left")
    both = ROUND_TRIP_PRICE * (pl.col("price") + pl.col("back_fare"))
    trips = trips.filter(pl.col("back").is_not_null() | ~pl.col("round_trip")).with_columns(
        pl.col("back").fill_null(-1),
        segments=pl.col("segments") + pl.col("back_segments").fill_null(0),
        price=pl.coalesce(both, "price"),
        ways=1.0 + pl.col("round_trip"),
    )
    return _add_fares(state, trips.sort("search", "segments", "price", "out", "back"))


def _offer(state: SimulationState, searches: pl.DataFrame, flip: pl.Expr, day: str) -> pl.DataFrame:
    """Legs of one way that the searches are offered on the day: those whose queue is below the search's ``limit``, at
    least one, of the carrier ``sure`` where it is given.

    A leg's rank in the queue is half its own and half the day's, so that the same legs tend to be offered, day by day.
    """
    seed, direction = state.seed, 2 * pl.col("pair") + flip.cast(pl.Int64)
    flown = state.legs.select("leg", "direction", "carrier", "segments", "lowest")
    legs = searches.with_columns(direction=direction).join(flown, on="direction", maintain_order="left_right")
    leg, date = legs["leg"].to_numpy(), legs[day].to_numpy()
    legs = legs.with_columns(
        queue=0.5 * (hashed(seed, 111, leg) + hashed(seed, 112, leg, date)),
        price=pl.col("lowest") * pl.col("level") * np.exp(DATE_SIGMA * hashed_normal(seed, 113, leg, date)),
    )
    foreign = pl.col("carrier") != pl.col("sure") if "sure" in legs.columns else pl.lit(False)
    rank = pl.col("queue") + foreign.cast(pl.Float64)
    return legs.filter((pl.col("queue") < pl.col("limit")) | (rank == rank.min().over("search")))


def _add_fares(state: SimulationState, trips: pl.DataFrame) -> pl.DataFrame:
    """Give each itinerary its fares, with their terms; all of them bear the same taxes. A carrier may lack some on a
    route; some are sold out on the date.
    """
    seed, options = state.seed, trips.join(FARES, how="cross", maintain_order="left_right")
    keys = ("carrier", "pair", "key", "out", "back", "out_day", "company")
    carrier, pair, fare, out, back, day, company = (options[name].to_numpy() for name in keys)
    carried = hashed(seed, 131, carrier, pair, fare) < options["carried"].to_numpy()
    available = hashed(seed, 132, out, back + 1, fare, day) < options["available"].to_numpy()
    level = np.where(options["abroad"].to_numpy(), 6.0 + 30.0 * hashed(seed, 121, pair, carrier) ** 3, 1.0)
    level *= 0.70 + 0.7 * hashed(seed, 122, out, back + 1)
    taxes = ((330 * pl.col("ways") + 190 * pl.col("segments")) * level).round()
    seats = np.maximum(hashed(seed, 155, out, day, fare) - FULL_PLANE, 0.0) / (1.0 - FULL_PLANE)
    economy = pl.col("cabin") == 1.0
    options = options.with_columns(
        sold=pl.Series(carried & available) & (economy | pl.col("business")),
        price=(pl.col("factor") * pl.col("price") + pl.col("step") * pl.col("ways") + taxes).round(),
        taxes=taxes,
        exchange=pl.col("rigid") <= hashed(seed, 142, carrier, pair),
        tariff=state.companies["agreements"].to_numpy()[company, carrier],
        seats=np.where(seats == 0.0, 9.0, 1.0 + np.floor(8.0 * seats**1.55)),
    )
    none = ~pl.col("sold").any().over("search", "out", "back")
    cheap = pl.col("price") <= pl.col("cap") * pl.col("price").min().over("search")
    trip, terms = ("search", "out", "back", "carrier", "segments"), ("bags", "cabin", "free", "exchange", "tariff")
    return options.filter(pl.col("sold") | (pl.col("fare") == "standard") & none).select(
        *trip, "price", "taxes", *terms, "seats", within=cheap & (economy | pl.col("vip"))
    )
