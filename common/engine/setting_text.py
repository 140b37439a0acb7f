"""A setting as a person types it behind ``--set``: text -> value of the type that its key has.

A shell takes quotes away, and make a second time. So words need none here: ``rank.blocks=core``,
``rank.blocks=core,lift`` and ``rank.blocks=[core, lift]`` are lists where the key holds a list.
"""

import tomllib
from typing import Annotated, Any, Literal, get_args, get_origin


def parse_value(text: str, expected: object) -> Any:
    """The value of a setting of type ``expected`` (None: unknown), which is TOML or, without quotes, words."""
    choices, item = list_choices(expected, inside=False), find_item(expected)
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except ValueError:  # no TOML
        return text if item is None or text in choices else _parse_items(text, item)
    if item is not None and not isinstance(value, list | dict) and value not in choices:
        return [value if isinstance(value, str) else parse_value(text, item)]
    # a name such as 2017-10-01 or 7 is not a date or a number when the key holds text
    return text if _is_text(expected) and not isinstance(value, str) else value


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


def list_choices(expected: object, inside: bool = True) -> tuple[Any, ...]:
    """The values that a type names one by one; ``inside``: those of a list's items as well."""
    origin = get_origin(expected)
    if origin is Literal:
        return get_args(expected)
    if origin is None or origin is dict or (origin in (list, tuple) and not inside):
        return ()
    parts = get_args(expected)[: 1 if origin is Annotated else None]
    return tuple(choice for part in parts for choice in list_choices(part, inside))


def _is_text(expected: object) -> bool:
    if get_origin(expected) is Literal:
        return all(isinstance(choice, str) for choice in get_args(expected))
    return expected is str or (get_origin(expected) is Annotated and _is_text(get_args(expected)[0]))
