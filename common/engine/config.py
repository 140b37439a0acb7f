"""TOML files and ``--set`` overrides -> one frozen struct; a wrong key or type is an error that names it.

    config = load(NewsConfig, [here / "config.toml", here / "tuned.toml"], ["recall.decay=0.9"])

The struct is the only description of a configuration: nested ``msgspec.Struct`` classes, each with ``frozen=True``,
``kw_only=True`` and ``forbid_unknown_fields=True``. A field of type ``dict`` takes any key: parameters that a library
gets under their own names.
"""

import copy
import difflib
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar, get_args, get_origin

import msgspec

from common.engine.errors import UserError
from common.engine.setting_text import list_choices, parse_value

T = TypeVar("T", bound=msgspec.Struct)
Table = dict[str, Any]
PROVENANCE = "provenance"  # a table of tuned.toml: where its settings come from; none itself
SEED_NAME = re.compile(r"random_state|(\w+_)?seed", re.IGNORECASE)  # of any library, for all draws or for some
FILE_NAME = re.compile("data|valid|test|machines|task|config|.*(file|filename|_dir|_path|model)")  # read or written
SHOWN = 80  # characters of what a person typed
# Numbers with two bounds each: a setting of twenty digits, or "inf", is refused before a library or a loop meets it.
INT32_MAX = (1 << 31) - 1  # what every library takes
NotNegativeInt = Annotated[int, msgspec.Meta(ge=0, le=INT32_MAX)]
Seed = Annotated[int, msgspec.Meta(ge=0, le=INT32_MAX)]
Count = Annotated[int, msgspec.Meta(ge=1, le=INT32_MAX)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=1e9)]
NotNegative = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Origins = dict[str, str]  # dotted key -> the file or --set that gave its value
STRIDE = 1_000  # between the seeds of two fits: a recipe averages a few that follow one another


class RunSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every competition is given: the ``seed`` of all that is drawn; ``fits``: the score is the mean of so many,
    by ``fit_seed`` and those after it; ``keep_gib`` of results.
    """

    seed: Seed
    fit_seed: Seed
    fits: Annotated[int, msgspec.Meta(ge=1, le=100)]
    keep_gib: Positive

    @property
    def model_seed(self) -> int:
        """The seed of whatever is fitted."""
        return (self.seed + STRIDE * self.fit_seed) % (INT32_MAX + 1)

    def of_fit(self, number: int) -> Self:
        """The settings of the fit of that number, 0 the first."""
        return msgspec.structs.replace(self, fit_seed=self.fit_seed + number)


def load(
    schema: type[T], files: Sequence[Path], overrides: Sequence[str] = (), check: Callable[[T], None] = lambda _: None
) -> T:
    """Merge ``files`` in order, then ``overrides`` ("a.b=c", or "@FILE" for a TOML file), and check against ``schema``.

    ``check`` raises a ValueError for what the schema alone cannot know; it is reported as one of the schema's own.

    The first file must exist; later ones are skipped when they do not. Tables merge key by key, any other value
    replaces the earlier one. The value of an override is TOML, or bare words.

    Raises ``UserError`` for a file that is missing or not TOML, and for a key that is unknown, missing or mistyped.
    """
    merged: Table = {}
    origins: Origins = {}
    for position, file in enumerate(files):
        if position == 0 or file.exists():
            _merge(merged, _read(file), origins, str(file))
    given = copy.deepcopy(merged)
    for override in overrides:
        if override.startswith("@"):
            _merge(merged, _read(Path(override[1:])), origins, override[1:])
        else:
            _merge(merged, _parse_override(schema, override), origins, f"--set {_shorten(override)}")
    _refuse_unknown(schema, schema, merged, origins)
    _refuse_mistyped(schema, merged, given, origins)
    try:
        config = msgspec.convert(merged, schema)
        check(config)
    except ValueError as error:  # of a __post_init__, which msgspec wraps, or of the check
        raise UserError(f"The configuration breaks a rule: {error.__cause__ or error}.") from error
    return config


def _refuse_unknown(schema: type[msgspec.Struct], part: Any, table: Table, origins: Origins, prefix: str = "") -> None:
    """Refuse the first key that ``part`` of the schema does not have, here or in a table below."""
    types = _field_types(part)
    for name, value in table.items():
        key = prefix + name
        if name not in types:
            while isinstance(value, dict) and len(value) == 1:  # the table is as unknown as its only key
                inner, value = next(iter(value.items()))
                key = f"{key}.{inner}"
            raise UserError(_describe_unknown(schema, key, _origin(origins, key, value)))
        nested = _nested(types[name])
        if nested and isinstance(value, dict):
            _refuse_unknown(schema, nested, value, origins, f"{key}.")


def _refuse_mistyped(part: Any, table: Table, given: Table, origins: Origins, prefix: str = "") -> None:
    """Refuse the first value that is not of its field's type; ``given``: the same table as the files have it."""
    for name, value in table.items():
        key, expected = prefix + name, _field_types(part)[name]
        nested, before = _nested(expected), given.get(name)
        below = before if isinstance(before, dict) else {}
        if nested and isinstance(value, dict):
            _refuse_mistyped(nested, value, below, origins, f"{key}.")
            continue
        try:
            msgspec.convert(value, expected)
        except msgspec.ValidationError as error:
            problem, _, inside = str(error).partition(" - at `$")  # what is wrong, and where in the value
            if (choices := list_choices(expected)) and problem.startswith("Invalid enum value"):
                problem = f"expected one of {', '.join(map(repr, choices))}"
            problem = problem[:1].lower() + problem[1:].replace("`", "").replace("object", "table")
            where = inside and f" at {inside.removesuffix('`')}"
            origin = _origin(origins, key, value)
            raise UserError(f"{key} in {origin} cannot be {_shorten(repr(value))}: {problem}{where}.") from error
        if get_origin(expected) is dict:
            _refuse_parameters(key, value, below, origins)


def _refuse_parameters(key: str, table: Table, given: Table, origins: Origins) -> None:
    """Refuse what a library may take and nobody means: a seed of its own, by which every fit draws the same; a file or
    a machine; a table; anything but a number where the files, ``given``, have one.
    """
    for name, value in table.items():
        where = f"{key}.{name} in {_origin(origins, f'{key}.{name}', value)}"
        if SEED_NAME.fullmatch(name):
            raise UserError(f"{where} is refused: use the setting `seed` for the seed of the fits.")
        if FILE_NAME.fullmatch(name):
            raise UserError(f"{where} is refused: a fit reads the rows of this run and writes no file of its own.")
        is_number = isinstance(given.get(name), int | float)
        if given and (isinstance(value, dict) or (is_number and not isinstance(value, int | float))):
            expected = "a number" if is_number else "no table"
            raise UserError(f"{where} cannot be {_shorten(repr(value))}: expected {expected}.")


def _read(file: Path) -> Table:
    """The settings of a file, config.toml or any tuned.toml."""
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8-sig"))
        return {name: table for name, table in tables.items() if name != PROVENANCE}
    except OSError as error:
        raise UserError(f"The configuration {file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UserError(f"The configuration {file} is not valid TOML: {error}.") from error


def _parse_override(schema: type[msgspec.Struct], override: str) -> Table:
    key, equals, text = override.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not equals or not all(parts):
        raise UserError(f"--set {_shorten(override)} is not of the form key=value: write it as --set a.b=c.")
    value: Any = parse_value(text.strip(), _type_at(schema, parts))
    for part in reversed(parts):
        value = {part: value}
    table: Table = value
    return table


def _merge(into: Table, table: Table, origins: Origins, origin: str, prefix: str = "") -> None:
    for name, value in table.items():
        key = prefix + name
        origins[key] = origin
        if isinstance(value, dict):
            if not isinstance(into.get(name), dict):
                into[name] = {}
            _merge(into[name], value, origins, origin, f"{key}.")
        else:
            into[name] = value


def _shorten(text: str) -> str:
    """What was typed, as a sentence shows it."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _origin(origins: Origins, key: str, value: object) -> str:
    """Where the value was given: that of the last key inside it when it is a table merged from several files."""
    inside = [name for name in origins if name.startswith(f"{key}.")] if isinstance(value, dict) else []
    return origins[inside[-1] if inside else key]


def _keys(schema: type[msgspec.Struct], prefix: str = "") -> Iterator[str]:
    """Every dotted key of the schema."""
    for name, expected in _field_types(schema).items():
        nested = _nested(expected)
        if nested is None:
            yield prefix + name
        else:
            yield from _keys(nested, f"{prefix}{name}.")


def _describe_unknown(schema: type[msgspec.Struct], key: str, origin: str) -> str:
    known = list(_keys(schema))
    last = [name for name in known if name.rsplit(".", 1)[-1] == key.rsplit(".", 1)[-1]]
    near = max(last or known, key=lambda name: difflib.SequenceMatcher(None, key, name).ratio())
    return f"There is no key {_shorten(key)} (from {origin}); the nearest is {near}."


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
