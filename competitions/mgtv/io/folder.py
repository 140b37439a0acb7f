"""Find the host's files in a folder: the days with all their logs, the tables, the test of the board."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.engine.errors import UserError
from common.io.files import hint_where, require_file
from common.io.notes import Note
from competitions.mgtv.config import HostSettings
from competitions.mgtv.io.schema import (
    ASKED,
    CLICKS,
    COMMENTS,
    PLAYS,
    PROFILES,
    SHOWN,
    SHOWS,
    VIDEOS,
    WHERE,
    click_path,
    short_name,
)

DAY_FOLDER = re.compile(r"day([0-9]{1,4})")
WORKBOOK = re.compile(r"([0-9]+)\.xlsx", re.IGNORECASE)
# The logs of a day: their folder, and the file's name where {day} is the day's number.
SHOW_FILE, CLICK_FILE, PLAY_FILE = (
    (SHOWS, "did_show_data{day}.csv"),
    (CLICKS, "day{day}_data.csv"),
    (PLAYS, "day{day}_data.csv"),
)


@dataclass(frozen=True)
class DayFiles:
    """The logs of a day; ``play`` is None where there is no play file."""

    day: int
    show: Path
    click: Path
    play: Path | None


@dataclass(frozen=True)
class RawFiles:
    """The host's files: ``days`` ascending, ``test_devices`` and ``shown`` of the board, ``comments`` by number."""

    days: tuple[DayFiles, ...]
    videos: Path
    profiles: Path | None
    comments: tuple[Path, ...]
    test_devices: Path
    shown: Path
    board: str
    notes: tuple[Note, ...]


def locate(folder: Path, host: HostSettings) -> RawFiles:
    """Find the host's files in ``folder``; board ``auto`` is B where its file of asked devices is there, else A.

    Refused: no day, a day with impressions and no clicks or the reverse, no videos, no test. Counted: missing days
    in between, days without plays, no profiles.
    """
    days = _find_days(folder)
    videos, profiles = unpacked(folder, VIDEOS), unpacked(folder, PROFILES)
    require_file(videos, WHERE)
    board = host.board
    if board == "auto":
        board = "B" if unpacked(folder, ASKED.format(board="B")).exists() else "A"
    test_devices, shown = (unpacked(folder, path.format(board=board)) for path in (ASKED, SHOWN))
    for path in (test_devices, shown):
        require_file(path, WHERE)
    notes = [*_note_gaps(days)]
    if not profiles.exists():
        notes.append(Note(PROFILES, f"no such file{hint_where(profiles)}", 1, "no device has a profile"))
    comments, others = find_workbooks(unpacked(folder, COMMENTS))
    if others:
        names = ", ".join(path.name for path in others[:5]) + ", …" * (len(others) > 5)
        what = f"files that are not workbooks named by a number ({names})"
        notes.append(Note(COMMENTS, what, len(others), "not read; save it as 1.xlsx and so on if it has comments"))
    if not unpacked(folder, COMMENTS).exists() and (where := hint_where(folder / COMMENTS)):
        notes.append(Note(COMMENTS, f"no such folder{where}", 1, "no video has comments"))
    return RawFiles(
        days=days,
        videos=videos,
        profiles=profiles if profiles.exists() else None,
        comments=comments,
        test_devices=test_devices,
        shown=shown,
        board=board,
        notes=tuple(notes),
    )


def unpacked(folder: Path, path: str) -> Path:
    """A path of the layout; the archive of its first folder may have been unpacked into a folder of its own name."""
    top, _, rest = path.partition("/")
    inner = folder / top / top
    return (inner if inner.is_dir() else folder / top) / rest


def _find_days(folder: Path) -> tuple[DayFiles, ...]:
    shows, clicks, plays = (
        _find_logs(unpacked(folder, name), file) for name, file in (SHOW_FILE, CLICK_FILE, PLAY_FILE)
    )
    if not shows and not clicks:
        where = hint_where(folder / SHOWS)
        raise UserError(f"no day is in {folder / SHOWS} (day01/did_show_data01.csv and further){where}; {WHERE}")
    for day in sorted(shows.keys() ^ clicks.keys()):
        there, lacks = (shows[day], CLICKS) if day in shows else (clicks[day], SHOWS)
        raise UserError(
            f"day {day} has {there} and no file in {folder / lacks}: nobody would seem to have "
            f"{'clicked' if lacks == CLICKS else 'been shown anything'}; add the file or remove the day"
        )
    return tuple(DayFiles(day, shows[day], clicks[day], plays.get(day)) for day in sorted(shows))


def _find_logs(folder: Path, file: str) -> dict[int, Path]:
    """The files of a kind of log by day; a day's number may have a leading zero or none."""
    logs: dict[int, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        match = DAY_FOLDER.fullmatch(path.name)
        if not match or not path.is_dir():
            continue
        day = int(match[1])
        for number in dict.fromkeys((f"{day:02d}", match[1], str(day))):
            log = path / file.format(day=number)
            if log.exists():
                require_file(log, WHERE)
                if day in logs:
                    raise UserError(f"{logs[day]} and {log} are both of day {day}; remove one of the two")
                logs[day] = log
    return logs


def _note_gaps(days: tuple[DayFiles, ...]) -> Iterator[Note]:
    missing = days[-1].day - days[0].day + 1 - len(days)
    if missing:
        yield Note(SHOWS, f"day missing between day {days[0].day} and day {days[-1].day}", missing, "left out")
    for day in days:
        if day.play is None:
            name = short_name(Path(click_path(day.day))).replace(CLICKS, PLAYS)
            yield Note(name, "no such file", 1, "no play of the day has a length")


def find_workbooks(folder: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The numbered workbooks of a folder, in their order, and what else is there, hidden files aside."""
    if not folder.is_dir():
        return (), ()
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith((".", "~$")))
    numbered = {path: int(match[1]) for path in paths if (match := WORKBOOK.fullmatch(path.name)) and path.is_file()}
    return tuple(sorted(numbered, key=lambda path: numbered[path])), tuple(p for p in paths if p not in numbered)
