"""TOML files and ``--set`` overrides -> one frozen struct; a wrong key or type is an error that names it.

    config = load(NewsConfig, [here / "config.toml", here / "tuned.toml"], ["recall.decay=0.9"])

The struct is the only description of a configuration: nested ``msgspec.Struct`` classes, each with ``frozen=True``,
``kw_only=True`` and ``forbid_unknown_fields=True``. A field of type ``dict`` takes any key: parameters that a library
gets under their own names.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

from common.errors import UserError

T = TypeVar("T", bound=msgspec.Struct)
Table = dict[str, Any]
PROVENANCE = "provenance"  # a table of tuned.toml that tells where its settings come from, and is none itself
Origins = dict[str, str]  # dotted key -> the file or --set that gave its value


def load(schema: type[T], files: Sequence[Path], overrides: Sequence[str] = ()) -> T:
    """Merge ``files`` in order, then ``overrides`` ("a.b=c", or "@FILE" for a TOML file), and check against ``schema``.

    The first file must exist; later ones are skipped when they do not. Tables merge key by key, any other value
    replaces the earlier one. The value of an override is TOML; a bare word is a string.

    Raises ``UserError`` for a file that is missing or not TOML, and for a key that is unknown, missing or mistyped.
    """
    merged: Table = {}
    origins: Origins = {}
    for position, file in enumerate(files):
        if position == 0 or file.exists():
            tables = {name: table for name, table in _read(file).items() if name != PROVENANCE}
            _merge(merged, tables, origins, str(file))
    for override in overrides:
        if override.startswith("@"):
            _merge(merged, _read(Path(override[1:])), origins, override[1:])
        else:
            _merge(merged, _parse_override(schema, override), origins, f"--set {override}")
    _check(schema, merged, origins)
    try:
        return msgspec.convert(merged, schema)
    except msgspec.ValidationError as error:  # a rule across keys, from a struct's own __post_init__
        raise UserError(f"The configuration breaks a rule: {error}.") from error


def _read(file: Path) -> Table:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"The configuration {file} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"The configuration {file} is not valid TOML: {error}.") from error


def _parse_override(schema: type[msgspec.Struct], override: str) -> Table:
    key, equals, text = override.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not equals or not all(parts):
        raise UserError(f"--set {override} has no key and value: write it as --set a.b=c.")
    value: Any = _parse_value(text.strip(), _type_at(schema, parts))
    for part in reversed(parts):
        value = {part: value}
    table: Table = value
    return table


def _parse_value(text: str, expected: object) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    value = parsed["value"]
    # a name such as 2017-10-01 or 7 is not a date or a number when the key holds text
    return text if expected is str and not isinstance(value, str) else value


def _merge(into: Table, table: Table, origins: Origins, origin: str, prefix: str = "") -> None:
    for name, value in table.items():
        key = prefix + name
        origins[key] = origin
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value, origins, origin, f"{key}.")
        elif isinstance(value, dict):
            into[name] = {}
            _merge(into[name], value, origins, origin, f"{key}.")
        else:
            into[name] = value


def _check(schema: type[msgspec.Struct], table: Table, origins: Origins) -> None:
    for key, value in _unknown(schema, table):
        raise UserError(_say_unknown(schema, key, _origin(origins, key, value)))
    for key, expected, value in _leaves(schema, table):
        try:
            msgspec.convert(value, expected)
        except msgspec.ValidationError as error:
            origin = _origin(origins, key, value)
            raise UserError(f"{key} in {origin} cannot be {value!r}: {_say_problem(error, expected)}.") from error
    missing = [key for key, required in _keys(schema) if required and not _has(table, key)]
    if missing:
        raise UserError(f"The configuration lacks {', '.join(missing)}: add it to the first configuration file.")


def _origin(origins: Origins, key: str, value: object) -> str:
    """Where the value was given: that of the last key inside it when it is a table merged from several files."""
    inside = [name for name in origins if name.startswith(f"{key}.")] if isinstance(value, dict) else []
    return origins[inside[-1] if inside else key]


def _unknown(schema: type[msgspec.Struct], table: Table, prefix: str = "") -> Iterator[tuple[str, Any]]:
    fields = _field_types(schema)
    for name, value in table.items():
        nested = _nested(fields.get(name))
        if name not in fields:
            yield prefix + name, value
        elif nested and isinstance(value, dict):
            yield from _unknown(nested, value, f"{prefix}{name}.")


def _leaves(schema: type[msgspec.Struct], table: Table, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(dotted key, expected type, value) of everything given that is not itself a table with a struct of its own."""
    for name, expected in _field_types(schema).items():
        nested = _nested(expected)
        if name not in table:
            continue
        if nested and isinstance(table[name], dict):
            yield from _leaves(nested, table[name], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", expected, table[name]


def _keys(schema: type[msgspec.Struct], prefix: str = "") -> Iterator[tuple[str, bool]]:
    """Every (dotted key, required) of the schema; a key inside an optional table is not required."""
    for field in msgspec.structs.fields(schema):
        nested = _nested(field.type)
        if nested is None:
            yield prefix + field.name, field.required
            continue
        for key, required in _keys(nested, f"{prefix}{field.name}."):
            yield key, required and field.required


def _has(table: Mapping[str, Any], key: str) -> bool:
    value: Any = table
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return False
        value = value[part]
    return True


def _say_unknown(schema: type[msgspec.Struct], key: str, origin: str) -> str:
    known = [name for name, _ in _keys(schema)]
    last = [name for name in known if name.rsplit(".", 1)[-1] == key.rsplit(".", 1)[-1]]
    near = last or difflib.get_close_matches(key, known, n=1, cutoff=0.0)
    return f"There is no key {key} (from {origin}); the nearest is {near[0] if near else 'none'}."


def _say_problem(error: msgspec.ValidationError, expected: object) -> str:
    """msgspec's sentence in TOML's words, without the marks that it puts around names."""
    if get_origin(expected) is Literal:
        return f"expected one of {', '.join(map(repr, get_args(expected)))}"
    problem = str(error).replace("`", "").replace(" - at $", " at ").replace("object", "table")
    return problem[:1].lower() + problem[1:]


def _type_at(schema: type[msgspec.Struct], parts: Sequence[str]) -> object:
    expected = _field_types(schema).get(parts[0])
    nested = _nested(expected)
    return _type_at(nested, parts[1:]) if nested and len(parts) > 1 else expected if len(parts) == 1 else None


def _field_types(schema: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(schema)}


def _nested(expected: Any) -> type[msgspec.Struct] | None:
    """The struct that a field's type is, or is when not None."""
    choices = [choice for choice in get_args(expected) or (expected,) if choice is not type(None)]
    only = choices[0] if len(choices) == 1 else None
    return only if isinstance(only, type) and issubclass(only, msgspec.Struct) else None
