"""A setting as a person types it behind ``--set``: text -> value of the type that its key has.

A shell takes quotes away, and make a second time. So words need none here: ``rank.blocks=core``,
``rank.blocks=core,lift`` and ``rank.blocks=[core, lift]`` are lists where the key holds a list.
"""

import contextlib
import tomllib
from collections.abc import Iterator
from typing import Any

import msgspec


def parse_value(text: str, expected: object) -> Any:
    """The value of a setting of type ``expected`` (None: unknown): the first way to read the text that fits it.

    >>> parse_value("core, lift", list[str]), parse_value("7", str), parse_value("7", int)
    (['core', 'lift'], '7', 7)
    """
    readings = list(_list_readings(text))
    for value in readings:
        if isinstance(value, dict) or expected is None:
            return value
        with contextlib.suppress(msgspec.ValidationError):
            return msgspec.convert(value, expected, strict=False)
    return readings[0]


def _list_readings(text: str) -> Iterator[Any]:
    """As TOML, as a word, as a list of words: with or without brackets, whatever quotes the shell has left."""
    with contextlib.suppress(ValueError):  # no TOML
        yield tomllib.loads(f"value = {text}")["value"]
    yield text
    inner = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    yield [word for part in inner.split(",") if (word := part.strip().strip("'\""))]
