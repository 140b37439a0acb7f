"""A setting as a person types it behind ``--set``: text -> value of the type that its key has.

A shell takes quotes away, and make a second time. So words need none here: ``rank.blocks=core``,
``rank.blocks=core,lift`` and ``rank.blocks=[core, lift]`` are lists where the key holds a list.
"""

import tomllib
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec


def parse_value(text: str, expected: object) -> Any:
    """The value of a setting of type ``expected`` (None: unknown), which is TOML or, without quotes, words."""
    item = find_item(expected)
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except ValueError:  # no TOML
        value = text
    # a name such as 2017-10-01 or 7 is not a date or a number when the key holds text
    for candidate in (value, text):
        if _fits(candidate, expected):
            return candidate
    return value if item is None or isinstance(value, list | dict) else _parse_items(text, item)


def _fits(value: object, expected: object) -> bool:
    try:
        msgspec.convert(value, Any if expected is None else expected)
    except msgspec.ValidationError:
        return False
    return True


def _parse_items(text: str, item: object) -> list[Any]:
    """A list of words: with or without brackets, whatever quotes the shell has left."""
    inner = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    parts = [part.strip().strip("'\"") for part in inner.split(",")]
    return [parse_value(part, item) for part in parts if part]


def find_item(expected: object) -> object:
    """The type of the items where ``expected`` is a list or a tuple, or may be one; else None."""
    origin, arguments = get_origin(expected), get_args(expected)
    if origin in (list, tuple):
        return arguments[0]
    if origin is None or origin is Literal or origin is dict:
        return None
    parts = arguments[:1] if origin is Annotated else arguments
    return next((item for item in map(find_item, parts) if item is not None), None)


def list_choices(expected: object) -> tuple[Any, ...]:
    """The values that a type names one by one, or that the items of a list have."""
    origin = get_origin(expected)
    if origin is Literal:
        return get_args(expected)
    if origin is None or origin is dict:
        return ()
    parts = get_args(expected)[: 1 if origin is Annotated else None]
    return tuple(choice for part in parts for choice in list_choices(part))
