"""What a person gives to make reaches the command as it was typed, whatever it holds, and runs nothing."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

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
    (folder / "venv" / "installed").touch()
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
    call = json.loads((folder / "called.jsonl").read_text().splitlines()[-1])
    return call[0], call[1]


@pytest.mark.parametrize("value", ODD)
def test_a_folder_reaches_the_command_as_it_was_typed(tmp_path: Path, value: str) -> None:
    assert make(tmp_path, "news", RAW=value)[0] == ["run", "news", "--raw", value, "--seed", "0"]


@pytest.mark.parametrize(
    ("target", "given", "expected"),
    [
        ("flight", ("SCALE", "SEED", "LAW"), ["run", "flight", "--scale", ALL, "--seed", ALL, "--law", ALL]),
        (
            "tune-mgtv",
            ("TRIALS", "MINUTES"),
            ["tune", "mgtv", "--trials", ALL, "--minutes", ALL, "--seed", "0"],
        ),
        ("standin-news", ("FROM",), ["standin", "news", "--from", ALL]),
        ("simulate-news", ("SCALE",), ["simulate", "news", "--scale", ALL, "--seed", "0", "--describe"]),
        ("data-news", ("RAW",), ["data", "news", "--raw", ALL]),
        ("ladder-flight", ("RAW",), ["ladder", "flight", "--raw", ALL, "--seed", "0"]),
        ("look-flight", ("RAW",), ["look", "flight", "--raw", ALL, "--seed", "0"]),
        ("new", ("NAME",), ["new", ALL]),
        ("figures-news", (), ["news"]),
        ("figures-learning", (), ["learning"]),
    ],
)
def test_so_does_everything_else_that_a_person_gives(
    tmp_path: Path, target: str, given: tuple[str, ...], expected: list[str]
) -> None:
    assert make(tmp_path, target, **dict.fromkeys(given, ALL)) == (expected, {})


def test_addresses_with_a_password_go_by_the_environment(tmp_path: Path) -> None:
    words, given = make(tmp_path, "flight", CLUSTER=ALL)
    assert (words, given) == (["run", "flight", "--seed", "0"], {"RECSYS_CLUSTER": ALL})
    words, given = make(tmp_path, "tune-mgtv", STORAGE=ALL)
    assert (words, given) == (["tune", "mgtv", "--seed", "0"], {"RECSYS_STORAGE": ALL})
