"""Numbers as a report prints them: ``.1133 ± .0042``, ``4,108``, ``2 min 51 s``, ``1.8 GiB``, ``71.6 %``."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

MINUS = "\N{MINUS SIGN}"
NOTHING = ""


def is_number(value: Any) -> bool:
    """Whether it is a number that can be drawn: no truth value, not NaN, not infinite."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def score(value: float | None, decimals: int = 4) -> str:
    """Fixed decimals, no zero before the point, a true minus; nothing for what is no number."""
    if not is_number(value):
        return NOTHING
    text = f"{abs(float(value or 0.0)):,.{decimals}f}"
    whole = text.removeprefix("0") if text.startswith("0.") else text
    below = float(value or 0.0) < 0 and any(digit in "123456789" for digit in whole)
    return MINUS + whole if below else whole


def with_error(value: float | None, error: float | None, decimals: int = 4) -> str:
    """A score and its standard error."""
    shown = score(value, decimals)
    return f"{shown} ± {score(error, decimals)}" if shown and is_number(error) else shown


def count(value: float | None) -> str:
    """A whole number with commas."""
    return f"{value:,.0f}".replace("-", MINUS) if is_number(value) else NOTHING


def share(value: float | None) -> str:
    """A share of 1 as per cent."""
    return f"{100 * float(value or 0.0):.1f} %" if is_number(value) else NOTHING


def seconds(value: float | None) -> str:
    """Seconds, for a column of such."""
    if not is_number(value) or value is None:
        return NOTHING
    return f"{value:.1f} s" if value < 100 else f"{value:,.0f} s"


def duration(value: float | None) -> str:
    """A time in words: seconds up to two minutes, then minutes, then hours."""
    if not is_number(value) or value is None or value < 120:
        return seconds(value)
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def mebibytes(value: float | None) -> str:
    """Memory given in MiB."""
    if not is_number(value) or value is None:
        return NOTHING
    return f"{value:.0f} MiB" if value < 1024 else f"{value / 1024:.1f} GiB"


def file_bytes(value: float | None) -> str:
    """The size of files given in bytes."""
    if not is_number(value) or value is None:
        return NOTHING
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def significant(value: float | None) -> str:
    """Three digits that count, whatever the size: means of features on scales of their own."""
    if not is_number(value) or value is None:
        return NOTHING
    if value == 0:
        return "0"
    if 0.0001 <= abs(value) < 1e9:
        return score(value, max(0, 2 - math.floor(math.log10(abs(value)))))
    return f"{value:.2e}".replace("-", MINUS)


def column(values: Sequence[Any]) -> list[str]:
    """The numbers of one column of a table with decimals that suit them all; anything else as its text.

    Where shares and large numbers stand in one column, each has the decimals that suit it.
    """
    form = _choose_form([float(value) for value in values if is_number(value)], any(type(v) is float for v in values))
    return [form(value) if is_number(value) else text(value) for value in values]


def _choose_form(numbers: Sequence[float], real: bool) -> Callable[[float], str]:
    highest = max(map(abs, numbers), default=0.0)
    if all(number == int(number) for number in numbers) and (highest > 1 or not real):
        return count
    if 0 < highest < 0.001:
        return significant
    if highest > 10 and any(0 < abs(number) < 1 for number in numbers):
        return alone
    decimals = next((decimals for least, decimals in ((1000, 0), (100, 1), (10, 2), (1, 3)) if highest > least), 4)
    return partial(score, decimals=decimals)


def alone(value: Any) -> str:
    """One number by itself: whole ones with commas, below 1 as a score, others with three digits that count."""
    if not is_number(value):
        return text(value)
    if value == int(value) and (type(value) is int or abs(value) > 1):
        return count(value)
    return score(value) if abs(value) < 1 else significant(value)


def text(value: Any) -> str:
    """A value that is no number to be drawn: empty where there is none, yes or no, else as it is written."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
