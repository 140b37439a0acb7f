"""Whose process lives: held from the start to the end, released where it is killed, and never judged by its age."""

import contextlib
import errno
import fcntl
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.io.lock import (
    KEPT,
    RUNNING,
    clear_drafts,
    find_oldest_start,
    hold,
    is_dead,
    is_kept,
    keep,
    name_draft,
    take_turns,
)
from common.io.submission import write_bytes
from common.simulation.writer import written_at_once
from tests.contract.contract import ROOT

HOLD = """
import sys
from pathlib import Path
from common.io.lock import hold, keep
with hold(Path(sys.argv[1])):
    if sys.argv[2:]:
        keep(Path(sys.argv[1]))
    print("held", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def start_holder(folder: Path, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the folder until it is killed."""
    command = [sys.executable, "-c", HOLD, str(folder), *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("words", [(), ("keep",)])
def test_a_living_process_holds_its_folder_however_old_and_a_killed_one_keeps_only_what_it_said(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    with start_holder(tmp_path / "run", *words) as process:
        (lock,) = (tmp_path / "run").iterdir()
        os.utime(lock, (5, 5))
        assert (is_kept(tmp_path / "run"), is_dead(lock), find_oldest_start(tmp_path)) == (bool(words), False, 5)
        process.kill()
        process.wait()
        assert (is_kept(tmp_path / "run"), is_dead(lock)) == (bool(words), True)
        assert find_oldest_start(tmp_path) == math.inf


@pytest.mark.parametrize("kept", [True, False])
def test_nothing_is_left_of_a_lock_at_the_end(tmp_path: Path, kept: bool) -> None:
    def end() -> None:
        with hold(tmp_path / "run"):
            if kept:
                keep(tmp_path / "run")
            raise ValueError("ends")

    with pytest.raises(ValueError, match="ends"):
        end()
    assert list((tmp_path / "run").iterdir()) == []
    assert not is_dead(tmp_path / "run" / f"1{RUNNING}")  # none is there


def test_on_a_disk_without_locks_age_says_who_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with hold(tmp_path / "run"), take_turns(tmp_path / "one.lock", "never said"):
        (lock,) = (tmp_path / "run").iterdir()
        dead = lock.with_name(f"0{KEPT}")
        dead.touch()
        os.utime(dead, (2, 2))
        assert [is_dead(path) for path in (lock, dead)] == [False, True]
        assert find_oldest_start(tmp_path) == lock.stat().st_mtime  # which the dead one holds down no longer


def test_of_two_in_one_block_the_second_waits_and_says_so(tmp_path: Path) -> None:
    take = f"take_turns(Path({str(tmp_path / 'a')!r}), 'one waits')"
    script = f"from pathlib import Path\nfrom common.io.lock import take_turns\nwith {take}: print('in')"
    command = [sys.executable, "-c", script]
    with take_turns(tmp_path / "a", ""):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stderr
        assert process.stderr.readline() == "one waits\n"
        assert process.poll() is None
    assert process.communicate() == ("in\n", "")


def test_what_a_killed_process_left_half_written_goes_after_a_day(
    tmp_path: Path,
) -> None:
    left, others = name_draft("a.csv"), {name_draft("b.csv"), ".gitignore", "a-1.draft"}
    for write in (
        lambda: write_bytes(tmp_path / "b.csv", b""),
        lambda: written_at_once(tmp_path / "b.csv", []).__enter__(),
        lambda: clear_drafts(tmp_path),
    ):
        for name in (left, *others):
            (tmp_path / name).touch()
        for name in (left, ".gitignore", "a-1.draft"):
            os.utime(tmp_path / name, (2, 2))
        (tmp_path / "b.csv").unlink(missing_ok=True)
        write()
        names = {path.name for path in tmp_path.iterdir()}
        assert (left in names, others <= names) == (False, True)
