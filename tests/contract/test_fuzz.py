"""A hundred damaged raw folders of each competition, a seed each: refused in one sentence that can be read, or read.

SEEDS=1000 in the environment tries a thousand.
"""

import os
from pathlib import Path

import pytest

from tests.contract.contract import Contract
from tests.fuzz.trial import BEHIND_READING, UntilRun, find_fault, try_seed, write_base

SEEDS, AT_ONCE = int(os.environ.get("SEEDS", "100")), 25
pytestmark = pytest.mark.nightly


@pytest.fixture(scope="module")
def base(contract: Contract, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(contract, tmp_path_factory.mktemp(f"fuzz-{contract.name}"))


@pytest.fixture(scope="module")
def reading(contract: Contract, base: Path) -> UntilRun:
    if contract.name not in BEHIND_READING:
        pytest.skip("nobody has said yet which steps read its files")
    return UntilRun(base.parent / "work", BEHIND_READING[contract.name])


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_damaged_files_are_refused_in_one_sentence_or_read(
    contract: Contract, reading: UntilRun, base: Path, first: int, tmp_path: Path
) -> None:
    refused, faults = 0, []
    for seed in range(first, first + AT_ONCE):
        try:
            trial = try_seed(contract, reading, base, seed, tmp_path / str(seed))
        except Exception as error:  # whatever it is, the seed is what tells it
            raise AssertionError(f"seed {seed} of {contract.name} ends in {type(error).__name__}") from error
        refused += trial.refusal is not None
        if trial.refusal is not None and (fault := find_fault(trial.refusal)):
            faults.append((seed, trial.damage, fault, trial.refusal[:300]))
    assert faults == []
    assert AT_ONCE // 5 < refused < AT_ONCE  # the damage is real, and not all of it is fatal
