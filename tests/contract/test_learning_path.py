"""Every solution of an exercise in LEARNING.md has a command, and each of them runs, in the order of the page."""

import re
from pathlib import Path

import pytest

from tests.contract.contract import ROOT
from tests.contract.test_printed_commands import SMALLEST, Step, copy_checkout, do

PAGE = (ROOT / "competitions" / "LEARNING.md").read_text(encoding="utf-8")
SOLUTIONS = re.findall(r"<details><summary>Solution</summary>\n(.*?)</details>", PAGE, re.DOTALL)
COMMAND = re.compile(r"`((?:make|python) [^`\n]+)`")
COMMANDS = list(dict.fromkeys(command for solution in SOLUTIONS for command in COMMAND.findall(solution)))


def test_every_step_has_an_exercise_whose_solution_names_a_command_and_says_why() -> None:
    steps = re.findall(r"^### Step (\d+):", PAGE, re.MULTILINE)
    assert [int(step) for step in steps] == list(range(len(steps)))
    assert PAGE.count("*Exercise*:") == len(SOLUTIONS) == len(steps)
    for solution in SOLUTIONS:
        assert COMMAND.search(solution), solution
        assert [part for part in ("Prediction", "Command", "Result", "Why") if f"*{part}*" not in solution] == []


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder and environment for all commands: they share its build/, as a reader's do."""
    folder = tmp_path_factory.mktemp("work")
    return folder, copy_checkout(folder)


@pytest.mark.nightly
@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_of_a_solution_runs(command: str, checkout: tuple[Path, dict[str, str]]) -> None:
    small = re.sub(r"(?<=SCALE=)0\.01|(?<=scale)0\.01", SMALLEST["tencent"], command)
    done = do(Step("shell", small), *checkout)
    assert done.returncode == 0, done.stderr
    assert done.stdout
