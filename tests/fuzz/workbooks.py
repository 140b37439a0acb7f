"""Damage to workbooks that leaves the archive whole: other cells, a part or a heading that is missing."""

import random
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

Members = dict[str, bytes]
VALUES = ("", "NaN", "1e999", "-5", "9" * 60, "&amp;", "&#0;", "&lt;b&gt;", "=1+1", "x" * 50_000)


def read_members(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def on_members(edit: Callable[[random.Random, Members, str], None]) -> Callable[[random.Random, Path], None]:
    """A mutation of the archive's members, given the name of the sheet's."""

    def mutate(chance: random.Random, path: Path) -> None:
        members = read_members(path)
        edit(chance, members, next(name for name in members if name.startswith("xl/worksheets/")))
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)

    mutate.__name__ = edit.__name__
    return mutate


def replace_one(chance: random.Random, content: bytes, pattern: bytes, values: tuple[bytes, ...]) -> bytes:
    """Group 1 of one of the places that match, by another value."""
    found = list(re.finditer(pattern, content))
    if not found:
        return content
    start, stop = chance.choice(found).span(1)
    return content[:start] + chance.choice(values) + content[stop:]


def odd_cell(chance: random.Random, members: Members, sheet: str) -> None:
    values = tuple(value.encode() for value in VALUES)
    members[sheet] = replace_one(chance, members[sheet], rb"<[vt][^>]*>([^<]*)<", values)


def odd_type(chance: random.Random, members: Members, sheet: str) -> None:
    members[sheet] = replace_one(chance, members[sheet], rb' t="(\w+)"', (b"e", b"b", b"d", b"n", b"s", b"str", b"zz"))


def other_heading(chance: random.Random, members: Members, sheet: str) -> None:
    for name in sorted(members):
        members[name] = replace_one(chance, members[name], rb"<t[^>]*>(videoid|ctime|etime|content)<", (b"other", b""))


def stored_formula(chance: random.Random, members: Members, sheet: str) -> None:
    members[sheet] = members[sheet].replace(b"<v>", b'<f>HYPERLINK("http://x","y")</f><v>', chance.choice([1, 500]))


def lose_member(chance: random.Random, members: Members, sheet: str) -> None:
    del members[chance.choice(sorted(members))]


WORKBOOKS = tuple(map(on_members, (odd_cell, odd_cell, odd_type, other_heading, stored_formula, lose_member)))
