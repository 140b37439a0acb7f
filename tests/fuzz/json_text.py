"""Damage to JSON, one value a file or one a line. Where lines move, the pickled offsets beside them usually follow."""

import json
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fuzz.odd_values import FLOATS, NUMBERS, TEXTS

KEYS = ("", "zz", "-1", "1", " 1", "99999999999999999999")
TOKENS = (b"NaN", b"Infinity", b"-Infinity", b"1e999", b"undefined")


def odd_value(chance: random.Random) -> Any:
    containers = [[], {}, [1], [[]], {"1": 1}, {"1": []}, [None], None, True, "1,2"]
    return chance.choice([chance.choice(values) for values in (TEXTS, NUMBERS, FLOATS, containers, containers)])


def alter(chance: random.Random, value: Any) -> Any:
    """The same value with one place in it changed, added, doubled or taken away, most often far inside."""
    if not isinstance(value, list | dict) or not value or chance.random() < 0.15:
        return odd_value(chance)
    items = list(enumerate(value) if isinstance(value, list) else value.items())
    key, inner = chance.choice(items)
    deed = chance.random()
    if deed < 0.7:
        value[key] = alter(chance, inner)
    elif deed < 0.8:
        del value[key]
    elif isinstance(value, list):
        value.insert(chance.randrange(len(value) + 1), inner if chance.random() < 0.5 else odd_value(chance))
    else:
        value[chance.choice(KEYS)] = inner
    return value


def dump(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


def follow_offsets(path: Path) -> None:
    """Write where each line begins, as the host's file beside it says."""
    beside = path.with_name(f"{path.stem}_offsets.pkl")
    if beside.exists():
        begins, at = [], 0
        for line in path.read_bytes().splitlines(keepends=True):
            begins.append(at)
            at += len(line)
        beside.write_bytes(pickle.dumps(begins))


def on_lines(edit: Callable[[random.Random, list[bytes], int], list[bytes] | None]) -> Callable[..., None]:
    """A mutation of the lines, given the number of one of them."""

    def mutate(chance: random.Random, path: Path) -> None:
        lines = path.read_bytes().splitlines()
        lines = edit(chance, lines, chance.randrange(len(lines))) or lines
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        if chance.random() < 0.9:
            follow_offsets(path)

    mutate.__name__ = edit.__name__
    return mutate


def alter_lines(chance: random.Random, lines: list[bytes], at: int) -> None:
    for at in chance.sample(range(len(lines)), min(chance.choice([1, 1, 12]), len(lines))):
        lines[at] = dump(alter(chance, json.loads(lines[at])))


def odd_token(chance: random.Random, lines: list[bytes], at: int) -> None:
    lines[at] = lines[at].replace(b"null", chance.choice(TOKENS), 1)


def double_key(chance: random.Random, lines: list[bytes], at: int) -> None:
    lines[at] = lines[at].replace(b"{", b'{"101":1,"101":2,', 1)


def cut_line(chance: random.Random, lines: list[bytes], at: int) -> None:
    lines[at] = lines[at][: chance.randrange(len(lines[at]))]


def join_lines(chance: random.Random, lines: list[bytes], at: int) -> list[bytes]:
    return [*lines[:at], b"".join(lines[at : at + 2]), *lines[at + 2 :]]


def repeat_line(chance: random.Random, lines: list[bytes], at: int) -> list[bytes]:
    return [*lines, lines[at]]


def blank_line(chance: random.Random, lines: list[bytes], at: int) -> list[bytes]:
    return [*lines[:at], chance.choice([b"", b" ", b"null", b"[]", b"{}"]), *lines[at:]]


def drop_lines(chance: random.Random, lines: list[bytes], at: int) -> list[bytes]:
    keep = chance.choice([0.03, 0.5, 0.97])
    return [line for line in lines if chance.random() < keep] or lines[:1]


def shuffle_lines(chance: random.Random, lines: list[bytes], at: int) -> list[bytes]:
    return chance.sample(lines, len(lines))


def scale_last(chance: random.Random, lines: list[bytes], at: int) -> list[bytes]:
    """Of every event the last entry, its time, as where milliseconds stand for seconds."""
    factor = chance.choice([0, -1, 1000, 10**9])
    scaled = []
    for line in lines:
        rows = json.loads(line)
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, list) and row and isinstance(row[-1], int):
                row[-1] *= factor
        scaled.append(dump(rows))
    return scaled


def alter_file(chance: random.Random, path: Path) -> None:
    value = json.loads(path.read_bytes())
    for _ in range(chance.choice([1, 1, 1, 20])):
        value = alter(chance, value)
    path.write_bytes(dump(value))


def odd_number(chance: random.Random, path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b": 1", b": " + chance.choice(TOKENS), 1))


LINES = (
    *(alter_lines,) * 6,
    *(odd_token, double_key, cut_line, join_lines),
    *(repeat_line, blank_line, drop_lines, shuffle_lines, scale_last),
)
JSON_LINES = tuple(map(on_lines, LINES))
JSON = (*(alter_file,) * 4, odd_number)
