"""Where downloads wait and how they move in: another disk, a folder that cannot be written."""

import errno
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from common.day.hosts import download
from common.day.hosts.download import RemoteFile
from common.engine.errors import UserError

REMOTE = RemoteFile("seq/a.parquet", 4)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return tmp_path / "raw"


def finish_download(raw: Path) -> None:
    """A finished download of REMOTE."""
    path = download.open_partial(raw) / REMOTE.path
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"data")


def explained() -> AbstractContextManager[None]:
    """The sentences that all hosts share."""
    return download.explained("The host", lambda error, status: None)


def test_downloads_wait_beside_the_real_folder_out_of_sight_of_git(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "large disk" / "raw").mkdir(parents=True)
    raw.symlink_to(tmp_path / "large disk" / "raw")
    partial = download.open_partial(raw)
    assert partial == (tmp_path / "large disk" / "raw.partial").resolve()
    assert (partial / ".gitignore").read_text() == "*\n"


def test_files_move_to_another_disk_whole(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finish_download(raw)

    def refuse(source: Any, target: Any) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "rename", refuse)
    download.move_in(raw, [REMOTE])
    assert (raw / REMOTE.path).read_bytes() == b"data"
    assert [path.name for path in (raw / "seq").iterdir()] == ["a.parquet"]


def test_a_folder_that_cannot_be_written_is_named_and_keeps_what_waits(raw: Path) -> None:
    finish_download(raw)
    raw.write_text("a file where the folder should be")
    sentence = r"raw.* cannot be .*, and run this again. Complete files are kept"
    with pytest.raises(UserError, match=sentence), explained():
        download.move_in(raw, [REMOTE])
    assert (raw.parent / "raw.partial" / REMOTE.path).read_bytes() == b"data"
    sentence = r"raw.* cannot be read or written: .*name another RAW=DIR"
    with pytest.raises(UserError, match=sentence), explained():
        download.open_partial(raw / "raw")
