"""Damage to workbooks: to the XML of the sheet, and to the archive around it."""

import random
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

Members = dict[str, bytes]
VALUES = ("", "NaN", "1e999", "-5", "9" * 60, "&amp;", "&#0;", "&lt;b&gt;", "=1+1", "x" * 50_000)
REFERENCES = (b"XFD1048576", b"xfd1048576", b"ZZZZ9", b"A0", b"", b"A9999999999", b"-1", b"A1 ")


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


def odd_reference(chance: random.Random, members: Members, sheet: str) -> None:
    members[sheet] = replace_one(chance, members[sheet], rb' r="([A-Z]+[0-9]+)"', REFERENCES)


def odd_row(chance: random.Random, members: Members, sheet: str) -> None:
    members[sheet] = replace_one(chance, members[sheet], rb'<row r="([0-9]+)"', (b"0", b"1048577", b"-1", b"9" * 12))


def other_heading(chance: random.Random, members: Members, sheet: str) -> None:
    for name in sorted(members):
        members[name] = replace_one(chance, members[name], rb"<t[^>]*>(videoid|ctime|etime|content)<", (b"other", b""))


def stored_formula(chance: random.Random, members: Members, sheet: str) -> None:
    members[sheet] = members[sheet].replace(b"<v>", b'<f>HYPERLINK("http://x","y")</f><v>', chance.choice([1, 500]))


def entity(chance: random.Random, members: Members, sheet: str) -> None:
    """A text that a careless reader of XML would take from a file, or write out a thousand times."""
    kinds = (
        b'<!ENTITY e SYSTEM "file:///etc/hostname">',
        b'<!ENTITY d "aaaaaaaaaa"><!ENTITY e "' + b"&d;" * 100 + b'">',
    )
    content = members[sheet].replace(b"?>", b"?><!DOCTYPE x [" + chance.choice(kinds) + b"]>", 1)
    members[sheet] = replace_one(chance, content, rb"<[vt][^>]*>([^<]*)<", (b"&e;",))


def lose_member(chance: random.Random, members: Members, sheet: str) -> None:
    del members[chance.choice(sorted(members))]


def noise_in_member(chance: random.Random, members: Members, sheet: str) -> None:
    name = chance.choice(sorted(members))
    content = bytearray(members[name])
    for _ in range(chance.choice([1, 9])):
        content[chance.randrange(len(content))] = chance.randrange(256)
    members[name] = bytes(content)


def blanks(chance: random.Random, members: Members, sheet: str) -> None:
    """Thirty megabytes of blanks, which pack to nothing."""
    members[sheet] = members[sheet].replace(b"</sheetData>", b" " * 30_000_000 + b"</sheetData>")


def outside_path(chance: random.Random, members: Members, sheet: str) -> None:
    members[chance.choice(["../../outside.txt", "/outside.txt", "xl/../../outside.txt"])] = b"x"


def sealed(chance: random.Random, path: Path) -> None:
    """The archive's directory says that a member is encrypted."""
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


WORKBOOKS = (
    *map(
        on_members,
        (
            *(odd_cell, odd_cell, odd_type, odd_reference, odd_reference, odd_row, other_heading, stored_formula),
            *(entity, lose_member, noise_in_member, noise_in_member, blanks, outside_path),
        ),
    ),
    sealed,
)
