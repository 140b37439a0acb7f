"""A simulated folder is there as a whole or not at all, and never in the place of other files."""

from pathlib import Path

import pytest

from common.day.hosts.simulated import REPORT, HostFiles, choose_files, simulated_folder, written_at_once
from common.engine.errors import UserError

NAMES = {"a.csv", REPORT}


def write(folder: Path, scale: float = 1.0, seed: int = 0) -> None:
    with written_at_once(folder, NAMES) as partial:
        (partial / "a.csv").write_text(f"{scale} {seed}")
        (partial / REPORT).write_text("{}")


def test_a_simulation_appears_whole_is_replaced_and_survives_a_failure(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    with written_at_once(out, NAMES) as partial:
        (partial / REPORT).write_text("{}")
        assert not out.exists()
    write(out, 1.0)
    with pytest.raises(ZeroDivisionError), written_at_once(out, NAMES):
        raise ZeroDivisionError
    assert (out / "a.csv").read_text() == "1.0 0"
    write(out, 2.0)
    assert (out / "a.csv").read_text() == "2.0 0"
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    with pytest.raises(UserError, match="cannot be written"):
        write(out / "a.csv" / "out")


@pytest.mark.parametrize("present", [["a.csv"], ["other.csv"], ["a.csv", REPORT, "notes.txt"]])
def test_a_folder_of_other_files_is_left_alone(tmp_path: Path, present: list[str]) -> None:
    for name in present:
        (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match="holds files that are no simulation"):
        write(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(present, "mine")


def test_a_named_folder_comes_before_the_hosts_files_and_these_before_simulated_ones(tmp_path: Path) -> None:
    host = HostFiles(tmp_path / "raw", "*.csv", "the files", 0.5, write)
    build = tmp_path / "build"
    (tmp_path / "mine").mkdir()
    assert choose_files(host, tmp_path / "mine", None, 0, build) == tmp_path / "mine"
    assert choose_files(host, None, None, 3, build) == simulated_folder(build, 0.5, 3)
    assert (simulated_folder(build, 0.5, 3) / "a.csv").read_text() == "0.5 3"
    host.folder.mkdir()
    (host.folder / "b.csv").write_text("")
    assert choose_files(host, None, None, 3, build) == host.folder
    assert choose_files(host, None, 0.5, 3, build) == simulated_folder(build, 0.5, 3)
    with pytest.raises(UserError, match="exclude each other"):
        choose_files(host, tmp_path / "mine", 0.5, 0, build)


def test_laws_have_folders_of_their_own_and_the_default_ones_is_the_usual(tmp_path: Path) -> None:
    def write_strict(folder: Path, scale: float, seed: int) -> None:
        write(folder, -scale, seed)

    host = HostFiles(tmp_path / "raw", "*.csv", "the files", 0.5, write, {"loose": write, "strict": write_strict})
    host.folder.mkdir()
    (host.folder / "b.csv").write_text("")  # as a scale does, a law asks for simulated files
    folders = {law: choose_files(host.under_law(law), None, None, 3, tmp_path) for law in ("loose", "strict")}
    assert folders["loose"] == simulated_folder(tmp_path, 0.5, 3)
    assert folders["strict"] != folders["loose"]
    assert [(folder / "a.csv").read_text() for folder in folders.values()] == ["0.5 3", "-0.5 3"]
    assert choose_files(host.under_law(None), None, None, 3, tmp_path) == host.folder
    with pytest.raises(UserError, match="no law strict"):
        HostFiles(tmp_path / "raw", "*.csv", "the files", 0.5, write).under_law("strict")
    with pytest.raises(UserError, match="no law lax to simulate by; say loose or strict"):
        host.under_law("lax")
    with pytest.raises(UserError, match="RAW and LAW exclude each other"):
        choose_files(host.under_law("strict"), tmp_path / "mine", None, 0, tmp_path)
