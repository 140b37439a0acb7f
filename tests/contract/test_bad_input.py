"""Bad input, end to end: exit code 1, one sentence, nothing half written, nothing of the user's touched."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Call
from tests.contract.contract import ROOT, SUBMISSIONS, BadInput, Contract, Finished, refusal, words

MAKE = "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2); "
LIMITED = MAKE + "runpy.run_module('competitions', run_name='__main__')"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_nothing_half_written(build: Path) -> None:
    """Only finished steps of the store may be left."""
    left = [path for path in build.rglob("*") if path.is_file()]
    assert [path for path in left if path.stem in (*SUBMISSIONS, "run", "queries", "report")] == []
    assert [path for path in left if any(part.startswith(".") for part in path.relative_to(build).parts)] == []


def test_a_bad_raw_file_is_named(
    contract: Contract, folder: Path, bad_input: BadInput, call: Call, tmp_path: Path
) -> None:
    build = tmp_path / "build"
    bad_input.edit(folder)
    before = contents(folder)
    sentence = refusal(call(*words(contract, folder, build)))
    for expected in bad_input.expected:
        assert expected in sentence
    assert contents(folder) == before
    assert_nothing_half_written(build)


def test_a_wrong_setting_is_named_before_anything_is_made(
    contract: Contract, finished: Finished, bad_setting: tuple[str, tuple[str, ...]], call: Call, tmp_path: Path
) -> None:
    setting, expected = bad_setting
    sentence = refusal(call(*words(contract, finished.raw, tmp_path / "build", setting)))
    for word in expected:
        assert word in sentence
    assert not (tmp_path / "build").exists()


@pytest.mark.nightly
def test_a_disk_that_takes_no_more_is_named_and_finished_steps_are_kept(
    contract: Contract, finished: Finished, tmp_path: Path
) -> None:
    largest = max(path.stat().st_size for path in (finished.build / contract.name / "cache").rglob("*.*"))
    command = [sys.executable, "-c", LIMITED, str(largest // 2), *words(contract, finished.raw, tmp_path / "build")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    sentence = refusal((ended.returncode, ended.stdout, ended.stderr))
    assert f"{tmp_path / 'build' / contract.name / 'cache'}" in sentence
    assert "steps that are finished are kept" in sentence
    assert list((tmp_path / "build" / contract.name / "cache").glob("*/entry.json"))
    assert_nothing_half_written(tmp_path / "build")
