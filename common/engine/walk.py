"""What stands inside a nested value: one answer for the key of a step, its inputs and its raw files."""

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import msgspec


def list_parts(value: Any) -> list[Any] | None:
    """What a container holds, in its order; None for any other value.

    >>> list_parts({"a": 1}), list_parts(("a", 1)), list_parts("a")
    ([('a', 1)], ['a', 1], None)
    """
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, functools.partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, msgspec.Struct):
        return [getattr(value, name) for name in value.__struct_fields__]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    return None


def walk(value: Any) -> Iterator[Any]:
    """The values at any depth that hold nothing further."""
    parts = list_parts(value)
    if parts is None:
        yield value
    else:
        for part in parts:
            yield from walk(part)
