"""space.toml: what a study may try, by the dotted keys of the settings.

[rank.lightgbm_lambdarank]
learning_rate = { low = 0.02, high = 0.3, log = true }
num_leaves = { low = 4, high = 127, log = true }  # whole numbers, as both bounds are

[rank]
blocks = { choices = ["auto", "-channel"] }       # each as it is typed: make news ARGS="rank.blocks=-channel"
"""

import math
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from common.day.compare import flatten
from common.engine.config import SEED_NAME, list_types, parse_value
from common.engine.errors import UserError

Among = FloatDistribution | IntDistribution | CategoricalDistribution
Space = Mapping[str, Among]  # dotted key of a setting -> what may be tried
TrialParams = dict[str, Any]  # dotted key of a setting -> value
FORMS = "{ low = 0.02, high = 0.3, log = true } or { choices = [...] }"
UNSEARCHED = ("fits", "keep_gib")  # beside seeds: they change no model
BETWEEN = 0.382  # no whole number lies there between two round bounds


class Range(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Numbers from ``low`` to ``high``; ``log``: as likely between 1 and 10 as between 10 and 100."""

    low: int | float
    high: int | float
    log: bool = False


class Choices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Some values, without an order."""

    choices: Annotated[list[bool | int | float | str], msgspec.Meta(min_length=2)]


def read_space(path: Path, load: Callable[[str], object]) -> Space:
    """The space of a file. ``load`` takes a setting as it is typed, "a.b=c", and refuses what it cannot be: it is asked
    for both ends of every range. ``UserError`` for a file that is none, and for whatever a trial could not be given.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(
            f"The search space {path} cannot be read ({error.strerror}): name another with --space."
        ) from error
    except ValueError as error:
        raise UserError(f"The search space {path} is not valid TOML: {error}.") from error
    space = {key: read_range(f"{path}: {key}", key, value) for key, value in list_ranges(tables)}
    if not space:
        raise UserError(f"{path} names no setting: write one as {FORMS} in the table that it has in config.toml.")
    for key, among in space.items():
        for value in list_probes(among):
            try:
                load(f"{key}={value}")
            except UserError as error:
                raise UserError(f"{path}: {error}") from error
    return space


def list_ranges(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, what stands for a range) of a table and of those in it."""
    for name, value in table.items():
        if isinstance(value, dict) and value and not value.keys() & {"low", "high", "log", "choices"}:
            yield from list_ranges(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def read_range(where: str, key: str, value: Any) -> Among:
    """What may be tried of one setting."""
    if SEED_NAME.fullmatch(key.rpartition(".")[2]) or key in UNSEARCHED:
        raise UserError(f"{where} is not searched: it makes no better model. Remove it.")
    try:
        if isinstance(value, dict) and "choices" in value:
            return CategoricalDistribution(msgspec.convert(value, Choices).choices)
        low, high, log = msgspec.structs.astuple(msgspec.convert(value, Range))
    except msgspec.ValidationError as error:
        raise UserError(f"{where} is no range: write it as {FORMS}.") from error
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UserError(f"{where} goes from {low} to {high}: low must be below high.")
    if log and low <= 0:
        raise UserError(f"{where} cannot be logarithmic from {low}: give a low above 0, or leave log out.")
    whole = isinstance(low, int) and isinstance(high, int)
    return (IntDistribution if whole else FloatDistribution)(low, high, log=log)


def list_probes(among: Among) -> list[str]:
    """Values of a range, the ends among them, as they are typed."""
    if isinstance(among, CategoricalDistribution):
        return [one if isinstance(one, str) else str(one).lower() for one in among.choices]
    between = [among.low + BETWEEN * (among.high - among.low)] if isinstance(among, FloatDistribution) else []
    return [str(value) for value in (among.low, among.high, *between)]


def read_values(params: TrialParams, schema: type[msgspec.Struct]) -> TrialParams:
    """The values of settings by what a trial drew: words as they are read behind --set."""
    types = list_types(schema)
    return {
        key: parse_value(value, types.get(key)) if isinstance(value, str) else value for key, value in params.items()
    }


def find_current(space: Space, config: msgspec.Struct) -> TrialParams:
    """The numbers of the space that the settings have; of "auto", and of what lies beyond its range, none."""
    values = dict(flatten(msgspec.to_builtins(config)))
    return {
        key: value
        for key, among in space.items()
        if not isinstance(among, CategoricalDistribution)
        and isinstance(value := values.get(key), int | float)
        and among.low <= value <= among.high
        and (isinstance(among, FloatDistribution) or isinstance(value, int))
    }
