"""What all tests share."""

import contextlib
import dataclasses
import importlib
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from common.competition import Competition
from common.simulation.oracle import Oracle
from competitions import NAMES, ROOM
from competitions import __main__ as command_line

# The report of a finished simulation, as far as a run reads it.
SIMULATED_REPORT = json.dumps({"oracle": vars(Oracle(1, 1.0, 0.0, 1.0, {}))})
CommandResult = tuple[int, str, str]  # exit code, stdout, stderr
Call = Callable[..., CommandResult]

# A time limit on an example would make a busy machine fail the tests.
hypothesis.settings.register_profile("untimed", deadline=None, max_examples=40)
hypothesis.settings.load_profile("untimed")

# One that ``make new`` has just made has no such page yet, nor what its README says is to be written.
FINISHED = tuple(name for name in NAMES if (ROOM / name / "FIGURES.md").exists())


TESTS = Path(__file__).parent
# Not in `make test`, which is to take four minutes: what `make test-all` and CI run as well. They start a Dask cluster;
# install; make a new competition; climb with all methods of flight; or run mypy, as `make lint` does.
NIGHTLY_MODULES = {
    "contract/test_loopback.py",
    "unit/cli/test_make_install.py",
    "unit/cli/test_new.py",
    "unit/common/engine/test_cluster_loopback.py",
    "unit/common/engine/test_run_types.py",
    "unit/learning/flight/test_ladder.py",
}
# Simulators part by part: a golden run simulates a world, and tests/unit/common/simulation asks of all simulators what
# they share.
NIGHTLY_ROOMS = {"simulator"}
# What takes further runs (mark ``each_nightly``) is asked of this competition alone in `make test`.
QUICKEST = "news"
SHARED = ("contract", "golden")  # folders whose tests of a competition share what takes long
# Nightly as well: networks and further methods to learn from, which only the ladder enters; of these not nightly:
LADDERS = {"test_ladder.py", "test_standin.py"}
# Not in `make test-fast`: what trains networks, simulates, exports, or starts a cluster or processes,
# and what no default run reads.
SLOW_FILES = {"test_gbdt.py", "test_ladder.py", "test_sequence.py", "test_service.py", "test_simulators.py"}
SLOW_MODULES = {
    "unit/cli/test_data.py",
    "unit/cli/test_host_files.py",
    "unit/cli/test_make_install.py",
    "unit/cli/test_new.py",
    "unit/cli/test_quick_to_type.py",
    "unit/test_learning_pages.py",
    "unit/test_makefile.py",
    "unit/common/day/hosts/test_huggingface.py",
    "unit/common/engine/test_cluster_loopback.py",
    "unit/common/engine/test_run_types.py",
    "unit/common/day/tuning/test_tuning.py",
    "unit/common/day/test_registry.py",
    "unit/flight/ranking/test_training_data.py",
    "unit/mgtv/features/test_build.py",
}


def is_slow(where: Path) -> bool:
    """Whether `make test-fast` leaves out a file, by its path below tests/."""
    return is_idle(where) or where.name in SLOW_FILES or str(where) in SLOW_MODULES


def is_nightly(where: Path) -> bool:
    """Whether `make test` leaves out a whole file, by its path below tests/."""
    return is_idle(where) or str(where) in NIGHTLY_MODULES


def is_idle(where: Path) -> bool:
    """Whether a file is of a simulator's part, or of a method to learn from."""
    method = where.parts[:2] == ("unit", "learning") and len(where.parts) == 4 and where.name not in LADDERS
    return method or bool(NIGHTLY_ROOMS & set(where.parts))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not import what would be left out whole: each process of a run imports every module that it collects."""
    where = collection_path.relative_to(TESTS) if collection_path.is_relative_to(TESTS) else Path()
    left_out = {"not slow": is_slow(where), "not nightly": is_nightly(where)}
    return left_out.get(config.option.markexpr) or None


def pytest_configure(config: pytest.Config) -> None:
    """A mark for each competition, a new one among them."""
    for name in NAMES:
        config.addinivalue_line("markers", f"{name}: tests of this competition")


class Scheduling(LoadScopeScheduling):
    """Whole modules to a process; of the contract and of the golden numbers the tests of a competition, which share a
    finished run. The groups of xdist itself (``xdist_group``) do nothing with this release of pytest.
    """

    def _split_scope(self, nodeid: str) -> str:
        path, _, test = nodeid.partition("::")
        first = re.match(r"[^\[]+\[(\w+)", test)
        shared = path.split("/")[1] if path.count("/") > 1 else ""
        return f"{shared} {first[1]}" if shared in SHARED and first and first[1] in NAMES else path


@pytest.hookimpl(optionalhook=True)  # there is none with -p no:xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    """How the tests are shared out."""
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by folder, competition and cost."""
    for item in items:
        where = item.path.relative_to(TESTS)
        params = getattr(getattr(item, "callspec", None), "params", {})
        contract = params["contract"].name if where.parts[0] == "contract" and "contract" in params else None
        name = contract or next(
            (name for name in NAMES if name in {*where.parts, params.get("name")} or f"_{name}" in where.stem), None
        )
        item.add_marker(where.parts[0])
        if name:
            item.add_marker(name)
        if is_slow(where) or params.get("channel") == "sequence":  # the channel that trains a network
            item.add_marker("slow")
        if is_nightly(where) or (item.get_closest_marker("each_nightly") and contract != QUICKEST):
            item.add_marker("nightly")


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Run the command line with these words inside this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> CommandResult:
        monkeypatch.setattr(sys, "argv", ["competitions", *map(str, words)])
        code = 0
        try:
            command_line.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@contextlib.contextmanager
def in_zone(monkeypatch: pytest.MonkeyPatch, zone: str) -> Iterator[None]:
    """This process in another time zone, as POSIX spells them: XXX-14 is 14 hours before universal time."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        yield
    time.tzset()


def replace_part(monkeypatch: pytest.MonkeyPatch, name: str, **parts: Any) -> Competition:
    """Put other functions into the declaration of a competition, for one test."""
    module = importlib.import_module(f"competitions.{name}.competition")
    competition: Competition = dataclasses.replace(module.COMPETITION, **parts)
    monkeypatch.setattr(module, "COMPETITION", competition)
    return competition
