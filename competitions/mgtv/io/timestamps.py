"""The moments that the host's files write, read as ``pandas.to_datetime`` does; Excel's days as well."""

import polars as pl

from common.time_units import DAY_MS, HOUR_MS, MINUTE_MS

FORMAT = "%Y-%m-%d %H:%M:%S%.f"
# 20250420 and 20250420201500 are spelled out first: WRITTEN wants its separators, or a count would pass for a date.
PACKED_TIME = (r"^([0-9]{8})T?([0-9]{2})([0-9]{2})([0-9]{2}(?:[.][0-9]+)?)$", "$1 $2:$3:$4")
PACKED_DATE = (r"^([0-9]{4})([0-9]{2})([0-9]{2})($| )", "$1-$2-$3$4")
WRITTEN = (
    r"^([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})"
    r"(?:[T ]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}(?:[.][0-9]{1,9})?))?)?"
    r" ?(Z|UTC|[+-][0-9]{2}:?[0-9]{2})?$"
)
SECONDS, MILLISECONDS = (rf"^[0-9]{{{digits}}}(?:[.][0-9]+)?$" for digits in ("9,10", "13"))
EXCEL_DAYS = r"^[0-9]{5}(?:[.][0-9]+)?$"
EXCEL_1970 = 25_569
# A count since 1970 is universal time; the dates of the files are China's.
CHINA_MS = 8 * HOUR_MS
# Other years are a sign of mixed-up columns.
FIRST_MS, LAST_MS = 631_152_000_000, 4_102_444_800_000  # 1990 and 2100


def parse_moments(text: pl.Series) -> pl.Series:
    """Milliseconds since 1970 as China's clocks count them (Int64), null where the text is no moment.

    Understood are a date with or without a time (2022-04-25 09:30:00; no seconds, a fraction, slashes, a T, a zone,
    14 or 8 digits), and seconds or milliseconds since 1970.
    """
    plain = text.str.to_datetime(FORMAT, time_unit="ms", strict=False).dt.epoch("ms")
    value = pl.col("text")
    moment = pl.col("plain")
    if plain.null_count() > text.null_count():  # some are written in another way
        number = value.cast(pl.Float64, strict=False)
        seconds = pl.when(value.str.contains(SECONDS)).then(number * 1000)
        counted = pl.coalesce(seconds, pl.when(value.str.contains(MILLISECONDS)).then(number)) + CHINA_MS
        moment = pl.coalesce(moment, _parse_written(value), counted.round().cast(pl.Int64))
    return _keep_plausible(pl.DataFrame({"text": text, "plain": plain}), moment, text.name)


def _parse_written(value: pl.Expr) -> pl.Expr:
    parts = value.str.replace(*PACKED_TIME).str.replace(*PACKED_DATE).str.extract_groups(WRITTEN)
    date = [parts.struct.field(str(group)) for group in (1, 2, 3)]
    time = [parts.struct.field(str(group)).fill_null("0") for group in (4, 5, 6)]
    clock = pl.format("{}-{}-{} {}:{}:{}", *date, *time).str.to_datetime(FORMAT, time_unit="ms", strict=False)
    zone = parts.struct.field("7")
    hours_minutes = zone.str.replace(":", "").cast(pl.Int64, strict=False).fill_null(0)  # +0800; Z and UTC are 0
    ahead = hours_minutes.sign() * (hours_minutes.abs() // 100 * 60 + hours_minutes.abs() % 100) * MINUTE_MS
    return clock.dt.epoch("ms") + pl.when(zone.is_not_null()).then(CHINA_MS - ahead).otherwise(0)


def parse_excel_days(text: pl.Series) -> pl.Series:
    """The same of the days that Excel counts from 1900, 45767.84375, which it does by China's clocks."""
    value = pl.col("text")
    days = pl.when(value.str.contains(EXCEL_DAYS)).then(value.cast(pl.Float64, strict=False))
    moment = ((days - EXCEL_1970) * DAY_MS).round().cast(pl.Int64)
    return _keep_plausible(pl.DataFrame({"text": text}), moment, text.name)


def _keep_plausible(frame: pl.DataFrame, moment: pl.Expr, name: str) -> pl.Series:
    kept = pl.when(moment.is_between(FIRST_MS, LAST_MS)).then(moment)
    return frame.select(kept.alias(name)).to_series()
