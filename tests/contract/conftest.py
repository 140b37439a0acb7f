"""The competitions under contract, and one finished small run of each."""

import importlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from competitions import NAMES
from tests.contract.contract import Contract, Finished, run

# Each name's contract stands in the module of that name: NEWS in tests/contract/news.py. One that cannot be imported
# fails a test of its own competition (test_contract_files.py), and of no other.
BROKEN: dict[str, str] = {}


def read_contracts() -> Iterator[Contract]:
    """The contracts that can be imported; of the others ``BROKEN`` keeps why."""
    for name in NAMES:
        try:
            yield getattr(importlib.import_module(f"tests.contract.{name}"), name.upper())
        except Exception as error:  # whatever a person's unfinished file raises
            BROKEN[name] = f"tests/contract/{name}.py cannot be used: {type(error).__name__}: {error}"


COMPETITIONS: tuple[Contract, ...] = tuple(read_contracts())
LISTS = {"mutation": "mutations", "bad_input": "bad_inputs", "bad_setting": "bad_settings", "future": "futures"}
LISTS |= {"form": "forms"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat a test for every competition (or for those of the module's ONLY), and for every case that it lists."""
    if "contract" not in metafunc.fixturenames:
        return
    chosen: tuple[Contract, ...] = getattr(metafunc.module, "ONLY", COMPETITIONS)
    names = [name for name in LISTS if name in metafunc.fixturenames]
    if not names:
        metafunc.parametrize("contract", chosen, ids=[one.name for one in chosen], indirect=True, scope="session")
        return
    cases = [(one, *case) for one in chosen for case in getattr(one, LISTS[names[0]]).items()]
    values = [(one, (name, value) if names[0] == "bad_setting" else value) for one, name, value in cases]
    ids = [f"{one.name}-{name}" for one, name, _ in cases]
    metafunc.parametrize(("contract", names[0]), values, ids=ids, indirect=["contract"], scope="session")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One competition after the other: pytest's own order goes to and fro, and each time ``finished`` runs again."""
    positions = [position for position, item in enumerate(items) if _name(item)]
    names = [one.name for one in COMPETITIONS]
    ordered = sorted((items[position] for position in positions), key=lambda item: names.index(_name(item)))
    for position, item in zip(positions, ordered, strict=True):
        items[position] = item


def _name(item: pytest.Item) -> str:
    """The competition of a test, or nothing."""
    contract = getattr(getattr(item, "callspec", None), "params", {}).get("contract")
    return contract.name if isinstance(contract, Contract) else ""


@pytest.fixture(scope="session")
def contract(request: pytest.FixtureRequest) -> Contract:
    """Each competition in turn."""
    chosen: Contract = request.param
    return chosen


@pytest.fixture(scope="session")
def finished(contract: Contract, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A cold run on the planted raw files. Tests may run again in its build folder, which only grows."""
    folder = tmp_path_factory.mktemp(contract.name)
    contract.write_raw(folder / "raw", folder / "truth.csv")
    return run(contract, folder / "raw", folder / "build")


@pytest.fixture
def folder(finished: Finished, tmp_path: Path) -> Path:
    """The planted raw files, to be edited, with the answers beside them."""
    shutil.copy(finished.truth, tmp_path / "truth.csv")
    return Path(shutil.copytree(finished.raw, tmp_path / "raw"))
