"""The block ``tariff_``: fares under an agreement of the company with a carrier, against the others of the search.

A company's agreement covers all fares of a carrier, or none (``corporateTariffCode``, a column of the option). Whether
a coded fare is the obvious one depends on what else is on offer, on the policy, and on what the company booked before.
"""

import polars as pl

from competitions.flight.features.booking_history import TARIFF_LIFTS, History
from competitions.flight.features.history_features import SESSION_KEYS, join_history
from competitions.flight.features.session_chunk import SessionChunk


def tariff_block(chunk: SessionChunk, history: History) -> pl.DataFrame:
    """The option's code beside the search's other fares, and beside what company and traveller booked earlier."""
    vip = chunk.sessions.select("vip")[chunk.session_rows]
    options = pl.concat([chunk.options, vip], how="horizontal")
    coded = pl.col("coded").cast(pl.Float32)
    beside = options.select(
        "coded",
        coded_share=coded.mean().over("session"),
        only_coded_carrier=pl.col("coded") & (_coded("out_carrier").drop_nulls().n_unique().over("session") == 1),
        price_to_coded=_above_cheapest(pl.col("coded")),
        price_to_uncoded=_above_cheapest(~pl.col("coded")),
        rank_of_coded=_coded("price").rank("average").over("session") / coded.sum().over("session"),
        with_access=coded * pl.col("access_tp"),
        with_free_exchange=coded * pl.col("free_exchange"),
        with_free_cancel=coded * pl.col("free_cancel"),
        with_vip=coded * pl.col("vip").cast(pl.Float32),
    )
    return pl.concat([beside, look_back(chunk, history)], how="horizontal")


def look_back(chunk: SessionChunk, history: History) -> pl.DataFrame:
    """How much more often coded fares, and this code, were booked than offered; ``usual``: the company's usual code.

    Of the codes on offer the usual one is that which the company booked most often, as far as the session's snapshot
    knows; where it booked none there is none.
    """
    keys = chunk.sessions.select("snapshot", *SESSION_KEYS)[chunk.session_rows]
    rows = pl.concat([chunk.options.select("session", "coded", "tariff"), keys], how="horizontal")
    columns = [rows.select("session")]
    for name, key in TARIFF_LIFTS.items():
        known = join_history(rows, history.lifts[name], key)
        lift, times = (pl.col(column).fill_null(0.0) for column in ("lift", "times"))
        columns.append(known.select(lift.alias(name), times.alias(f"{name}_times")))
    times = pl.col("company_tariff_times")
    usual = (times > 0) & (times == times.max().over("session"))
    return pl.concat(columns, how="horizontal").select(pl.exclude("session"), usual=usual)


def _coded(column: str) -> pl.Expr:
    """The column of coded options, missing elsewhere."""
    return pl.when("coded").then(pl.col(column))


def _above_cheapest(mask: pl.Expr) -> pl.Expr:
    """Log of the price over the cheapest of the search's options in ``mask``; missing where it holds none."""
    return (pl.col("price") / pl.when(mask).then("price").min().over("session")).log()
