"""Find the host's files in a folder: the days with all their logs, the tables, the test of the board."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from common.io.notes import Note
from competitions.mgtv.config import HostSettings
from competitions.mgtv.io.csv_reader import require_file, short_name
from competitions.mgtv.io.schema import CLICKS, COMMENTS, PLAYS, PROFILES, SHOWS, VIDEOS, WHERE, click_path

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
    _refuse_narrow_names()
    days = _find_days(folder)
    require_file(folder / VIDEOS)
    board = host.board
    if board == "auto":
        board = "B" if (folder / host.asked.format(board="B")).exists() else "A"
    test_devices, shown = (folder / path.format(board=board) for path in (host.asked, host.shown))
    for path in (test_devices, shown):
        require_file(path)
    profiles = folder / PROFILES if (folder / PROFILES).exists() else None
    notes = [*_note_gaps(days)]
    if profiles is None:
        notes.append(Note(PROFILES, "no such file", 1, "no device has a profile"))
    return RawFiles(days, folder / VIDEOS, profiles, _find_workbooks(folder), test_devices, shown, board, tuple(notes))


def _refuse_narrow_names() -> None:
    """Refuse to look for files whose names this process cannot say: they would read as missing."""
    try:
        os.fsencode(SHOWS)
    except UnicodeEncodeError as error:
        raise UserError(
            f"file names are in {error.encoding} here, in which {SHOWS!r} cannot be said; set PYTHONUTF8=1 or a locale"
            " with UTF-8 (LC_ALL=C.UTF-8)"
        ) from error


def _find_days(folder: Path) -> tuple[DayFiles, ...]:
    shows, clicks, plays = (_find_logs(folder / name, file) for name, file in (SHOW_FILE, CLICK_FILE, PLAY_FILE))
    if not shows and not clicks:
        raise UserError(f"no day is in {folder / SHOWS} (day01/did_show_data01.csv and further); {WHERE}")
    for day in sorted(shows.keys() ^ clicks.keys()):
        there, lacks = (shows[day], CLICKS) if day in shows else (clicks[day], SHOWS)
        raise UserError(
            f"day {day} has {there} and no file in {folder / lacks}: it would read as if nobody had "
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
                require_file(log)
                if day in logs:
                    raise UserError(f"{logs[day]} and {log} are both of day {day}; remove one of the two")
                logs[day] = log
    return logs


def _note_gaps(days: tuple[DayFiles, ...]) -> Iterator[Note]:
    missing = days[-1].day - days[0].day + 1 - len(days)
    if missing:
        yield Note(SHOWS, f"day missing between day {days[0].day} and day {days[-1].day}", missing, "goes on without")
    for day in days:
        if day.play is None:
            name = short_name(Path(click_path(day.day))).replace(CLICKS, PLAYS)
            yield Note(name, "no such file", 1, "no play of the day has a length")


def _find_workbooks(folder: Path) -> tuple[Path, ...]:
    if not (folder / COMMENTS).is_dir():
        return ()
    numbered = [(match, path) for path in (folder / COMMENTS).iterdir() if (match := WORKBOOK.fullmatch(path.name))]
    return tuple(path for match, path in sorted(numbered, key=lambda pair: (int(pair[0][1]), pair[1].name)))
