"""Tiny folders in the host's layout for the tests of the MGTV reader."""

from pathlib import Path
from typing import Any

from xlsxwriter import Workbook

from competitions.mgtv.config import HostSettings
from competitions.mgtv.io import reader, schema

HOST = HostSettings(board="auto", several_plays="sum")
ASKED, SHOWN = schema.ASKED.format(board="A"), schema.SHOWN.format(board="A")
SHOW, CLICK, PLAY = schema.show_path(1), schema.click_path(1), schema.play_path(1)
PROFILE_HEADER = ",".join(schema.PROFILE_COLUMNS)
MIDNIGHT = "2025-04-20 00:00:00"
MIDNIGHT_MS = 1_745_107_200_000  # 20198 days of 86,400,000 ms
FILES = {
    SHOW: "did,vid\na,10\n",
    CLICK: "did,vid,click_time\n",
    PLAY: "did,vid,play_time\n",
    schema.VIDEOS: ",".join(schema.VIDEO_COLUMNS) + "\n10,1,2,60,3,4,5,6,7,8\n",
    schema.PROFILES: PROFILE_HEADER + "\na" + ",1" * 88 + "\n",
    ASKED: "did\na\n",
    SHOWN: "did,vid\na,10\n",
}


def write_text(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def write_folder(folder: Path, **texts: str | bytes | None) -> Path:
    """A folder of one day with some files changed, by the names below; None leaves a file out."""
    names = {
        "show": SHOW,
        "click": CLICK,
        "play": PLAY,
        "videos": schema.VIDEOS,
        "profiles": schema.PROFILES,
        "queries": ASKED,
        "shown": SHOWN,
    }
    files = FILES | {names[name]: text for name, text in texts.items()}
    for path, text in files.items():
        if text is not None:
            write_text(folder / path, text)
    return folder


def locate(folder: Path, **texts: str | bytes | None) -> reader.RawFiles:
    return reader.locate(write_folder(folder, **texts), HOST)


def rows(header: str, *lines: str) -> str:
    return "".join(f"{line}\n" for line in (header, *lines))


def shows(*lines: str) -> str:
    return rows("did,vid", *lines)


def clicks(*lines: str) -> str:
    return rows("did,vid,click_time", *lines)


def plays(*lines: str) -> str:
    return rows("did,vid,play_time", *lines)


def videos(*lines: str) -> str:
    return rows(",".join(schema.VIDEO_COLUMNS), *lines)


def profile(did: str, **values: str) -> str:
    """A row of the table of devices, blank but for ``values``."""
    return ",".join([did, *(values.get(name, "") for name in schema.PROFILE_COLUMNS[1:])])


def profiles(*lines: str) -> str:
    return rows(PROFILE_HEADER, *lines)


def read_day(folder: Path, host: HostSettings = HOST, **texts: str | bytes | None) -> reader.Day:
    files = locate(folder, **texts)
    return reader.read_day(files.days[0], reader.learn_codes(files), host)


def counted(notes: tuple[reader.Note, ...]) -> dict[str, int]:
    """What was found, and how often."""
    rows_by_finding = {note.what: note.rows for note in notes}
    assert len(rows_by_finding) == len(notes), notes
    assert all(note.rows > 0 and note.done and note.file for note in notes), notes
    return rows_by_finding


def write_book(
    path: Path,
    *lines: tuple[Any, ...],
    sheet: str = schema.COMMENT_SHEET,
    header: tuple[str, ...] = schema.COMMENT_COLUMNS,
) -> Path:
    """A workbook of comments: vid, text, when it was written, ms into the video."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Workbook(path, {"default_date_format": "yyyy-mm-dd hh:mm:ss"}) as book:
        page = book.add_worksheet(sheet)
        for number, line in enumerate((header, *lines)):
            page.write_row(number, 0, line)
    return path
