"""tuned.toml as a person may have left it."""

from pathlib import Path

import msgspec
import pytest

from common.day.tuning.tuned_config import holds_nothing_for, list_foreign, read_tuned
from common.engine.config import load
from common.engine.errors import UserError

TUNED = '[rank]\nrounds = 7\n\n[provenance.rank]\ndata = "simulated 1234abcd"\n'


class Rank(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rounds: int


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rank: Rank


@pytest.fixture
def tuned(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text("[rank]\nrounds = 1\n")
    return tmp_path / "tuned.toml"


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_byte_order_mark_is_no_setting(tuned: Path, mark: str) -> None:
    tuned.write_text(mark + TUNED, encoding="utf-8")
    assert read_tuned(tuned)["rank"] == {"rounds": 7}
    assert list_foreign(tuned, "1234abcd99") == []
    assert holds_nothing_for(tuned, "ffffffff99")


@pytest.mark.parametrize("provenance", ["provenance = 5", "provenance = []", "[provenance]\nrank = 5"])
def test_a_provenance_that_is_no_table_is_one_sentence(tuned: Path, provenance: str) -> None:
    tuned.write_text(f"{provenance}\n")
    with pytest.raises(UserError, match=r"tuned\.toml has no table \[provenance\.TASK\] for each task: remove it"):
        list_foreign(tuned, "1234abcd99")


def test_the_tuned_settings_of_another_folder_are_taken_by_set(tuned: Path) -> None:
    tuned.write_text(TUNED)
    assert load(Config, [tuned.with_name("config.toml")], [f"@{tuned}"]).rank.rounds == 7
