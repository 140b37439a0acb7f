"""Which raw files a run takes: a named folder, the host's, or simulated ones."""

import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from common.day.hosts.simulated import REPORT, HostFiles, choose_files
from common.engine.errors import UserError
from tests.conftest import SIMULATED_REPORT


def write(folder: Path, scale: float = 1.0, seed: int = 0) -> None:
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text(f"{scale} {seed}")
    (folder / REPORT).write_text(SIMULATED_REPORT)


def test_a_named_folder_comes_before_the_hosts_files_and_these_before_simulated_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host = HostFiles(tmp_path / "raw", "*.csv", "the files", 0.5, write)
    build = tmp_path / "build"
    (tmp_path / "mine").mkdir()
    assert choose_files(host, tmp_path / "mine", None, 0, build) == tmp_path / "mine"
    assert choose_files(host, None, None, 3, build) == host.simulated_folder(build, 0.5, 3)
    assert (host.simulated_folder(build, 0.5, 3) / "a.csv").read_text() == "0.5 3"
    said = f"SIMULATED data, scale 0.5, seed 3: for the real competition, put the files into {host.folder}, see"
    assert capsys.readouterr().err.startswith(said)
    host.folder.mkdir()
    (host.folder / "b.csv").write_text("")
    assert choose_files(host, None, None, 3, build) == host.folder
    assert choose_files(host, None, 0.5, 3, build) == host.simulated_folder(build, 0.5, 3)
    with pytest.raises(UserError, match="exclude each other"):
        choose_files(host, tmp_path / "mine", 0.5, 0, build)


def test_a_set_that_an_earlier_version_simulated_is_simulated_again(tmp_path: Path) -> None:
    def overwrite(folder: Path, scale: float, seed: int) -> None:
        written.append(folder)

    written: list[Path] = []
    host = HostFiles(tmp_path / "raw", "*.csv", "the files", 0.5, overwrite)
    folder = host.simulated_folder(tmp_path, 0.5, 3)
    write(folder)
    assert choose_files(host, None, None, 3, tmp_path) == folder
    assert written == []
    for report in ('{"oracle": {"mrr5": 0.3}}', '{"oracle'):
        written.clear()
        (folder / REPORT).write_text(report)
        choose_files(host, None, None, 3, tmp_path)
        assert written == [folder]
    for version, again in ((4, False), (5, True)):  # and one of another version of the simulator
        written.clear()
        (folder / REPORT).write_text(json.dumps(json.loads(SIMULATED_REPORT) | {"version": 4}))
        choose_files(replace(host, version=version), None, None, 3, tmp_path)
        assert bool(written) == again


def test_laws_have_folders_of_their_own_and_the_default_ones_is_the_usual(tmp_path: Path) -> None:
    def write_strict(folder: Path, scale: float, seed: int) -> None:
        write(folder, -scale, seed)

    host = HostFiles(tmp_path / "raw", "*.csv", "the files", 0.5, write, {"loose": write, "strict": write_strict})
    host.folder.mkdir()
    (host.folder / "b.csv").write_text("")  # as a scale does, a law asks for simulated files
    folders = {law: choose_files(host.under_law(law), None, None, 3, tmp_path) for law in ("loose", "strict")}
    assert folders["loose"] == host.simulated_folder(tmp_path, 0.5, 3)
    assert folders["strict"] != folders["loose"]
    assert [(folder / "a.csv").read_text() for folder in folders.values()] == ["0.5 3", "-0.5 3"]
    assert choose_files(host.under_law(None), None, None, 3, tmp_path) == host.folder
    with pytest.raises(UserError, match="no law strict"):
        HostFiles(tmp_path / "raw", "*.csv", "the files", 0.5, write).under_law("strict")
    with pytest.raises(UserError, match="no law lax; choose loose or strict"):
        host.under_law("lax")
    with pytest.raises(UserError, match="RAW and LAW exclude each other"):
        choose_files(host.under_law("strict"), tmp_path / "mine", None, 0, tmp_path)


@pytest.mark.parametrize("older", [False, True])
def test_of_two_first_runs_at_once_one_simulates_and_both_read_its_set(tmp_path: Path, older: bool) -> None:
    began, both = list[Path](), threading.Barrier(2, timeout=60)

    def write_slowly(folder: Path, scale: float, seed: int) -> None:
        began.append(folder)
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.2)  # the other has come by then, and waits
        write(folder, scale, seed)

    def run(_: int) -> str:
        both.wait()
        return (choose_files(host, None, None, 3, tmp_path) / "a.csv").read_text()

    host = HostFiles(tmp_path / "raw", "*.csv", "the files", 0.5, write_slowly)
    if older:
        write(host.simulated_folder(tmp_path, 0.5, 3))
        (host.simulated_folder(tmp_path, 0.5, 3) / REPORT).write_text("{}")
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(run, range(2))) == ["0.5 3", "0.5 3"]
    assert len(began) == 1
