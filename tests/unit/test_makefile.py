"""What a person gives to make reaches the command as it was typed, whatever it holds, and runs nothing."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.test_pages import PAGES

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
            ("TRIALS", "MINUTES", "WORKERS"),
            ["tune", "mgtv", "--trials", ALL, "--minutes", ALL, "--workers", ALL, "--seed", "0"],
        ),
        ("standin-news", ("FROM",), ["standin", "news", "--from", ALL]),
        ("simulate-news", ("SCALE",), ["simulate", "news", "--scale", ALL, "--seed", "0", "--describe"]),
        *((f"{verb}-news", ("RAW",), [verb, "news", "--raw", ALL]) for verb in ("data", "serve", "submit")),
        ("ladder-flight", ("RAW",), ["ladder", "flight", "--raw", ALL, "--seed", "0"]),
        ("look-flight", ("RAW",), ["look", "flight", "--raw", ALL, "--seed", "0"]),
        ("new", ("NAME",), ["new", ALL]),
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
    assert (words, given) == (["tune", "mgtv", "--workers", "1", "--seed", "0"], {"RECSYS_STORAGE": ALL})


def test_options_are_words_of_the_shell(tmp_path: Path) -> None:
    words, given = make(tmp_path, "news", ARGS="--set 'a.b=[1, 2]' --untuned")
    assert words == ["run", "news", "--seed", "0", "--set", "a.b=[1, 2]", "--untuned"]
    assert given == {}
    for quoted in ('rank.models=["a", b]', "rank.models=['a', b]", 'rank.models=["a"]'):
        words, _ = make(tmp_path, "news", ARGS=f"--set {quoted}".replace(", ", ","))
        assert words[-1] in ("rank.models=[a,b]", "rank.models=[a]")  # the shell has taken the quotes
    assert make(tmp_path, "runs", ARGS="--most 3")[0] == ["runs", "--most", "3"]


def test_two_runs_are_those_of_the_competition(tmp_path: Path) -> None:
    assert make(tmp_path, "compare-news")[0] == ["compare", "news"]
    assert make(tmp_path, "compare-news", ARGS="last~3 build/x")[0] == ["compare", "news/last~3", "build/x"]
    assert make(tmp_path, "replay-flight", ARGS="last~3 last")[0] == ["replay", "flight", "last~3", "last"]


def test_a_name_of_the_environment_makes_no_competition() -> None:
    words = ["make", "-o", ".venv/installed", "PY=false", "new"]
    ended = subprocess.run(
        words, cwd=ROOT, env=os.environ | {"NAME": "laptop"}, capture_output=True, text=True, check=False
    )
    assert ended.returncode != 0
    assert "make new NAME=" in ended.stderr


def list_targets(page: str) -> set[str]:
    """The targets of every ``make ...`` of a page: in a code span, or at the beginning of a line of a block."""
    spans = re.findall(r"`make ([^`]*)`", page)
    lines = [line for block in re.findall(r"```\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    spans += [line.removeprefix("make ") for line in lines if line.startswith("make ")]
    words = {word for span in spans for word in re.split(r"[#;&]| \S+=", span)[0].split() if word[0] != "-"}
    named = {word for word in words if "=" not in word and "*" not in word}
    return {re.sub("NAME|<name>|template|music25", "news", word) for word in named}


def test_every_target_that_a_page_names_is_there() -> None:
    targets = sorted({target for page in PAGES for target in list_targets(page.read_text())})
    assert {"news", "compare-tencent", "test-fast"} <= set(targets)
    words = ["make", "-n", "-o", ".venv/installed", *targets]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_make_alone_prints_the_competitions_and_their_verbs_in_eighty_columns() -> None:
    shown = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.search(r"make mgtv +which video will be watched", shown)
    assert {"look-NAME", "compare-NAME", "replay-NAME", "new", "runs"} <= set(re.findall(r"^  make (\S+)", shown, re.M))
    assert max(map(len, shown.splitlines())) <= 80
