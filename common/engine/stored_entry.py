"""What entry.json says of a kept result: its key, its cost, and the size of every file: a mapped frame that was cut
short may end the process, since a library trusts its own format.
"""

from pathlib import Path

import msgspec

ENTRY, VALUE = "entry.json", "value.pkl"


class StepRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a step cost when it was computed; ``kept`` when its result was in the store already.

    ``base_mib``: the resident memory of the process as the step began; None in entries that do not tell it.
    ``warnings``: what it warned of, such as a fit that did not converge.
    """

    name: str
    seconds: float
    peak_mib: float
    kept: bool = False
    base_mib: float | None = None
    warnings: tuple[str, ...] = ()


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """The content of entry.json: the full key, the cost, the bytes of every other file."""

    key: str
    record: StepRecord
    files: dict[str, int]


class DamagedEntryError(Exception):
    """A kept result that is not what was written."""


def write_entry(folder: Path, key: str, record: StepRecord) -> None:
    """Describe the files of a folder in its entry.json."""
    files = {file.name: file.stat().st_size for file in folder.iterdir()}
    (folder / ENTRY).write_bytes(msgspec.json.encode(Entry(key=key, record=record, files=files)))
    for name in (ENTRY, *files):
        (folder / name).chmod(0o600)


def read_entry(path: Path) -> Entry | None:
    """What entry.json says, unless it is not there, is damaged or does not name the value: a foreign file of that name
    would be run.
    """
    try:
        entry = msgspec.json.decode((path / ENTRY).read_bytes(), type=Entry)
    except (OSError, ValueError):  # msgspec.DecodeError and UnicodeDecodeError are ValueErrors
        return None
    return entry if VALUE in entry.files else None
