"""Note the host's files: days, board, what may be missing and what may not."""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from common.engine.errors import UserError
from competitions.mgtv.io import reader, schema
from tests.unit.mgtv.mgtv_raw_files import ASKED, CLICK, FILES, HOST, PLAY, SHOW, locate, write_folder, write_text

B_ASKED, B_SHOWN = schema.ASKED.format(board="B"), schema.SHOWN.format(board="B")


def add_day(folder: Path, day: int) -> None:
    for path, text in (
        (schema.show_path(day), FILES[SHOW]),
        (schema.click_path(day), FILES[CLICK]),
        (schema.play_path(day), FILES[PLAY]),
    ):
        write_text(folder / path, text)


def refusal(folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        reader.locate(folder, HOST)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def twice_a_day(folder: Path) -> None:
    shutil.copytree((folder / CLICK).parent, folder / schema.CLICKS / "day1")


def deeper(folder: Path) -> None:
    paths = sorted(folder.iterdir())
    (folder / "data").mkdir()
    for path in paths:
        path.rename(folder / "data" / path.name)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / ASKED).unlink(), "testA_pred_did.csv is missing"),
        (lambda folder: shutil.rmtree(folder / schema.SHOWS), "day 1 has"),
        (lambda folder: (folder / CLICK).unlink(), "day 1 has"),
        (twice_a_day, "both of day 1"),
        (deeper, "name that folder"),
    ],
)
def test_a_folder_that_lacks_something_is_refused_by_name(
    tmp_path: Path, damage: Callable[[Path], None], said: str
) -> None:
    write_folder(tmp_path)
    damage(tmp_path)
    assert said in refusal(tmp_path)


def read_all(files: reader.RawFiles) -> None:
    codes = reader.learn_codes(files)
    reader.read_test(files, codes)
    reader.read_profiles(files, codes)
    for day in files.days:
        reader.read_day(day, codes, HOST)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"queries": "did\n"}, "has no device"),
        ({"shown": "did,vid\n"}, "shows no video"),
        ({"click": "did,vid,click_time\nNULL,10,\n"}, "did or vid is blank in every row"),
        ({"profiles": FILES[schema.PROFILES].replace(",f3,", ",g3,")}, "'f3'"),
        ({"show": ""}, "0 bytes"),
        ({"queries": 'did\n"a,b"\n'}, "'did': 'a,b' has a comma"),
    ],
)
def test_a_file_that_says_nothing_is_refused_by_name(tmp_path: Path, texts: dict[str, str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_all(locate(tmp_path, **texts))


def test_days_are_in_order_of_their_numbers_and_missing_ones_are_counted(tmp_path: Path) -> None:
    write_folder(tmp_path)
    for day in (10, 2, 3, 4, 5, 6, 9):
        add_day(tmp_path, day)
    # No days: another name, a file, a folder without a log.
    write_text(tmp_path / schema.SHOWS / "day07x" / "did_show_data07.csv", FILES[SHOW])
    write_text(tmp_path / schema.SHOWS / "day07", "a file")
    (tmp_path / schema.SHOWS / "day08").mkdir()
    files = reader.locate(tmp_path, HOST)
    assert [day.day for day in files.days] == [1, 2, 3, 4, 5, 6, 9, 10]
    assert files.days[7].click == tmp_path / schema.click_path(10)
    assert [(note.what, note.rows) for note in files.notes] == [("day missing between day 1 and day 10", 2)]


def test_board_b_goes_first(tmp_path: Path) -> None:
    write_folder(tmp_path)
    write_text(tmp_path / B_ASKED, "did\nb\n")
    assert "testB_did_show.csv is missing" in refusal(tmp_path)
    write_text(tmp_path / B_SHOWN, "did,vid\nb,10\n")
    files = reader.locate(tmp_path, HOST)
    assert (files.board, files.test_devices, files.shown) == ("B", tmp_path / B_ASKED, tmp_path / B_SHOWN)
    first = reader.locate(tmp_path, msgspec.structs.replace(HOST, board="A"))
    assert (first.board, first.test_devices) == ("A", tmp_path / ASKED)


def test_workbooks_are_in_order_of_their_numbers_and_what_else_is_there_is_named(tmp_path: Path) -> None:
    write_folder(tmp_path)
    for name in ("10.xlsx", "2.xlsx", "1.XLSX", "~$2.xlsx", ".DS_Store", "3.xls", "notes.xlsx"):
        write_text(tmp_path / schema.COMMENTS / name, "")
    (tmp_path / schema.COMMENTS / "4.xlsx").mkdir()
    files = reader.locate(tmp_path, HOST)
    assert [path.name for path in files.comments] == ["1.XLSX", "2.xlsx", "10.xlsx"]
    named = "files that are not workbooks named by a number (3.xls, 4.xlsx, notes.xlsx)"
    assert [(note.what, note.rows) for note in files.notes] == [(named, 3)]


def test_codes_know_all_logs_the_test_and_the_table_of_videos(tmp_path: Path) -> None:
    files = locate(
        tmp_path,
        show="did,vid\nd,14\nB,13\nd,14\n",
        click="did,vid,click_time\nc,12,\n",
        play="did,vid,play_time\nb,11,1\n",
        shown="did,vid\na,15\n",
        queries="did\n10\n9\n",
    )
    codes = reader.learn_codes(files)
    assert codes.devices.to_dict(as_series=False) == {"did": ["10", "9", "B", "a", "b", "c", "d"]}
    assert codes.videos.to_dict(as_series=False) == {"vid": [10, 11, 12, 13, 14, 15]}
