"""Damage to pickles: other values, other opcodes, and what would run something in a reader that lets it."""

import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz.json_text import alter

BEGIN = b"\x80\x04"
OPCODES = (
    *(b"R", b"b", b"\x81", b"\x92", b"0", b"1", b"2", b"t", b"e", b"u", b"s", b"a", b"(", b"]", b"}", b"\x94"),
    *(b"h\xff", b"g99\n", b"I99\n", b"L" + b"9" * 30 + b"L\n", b"F1e999\n", b"V\\ud800\n", b"Nr\xff\xff\xff\x7f"),
    *(b"cbuiltins\neval\n", b"cos\nsystem\n", b"\x8c\x02os\x8c\x06system\x93", b"cnumpy\nload\n", b"P1\n", b"Q"),
)


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


def insert_opcodes(chance: random.Random, path: Path) -> None:
    content = bytearray(path.read_bytes())
    at = chance.choice([2, len(content) - 1, chance.randrange(2, len(content))])
    content[at:at] = b"".join(chance.choices(OPCODES, k=chance.choice([1, 1, 4])))
    path.write_bytes(content)


def nested(chance: random.Random, path: Path) -> None:
    """Tuples or lists in each other, as a value or as a key."""
    depth = chance.choice([100, 5_000, 300_000])
    inside = b"N" + b"\x85" * depth if chance.random() < 0.5 else b"]" * depth + b"a" * (depth - 1)
    path.write_bytes(BEGIN + (b"}" + inside + b"K\x01s" if chance.random() < 0.3 else inside) + b".")


def shared(chance: random.Random, path: Path) -> None:
    """A few lists, each of which holds the one before it ten times: short to write, endless to print."""
    levels = [b"]\x94" + b"h" + bytes([at]) + b"0" for at in range(chance.choice([3, 30]))]
    body = b"]\x94" + b"".join(b"0](" + (b"h" + bytes([at])) * 10 + b"e\x94" for at in range(len(levels)))
    path.write_bytes(BEGIN + body + b".")


def claims_much(chance: random.Random, path: Path) -> None:
    """A length before a text, bytes or a frame that the file does not have."""
    much = chance.choice([2**31 - 1, 2**40, 2**62])
    opcode = chance.choice([b"\x8e", b"\x8d", b"\x96", b"\x95"])
    path.write_bytes(BEGIN + opcode + much.to_bytes(8, "little") + b"x.")


PICKLES = (*(other_values,) * 5, other_array, runs_something, *(insert_opcodes,) * 3, nested, shared, claims_much)
