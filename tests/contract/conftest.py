"""The competitions under contract, and one finished small run of each."""

import pytest

from tests.contract.competition import Competition, Finished, run
from tests.contract.flight import FLIGHT
from tests.contract.mgtv import MGTV
from tests.contract.news import NEWS
from tests.contract.tencent import TENCENT

COMPETITIONS = (NEWS, FLIGHT, MGTV, TENCENT)
LISTS = {"mutation": "mutations", "bad_input": "bad_inputs", "bad_setting": "bad_settings", "future": "futures"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat a test for every competition (or for those of the module's ONLY), and for every case that it lists."""
    if "competition" not in metafunc.fixturenames:
        return
    chosen: tuple[Competition, ...] = getattr(metafunc.module, "ONLY", COMPETITIONS)
    names = [name for name in LISTS if name in metafunc.fixturenames]
    if not names:
        metafunc.parametrize("competition", chosen, ids=[one.name for one in chosen], indirect=True, scope="session")
        return
    cases = [(one, *case) for one in chosen for case in getattr(one, LISTS[names[0]]).items()]
    values = [(one, (name, value) if names[0] == "bad_setting" else value) for one, name, value in cases]
    ids = [f"{one.name}-{name}" for one, name, _ in cases]
    metafunc.parametrize(("competition", names[0]), values, ids=ids, indirect=["competition"], scope="session")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One competition after the other: pytest's own order goes to and fro, and each time ``finished`` runs again."""
    places = [place for place, item in enumerate(items) if _name(item)]
    names = [one.name for one in COMPETITIONS]
    ordered = sorted((items[place] for place in places), key=lambda item: names.index(_name(item)))
    for place, item in zip(places, ordered, strict=True):
        items[place] = item


def _name(item: pytest.Item) -> str:
    """The competition of a test, or nothing."""
    call = getattr(item, "callspec", None)
    asked: Competition | None = call.params.get("competition") if call else None
    return asked.name if asked else ""


@pytest.fixture(scope="session")
def competition(request: pytest.FixtureRequest) -> Competition:
    """Each competition in turn."""
    chosen: Competition = request.param
    return chosen


@pytest.fixture(scope="session")
def finished(competition: Competition, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A cold run on the planted raw files. Tests may run again in its build folder, which only grows."""
    folder = tmp_path_factory.mktemp(competition.name)
    competition.write_raw(folder / "raw", folder / "truth.csv")
    return run(competition, folder / "raw", folder / "build")
