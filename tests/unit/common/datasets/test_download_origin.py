"""Where downloads wait and how they move in: paths that a host names, another disk, a folder that cannot be written."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from common.datasets import download as downloading
from common.datasets.download import Remote
from common.errors import UserError

REMOTE = Remote("seq/a.parquet", 4)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return tmp_path / "raw"


def download(raw: Path) -> None:
    """A finished download of REMOTE."""
    path = downloading.open_partial(raw, [REMOTE]) / REMOTE.path
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"data")


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../a", "a/../../b", "a\\..\\b", "C:/a"])
def test_a_path_that_leaves_its_folder_is_seen(path: str) -> None:
    assert not downloading.is_below(path)


@pytest.mark.parametrize("path", ["a.parquet", "mm_emb/emb_81_32_parquet/part-0.parquet", "用户/day01/a..b.csv"])
def test_a_path_that_stays_is_let_in(path: str) -> None:
    assert downloading.is_below(path)


def test_git_does_not_see_what_waits(raw: Path) -> None:
    partial = downloading.open_partial(raw, [REMOTE])
    assert (partial / ".gitignore").read_text() == "*\n"


def test_a_link_to_another_folder_is_followed(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "large disk" / "raw").mkdir(parents=True)
    raw.symlink_to(tmp_path / "large disk" / "raw")
    assert downloading.open_partial(raw, []) == (tmp_path / "large disk" / "raw.partial").resolve()


def test_files_move_to_another_disk_whole(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    download(raw)
    replace = os.replace

    def refuse_first(source: Any, target: Any) -> None:
        if "raw.partial" in str(source):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse_first)
    downloading.move_in(raw, [REMOTE], "hub x", "1")
    assert (raw / REMOTE.path).read_bytes() == b"data"
    assert [path.name for path in (raw / "seq").iterdir()] == ["a.parquet"]


def test_a_folder_that_cannot_be_written_keeps_what_waits(raw: Path) -> None:
    download(raw)
    raw.write_text("a file where the folder should be")
    with pytest.raises(UserError, match="make it writable and run this again: nothing is fetched twice"):
        downloading.move_in(raw, [REMOTE], "hub x", "1")
    assert (raw.parent / "raw.partial" / REMOTE.path).read_bytes() == b"data"


def test_a_partial_folder_that_cannot_be_made_is_told(raw: Path) -> None:
    raw.with_name("raw.partial").write_text("")
    with pytest.raises(UserError, match=r"Cannot write to .*raw\.partial"):
        downloading.open_partial(raw, [REMOTE])


def test_what_waits_counts_towards_the_room_that_is_needed(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    download(raw)
    usage = type("Usage", (), {"free": 0})
    monkeypatch.setattr(downloading.shutil, "disk_usage", lambda _: usage)
    downloading.open_partial(raw, [REMOTE])
    with pytest.raises(UserError, match="GB more than are free"):
        downloading.open_partial(raw, [REMOTE, Remote("b", 1)])


def test_an_origin_that_is_damaged_is_told(raw: Path) -> None:
    raw.mkdir()
    assert downloading.read_origin(raw) == {}
    (raw / downloading.ORIGIN).write_text('{"files": 3}')
    with pytest.raises(UserError, match=r"\.origin\.json cannot be read.*remove it"):
        downloading.read_origin(raw)
