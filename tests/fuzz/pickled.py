"""Damage to pickles: other values, other arrays, and what would run something in a reader that lets it."""

import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz.json_text import alter


class Runs:
    """Unpickled by a reader that trusts, this ends the process."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return exec, ("import os; os._exit(41)",)


def other_values(chance: random.Random, path: Path) -> None:
    value = pickle.loads(path.read_bytes())
    for _ in range(chance.choice([1, 1, 1, 9])):
        value = alter(chance, value)
    path.write_bytes(pickle.dumps(value, chance.randrange(6)))


def other_array(chance: random.Random, path: Path) -> None:
    """An array in place of a value, or another dtype or shape where one is."""
    value = pickle.loads(path.read_bytes())
    arrays = [np.arange(3), np.array([["a"]]), np.array(1.5), np.zeros((0, 4), np.float32), np.full(32, np.nan)]
    if isinstance(value, dict | list) and value:
        key = chance.choice(sorted(value, key=str)) if isinstance(value, dict) else chance.randrange(len(value))
        value[key] = chance.choice(arrays)
    path.write_bytes(pickle.dumps(value))


def runs_something(chance: random.Random, path: Path) -> None:
    wrapped = chance.choice([Runs(), [Runs()], {"i": Runs()}, {Runs(): 1}])
    path.write_bytes(pickle.dumps(wrapped, chance.randrange(6)))


PICKLES = (*(other_values,) * 5, other_array, runs_something)
