"""Markup in which everything is escaped that is not markup already: names in a record come from outside files."""

import html
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from common.report.formatting import column, is_number

VOID = frozenset({"meta", "br"})
TINT_FROM_ROWS = 3
SHORT = 16  # letters that stay on one line


class Html(str):
    """Text that is markup already. Whatever is a plain ``str`` is escaped on its way into an element."""

    __slots__ = ()


def tag(name: str, /, *children: str | None, **attributes: str | None) -> Html:
    """An element; children that are None, and attributes that are None, are left out; ``class_`` stands for class."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Html(f"<{name}{told}>")
    return Html(f"<{name}{told}>{join(*children)}</{name}>")


def join(*children: str | None) -> Html:
    """Children side by side, escaped where they are plain text."""
    return Html("".join(c if isinstance(c, Html) else html.escape(c) for c in children if c is not None))


class Section(NamedTuple):
    """A part of the page: the name that links lead to, its title, and its markup, heading included."""

    name: str
    title: str
    body: Html


def section(name: str, title: str, *children: str | None) -> Section | None:
    """A part of the page with its heading, None where nothing is in it."""
    filled = [child for child in children if child]
    return Section(name, title, tag("section", tag("h2", title), *filled, id=name)) if filled else None


def paragraph(text: str) -> Html:
    """A paragraph."""
    return tag("p", text)


def caption(text: str) -> Html:
    """A line of small print below what it explains."""
    return tag("p", text, class_="small")


def folded(title: str, *children: str | None) -> Html:
    """Something that opens when its title is touched."""
    return tag("details", tag("summary", title), *children)


def pairs(rows: Sequence[tuple[str, str]]) -> Html:
    """Names and what they stand for; those without a value are left out."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in rows if value))


def table(rows: Sequence[Mapping[str, Any]], *, tints: bool = True) -> Html | None:
    """One line a row, one column a key, in a box that scrolls by itself where it is wider than the page.

    A column of numbers stands to the right, with equal decimals; with ``tints``, one of shares, all from 0 to 1, is
    tinted behind each, the strongest behind the column's highest; errors are not.
    """
    keys = list(dict.fromkeys(key for row in rows for key in row))
    if not keys:
        return None
    columns = {key: [row.get(key) for row in rows] for key in keys}
    texts = {key: column(values) for key, values in columns.items()}
    right = {key: _is_numeric(values) for key, values in columns.items()}
    shape = {key: "right" if right[key] else _name_width(texts[key]) for key in keys}
    highest = {
        key: _find_highest(values) if tints and right[key] and not key.endswith("error") else None
        for key, values in columns.items()
    }
    head = [tag("th", key, scope="col", class_=shape[key]) for key in keys]
    body = []
    for place in range(len(rows)):
        cells = [
            tag(
                "td" if number else "th",
                texts[key][place],
                class_=shape[key],
                scope=None if number else "row",
                style=_tint(columns[key][place], highest[key]),
            )
            for number, key in enumerate(keys)
        ]
        body.append(tag("tr", *cells))
    inner = tag("table", tag("thead", tag("tr", *head)), tag("tbody", *body), class_="plain")
    return tag("div", inner, class_="scroll", tabindex="0")


def _is_numeric(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)


def _name_width(texts: Sequence[str]) -> str | None:
    return "short" if max(map(len, texts)) <= SHORT else None


def _find_highest(values: Sequence[Any]) -> float | None:
    numbers = [float(value) for value in values if is_number(value)]
    shares = len(numbers) >= TINT_FROM_ROWS and all(0 <= number <= 1 for number in numbers)
    return max(numbers) or None if shares and max(numbers) > min(numbers) else None


def _tint(value: Any, highest: float | None) -> str | None:
    return f"--share:{value / highest:.3f}" if highest is not None and is_number(value) else None
