"""What stands where a file is expected is named as what it is, in every competition."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import UserError
from common.io.files import find_special, refuse_special, require_file
from common.pipeline.step_key import Digests
from competitions.flight.io import parquet
from competitions.mgtv.io import csv_reader
from competitions.mgtv.io import folder as mgtv_folder
from competitions.news.io import reader
from competitions.tencent.io import folder as tencent_folder


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))


MAKERS: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "socket": make_socket,
    "directory": Path.mkdir,
    "device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket is short


@pytest.mark.parametrize("kind", MAKERS)
def test_what_is_no_file_is_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.csv"
    MAKERS[kind](path)
    assert find_special(path) == kind
    for refuse in (refuse_special, require_file):
        with pytest.raises(UserError, match=f"x.csv is a {kind}, not a file; get it there"):
            refuse(path, "get it there")
    for required in (parquet.require_file, csv_reader.require_file, reader.require_file):
        with pytest.raises(UserError, match=f"x.csv is a {kind}, not a file; put the"):
            required(path)
    with pytest.raises(UserError, match=rf"x\.csv is a {kind} where a file is expected"):
        Digests(tmp_path / "digests.json").digest(path)


@pytest.mark.parametrize("kind", MAKERS)
def test_a_log_of_mgtv_or_a_file_of_tencent_that_is_none_is_not_passed_over(tmp_path: Path, kind: str) -> None:
    log = tmp_path / "01.did_show_data" / "day01" / "did_show_data01.csv"
    log.parent.mkdir(parents=True)
    MAKERS[kind](log)
    with pytest.raises(UserError, match=f"is a {kind}, not a file"):
        mgtv_folder._find_logs(log.parent.parent, "did_show_data{day}.csv")
    sequences = tmp_path / "train" / "seq.jsonl"
    sequences.parent.mkdir()
    MAKERS[kind](sequences)
    with pytest.raises(UserError, match=f"seq.jsonl is a {kind}, not a file"):
        tencent_folder.locate(tmp_path)


def test_a_file_and_nothing_are_no_special_things(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    for broken in (path, path / "deeper", tmp_path / ("a" * 5000)):
        assert find_special(broken) is None
        refuse_special(broken, "")
    with pytest.raises(UserError, match=r"x\.csv is missing from"):
        require_file(path, "get it")
    path.symlink_to(path)
    with pytest.raises(UserError, match=r"x\.csv is missing from"):
        require_file(path, "get it")
    path.unlink()
    path.write_text("")
    require_file(path, "get it")
