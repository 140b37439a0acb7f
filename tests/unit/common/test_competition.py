"""What every declaration of a competition does alike: settings, the choice of raw files, simulated sets."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

import competitions
from common.competition import Competition
from common.day.hosts.simulated import REPORT
from common.engine.errors import UserError
from competitions import NAMES, find_competition, find_lesson, find_room
from competitions.flight.io import reader as flight_reader
from competitions.mgtv.io import schema as mgtv_schema
from competitions.news.io import reader as news_reader
from competitions.tencent.io import schema as tencent_schema
from tests.conftest import SIMULATED_REPORT

FILES = {
    "news": [news_reader.TRAIN, news_reader.ARTICLES],
    "flight": [flight_reader.TRAIN, flight_reader.TEST],
    "mgtv": [f"{mgtv_schema.VIDEOS}/any"],
    "tencent": [f"train/{tencent_schema.SEQUENCES}", "seq/train-00000-of-00001.parquet"],
}
BUILD = Path("build")
Written = list[tuple[Path, float, int]]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Written:
    """The sets that are simulated, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return []


def declare(name: str, written: Written) -> Competition:
    """The declaration, with a simulator that writes a report and nothing else."""

    def write(folder: Path, scale: float, seed: int) -> None:
        written.append((folder, scale, seed))
        folder.mkdir(parents=True)
        (folder / REPORT).write_text(SIMULATED_REPORT)

    competition = find_competition(name)
    return dataclasses.replace(competition, host=dataclasses.replace(competition.host, write=write))


@pytest.mark.parametrize(("name", "file"), [(name, file) for name, files in FILES.items() for file in files])
def test_the_hosts_files_go_before_a_simulation_unless_a_scale_is_named(name: str, file: str, written: Written) -> None:
    competition = declare(name, written)
    host = competition.host.folder
    host.mkdir(parents=True)
    (host / ".gitkeep").write_text("")
    competition.choose_raw(None, None, 0, BUILD)
    assert len(written) == 1  # a folder without the host's files
    (host / file).parent.mkdir(parents=True, exist_ok=True)
    (host / file).write_text("")
    assert competition.choose_raw(None, None, 0, BUILD) == host
    assert competition.choose_raw(None, 0.7, 0, BUILD) != host


@pytest.mark.parametrize("name", NAMES)
def test_a_declaration_belongs_to_its_folder(name: str) -> None:
    competition = find_competition(name)
    assert (competition.name, competition.folder.name) == (name, name)
    assert isinstance(competition.load_config([], tuned=False), competition.config)
    assert competition.load_config(["seed=7"]).seed == 7
    for room in ("day.look", "day.host_files"):
        assert find_room(name, room).__name__ == f"competitions.{name}.{room}"


@pytest.mark.parametrize(
    ("find", "module", "path"),
    [(find_lesson, "standin", "learning/template/standin.py"), (find_room, "day.export", "template/day/export.py")],
)
def test_what_a_new_competition_lacks_is_one_sentence(
    find: Callable[[str, str], object], module: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(competitions, "NAMES", (*NAMES, "template"))
    model = path.replace("template", "news")
    with pytest.raises(UserError, match=f"^template has no {module} yet: write competitions/{path} as .*/{model} is"):
        find("template", module)
