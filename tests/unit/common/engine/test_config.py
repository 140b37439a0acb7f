"""Configuration: merging, overrides, and errors that name the key and what was expected."""

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest

from common.engine.config import load, parse_value
from common.engine.errors import UserError


class Recall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    decay: float = 0.9
    window_days: int = 7
    channels: tuple[str, ...] = ("hot",)


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    seed: int
    board: Literal["A", "B"] = "A"
    rounds: Annotated[int, msgspec.Meta(ge=1)] | Literal["auto"] = "auto"
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
    overrides = ["seed=4", "recall.channels=['a', 'b']", "lightgbm.extra=true"]
    overrides += ["label=a=b", " limit = 5 ", "second.decay=1"]
    assert load(Config, [base, tmp_path / "absent.toml", tuned], overrides) == Config(
        seed=4,
        label="a=b",
        limit=5,
        recall=Recall(decay=0.5, window_days=9, channels=("a", "b")),
        second=Recall(decay=1.0),
        lightgbm={"num_leaves": 7, "max_bin": 63, "extra": True},
    )


def test_a_table_of_parameters_is_replaced_and_one_of_them_removed(base: Path) -> None:
    assert load(Config, [base], ["lightgbm={}"]).lightgbm == {}
    assert load(Config, [base], ["lightgbm={max_bin = 15}", "lightgbm.extra=true"]).lightgbm == {
        "max_bin": 15,
        "extra": True,
    }
    assert load(Config, [base], ["lightgbm.max_bin="]).lightgbm == {"num_leaves": 31}
    assert load(Config, [base, {"lightgbm": {"max_bin": 15}}]).lightgbm == {"num_leaves": 31, "max_bin": 15}
    assert load(Config, [base], ["recall={decay = 0.1}"]).recall == Recall(decay=0.1, window_days=3)
    with pytest.raises(UserError, match="lightgbm has no max_bins to remove: it has num_leaves, max_bin"):
        load(Config, [base], ["lightgbm.max_bins="])


def test_an_override_may_be_a_file_merged_in_its_turn(base: Path, tmp_path: Path) -> None:
    file = tmp_path / "short.toml"
    file.write_text("seed = 5\nlimit = 3\n[recall]\nwindow_days = 9\n")
    config = load(Config, [base], ["seed=4", f"@{file}", "limit=8"])
    assert (config.seed, config.limit, config.recall) == (5, 8, Recall(decay=0.5, window_days=9))
    with pytest.raises(UserError, match=r"absent\.toml cannot be read"):
        load(Config, [base], [f"@{tmp_path / 'absent.toml'}"])
    file.write_text("[recall]\nwindow = 9\n")
    with pytest.raises(UserError, match=r"no key recall\.window;"):
        load(Config, [base], [f"@{file}"])


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("recall.decya=1", ["no key recall.decya;", "nearest is recall.decay."]),
        ("decay=1", ["no key decay;", "nearest is recall.decay."]),
        ("recal.decay=1", ["no key recal;", "nearest is recall."]),
        ("seed.deep=1", ["seed cannot be {'deep': 1}: Expected `int`, got `object`."]),
        ("recall.decay=fast", ["recall.decay cannot be 'fast': Expected `float`, got `str`."]),
        ("board=C", ["board cannot be 'C': Expected one of 'A', 'B'."]),
        ("rounds=many", ["rounds cannot be 'many': Expected 'auto' or a number."]),
        ("rounds=0", ["rounds cannot be 0: Expected `int` >= 1, or 'auto'."]),
        ("seed", ["--set seed is not of the form key=value"]),
    ],
)
def test_a_wrong_override_is_an_error_that_names_it(base: Path, override: str, words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        load(Config, [base], [override])
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, r"config\.toml cannot be read"),
        ({"config": "[recall]\ndecay = 1.0"}, "breaks a rule: .*missing required field `seed`"),
        ({"config": "seed = \n"}, r"config\.toml is not valid TOML.*line 1"),
        ({"config": "seed = 1\nrecall.channels = [1]"}, r"recall.channels cannot be \[1\]: Expected `str`, got `int`"),
        ({"config": "seed = 1", "tuned": "[recall]\nwindow = 1"}, "no key recall.window; .* recall.window_days"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, files: dict[str, str], sentence: str) -> None:
    for name, text in files.items():
        (tmp_path / f"{name}.toml").write_text(text)
    with pytest.raises(UserError, match=sentence):
        load(Config, [tmp_path / "config.toml", tmp_path / "tuned.toml"])


# --- values as they are typed behind --set ---

WORDS = list[str]
AUTO = Literal["auto"] | tuple[Literal["content", "counts"], ...]
BOUNDED = Annotated[tuple[Annotated[float, msgspec.Meta(ge=0)], ...], msgspec.Meta(min_length=1)]


@pytest.mark.parametrize(
    ("text", "expected", "value"),
    [
        ("[a,b]", WORDS, ["a", "b"]),
        ("a,b", WORDS, ["a", "b"]),
        ("['a', b]", WORDS, ["a", "b"]),
        ("[]", WORDS, []),
        ("7", WORDS, ["7"]),
        ("2017-10-01,b", tuple[str, ...], ("2017-10-01", "b")),
        ("0.5,2", BOUNDED, (0.5, 2)),
        ("auto", AUTO, "auto"),
        ("content", AUTO, ("content",)),
        ("7", str, "7"),
        ("many", int, "many"),
        ("true", bool, True),
        ("{a = 1}", dict[str, int], {"a": 1}),
        ("[1, 2]", None, [1, 2]),
        ("word", None, "word"),
    ],
)
def test_text_becomes_a_value_of_the_keys_type(text: str, expected: object, value: object) -> None:
    assert parse_value(text, expected) == value
