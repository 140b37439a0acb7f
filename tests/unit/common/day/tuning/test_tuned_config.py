"""tuned.toml, as a study leaves it and as a person may have left it."""

import datetime
import tomllib
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from common.day.difference import Difference
from common.day.tuning.task import Verdict
from common.day.tuning.tuned_config import choose_tuned, read_tuned, write_tuned
from common.engine.config import load
from common.engine.errors import UserError

TUNED = '[rank]\nrounds = 7\n\n[provenance]\ndata = "simulated 1234abcd"\n'
GAIN = Difference(0.02, 0.01, 50, 50, 6)
VERDICT = Verdict("s", 4, 9, "gain", {"rank.m.x": 0.5, "rank.models": ["a"]}, 0.5, 0.52, GAIN)


class Rank(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rounds: int


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rank: Rank


@pytest.fixture
def tuned(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text("[rank]\nrounds = 1\n")
    return tmp_path / "tuned.toml"


def test_tuned_settings_come_with_their_provenance_and_others_of_the_same_files_stay(tuned: Path) -> None:
    tuned.write_text('[rank.other]\ny = 3\n\n[provenance]\nstudy = "o"\ndata = "simulated ff"\n')
    write_tuned(tuned, "news", VERDICT, "simulated 12ab")
    tables = tomllib.loads(tuned.read_text())
    assert tables["rank"] == {"other": {"y": 3}, "m": {"x": 0.5}, "models": ["a"]}
    assert " ".join(tables["provenance"]) == "study trial trials metric before after gain error data date"
    figures = ["s", 4, 9, "gain", 0.5, 0.52, 0.02, 0.01, "simulated 12ab", datetime.date.today()]
    assert list(tables["provenance"].values()) == figures
    assert tuned.read_text().startswith("# Written by `make tune-news`")


def test_settings_count_on_the_files_that_they_were_found_on_and_a_persons_everywhere(tuned: Path) -> None:
    assert choose_tuned(tuned, "1234abcd") == ({}, False)
    own = {"own": {"z": 1}}
    tuned.write_text("[own]\nz = 1\n")
    assert choose_tuned(tuned, "1234abcd") == (own, False)
    write_tuned(tuned, "news", VERDICT, "simulated 1234abcd")
    simulated = own | {"rank": {"m": {"x": 0.5}, "models": ["a"]}}
    for data, expected in (
        ("simulated ffff", (simulated, False)),
        (None, (simulated, False)),
        ("1234abcd", ({}, True)),
    ):
        assert choose_tuned(tuned, data) == expected
    write_tuned(tuned, "news", replace(VERDICT, params={"rank.m.y": 3}), "5678abcd")  # what other files gave goes
    assert choose_tuned(tuned, "5678abcd") == ({"rank": {"m": {"y": 3}}}, False)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_byte_order_mark_is_no_setting_and_another_folders_file_is_taken_by_set(tuned: Path, mark: str) -> None:
    tuned.write_text(mark + TUNED, encoding="utf-8")
    assert read_tuned(tuned)["rank"] == {"rounds": 7}
    assert load(Config, [tuned.with_name("config.toml")], [f"@{tuned}"]).rank.rounds == 7


@pytest.mark.parametrize("text", ["provenance = 5", "[x"])
def test_a_file_that_a_person_damaged_is_one_sentence(tuned: Path, text: str) -> None:
    tuned.write_text(f"{text}\n")
    sentence = "is not valid TOML" if text == "[x" else r"has no table \[provenance\]: remove it"
    for read in (lambda: choose_tuned(tuned, "1234abcd"), lambda: write_tuned(tuned, "news", VERDICT, "")):
        with pytest.raises(UserError, match=rf"tuned\.toml {sentence}"):
            read()
