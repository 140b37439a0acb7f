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

TUNED = '[rank]\nrounds = 7\n\n[provenance.rank]\ndata = "simulated 1234abcd"\n'
GAIN = Difference(0.02, 0.01, 50, 50, 6)
VERDICT = Verdict("toy", "s", 4, 9, "gain", {"rank.m.x": 0.5, "rank.models": ["a"]}, 0.5, 0.52, GAIN)


class Rank(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rounds: int


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rank: Rank


@pytest.fixture
def tuned(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text("[rank]\nrounds = 1\n")
    return tmp_path / "tuned.toml"


def test_tuned_settings_come_with_their_provenance_and_others_stay(tuned: Path) -> None:
    tuned.write_text('[rank.other]\ny = 3\n\n[provenance.other]\nstudy = "o"\n')
    write_tuned(tuned, "news", VERDICT, "simulated 12ab")
    tables = tomllib.loads(tuned.read_text())
    assert tables["rank"] == {"other": {"y": 3}, "m": {"x": 0.5}, "models": ["a"]}
    assert tables["provenance"]["other"] == {"study": "o"}
    assert " ".join(tables["provenance"]["toy"]) == "study trial trials metric before after gain error data date keys"
    figures = [
        "s",
        4,
        9,
        "gain",
        0.5,
        0.52,
        0.02,
        0.01,
        "simulated 12ab",
        datetime.date.today(),
        ["rank.m.x", "rank.models"],
    ]
    assert list(tables["provenance"]["toy"].values()) == figures
    assert tuned.read_text().startswith("# Written by `make tune-news`")


def test_each_tasks_settings_count_on_the_files_that_they_were_found_on(tuned: Path) -> None:
    assert choose_tuned(tuned, "1234abcd") == ({}, [])
    tuned.write_text("[own]\nz = 1\n")
    write_tuned(tuned, "news", VERDICT, "simulated 1234abcd")
    other = replace(VERDICT, task="other", params={"rank.m.y": 3, "rank.models": ["b"]})
    write_tuned(tuned, "news", other, "5678abcd")
    own = {"own": {"z": 1}}
    assert choose_tuned(tuned, "5678abcd") == (own | {"rank": {"m": {"y": 3}, "models": ["b"]}}, ["toy"])
    assert choose_tuned(tuned, "1234abcd") == (own, ["toy", "other"])
    assert choose_tuned(tuned, "simulated ffff") == (own | {"rank": {"m": {"x": 0.5}}}, ["other"])
    # Tuned again: what the same files gave stays, what other files gave goes.
    write_tuned(tuned, "news", replace(other, params={"rank.m.w": 4}), "5678abcd")
    assert choose_tuned(tuned, "5678abcd")[0]["rank"] == {"m": {"y": 3, "w": 4}, "models": ["b"]}
    write_tuned(tuned, "news", replace(other, params={"rank.m.w": 5}), "simulated 0")
    assert choose_tuned(tuned, None)[0] == own | {"rank": {"m": {"x": 0.5, "w": 5}}}


def test_of_a_file_that_names_no_keys_all_goes_where_one_task_is_from_other_files(tuned: Path) -> None:
    tuned.write_text(TUNED + '[provenance.b]\ndata = "5678abcd"\n')
    assert choose_tuned(tuned, "5678abcd") == ({}, ["rank"])
    assert choose_tuned(tuned, None) == ({"rank": {"rounds": 7}}, [])


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_byte_order_mark_is_no_setting_and_another_folders_file_is_taken_by_set(tuned: Path, mark: str) -> None:
    tuned.write_text(mark + TUNED, encoding="utf-8")
    assert read_tuned(tuned)["rank"] == {"rounds": 7}
    assert load(Config, [tuned.with_name("config.toml")], [f"@{tuned}"]).rank.rounds == 7


@pytest.mark.parametrize("text", ["provenance = 5", "[provenance]\nrank = 5", "[provenance.rank]\nkeys = 5", "[x"])
def test_a_file_that_a_person_damaged_is_one_sentence(tuned: Path, text: str) -> None:
    tuned.write_text(f"{text}\n")
    sentence = "is not valid TOML" if text == "[x" else r"has no table \[provenance\.TASK\] for each task: remove it"
    for read in (lambda: choose_tuned(tuned, "1234abcd"), lambda: write_tuned(tuned, "news", VERDICT, "")):
        with pytest.raises(UserError, match=rf"tuned\.toml {sentence}"):
            read()
