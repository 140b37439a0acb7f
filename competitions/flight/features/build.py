"""The features of the options of some sessions, in blocks named by what a feature describes.

``option_``   the option by itself                      ``session_``  the search, the same for all of its options
``within_``   the option against the search's others    ``pair_``     the traveller and the option
``core_``     the few of these comparisons that tell, each once: what a model gets by default
``lift_``     how much more often its carriers and flights were booked than offered, by whom and where
``history_``  the option against the means of earlier bookings: of the traveller, of the company on the route
``taste_``    the option's utility under the preferences estimated from other bookings

A feature is a function of the options on offer, of who searches, and of the bookings visible in the session's snapshot.
"""

from collections.abc import Callable, Sequence

import polars as pl

from competitions.flight.features.booking_history import History
from competitions.flight.features.core import core_block
from competitions.flight.features.history_features import history_block, lift_block, preference_block
from competitions.flight.features.option_attributes import DAY_MINUTES, LEGS
from competitions.flight.features.session_chunk import SessionChunk, cut_chunk
from competitions.flight.features.within_session import within_block
from competitions.flight.io.reader import Searches

MINUTE_MS = 60_000
OPTION_NUMBERS = ("duration", "segments", "direct", "cabin", "bags", "free_exchange", "free_cancel", "access_tp")
RULES = tuple(f"{action}_{name}" for action in ("cancel", "exchange") for name in ("fee", "percent", "allowed"))
LEG_NUMBERS = ("duration", "segments", "layover", "cabin", "cabin_low", "bags", "bags_kg", "seats", "carriers")
LEG_CODES = ("carrier", "operator", "aircraft", "origin", "destination")
HOURS = ("out_hour", "out_arrival_hour", "back_hour", "back_arrival_hour")
Block = Callable[[SessionChunk, History], pl.DataFrame]


def build_features(
    searches: Searches, first: int, last: int, assigned: pl.DataFrame, history: History, blocks: Sequence[str]
) -> pl.DataFrame:
    """The features of the options of the sessions [first, last): one row per option, in order, Float32.

    ``assigned`` (session, snapshot) says what each session sees of ``history``.
    """
    chunk = cut_chunk(searches, first, last, assigned)
    frames = []
    for name in blocks:
        frame = BLOCKS[name](chunk, history).select(pl.all().cast(pl.Float32).name.prefix(f"{name}_"))
        if frame.height != chunk.options.height:
            raise ValueError(f"the block {name} has {frame.height} rows for {chunk.options.height} options")
        frames.append(frame)
    return pl.concat(frames, how="horizontal")


def option_block(chunk: SessionChunk, _: History) -> pl.DataFrame:
    """The option by itself."""
    leg_parts = [f"{leg}_{name}" for leg in LEGS for name in (*LEG_NUMBERS, *LEG_CODES)]
    requested = chunk.sessions["time"][chunk.session_rows] // MINUTE_MS
    return chunk.options.select(
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


def session_block(chunk: SessionChunk, _: History) -> pl.DataFrame:
    """The search: who searches, when, and what is on offer as a whole."""
    offer = chunk.options.group_by("session", maintain_order=True).agg(
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
    rows = chunk.sessions.join(offer, on="session", how="left", maintain_order="left").select(
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
    return rows[chunk.session_rows]


def pair_block(chunk: SessionChunk, _: History) -> pl.DataFrame:
    """The traveller and the option: programmes that match its carriers, the company's tariff."""
    programmes = chunk.sessions.select("session", carrier="loyalty").explode("carrier").drop_nulls()
    member = programmes.select(_pair_key("session", "carrier")).to_series()
    own = chunk.options.select(
        out=_pair_key("session", "out_carrier").is_in(member.implode()),
        back=_pair_key("session", "back_carrier").is_in(member.implode()),
        access=pl.col("access_tp"),
        cabin=pl.col("cabin"),
    )
    session = chunk.sessions.select("access_3d", "vip", programmes=pl.col("loyalty").list.len())
    both = pl.concat([own, session[chunk.session_rows]], how="horizontal")
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


BLOCKS: dict[str, Block] = {
    "core": core_block,
    "option": option_block,
    "session": session_block,
    "within": within_block,
    "pair": pair_block,
    "lift": lift_block,
    "history": history_block,
    "taste": preference_block,
}
