"""The features of the options of some sessions, in blocks named by what a feature describes.

``option_``   the option by itself                      ``session_``  the search, the same for all of its options
``within_``   the option against the search's others    ``pair_``     the traveller and the option
``history_``  the option against earlier bookings: of the traveller, of the company on the route, of everybody
``taste_``    the option's utility by the tastes that earlier bookings tell

A feature is a function of the options on offer, of who asks, and of the bookings that the session's view sees.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from competitions.flight import tastes
from competitions.flight.history import DETAILED, KEYS, LIFTS, SPREADS, History
from competitions.flight.raw import Searches
from competitions.flight.traits import DAY_MINUTES, LEGS, TRAITS, add_traits, take_options

MINUTE_MS = 60_000
COUNTED = ("profile", "trip", "habit")  # keys whose number of bookings is a feature
OPTION_NUMBERS = ("duration", "segments", "direct", "cabin", "bags", "free_exchange", "free_cancel", "access_tp")
RULES = tuple(f"{action}_{name}" for action in ("cancel", "exchange") for name in ("fee", "percent", "allowed"))
LEG_NUMBERS = ("duration", "segments", "layover", "cabin", "cabin_low", "bags", "bags_kg", "seats", "carriers")
LEG_CODES = ("carrier", "operator", "aircraft", "origin", "destination")
HOURS = ("out_hour", "out_arrival_hour", "back_hour", "back_arrival_hour")


@dataclass(frozen=True)
class Part:
    """Some whole sessions: ``sessions``, their ``options`` with traits, and ``asked``: a session's row per option."""

    sessions: pl.DataFrame
    options: pl.DataFrame
    asked: pl.DataFrame


Block = Callable[[Part, History], pl.DataFrame]


def build(
    searches: Searches, first: int, last: int, served: pl.DataFrame, history: History, blocks: Sequence[str]
) -> pl.DataFrame:
    """The features of the options of the sessions [first, last): one row per option, in order, Float32.

    ``served`` (session, view) says what each session sees of ``history``.
    """
    part = cut_part(searches, first, last, served)
    made = [BLOCKS[name](part, history).select(pl.all().cast(pl.Float32).name.prefix(f"{name}_")) for name in blocks]
    for name, block in zip(blocks, made, strict=True):
        if block.height != part.options.height:
            raise ValueError(f"the block {name} has {block.height} rows for {part.options.height} options")
    return pl.concat(made, how="horizontal")


def cut_part(searches: Searches, first: int, last: int, served: pl.DataFrame) -> Part:
    """The sessions [first, last) with their options and views."""
    sessions = searches.sessions[first:last].join(served, on="session", how="left", maintain_order="left")
    options = add_traits(take_options(searches.options, searches.sessions, first, last))
    return Part(sessions, options, sessions[(options["session"] - first).to_numpy()])


def option_block(part: Part, _: History) -> pl.DataFrame:
    """The option by itself."""
    leg_parts = [f"{leg}_{name}" for leg in LEGS for name in (*LEG_NUMBERS, *LEG_CODES)]
    requested = part.asked["time"] // MINUTE_MS
    return part.options.select(
        *OPTION_NUMBERS,
        *RULES,
        *leg_parts,
        *HOURS,
        log_price=pl.col("price").log1p(),
        tax_share=pl.col("taxes") / pl.col("price"),
        out_weekday=_weekday("out_departure"),
        back_weekday=_weekday("back_departure"),
        lead_days=(pl.col("out_departure") - requested) / DAY_MINUTES,
        stay_hours=(pl.col("back_departure") - pl.col("out_arrival")) / 60,
        out_nights=_nights("out"),
        back_nights=_nights("back"),
        codeshare=_differ("out_carrier", "out_operator") + _differ("back_carrier", "back_operator").fill_null(0),
        one_carrier=1 - _differ("out_carrier", "back_carrier"),
        minutes_per_segment=pl.col("duration") / pl.col("segments").clip(lower_bound=1),
    )


def _weekday(column: str) -> pl.Expr:
    return (pl.col(column) // DAY_MINUTES + 3) % 7  # 1970-01-01 was a Thursday; 0 = Monday


def _nights(leg: str) -> pl.Expr:
    return pl.col(f"{leg}_arrival") // DAY_MINUTES - pl.col(f"{leg}_departure") // DAY_MINUTES


def _differ(left: str, right: str) -> pl.Expr:
    return (pl.col(left) != pl.col(right)).cast(pl.Float32)


def session_block(part: Part, _: History) -> pl.DataFrame:
    """The search: who asks, when, and what is on offer as a whole."""
    offer = part.options.group_by("session", maintain_order=True).agg(
        log_cheapest=pl.col("price").min().log1p(),
        price_spread=(pl.col("price").std() / pl.col("price").mean()),
        price_median_ratio=(pl.col("price").median() / pl.col("price").min()),
        shortest=pl.col("duration").min(),
        itineraries=pl.col("itinerary").n_unique(),
        carriers=pl.col("out_carrier").n_unique(),
        direct_share=pl.col("direct").mean(),
        access_share=pl.col("access_tp").mean(),
        business_share=(pl.col("cabin") > 1).mean(),
        exchange_share=pl.col("exchange_allowed").mean(),
    )
    hours = pl.col("time") // (60 * MINUTE_MS)
    rows = part.sessions.join(offer, on="session", how="left", maintain_order="left").select(
        *offer.columns[1:],
        "tariff",
        "nationality",
        "access_3d",
        "vip",
        "male",
        "route",
        "round_trip",
        size=pl.col("size"),
        hour=hours % 24,
        weekday=(hours // 24 + 3) % 7,
        programmes=pl.col("loyalty").list.len(),
    )
    return rows[_places(part)]


def _places(part: Part) -> pl.Series:
    """For each option the place of its session among the part's."""
    places: pl.Series = part.options["session"] - part.sessions["session"][0]
    return places


def within_block(part: Part, _: History) -> pl.DataFrame:
    """The option against the others of its search."""
    options = part.options.with_columns(
        stay=pl.col("back_departure") - pl.col("out_arrival"),
        cheapest_fare=pl.col("price").min().over("itinerary"),
        fastest_up_to_price=_least_up_to("duration", "price"),
        cheapest_up_to_duration=_least_up_to("price", "duration"),
    )
    return options.select(*compare_prices(), *compare_groups(), *compare_times(), *compare_terms())


def compare_prices() -> list[pl.Expr]:
    """Price and place against the whole session."""
    price = pl.col("price")
    above, below = price.shift(-1).over("session") - price, price - price.shift(1).over("session")
    return [
        *map(pl.col, ("price_rank", "price_place", "price_ratio", "fare_level", "position")),
        (pl.col("position") / (pl.len().over("session") - 1).clip(lower_bound=1)).alias("position_share"),
        (price / price.median().over("session")).log().alias("price_from_median"),
        _spreads("price").alias("price_spreads"),
        (pl.col("price_rank") == 0).alias("cheapest"),
        (above / price).alias("next_price"),
        (below / price).alias("previous_price"),
        pl.len().over("session", "price").alias("same_price"),
        _dearer_than_faster().alias("dearer_than_faster"),
        _slower_than_cheaper().alias("slower_than_cheaper"),
    ]


def compare_groups() -> list[pl.Expr]:
    """Price against the options alike in something: the itinerary, the flight, carrier, cabin, tariff, terms."""
    groups = {
        "carrier": ("session", "out_carrier", "back_carrier"),
        "direct": ("session", "direct"),
        "cabin": ("session", "cabin"),
        "access": ("session", "access_tp"),
        "terms": ("session", "bags", "exchange_allowed"),
        "out_flight": ("session", "out_departure", "out_carrier", "out_flight"),
        "back_flight": ("session", "back_departure", "back_carrier", "back_flight"),
    }
    made = [_ratio("price", group).alias(f"{name}_ratio") for name, group in groups.items()]
    made += [_rank("price", group).alias(f"{name}_price_rank") for name, group in groups.items()]
    return [
        *made,
        _ratio("price", ["itinerary"]).alias("fare_ratio"),
        pl.len().over("itinerary").alias("fares"),
        (pl.col("position") - pl.col("position").min().over("itinerary")).alias("fare_position"),
        _rank("cheapest_fare", ["session"], "dense").alias("itinerary_rank"),
        (pl.col("cheapest_fare") / pl.col("price").min().over("session")).log().alias("itinerary_ratio"),
        (pl.len().over("session", "out_carrier") / pl.len().over("session")).alias("carrier_share"),
    ]


def compare_times() -> list[pl.Expr]:
    """Duration and times of day against the whole session."""
    ranked = ("duration", "out_hour", "back_hour", "out_arrival_hour", "stay")
    excess = ("duration", "out_duration", "back_duration")
    return [
        *map(pl.col, ("duration_ratio", "segments_more")),
        *[_rank(name, ["session"]).alias(f"{name}_rank") for name in ranked],
        *[(pl.col(name) - pl.col(name).min().over("session")).alias(f"{name}_excess") for name in excess],
        *[_spreads(name).alias(f"{name}_spreads") for name in ("duration", "out_hour", "back_hour", "stay")],
        (pl.col("segments_more") == 0).alias("fewest_segments"),
        (pl.col("out_segments") - pl.col("out_segments").min().over("session")).alias("out_segments_more"),
        (pl.col("back_segments") - pl.col("back_segments").min().over("session")).alias("back_segments_more"),
    ]


def compare_terms() -> list[pl.Expr]:
    """Baggage, cabin, seats and penalties against the whole session."""
    return [
        *[
            (pl.col(name).cast(pl.Float32) - pl.col(name).mean().over("session")).alias(f"{name}_more")
            for name in ("bags", "cabin", "free_exchange", "free_cancel", "exchange_allowed", "access_tp", "out_seats")
        ],
        *[_rank(name, ["session"]).alias(f"{name}_rank") for name in ("cancel_fee", "exchange_fee", "taxes")],
    ]


def _rank(column: str, group: Sequence[str], method: Literal["min", "dense"] = "min") -> pl.Expr:
    """0 for the smallest of the group."""
    return pl.col(column).rank(method).over(group).cast(pl.Float32) - 1


def _ratio(column: str, group: Sequence[str]) -> pl.Expr:
    """Log of the quotient by the group's smallest."""
    return (pl.col(column) / pl.col(column).min().over(group)).log()


def _spreads(column: str) -> pl.Expr:
    """Distance from the session's median in its standard deviations."""
    value = pl.col(column).cast(pl.Float32)
    return (value - value.median().over("session")) / value.std().over("session").clip(lower_bound=1e-3)


def _slower_than_cheaper() -> pl.Expr:
    """Minutes more than the fastest option that costs no more: above 0, another option is both cheaper and faster."""
    return pl.col("duration") - pl.col("fastest_up_to_price").min().over("session", "price")


def _dearer_than_faster() -> pl.Expr:
    """Log price over the cheapest option that takes no longer."""
    return (pl.col("price") / pl.col("cheapest_up_to_duration").min().over("session", "duration")).log()


def _least_up_to(column: str, by: str) -> pl.Expr:
    """The smallest ``column`` among the options before in the order of ``by``; null where ``by`` is unknown.

    Of equal ones the last has seen them all.
    """
    known = pl.when(pl.col(by).is_not_null()).then(pl.col(column))
    least = known.cum_min().over("session", order_by=by, nulls_last=True)
    return pl.when(pl.col(by).is_not_null()).then(least)


def pair_block(part: Part, _: History) -> pl.DataFrame:
    """The traveller and the option: programmes that match its carriers, the company's tariff."""
    programmes = part.sessions.select("session", carrier="loyalty").explode("carrier").drop_nulls()
    member = _pair_up(programmes, "session", "carrier")
    own = part.options.select(
        out=_pair_key("session", "out_carrier").is_in(member.implode()),
        back=_pair_key("session", "back_carrier").is_in(member.implode()),
        access=pl.col("access_tp"),
        cabin=pl.col("cabin"),
    )
    asked = part.asked.select("access_3d", "vip", programmes=pl.col("loyalty").list.len())
    both = pl.concat([own, asked], how="horizontal")
    member_any = pl.col("out") | pl.col("back").fill_null(False)
    return both.select(
        "out",
        "back",
        own_programme=pl.when(pl.col("programmes") > 0).then(member_any),
        access_with_tariff=pl.col("access").cast(pl.Float32) * pl.col("access_3d").cast(pl.Float32),
        vip_cabin=pl.col("vip").cast(pl.Float32) * pl.col("cabin"),
    )


def _pair_key(left: str, right: str) -> pl.Expr:
    return pl.col(left).cast(pl.Int64) * 65_536 + pl.col(right)


def _pair_up(frame: pl.DataFrame, left: str, right: str) -> pl.Series:
    return frame.select(_pair_key(left, right)).to_series()


def history_block(part: Part, history: History) -> pl.DataFrame:
    """The option against what was booked earlier: distances from the means, places in the quartiles, lifts."""
    places = _places(part)
    known = part.sessions.select("session", "view", "time", *SESSION_KEYS)
    columns: list[pl.DataFrame] = []
    for name, key in KEYS.items():
        table = history.means[name]
        met = known.join(table, on=["view", *key], how="left", maintain_order="left", nulls_equal=False)
        columns.append(_compare_with(part.options, met[places], name))
    rows = part.options.select("out_carrier", "back_carrier", "out_flight", "back_flight", "out_origin")
    rows = pl.concat([rows, known.select("view", *SESSION_KEYS)[places]], how="horizontal")
    for name, key in LIFTS.items():
        met = rows.join(history.lifts[name], on=["view", *key], how="left", maintain_order="left", nulls_equal=False)
        columns.append(met.select(pl.col("lift").fill_null(0.0).alias(f"{name}_lift"), *_count_times(name)))
    return pl.concat(columns, how="horizontal")


SESSION_KEYS = ("profile", "company", "route")


def _count_times(name: str) -> list[pl.Expr]:
    """How often this very flight or carrier was booked, where the key is fine enough for the number to tell."""
    fine = name.startswith(("habit", "profile", "carrier_profile"))
    return [pl.col("times").fill_null(0.0).alias(f"{name}_times")] if fine else []


def _compare_with(options: pl.DataFrame, met: pl.DataFrame, name: str) -> pl.DataFrame:
    """Each option's traits less the key's means; the spread and quartiles of the detailed keys; how much is known."""
    joined = pl.concat([options.select(TRAITS), met.select(pl.all().name.prefix("met_"))], how="horizontal")
    made = [(pl.col(trait) - pl.col(f"met_{trait}")).alias(f"{name}_{trait}") for trait in TRAITS]
    made += [pl.col("met_bookings").fill_null(0.0).alias(f"{name}_bookings")]
    if name in COUNTED:
        age = (pl.col("met_time") - pl.col("met_last_ms")) / (MINUTE_MS * DAY_MINUTES)
        made.append(age.alias(f"{name}_age_days"))
    if name in DETAILED:
        for trait in SPREADS:
            middle, low, high = (pl.col(f"met_{trait}_q{q}") for q in (50, 25, 75))
            made.append(pl.col(f"met_{trait}_spread").alias(f"{name}_{trait}_spread"))
            made.append((pl.col(trait) - middle).abs().alias(f"{name}_{trait}_off"))
            made.append(pl.col(trait).is_between(low, high).cast(pl.Float32).alias(f"{name}_{trait}_usual"))
    return joined.select(made)


def taste_block(part: Part, history: History) -> pl.DataFrame:
    """The option's utility to everybody, what company, habit and traveller add to it, and how the sum compares."""
    described, places = tastes.describe(part.options), _places(part).to_numpy()
    known = part.sessions.select("view", *SESSION_KEYS)
    added: dict[str, NDArray[np.float32]] = {}
    for name, table in history.tastes.items():
        key = ["view", *(tastes.LEVELS[name].key if name in tastes.LEVELS else ())]
        met = known.join(table, on=key, how="left", maintain_order="left", nulls_equal=False)
        weights = met.select(pl.col(tastes.NAMES).fill_null(0.0)).to_numpy()
        added[name] = np.einsum("nk,nk->n", described, weights[places])
    utility = pl.DataFrame(added).with_columns(part.options["session"], total=pl.sum_horizontal(*added))
    total, best = pl.col("total"), pl.col("total").max().over("session")
    return utility.select(
        *[(pl.col(name) - pl.col(name).mean().over("session")).alias(name) for name in added],
        total=total - best,
        rank=total.rank("min", descending=True).over("session"),
        log_chance=total - best - (total - best).exp().sum().over("session").log(),
    )


BLOCKS: dict[str, Block] = {
    "option": option_block,
    "session": session_block,
    "within": within_block,
    "pair": pair_block,
    "history": history_block,
    "taste": taste_block,
}
