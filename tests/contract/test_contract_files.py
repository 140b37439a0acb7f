"""The contract of every competition can be read, and has what is asked of a beginner."""

import pytest

from competitions import NAMES
from tests.contract.conftest import BROKEN, COMPETITIONS


@pytest.mark.parametrize("name", NAMES)
def test_a_contract_file_that_is_broken_fails_its_own_competition_alone(name: str) -> None:
    assert name not in BROKEN, BROKEN[name]
    (contract,) = [contract for contract in COMPETITIONS if contract.name == name]
    assert len(contract.mutations) >= min(3, len(contract.rules))
