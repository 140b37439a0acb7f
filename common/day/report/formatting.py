"""Numbers as a report prints them: ``.1133 ± .0042``, ``4,108``, ``2 min 51 s``, ``1.8 GiB``, ``71.6 %``.

Each function returns an empty text for what is no finite number. Those of FILTERS are also filters of the templates.
"""

import functools
import math
import re
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeGuard

MINUS = "\N{MINUS SIGN}"
Params = ParamSpec("Params")


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is a number that can be drawn: no truth value, not NaN, not infinite."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _or_blank(write: Callable[Concatenate[float, Params], str]) -> Callable[Concatenate[object, Params], str]:
    def write_or_blank(value: object, /, *args: Params.args, **kwargs: Params.kwargs) -> str:
        return write(value, *args, **kwargs).replace("-", MINUS) if is_number(value) else ""

    functools.update_wrapper(write_or_blank, write)
    return write_or_blank


@_or_blank
def score(value: float, decimals: int = 4) -> str:
    """Fixed decimals, no zero before the point, no sign at zero."""
    rounded = round(value, decimals) + 0.0  # -0.0 + 0.0 is 0.0
    return re.sub(r"^(-?)0\.", r"\1.", f"{rounded:,.{decimals}f}")


@_or_blank
def with_error(value: float, error: object, decimals: int = 4) -> str:
    """A score and its standard error."""
    shown = score(value, decimals)
    return f"{shown} ± {score(error, decimals)}" if is_number(error) else shown


@_or_blank
def count(value: float) -> str:
    """A whole number with commas."""
    return f"{value:,.0f}"


@_or_blank
def share(value: float) -> str:
    """A share of 1 as per cent."""
    return f"{100 * value:.1f} %"


@_or_blank
def duration(value: float) -> str:
    """A time in words: seconds up to two minutes, then minutes, then hours."""
    minutes, rest = divmod(round(value), 60)
    if value < 120:
        return f"{value:.1f} s" if value < 100 else f"{value:.0f} s"
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


@_or_blank
def mebibytes(value: float) -> str:
    """Memory given in MiB."""
    return f"{value:.0f} MiB" if value < 1024 else f"{value / 1024:.1f} GiB"


@_or_blank
def significant(value: float) -> str:
    """Three significant digits, whatever the size: means of features on scales of their own."""
    if value == 0:
        return "0"
    if 0.0001 <= abs(value) < 1e9:
        return score(value, max(0, 2 - math.floor(math.log10(abs(value)))))
    return f"{value:.2e}"


def alone(value: Any) -> str:
    """A cell of a table: whole numbers with commas, below 1 as a score, others with three significant digits; a truth
    value as yes or no; nothing where there is no value; anything else as it is written.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not is_number(value):
        return "" if value is None or isinstance(value, float) else str(value)
    if value == int(value) and (type(value) is int or abs(value) > 1):
        return count(value)
    return score(value) if 0.001 <= abs(value) <= 1 or value == 0 else significant(value)


FILTERS: tuple[Callable[..., str], ...] = (score, count, share, duration, mebibytes, alone)
