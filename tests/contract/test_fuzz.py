"""A hundred damaged raw folders of each competition, a seed each: refused in one sentence that can be read, or read.

SEEDS=1000 in the environment tries a thousand.
"""

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.engine.errors import UserError
from common.engine.run import Result, Run
from common.engine.step_key import function_name
from tests.contract.contract import Contract, require
from tests.fuzz.mutations import damage

SEEDS, AT_ONCE = int(os.environ.get("SEEDS", "100")), 25
LAST_DAYS = ("day07", "day08", "day09", "day10", "day11")  # as many of mgtv's planted days as its split needs
LONGEST = 2_000  # letters of a sentence
pytestmark = pytest.mark.nightly


class BehindReadingError(Exception):
    """The run has come to the step behind those that are tried."""


class ReadingRun(Run):
    """A run that stops in front of the first step whose name holds ``until``. Trials share one: what a file that is
    not damaged gives is read once.
    """

    def __init__(self, folder: Path, until: str) -> None:
        # No source is first-party: it stays as it is, and to read it takes longer than to read the tiny files.
        (folder / "no-source").mkdir(parents=True)
        super().__init__(folder / "run", folder / "cache", root=folder / "no-source")
        self.until = until

    def step(self, f: Callable[..., Any], /, *args: Any, name: str | None = None) -> Result[Any]:
        """Run the step."""
        if self.until in (name or function_name(f)):
            raise BehindReadingError
        return super().step(f, *args, name=name)


@pytest.fixture(scope="module")
def base(contract: Contract, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The planted raw files, cut down to what the readers and the split need."""
    raw = tmp_path_factory.mktemp(f"fuzz-{contract.name}") / "raw"
    contract.write_raw(raw, raw.with_name("truth.csv"))
    for day in raw.glob("*/day[0-9]*"):
        if day.name not in LAST_DAYS:
            shutil.rmtree(day)
    return raw


@pytest.fixture(scope="module")
def reading(contract: Contract, base: Path) -> ReadingRun:
    step = require(contract, contract.behind_reading, "step behind the reading of its files")
    return ReadingRun(base.parent / "work", step)


def refuse(contract: Contract, run: Run, raw: Path) -> str | None:
    """The sentence that damaged files are refused with; None where they are read. All else that is raised goes on."""
    config = contract.competition.load_config([*contract.small, *contract.quick])
    try:
        with contextlib.suppress(BehindReadingError):
            contract.competition.solve(contract.competition.locate(raw, config), config, run)
    except UserError as refusal:
        return str(refusal)
    return None


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_damaged_files_are_refused_in_one_sentence_or_read(
    contract: Contract, reading: ReadingRun, base: Path, first: int, tmp_path: Path
) -> None:
    refused = 0
    for seed in range(first, first + AT_ONCE):
        raw = tmp_path / str(seed) / "raw"
        shutil.copytree(base, raw)
        done = damage(raw, f"{contract.name} {seed}")
        try:
            sentence = refuse(contract, reading, raw)
        except Exception as error:  # whatever it is, the seed is what tells it
            raise AssertionError(f"seed {seed} of {contract.name} ends in {type(error).__name__}: {done}") from error
        if sentence is not None:
            refused += 1
            assert sentence.strip().isprintable(), (seed, done, sentence)
            assert 0 < len(sentence) <= LONGEST, (seed, done, sentence)
    assert AT_ONCE // 8 < refused < AT_ONCE  # the damage is real, and not all of it is fatal
