"""Configuration: merging, overrides, and errors that name the key, its origin and what was expected."""

from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from common.engine.config import load
from common.engine.errors import UserError


class Recall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    decay: float = 0.9
    window_days: int = 7
    channels: tuple[str, ...] = ("hot",)


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    seed: int
    board: Literal["A", "B"] = "A"
    label: str = ""
    limit: int | None = None
    recall: Recall = Recall()
    second: Recall | None = None
    lightgbm: dict[str, Any] = {}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    file = tmp_path / "config.toml"
    file.write_text("seed = 1\n[recall]\ndecay = 0.5\nwindow_days = 3\n[lightgbm]\nnum_leaves = 31\nmax_bin = 63\n")
    return file


def test_later_files_and_overrides_win_key_by_key(base: Path, tmp_path: Path) -> None:
    tuned = tmp_path / "tuned.toml"
    tuned.write_text("[recall]\nwindow_days = 9\n[lightgbm]\nnum_leaves = 7\n")
    config = load(Config, [base, tuned], ["seed=4", "recall.channels=['a', 'b']", "lightgbm.extra=true"])
    assert config == Config(
        seed=4,
        recall=Recall(decay=0.5, window_days=9, channels=("a", "b")),
        lightgbm={"num_leaves": 7, "max_bin": 63, "extra": True},
    )


def test_a_missing_optional_file_is_skipped_but_the_first_must_exist(base: Path, tmp_path: Path) -> None:
    assert load(Config, [base, tmp_path / "tuned.toml"]).seed == 1
    with pytest.raises(UserError, match=r"absent\.toml cannot be read"):
        load(Config, [tmp_path / "absent.toml", base])


def test_an_override_may_be_a_file_merged_in_its_turn(base: Path, tmp_path: Path) -> None:
    file = tmp_path / "short.toml"
    file.write_text("seed = 5\nlimit = 3\n[recall]\nwindow_days = 9\n")
    config = load(Config, [base], ["seed=4", f"@{file}", "limit=8"])
    assert (config.seed, config.limit, config.recall) == (5, 8, Recall(decay=0.5, window_days=9))
    with pytest.raises(UserError, match=r"absent\.toml cannot be read"):
        load(Config, [base], [f"@{tmp_path / 'absent.toml'}"])
    file.write_text("[recall]\nwindow = 9\n")
    with pytest.raises(UserError, match=r"recall\.window.*short\.toml"):
        load(Config, [base], [f"@{file}"])


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("board=B", "board", "B"),
        ("label=two words", "label", "two words"),
        ("label=2017-10-01", "label", "2017-10-01"),
        ("label=7", "label", "7"),
        ('label="quoted"', "label", "quoted"),
        ("label=a=b", "label", "a=b"),
        (" limit = 5 ", "limit", 5),
    ],
)
def test_override_values(base: Path, override: str, key: str, value: object) -> None:
    assert getattr(load(Config, [base], [override]), key) == value


def test_an_integer_is_a_number_for_a_float(base: Path) -> None:
    decay = load(Config, [base], ["recall.decay=1"]).recall.decay
    assert decay == 1.0
    assert isinstance(decay, float)


def test_an_optional_table_can_be_filled(base: Path) -> None:
    assert load(Config, [base], ["second.decay=0.1"]).second == Recall(decay=0.1)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("recall.decya=1", ["recall.decya", "--set recall.decya=1", "nearest is recall.decay"]),
        ("decay=1", ["no key decay ", "--set decay=1", "nearest is recall.decay"]),
        ("second.windowdays=1", ["second.windowdays", "nearest is second.window_days"]),
        ("recal.decay=1", ["no key recal ", "--set recal.decay=1", "nearest is recall"]),
        ("seed.deep=1", ["seed", "int", "--set seed.deep=1"]),
        ("recall.window_days=0.5", ["recall.window_days", "--set recall.window_days=0.5", "int", "got float"]),
        ("recall.decay=fast", ["recall.decay", "--set recall.decay=fast", "'fast'", "float", "got str"]),
        ("recall.channels=[1]", ["recall.channels", "expected str, got int at [0]"]),
        ("recall=3", ["recall in", "--set recall=3", "expected table, got int"]),
        ("board=C", ["board", "--set board=C", "one of 'A', 'B'"]),
        ("seed", ["--set seed has no key and value"]),
        ("=1", ["has no key and value"]),
    ],
)
def test_a_wrong_override_is_an_error_that_names_it(base: Path, override: str, words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        load(Config, [base], [override])
    for word in words:
        assert word.lower() in str(error.value).lower()


def test_an_error_names_the_file_that_gave_the_value(base: Path, tmp_path: Path) -> None:
    tuned = tmp_path / "tuned.toml"
    tuned.write_text("[recall]\nwindow_days = 'long'\n")
    with pytest.raises(UserError, match=r"recall\.window_days in .*tuned\.toml .*expected int, got str"):
        load(Config, [base, tuned])
    tuned.write_text("[recall]\nwindow = 1\n")
    with pytest.raises(UserError, match=r"no key recall\.window \(from .*tuned\.toml\).* recall\.window_days"):
        load(Config, [base, tuned])


def test_a_missing_required_key_and_bad_toml_are_named(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[recall]\ndecay = 1.0\n")
    with pytest.raises(UserError, match="lacks seed"):
        load(Config, [file])
    file.write_text("seed = \n")
    with pytest.raises(UserError, match=r"config\.toml is not valid TOML.*line 1"):
        load(Config, [file])
