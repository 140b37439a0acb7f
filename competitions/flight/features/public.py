"""The block ``public_``: what the competition's public notebooks learn from, for the models that stand for them.

Price, duration, terms and hours of an option, its rank by price and by duration in the search, the traveller, and the
raw codes as ordered numbers; nulls are 0, as there. Nothing compares the fares of one flight, which is why the same
notebooks rerank them afterwards; nothing looks back on bookings. Left out: the share of each carrier among the
bookings, the codes of second segments, and the flags for direct flights, which are constant in the notebooks.
"""

import polars as pl

from competitions.flight.features.booking_history import History
from competitions.flight.features.option_attributes import DAY_MINUTES, LEGS
from competitions.flight.features.session_chunk import SessionChunk

TIMES = tuple(f"{leg}_{end}" for leg in LEGS for end in ("departure", "arrival"))
LEG_COLUMNS = (
    "duration",
    "cabin",
    "bags",
    "bags_kg",
    "carrier",
    "operator",
    "aircraft",
    "origin",
    "destination",
    "flight",
)
RULES = tuple(f"{action}_{name}" for action in ("cancel", "exchange") for name in ("fee", "allowed"))
SESSION = ("company", "nationality", "vip", "by_self", "male", "route", "size")


def public_block(chunk: SessionChunk, _: History) -> pl.DataFrame:
    """The features of the public notebooks, nulls as 0."""
    who = chunk.sessions.select(*SESSION, programmes=pl.col("loyalty").list.len())[chunk.session_rows]
    options = pl.concat([chunk.options, who], how="horizontal")
    price, back = pl.col("price"), pl.col("back_duration").fill_null(0)
    columns = [f"{leg}_{name}" for leg in LEGS for name in LEG_COLUMNS]
    features = options.select(
        *(*SESSION, "programmes", *columns, *RULES, "taxes", "tariff", "coded", "segments", "cabin"),
        *(name for time in TIMES for name in _split_time(time)),
        *("free_cancel", "free_exchange", "price_rank", "duration"),
        log_price=price.log1p(),
        tax_rate=pl.col("taxes") / (price + 1),
        duration_ratio=pl.when(back > 0).then(pl.col("out_duration") / (back + 1)).otherwise(1.0),
        one_way=back == 0,
        access=pl.col("access_tp") == 1,
        cabin_difference=pl.col("out_cabin").fill_null(0) - pl.col("back_cabin").fill_null(0),
        vip_or_member=pl.col("vip") | (pl.col("programmes") > 0),
        duration_rank=pl.col("duration").rank("average").over("session"),
        price_place=price.rank("average").over("session") / pl.col("size"),
        cheapest=price == price.min().over("session"),
        price_from_median=(price - price.median().over("session")) / (price.std().over("session") + 1),
        fewest_segments=pl.col("segments_more") == 0,
    )
    return features.select(pl.all().cast(pl.Float32).fill_null(0.0))


def _split_time(column: str) -> list[pl.Expr]:
    """Hour (12 where there is none), day of the week, and whether it lies in the hours that people travel to work."""
    hour = pl.col(column) % DAY_MINUTES // 60
    weekday = (pl.col(column) // DAY_MINUTES + 3) % 7 + 1  # 1970-01-01 was a Thursday; 1 = Monday
    business = hour.is_between(6, 9) | hour.is_between(17, 20)
    return [
        hour.fill_null(12).alias(f"{column}_hour"),
        weekday.alias(f"{column}_weekday"),
        business.alias(f"{column}_business"),
    ]
