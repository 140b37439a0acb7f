"""Every form in which a host's files are known to come gives what the plain form gives, or says what is lost."""

import importlib
import shutil
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.contract.contract import Contract
from tests.contract.host_forms import Form

Reading = tuple[dict[str, pl.DataFrame], list[str]]  # frames, and notes


def read(contract: Contract, raw: Path) -> Reading:
    """What a run reads, as the module of the competition's forms has it."""
    reading: Reading = importlib.import_module(f"tests.contract.forms_{contract.name}").read(raw)
    return reading


@pytest.fixture(scope="session")
def plain(contract: Contract, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Reading]:
    """The planted raw folder of a competition, and what is read of it."""
    raw = tmp_path_factory.mktemp(f"forms-{contract.name}") / "raw"
    contract.write_raw(raw, raw.with_name("truth.csv"))
    return raw, read(contract, raw)


def test_a_known_form_reads_as_the_plain_one(
    contract: Contract, form: Form, plain: tuple[Path, Reading], tmp_path: Path
) -> None:
    """A frame may be lacking (a file that the form does not have) only where the notes say so."""
    raw, (frames, notes) = plain
    shutil.copytree(raw, tmp_path / "raw")
    form.apply(tmp_path / "raw")
    formed, said = read(contract, tmp_path / "raw")
    assert formed.keys() == frames.keys() or (form.says and formed and formed.keys() < frames.keys())
    for key, frame in formed.items():
        assert_frame_equal(frame, frames[key], check_exact=True)
    if form.says:
        assert any(form.says in note for note in said), said
    else:
        assert sorted(set(said) - set(notes)) == []
