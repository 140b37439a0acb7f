"""What a person gives to make reaches the command as it was typed, whatever it holds, and runs nothing."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from competitions import NAMES

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")

ODD = (
    'x"; touch y; "', "x'; touch y; '", "a folder", "$HOME", "$(touch y)", "`touch y`", "a$b", "$$", "#x", "a\\b",
    'q"u"o', "*", "~", "a=b", "%s", "弹幕", "x; touch y", "$(shell touch y)", "-n",
)  # fmt: skip
ALL = " ".join(ODD)
FAKE = """#!/usr/bin/env python3
import json, os, sys
given = {name: os.environ[name] for name in ("RECSYS_STORAGE", "RECSYS_CLUSTER") if name in os.environ}
with open("called.jsonl", "a") as file:
    file.write(json.dumps([sys.argv[3:], given]) + "\\n")
"""


def make(folder: Path, target: str, **given: str) -> tuple[list[str], dict[str, str]]:
    """The words after ``python -m competitions`` that make runs, and what it hands over by the environment."""
    python = folder / "fake"
    python.write_text(FAKE)
    python.chmod(0o755)
    (folder / "venv").mkdir(exist_ok=True)
    for name in ("installed", "torch"):
        (folder / "venv" / name).touch()
    for name in ("requirements.lock", "pyproject.toml"):
        (folder / name).touch()
    words = ["make", "-f", str(ROOT / "Makefile"), "-o", "requirements.lock", "-o", "pyproject.toml", target]
    words += ["VENV=venv", "PY=./fake", *(f"{name}={value}" for name, value in given.items())]
    # ARGS of the make that runs these tests would reach the one that is tested.
    own = {
        name: value
        for name, value in os.environ.items()
        if name not in ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "ARGS")
    }
    ended = subprocess.run(words, cwd=folder, env=own, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert not (folder / "y").exists()
    words, handed = read_calls(folder)[-1]
    return words, handed


def read_calls(folder: Path) -> list[tuple[list[str], dict[str, str]]]:
    return [tuple(json.loads(line)) for line in (folder / "called.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("value", ODD)
def test_a_folder_reaches_the_command_as_it_was_typed(tmp_path: Path, value: str) -> None:
    assert make(tmp_path, "news", RAW=value)[0] == ["run", "news", "--raw", value]


@pytest.mark.parametrize(
    ("target", "given", "expected"),
    [
        ("flight", ("SCALE", "SEED", "LAW"), ["run", "flight", "--scale", ALL, "--seed", ALL, "--law", ALL]),
        (
            "tune-mgtv",
            ("TRIALS", "MINUTES", "LAW"),
            ["tune", "mgtv", "--trials", ALL, "--minutes", ALL, "--law", ALL],
        ),
        ("standin-news", ("FROM",), ["standin", "news", "--from", ALL]),
        ("simulate-news", ("SCALE",), ["simulate", "news", "--scale", ALL, "--describe"]),
        ("data-news", ("RAW",), ["data", "news", "--raw", ALL]),
        ("ladder-flight", ("RAW",), ["ladder", "flight", "--raw", ALL]),
        ("look-flight", ("RAW",), ["look", "flight", "--raw", ALL]),
        ("new", ("NAME",), ["new", ALL]),
        ("lb-news", ("SCORE",), ["lb", "--", "news/last", ALL]),
        ("lb-news", ("SCORE", "RUN"), ["lb", "--", f"news/{ALL}", ALL]),
        ("figures-news", (), ["news"]),
        ("figures-learning", (), ["learning"]),
    ],
)
def test_so_does_everything_else_that_a_person_gives(
    tmp_path: Path, target: str, given: tuple[str, ...], expected: list[str]
) -> None:
    assert make(tmp_path, target, **dict.fromkeys(given, ALL)) == (expected, {})


def test_addresses_with_a_password_go_by_the_environment(tmp_path: Path) -> None:
    for target, words in (("flight", ["run", "flight"]), ("ladder-flight", ["ladder", "flight"])):
        assert make(tmp_path, target, CLUSTER=ALL) == (words, {"RECSYS_CLUSTER": ALL})
    handed = {"RECSYS_STORAGE": ALL, "RECSYS_CLUSTER": ALL}
    assert make(tmp_path, "tune-mgtv", STORAGE=ALL, CLUSTER=ALL) == (["tune", "mgtv"], handed)
    assert make(tmp_path, "ablate-mgtv", CLUSTER=ALL) == (["ablate", "mgtv"], {"RECSYS_CLUSTER": ALL})


def test_all_four_get_what_one_gets_and_only_tencent_the_law(tmp_path: Path) -> None:
    make(tmp_path, "all", ARGS="--until cv", LAW="$HOME x", CLUSTER=ALL, SEED="3")
    laws = {"tencent": ["--law", "$HOME x"]}
    expected = [["run", name, "--seed", "3", *laws.get(name, []), "--until", "cv"] for name in NAMES]
    assert read_calls(tmp_path) == [(words, {"RECSYS_CLUSTER": ALL}) for words in expected]


def test_runs_are_named_in_args(tmp_path: Path) -> None:
    assert make(tmp_path, "compare-news", ARGS="a flight/b c d")[0] == [
        "compare",
        "news/a",
        "flight/b",
        "news/c",
        "news/d",
    ]
    assert make(tmp_path, "blend-news", ARGS="a b")[0] == ["blend", "news", "a", "b"]
    assert make(tmp_path, "base-news", ARGS="last~1")[0] == ["base", "news", "last~1"]
    assert make(tmp_path, "lb-news", ARGS="--build b", SCORE="-1", RUN="news/a")[0] == [
        "lb",
        "--build",
        "b",
        "--",
        "news/a",
        "-1",
    ]
