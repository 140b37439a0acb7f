"""Every form in which a host's files are known to come gives what the plain form gives, or says what is lost."""

import functools
import importlib
import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from competitions import NAMES
from tests.contract.conftest import COMPETITIONS
from tests.contract.host_forms import Form

# Each competition's forms, and how its files are read, stand in the module of its name.
MODULES: dict[str, ModuleType] = {
    name: importlib.import_module(f"tests.contract.forms_{name}")
    for name in NAMES
    if importlib.util.find_spec(f"tests.contract.forms_{name}")
}
CASES = [
    pytest.param(name, form, id=f"{name}-{form.file}: {form.variant}")
    for name, module in MODULES.items()
    for form in module.FORMS
]
Reading = tuple[dict[str, pl.DataFrame], list[str]]


@pytest.fixture(scope="module")
def plain_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The planted raw folder of each competition."""
    folders = {}
    for contract in COMPETITIONS:
        if contract.name in MODULES:
            folders[contract.name] = tmp_path_factory.mktemp(f"forms-{contract.name}") / "raw"
            contract.write_raw(folders[contract.name], folders[contract.name].with_name("truth.csv"))
    return folders


@functools.cache
def read_plain(name: str, raw: Path) -> Reading:
    reading: Reading = MODULES[name].read(raw)
    return reading


@pytest.mark.parametrize(("name", "form"), CASES)
def test_a_known_form_reads_as_the_plain_one(
    name: str, form: Form, plain_folders: dict[str, Path], tmp_path: Path
) -> None:
    """A frame may be lacking (a file that the form does not have) only where the notes say so."""
    frames, notes = read_plain(name, plain_folders[name])
    shutil.copytree(plain_folders[name], tmp_path / "raw")
    form.apply(tmp_path / "raw")
    formed, said = MODULES[name].read(tmp_path / "raw")
    assert formed.keys() == frames.keys() or (form.says and formed and formed.keys() < frames.keys())
    for key, frame in formed.items():
        assert_frame_equal(frame, frames[key], check_exact=True)
    if form.says:
        assert any(form.says in note for note in said), said
    else:
        assert sorted(set(said) - set(notes)) == []
