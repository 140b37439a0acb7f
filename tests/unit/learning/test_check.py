"""The answers of LEARNING.md's exercises: each is what its command prints, and another number is not taken."""

import re

import pytest

from common.engine.errors import UserError
from competitions import ROOM
from competitions.learning import check as checks

PAGE = (ROOM / "LEARNING.md").read_text(encoding="utf-8")
EXERCISES = checks.find_exercises(PAGE)


def test_every_mark_of_the_page_has_a_command_and_a_reason() -> None:
    assert {*EXERCISES} == {*re.findall(r"\(check (\d+)\)$", PAGE, re.MULTILINE)}
    assert len(EXERCISES) > 12


@pytest.mark.parametrize("step", EXERCISES)
def test_the_result_that_the_page_gives_is_right_and_twice_as_much_is_not(
    step: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (text,) = [text for number, text in checks.STEP.findall(PAGE) if number == step]
    solution = text.partition("*Result*:")[2].partition("*Why*")[0]
    numbers = checks.NUMBER.findall(solution) or ["1"]  # step 0: always
    assert any(checks.check(step, number) for number in numbers), solution
    assert EXERCISES[step][1] in capsys.readouterr().out
    assert not checks.check(step, str(2 * checks.compute(EXERCISES[step][0])))


def test_a_step_without_a_number_and_an_answer_without_one_are_refused() -> None:
    with pytest.raises(UserError, match="these have one: 0, 1"):
        checks.check("99", "1")
    with pytest.raises(UserError, match="'much' is not a number"):
        checks.check("1", "much")
