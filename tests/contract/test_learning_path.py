"""Every solution of an exercise in LEARNING.md has a command, and each of them runs, in the order of the page."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.contract import ROOT

PAGE = (ROOT / "competitions" / "LEARNING.md").read_text(encoding="utf-8")
SOLUTIONS = re.findall(r"<details><summary>Solution</summary>\n(.*?)</details>", PAGE, re.DOTALL)
COMMAND = re.compile(r"`((?:make|python) [^`\n]+)`")
# Of the host's files: as small as every method still runs.
SCALES = {"news": "0.005", "flight": "0.005", "mgtv": "0.005", "tencent": "0.002"}
COMMANDS = list(dict.fromkeys(command for solution in SOLUTIONS for command in COMMAND.findall(solution)))


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that make takes for an installed workspace; its build/ is shared, as a reader's is."""
    folder = tmp_path_factory.mktemp("work")
    for name in ("common", "competitions", "Makefile", "pyproject.toml", "requirements.lock"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "venv").mkdir()
    for name in ("installed", "torch"):
        (folder / "venv" / name).touch()
    return folder


def shrink(command: str) -> list[str]:
    """The words of a page's command on tiny data."""
    (name,) = [name for name in SCALES if name in command] or ["tencent"]
    first, *words = shlex.split(re.sub(r"(?<=SCALE=)0\.01|(?<=/scale)0\.01", SCALES[name], command))
    if first == "python":
        return [sys.executable, *words]
    scale = [] if "SCALE=" in command or "compare" in command else [f"SCALE={SCALES[name]}"]
    return [
        "make",
        "-o",
        "requirements.lock",
        "-o",
        "pyproject.toml",
        "VENV=venv",
        f"PY={sys.executable}",
        *words,
        *scale,
    ]


def test_every_step_has_an_exercise_whose_solution_names_a_command_and_says_why() -> None:
    steps = re.findall(r"^### Step (\d+):", PAGE, re.MULTILINE)
    assert [int(step) for step in steps] == list(range(len(steps)))
    assert PAGE.count("*Exercise*:") == len(SOLUTIONS) == len(steps)
    for solution in SOLUTIONS:
        assert COMMAND.search(solution), solution
        assert [part for part in ("Prediction", "Command", "Result", "Why") if f"*{part}*" not in solution] == []


@pytest.mark.nightly
@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_of_a_solution_runs(command: str, workplace: Path) -> None:
    done = subprocess.run(shrink(command), cwd=workplace, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout
