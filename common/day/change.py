"""Which earlier run a run is compared with, and in which settings, features and code the two differ."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from common.day.difference import Difference, read_pair
from common.day.record_schema import RECORD, Row, RunRecord, read_record
from common.day.stamp import list_differing
from common.engine.errors import UserError

READ = 100  # runs, newest first
SHOWN, VALUE_CHARS = 3, 30  # settings, features or source files that differ; letters of a value


class Change(NamedTuple):
    """The earlier ``run`` that a run is compared with, its record, in ``what`` they differ, and the ``difference``."""

    run: Path
    record: RunRecord
    what: str
    difference: Difference

    @property
    def sentence(self) -> str:
        """All of it, the same words at the end of a run, in its report and on the page of runs."""
        return f"Against {self.run.parent.name}/{self.run.name} ({self.what}): {self.difference.sentence}"


def find_change(run: Path, partner: Path | None = None) -> Change | None:
    """What a run changed against its ``partner``, by default that of ``find_partner``; None where there is none whose
    queries can be read.
    """
    try:
        partner = partner or find_partner(run)
        if partner is None:
            return None
        pair = read_pair(partner, run)
        return Change(partner, pair.one, describe_change(pair.one, pair.other), pair.difference)
    except UserError:  # a damaged file
        return None


def find_partner(run: Path) -> Path | None:
    """Of the runs before a run that ask the same, the one whose settings differ least, the newest of several; None
    where none does.
    """
    own = read_record(run / RECORD)
    alike = [
        (folder, len(list_changed_settings(other.config, own.config)))
        for folder, other in read_runs(run.parent)
        if folder.name < run.name and other.question == own.question
    ]
    return min(alike, key=lambda each: each[1], default=(None, 0))[0]


def read_runs(folder: Path) -> Iterator[tuple[Path, RunRecord]]:
    """The last ``READ`` runs of a competition's folder of the build, newest first, with their records."""
    for path in sorted(folder.glob(f"*/{RECORD}"), reverse=True)[:READ]:
        try:
            yield path.parent, read_record(path)
        except UserError:  # a damaged record
            continue


def describe_change(one: RunRecord, other: RunRecord) -> str:
    """In which settings, features and code two runs differ, in a line: "rounds 5 -> 9; features +length"."""
    added = [f"+{name}" for name in other.features if name not in set(one.features)]
    removed = [f"-{name}" for name in one.features if name not in set(other.features)]
    code = list_differing(one.code, other.code)
    parts = {
        "": [
            f"{row['setting']} {shorten_value(row['A'])} -> {shorten_value(row['B'])}"
            for row in list_changed_settings(one.config, other.config)
        ],
        "features ": added + removed if one.features and other.features else [],
        "code of ": ["unlisted files"] if code is None else [Path(path).name for path in code],
    }
    return "; ".join(f"{kind}{list_first(names)}" for kind, names in parts.items() if names) or "nothing changed"


def list_first(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def shorten_value(value: str) -> str:
    """A setting's value in a sentence."""
    value = value.replace(": ", ":")
    return value if len(value) <= VALUE_CHARS else value[: VALUE_CHARS - 1] + "…"


def list_changed_settings(one: Row, other: Row) -> list[Row]:
    """Every setting with another value, by its dotted key."""
    before, after = dict(flatten(one)), dict(flatten(other))
    absent = "(not set)"
    rows = [{"setting": key, "A": before.get(key, absent), "B": after.get(key, absent)} for key in before | after]
    return [row | {"A": str(row["A"]), "B": str(row["B"])} for row in rows if row["A"] != row["B"]]


def flatten(table: Row, prefix: str = "") -> Iterator[tuple[str, object]]:
    """(dotted key, value) of everything that is no table.

    >>> dict(flatten({"seed": 0, "rank": {"rounds": 60}}))
    {'seed': 0, 'rank.rounds': 60}
    """
    for name, value in table.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
