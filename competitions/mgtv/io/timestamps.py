"""The moments that the host's files write: a date with a time, or a count since 1970."""

import polars as pl

FORMAT = "%Y-%m-%d %H:%M:%S%.f"
DATE = r"^([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})[T ]([0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.][0-9]{1,9})?)$"
# A count since 1970 is universal time; the dates of the files are China's.
CHINA_MS = 8 * 3_600_000
# Other years are a sign of mixed-up columns.
FIRST_MS, LAST_MS = 631_152_000_000, 4_102_444_800_000  # 1990 and 2100


def parse_moments(text: pl.Series) -> pl.Series:
    """Milliseconds since 1970 as China's clocks count them (Int64), null where the text is no moment.

    Understood are 2022-04-25 09:30:00 (also with a fraction, with slashes, with a T), and seconds or milliseconds.
    """
    value = pl.col("text")
    written = (
        value.str.replace(DATE, "$1-$2-$3 $4").str.to_datetime(FORMAT, time_unit="ms", strict=False).dt.epoch("ms")
    )
    count = value.cast(pl.Int64, strict=False)
    counted = (
        pl.when(value.str.contains(r"^[0-9]{13}$"))
        .then(count)
        .when(value.str.contains(r"^[0-9]{9,10}$"))
        .then(count * 1000)
    )
    moment = pl.coalesce(written, counted + CHINA_MS)
    moment = pl.when(moment.is_between(FIRST_MS, LAST_MS)).then(moment)
    return text.alias("text").to_frame().select(moment.alias(text.name)).to_series()
