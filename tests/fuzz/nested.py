"""Damage to JSON and to pickles: one place in a nested value changed, added, doubled or taken away."""

import json
import pickle
import random
from pathlib import Path
from typing import Any

# What somebody's export, spreadsheet or hand puts where a number belongs.
TEXTS = (
    *("", " ", "0", "-1", "+5", " 7", "1.0", "1.5", "1e5", "1_000", "0x10", "\uff11", "NaN", "inf", "1e999", "null"),
    *("2147483648", "-2147483649", "99999999999", "1970-01-01 00:00:00", "2025-02-30 10:00:00", "9999999999999"),
    *("a", "'", '"', "=1+1", "<b>", "\ufeff", "\U0001f600", "a;b"),
)
NUMBERS = (0, -1, 1, 7, 2**15, 2**31, -(2**31) - 1, 2**63 - 1, -(2**63), 10**12)
FLOATS = (0.0, -0.0, 0.5, -1.0, 1e-320, 1e300, float("nan"), float("inf"), -float("inf"))
CONTAINERS = ([], {}, [1], [[]], {"1": 1}, {"1": []}, [None], None, True, "1,2")


def alter(chance: random.Random, value: Any) -> Any:
    """Most often far inside."""
    if not isinstance(value, list | dict) or not value or chance.random() < 0.15:
        return chance.choice(chance.choice((TEXTS, NUMBERS, FLOATS, CONTAINERS)))
    key, inner = chance.choice(list(enumerate(value) if isinstance(value, list) else value.items()))
    deed = chance.random()
    if deed < 0.7:
        value[key] = alter(chance, inner)
    elif deed < 0.8:
        del value[key]
    elif isinstance(value, list):
        value.insert(chance.randrange(len(value) + 1), inner)
    else:
        value[chance.choice(("", "zz", "-1", " 1", "99999999999999999999"))] = inner
    return value


def alter_json(chance: random.Random, path: Path) -> None:
    path.write_text(json.dumps(alter(chance, json.loads(path.read_bytes()))))


def alter_pickle(chance: random.Random, path: Path) -> None:
    path.write_bytes(pickle.dumps(alter(chance, pickle.loads(path.read_bytes())), chance.randrange(6)))


def alter_lines(chance: random.Random, path: Path) -> None:
    """One line, or twelve; most often the host's file beside it still says where each begins."""
    lines = path.read_bytes().splitlines()
    for at in chance.sample(range(len(lines)), min(chance.choice([1, 12]), len(lines))):
        lines[at] = json.dumps(alter(chance, json.loads(lines[at]))).encode()
    write_lines(chance, path, lines)


def move_lines(chance: random.Random, path: Path) -> None:
    """A line twice, one cut or blank, or most of them lost."""
    lines = path.read_bytes().splitlines()
    at = chance.randrange(len(lines))
    cut, blank = lines[at][: chance.randrange(len(lines[at]))], chance.choice([b"", b"null", b"[]", b"{}"])
    few = [line for line in lines if chance.random() < 0.03] or lines[:1]
    changed = ([*lines, lines[at]], [*lines[:at], cut, *lines[at + 1 :]], [*lines[:at], blank, *lines[at:]], few)
    write_lines(chance, path, chance.choice(changed))


def write_lines(chance: random.Random, path: Path, lines: list[bytes]) -> None:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    beside = path.with_name(f"{path.stem}_offsets.pkl")
    if beside.exists() and chance.random() < 0.9:
        begins = [0]
        for line in lines[:-1]:
            begins.append(begins[-1] + len(line) + 1)
        beside.write_bytes(pickle.dumps(begins))
