"""Whose process lives: held from the start to the end, released where it is killed, and never judged by its age."""

import contextlib
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.io.lock import RUNNING, find_oldest_start, hold, is_dead, is_kept, keep
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
