"""The features of the options of some sessions, in blocks named by what a feature describes.

``core_``     the option against the others of its search: the few comparisons that tell, each once
``pair_``     the traveller and the option
``lift_``     how much more often its carriers and flights were booked than offered, by whom and where
``taste_``    the option's utility under the preferences estimated from other bookings

A feature is a function of the options on offer, of who searches, and of the bookings visible in the session's snapshot.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import polars as pl

from competitions.flight.features.booking_history import History, lift_block, preference_block
from competitions.flight.features.core import core_block
from competitions.flight.features.option_attributes import SessionChunk, cut_chunk
from competitions.flight.io.reader import Searches

Block = Callable[[SessionChunk, History], pl.DataFrame]


def build_features(searches: Searches, first: int, last: int, history: History, blocks: Sequence[str]) -> pl.DataFrame:
    """The features of the options of the sessions [first, last): one row per option, in order, Float32."""
    return next(build_views(searches, first, last, [history], blocks))


def build_views(
    searches: Searches, first: int, last: int, histories: Sequence[History], blocks: Sequence[str]
) -> Iterator[pl.DataFrame]:
    """The same with each of the ``histories``; what looks back on nothing is built once."""
    chunk, frames = cut_chunk(searches, first, last), dict[str, pl.DataFrame]()
    for history in histories:
        sessions = chunk.sessions.join(history.assigned, on="session", how="left", maintain_order="left")
        seen = replace(chunk, sessions=sessions)
        for name in blocks:
            if name not in frames or name not in WITHOUT_PAST:
                frames[name] = _build_block(name, seen, history)
        yield pl.concat([frames[name] for name in blocks], how="horizontal")


def _build_block(name: str, chunk: SessionChunk, history: History) -> pl.DataFrame:
    frame = (BLOCKS | EXTRA_BLOCKS)[name](chunk, history).select(pl.all().cast(pl.Float32).name.prefix(f"{name}_"))
    if frame.height != chunk.options.height:
        raise ValueError(f"the block {name} has {frame.height} rows for {chunk.options.height} options")
    return frame


def pair_block(chunk: SessionChunk, _: History) -> pl.DataFrame:
    """The traveller and the option: programmes that match its carriers, the policy and the company's tariff."""
    programmes = chunk.sessions.select("session", carrier="loyalty").explode("carrier").drop_nulls()
    member = programmes.select(_pair_key("session", "carrier")).to_series()
    own = chunk.options.select(
        out=_pair_key("session", "out_carrier").is_in(member.implode()),
        back=_pair_key("session", "back_carrier").is_in(member.implode()),
        access=pl.col("access_tp"),
        coded=pl.col("coded"),
        cabin=pl.col("cabin"),
    )
    session = chunk.sessions.select("vip", programmes=pl.col("loyalty").list.len())
    both = pl.concat([own, session[chunk.session_rows]], how="horizontal")
    member_any = pl.col("out") | pl.col("back").fill_null(False)
    return both.select(
        "out",
        "back",
        own_programme=pl.when(pl.col("programmes") > 0).then(member_any),
        access_with_tariff=pl.col("access").cast(pl.Float32) * pl.col("coded").cast(pl.Float32),
        vip_cabin=pl.col("vip").cast(pl.Float32) * pl.col("cabin"),
    )


def _pair_key(left: str, right: str) -> pl.Expr:
    return pl.col(left).cast(pl.Int64) * 65_536 + pl.col(right)


BLOCKS: dict[str, Block] = {
    "core": core_block,
    "pair": pair_block,
    "lift": lift_block,
    "taste": preference_block,
}

WITHOUT_PAST = ("core", "pair")

# Blocks of your own: what is registered here is on, beside whatever rank.blocks = ["auto"] stands for.
EXTRA_BLOCKS: dict[str, Block] = {
    # the name of a block, which its features begin with: its function
}
