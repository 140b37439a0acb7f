"""TOML files and ``--set`` overrides -> one frozen struct; a wrong key or value is an error that names it.

    config = load(NewsConfig, [here / "config.toml", here / "tuned.toml"], ["recall.decay=0.9"])

The struct is the only description of a configuration: nested ``Settings``. A field of type ``dict`` takes any key:
parameters that a library gets under their own names. ``rank.lightgbm={num_leaves = 7}`` replaces such a table whole,
``rank.lightgbm.max_bin=`` removes a parameter.

A shell takes quotes away, and make a second time. So words behind ``--set`` need none: ``rank.blocks=core``,
``rank.blocks=core,lift`` and ``rank.blocks=[core, lift]`` are lists where the key holds a list.
"""

import contextlib
import copy
import difflib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args, get_origin

import msgspec

from common.engine.errors import UserError

T = TypeVar("T", bound=msgspec.Struct)
Toml = dict[str, Any]
PROVENANCE = "provenance"  # a table of tuned.toml: where its settings come from; none itself
SEED_NAME = re.compile(r"random_state|(\w+_)?seed", re.IGNORECASE)  # of any library, for all draws or for some
# What a library takes in place of ours, under any of its names: LightGBM, XGBoost, CatBoost.
OWN_NAMES = {
    "rounds": "iterations max_iter n_estimators n_iter nrounds num_boost_round num_iteration num_iterations num_round"
    " num_rounds num_tree num_trees",
    "patience": "early_stopping early_stopping_round early_stopping_rounds n_iter_no_change od_pval od_type od_wait",
}
OWN_SETTINGS = {name: setting for setting, names in OWN_NAMES.items() for name in names.split()}
UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
# Numbers with two bounds each: a setting of twenty digits, or "inf", is refused before a library or a loop meets it.
INT32_MAX = (1 << 31) - 1  # what every library takes
NotNegativeInt = Annotated[int, msgspec.Meta(ge=0, le=INT32_MAX)]
Count = Annotated[int, msgspec.Meta(ge=1, le=INT32_MAX)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=1e9)]
NotNegative = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
STRIDE = 1_000  # between the seeds of two fits: a recipe averages a few that follow one another


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen group of settings that refuses unknown keys."""


class RunSettings(Settings, frozen=True, kw_only=True):
    """What every competition is given: the ``seed`` of all that is drawn; ``fits``: the score is the mean of so many,
    by ``fit_seed`` and those after it, "auto": as many as a log of this size has time for; ``keep_gib`` of results.
    """

    seed: NotNegativeInt
    fit_seed: NotNegativeInt
    fits: Annotated[int, msgspec.Meta(ge=1, le=100)] | Literal["auto"]
    keep_gib: Positive

    @property
    def model_seed(self) -> int:
        """The seed of whatever is fitted."""
        return (self.seed + STRIDE * self.fit_seed) % (INT32_MAX + 1)

    def of_fit(self, number: int) -> Self:
        """The settings of the fit of that number, 0 the first."""
        return msgspec.structs.replace(self, fit_seed=self.fit_seed + number)


def load(
    schema: type[T],
    files: Sequence[Path | Toml],
    overrides: Sequence[str] = (),
    check: Callable[[T], None] = lambda _: None,
) -> T:
    """Merge ``files`` (or tables of one) in order, then ``overrides`` ("a.b=c", or "@FILE" for a TOML file), and check
    against ``schema``.

    ``check`` raises a ValueError for what the schema alone cannot know; it is reported as one of the schema's own.

    The first file must exist; later ones are skipped when they do not. Tables merge key by key, any other value
    replaces the earlier one. The value of an override is TOML, or bare words.

    Raises ``UserError`` for a file that is missing or not TOML, and for a key that is unknown, missing or mistyped.
    """
    merged: Toml = {}
    for position, file in enumerate(files):
        if isinstance(file, dict):
            _merge(merged, file)
        elif position == 0 or file.exists():
            _merge(merged, _read(file))
    given = copy.deepcopy(merged)
    for override in overrides:
        if override.startswith("@"):
            _merge(merged, _read(Path(override[1:])))
        else:
            _override(schema, merged, override)

    def check_all(config: T) -> None:
        for key in list_types(schema):
            _refuse_parameters(key, _table_at(merged, key), _table_at(given, key))
        check(config)

    return _convert(schema, merged, check_all)


def change(config: T, values: Mapping[str, Any], check: Callable[[T], None] = lambda _: None) -> T:
    """The settings with other ``values`` under some dotted keys. ``UserError`` for a key that there is not, or a value
    that it cannot have.
    """
    return _convert(type(config), set_values(msgspec.to_builtins(config), values), check)


def set_values(table: Toml, values: Mapping[str, Any]) -> Toml:
    """The table, with ``values`` under dotted keys as tables within tables; a table is put into the one that is there.

    >>> set_values({"rank": {"rounds": 5}}, {"rank.rounds": 9, "seed": 0})
    {'rank': {'rounds': 9}, 'seed': 0}
    """
    for key, value in values.items():
        for part in reversed(key.split(".")):
            value = {part: value}
        _merge(table, value)
    return table


def _convert(schema: type[T], merged: Toml, check: Callable[[T], None]) -> T:
    """The settings of a table. ``UserError`` where it is none of the schema, or breaks a rule of the ``check``."""
    try:
        config = msgspec.convert(merged, schema)
        check(config)
    except msgspec.ValidationError as error:
        raise UserError(_describe(schema, merged, error)) from error
    except ValueError as error:  # of the check
        raise UserError(f"The configuration breaks a rule: {error}.") from error
    return config


def _describe(schema: type[msgspec.Struct], merged: Toml, error: msgspec.ValidationError) -> str:
    """What msgspec says, behind the key and its value; of an unknown key the nearest one that there is."""
    problem, _, where = str(error).partition(" - at `$.")
    where = where.removesuffix("`")
    if unknown := UNKNOWN.fullmatch(problem):
        key = f"{where}.{unknown[1]}".lstrip(".")
        return f"There is no key {key}; the nearest is {_find_nearest(schema, key)}."
    if error.__cause__ or not where:  # a __post_init__ refuses, or a setting of all competitions is missing
        return f"The configuration breaks a rule: {error.__cause__ or error}."
    key = where.partition("[")[0]
    expected = list_types(schema).get(key)
    choices = ", ".join(map(repr, list_choices(expected)))
    if problem.startswith("Invalid enum value") or "int | str" in problem:
        problem = f"Expected {choices} or a number" if _takes_number(expected) else f"Expected one of {choices}"
    elif choices and _takes_number(expected):  # a number beyond its bounds
        problem += f", or {choices}"
    return f"{key} cannot be {_value_at(merged, key)!r}: {problem}."


def _find_nearest(schema: type[msgspec.Struct], key: str) -> str:
    """The key that is named most like this one, or the table where there is no dot; one that ends alike comes first."""
    known = dict.fromkeys(list_types(schema))
    if "." not in key:
        known |= dict.fromkeys(name.partition(".")[0] for name in known)
    alike = [name for name in known if name.rpartition(".")[-1] == key.rpartition(".")[-1]]
    return max(alike or known, key=lambda name: difflib.SequenceMatcher(None, key, name).ratio())


def _refuse_parameters(key: str, table: Toml, given: Toml) -> None:
    """Refuse what a library may take and nobody means: a seed of its own, by which every fit draws the same; rounds and
    patience, which are settings; a table; anything but a number where the files, ``given``, have one.
    """
    stage = key[: key.rfind(".") + 1]
    for name, value in table.items():
        if name in OWN_SETTINGS:
            raise UserError(f"{key}.{name} is refused: use the setting {stage}{OWN_SETTINGS[name]}.")
        if SEED_NAME.fullmatch(name):
            raise UserError(f"{key}.{name} is refused: use the setting `seed` for the seed of the fits.")
        is_number = isinstance(given.get(name), int | float)
        if isinstance(value, dict) or (is_number and not isinstance(value, int | float)):
            expected = "a number" if is_number else "no table"
            raise UserError(f"{key}.{name} cannot be {value!r}: expected {expected}.")


def _read(file: Path) -> Toml:
    """The settings of a file, config.toml or any tuned.toml."""
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8-sig"))
        return {name: table for name, table in tables.items() if name != PROVENANCE}
    except OSError as error:
        raise UserError(f"The configuration {file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UserError(f"The configuration {file} is not valid TOML: {error}.") from error


def _override(schema: type[msgspec.Struct], merged: Toml, override: str) -> None:
    """Set the key of a typed "key=value"; of a library's parameters replace the whole table, or remove one."""
    key, equals, text = override.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not equals or not all(parts):
        raise UserError(f"--set {override} is not of the form key=value: write it as --set a.b=c.")
    types, key, above = list_types(schema), ".".join(parts), ".".join(parts[:-1])
    if not text.strip() and get_origin(types.get(above)) is dict:
        table = _table_at(merged, above)
        if parts[-1] not in table:
            raise UserError(f"{above} has no {parts[-1]} to remove: it has {', '.join(table) or 'nothing'}.")
        del table[parts[-1]]
        return
    value: Any = parse_value(text.strip(), types.get(key))
    if isinstance(value, dict) and get_origin(types.get(key)) is dict:
        _table_at(merged, key).clear()
    set_values(merged, {key: value})


def _merge(into: Toml, table: Toml) -> None:
    for name, value in table.items():
        if isinstance(value, dict):
            if not isinstance(into.get(name), dict):
                into[name] = {}
            _merge(into[name], value)
        else:
            into[name] = value


def list_types(schema: type[msgspec.Struct], prefix: str = "") -> dict[str, Any]:
    """Every dotted key of the schema, with its type."""
    types = dict[str, Any]()
    for field in msgspec.structs.fields(schema):
        nested = _nested(field.type)
        types |= list_types(nested, f"{prefix}{field.name}.") if nested else {prefix + field.name: field.type}
    return types


def _value_at(table: Toml, key: str) -> Any:
    """The value of a dotted key; None where there is none."""
    value: Any = table
    for name in key.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _table_at(table: Toml, key: str) -> Toml:
    """The table of a dotted key; an empty one where there is none."""
    value = _value_at(table, key)
    return value if isinstance(value, dict) else {}


def _nested(expected: Any) -> type[msgspec.Struct] | None:
    """The struct that a field's type is, or is when not None."""
    choices = [choice for choice in get_args(expected) or (expected,) if choice is not type(None)]
    only = choices[0] if len(choices) == 1 else None
    return only if isinstance(only, type) and issubclass(only, msgspec.Struct) else None


def list_choices(expected: object) -> tuple[Any, ...]:
    """The values that a type names one by one, or that the items of a list have."""
    if get_origin(expected) is Literal:
        return get_args(expected)
    return tuple(choice for part in get_args(expected) for choice in list_choices(part))


def _takes_number(expected: Any) -> bool:
    with contextlib.suppress(msgspec.ValidationError):
        msgspec.convert(1, expected)
        return True
    return False


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
