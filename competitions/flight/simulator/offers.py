"""What a search is offered: legs of the day, crossed out and back by carrier, at light, standard, flex and business
fares. The options of a search stand together, itineraries by number of segments then price, fares by price.
"""

import numpy as np
import polars as pl

from competitions.flight.simulator.hashing import hashed, hashed_normal
from competitions.flight.simulator.search_sessions import SimulationState

LIGHT, STANDARD, FLEX, BUSINESS = range(4)
# By fare: how often a carrier has it on a route, and how often it is not sold out on the date; assumed. Bags: pieces.
FARES = pl.DataFrame(
    {
        "fare": [LIGHT, STANDARD, FLEX, BUSINESS],
        "carried": [0.97, 0.95, 0.85, 0.90],
        "available": [0.88, 0.97, 0.98, 0.90],
        "bags": [0.0, 1.0, 2.0, 2.0],
        "cabin": [1.0, 1.0, 1.0, 2.0],
    }
)
FARES_SHOWN = 2.7  # of an itinerary, on average
DATE_SIGMA = 0.20  # of the logarithm of a leg's price from day to day; assumed
TEST_PRICE = 0.90  # prices fall after the summer; by the quartiles of totalPrice
ROUND_TRIP_PRICE = 0.95
FEE = 2800.0  # the published upper quartile of both fees
RIGID_STANDARD = 0.4  # standard fares without exchange, by carrier and pair; by the published share
TEST_CAP = 1.1  # caps grow after the summer, or fewer dear options are shown: isAccessTP rises to 0.62
FULL_PLANE = 0.27  # of the entries have nine seats or more


def list_options(state: SimulationState, searches: pl.DataFrame) -> pl.DataFrame:
    """The options of some searches, in file order.

    ``search``, ``out`` and ``back`` (legs; -1 one way), ``carrier``, ``segments``, ``fare``, ``price``, ``taxes``,
    ``bags``, ``cabin``, ``free`` (to change and cancel), ``exchange`` (allowed), ``within`` (the company's policy),
    ``tariff`` (code of its agreement with the carrier, -1 for none), ``seats`` (of the way out).
    """
    out = _offer(state, searches, pl.col("flip"), "out_day").rename({"leg": "out"})
    sure = out.filter(pl.col("queue") == pl.col("queue").min().over("search")).select("search", sure="carrier")
    returns = searches.filter("round_trip").join(sure, on="search", maintain_order="left")
    back = _offer(state, returns, ~pl.col("flip"), "back_day").select(
        "search", "carrier", back="leg", back_fare="price", back_segments="segments"
    )
    crossed = out.filter("round_trip").join(back, on=["search", "carrier"], maintain_order="left_right")
    trips = pl.concat([out.filter(~pl.col("round_trip")), crossed], how="diagonal")
    both = ROUND_TRIP_PRICE * (pl.col("price") + pl.col("back_fare"))
    trips = trips.with_columns(
        pl.col("back").fill_null(-1),
        segments=pl.col("segments") + pl.col("back_segments").fill_null(0),
        price=pl.coalesce(both, "price"),
        ways=1.0 + pl.col("round_trip"),
    ).sort("search", "segments", "price", "out", "back")
    return _add_fares(state, trips)


def _offer(state: SimulationState, searches: pl.DataFrame, flip: pl.Expr, day: str) -> pl.DataFrame:
    """Legs of one way that the searches are offered on the day: about ``target`` options' worth, at least one, of the
    carrier ``sure`` where it is given.

    A leg's rank in the queue is half its own and half the day's, so that the same legs tend to be offered, day by day.
    """
    seed, direction = state.seed, 2 * pl.col("pair") + flip.cast(pl.Int64)
    flown = state.legs.select("leg", "direction", "carrier", "segments", "lowest")
    legs = searches.with_columns(direction=direction, share=_share_kept(state, searches)).join(
        flown, on="direction", maintain_order="left_right"
    )
    leg, date = legs["leg"].to_numpy(), legs[day].to_numpy()
    early = 1.0 + 0.7 * (-pl.col("lead") / 6.0).exp()
    level = early * pl.when("test").then(TEST_PRICE).otherwise(1.0)
    legs = legs.with_columns(
        queue=0.5 * (hashed(seed, 111, leg) + hashed(seed, 112, leg, date)),
        price=pl.col("lowest") * level * pl.Series(np.exp(DATE_SIGMA * hashed_normal(seed, 113, leg, date))),
    )
    foreign = pl.col("carrier") != pl.col("sure") if "sure" in legs.columns else pl.lit(False)
    rank, share = pl.col("queue") + foreign.cast(pl.Float64), pl.col("share")
    # Below it lies the mean of two uniform numbers with the probability ``share``.
    limit = pl.when(share < 0.5).then((share / 2).sqrt()).otherwise(1 - ((1 - share) / 2).sqrt())
    return legs.filter((pl.col("queue") < limit) | (rank == rank.min().over("search")))


def _share_kept(state: SimulationState, searches: pl.DataFrame) -> pl.Series:
    """Share of the legs of each way with which a search shows about ``target`` options."""
    outward = state.legs.filter(pl.col("direction") % 2 == 0)
    ways = outward.group_by(pair=pl.col("direction") // 2, carrier="carrier").len()
    legs = ways.group_by("pair").agg(legs=pl.col("len").sum(), crossed=(pl.col("len").cast(pl.Int64) ** 2).sum())
    kept = pl.col("target") / FARES_SHOWN
    share = pl.when("round_trip").then((kept / pl.col("crossed")).sqrt()).otherwise(kept / pl.col("legs"))
    return searches.join(legs, on="pair", maintain_order="left").select(share.clip(upper_bound=1.0)).to_series()


def _add_fares(state: SimulationState, trips: pl.DataFrame) -> pl.DataFrame:
    """Give each itinerary its fares, with their terms; all of them bear the same taxes. A carrier may lack some on a
    route; some are sold out on the date.
    """
    seed, options = state.seed, trips.join(FARES, how="cross", maintain_order="left_right")
    keys = ("carrier", "pair", "fare", "out", "back", "out_day", "company")
    carrier, pair, fare, out, back, day, company = (options[name].to_numpy() for name in keys)
    carried = hashed(seed, 131, carrier, pair, fare) < options["carried"].to_numpy()
    available = hashed(seed, 132, out, back + 1, fare, day) < options["available"].to_numpy()
    shown = (fare < BUSINESS) | options["business"].to_numpy()
    level = np.where(state.pairs["abroad"].to_numpy()[pair], 6.0 + 30.0 * hashed(seed, 121, pair, carrier) ** 3, 1.0)
    level *= 0.70 + 0.7 * hashed(seed, 122, out, back + 1)
    taxes = ((330 * pl.col("ways") + 190 * pl.col("segments")) * pl.Series(level)).round()
    rigid = (fare == LIGHT) | ((fare == STANDARD) & (hashed(seed, 142, carrier, pair) < RIGID_STANDARD))
    seats = np.maximum(hashed(seed, 155, out, day, fare) - FULL_PLANE, 0.0) / (1.0 - FULL_PLANE)
    sold = pl.col("sold") | (pl.col("fare") == STANDARD) & ~pl.col("sold").any().over("search", "out", "back")
    options = options.with_columns(
        sold=pl.Series(carried & available & shown),
        price=(list_prices() + taxes).round(),
        taxes=taxes,
        free=pl.Series(fare >= FLEX),
        exchange=pl.Series(~rigid),
        tariff=pl.Series(state.people.agreements[company, carrier]),
        seats=pl.Series(np.where(seats == 0.0, 9.0, 1.0 + np.floor(8.0 * seats**1.55))),
        cap=pl.Series(state.people.companies["cap"].to_numpy()[company])
        * pl.when("test").then(TEST_CAP).otherwise(1.0),
        vip=pl.Series(state.people.travellers["vip"].to_numpy()[options["user"].to_numpy()]),
    ).filter(sold)
    cheap = pl.col("price") <= pl.col("cap") * pl.col("price").min().over("search")
    within = cheap & ((pl.col("fare") < BUSINESS) | pl.col("vip"))
    trip, terms = ("search", "out", "back", "carrier", "segments"), ("bags", "cabin", "free", "exchange", "tariff")
    return options.select(*trip, "fare", "price", "taxes", *terms, "seats", within=within)


def list_prices() -> pl.Expr:
    """Roubles before taxes by ``fare``, from the ``price`` of the lowest and the number of ``ways``.

    The steps are those of a published example of a return, 6,586 / 10,086 / 17,901; business fares are assumed.
    """
    price, ways, fare = pl.col("price"), pl.col("ways"), pl.col("fare")
    standard = price + 1750.0 * ways
    flex = 1.35 * standard + 2150.0 * ways
    business = 3.1 * price + 9000.0 * ways
    by_fare = pl.when(fare == LIGHT).then(price).when(fare == STANDARD).then(standard)
    return by_fare.when(fare == FLEX).then(flex).otherwise(business)
