"""Whether the answer to an exercise of LEARNING.md is right: python -m competitions.learning.check STEP ANSWER.

An exercise marked (check STEP) has a command in its folded solution. It is run here; the last number that it prints is
the answer.
"""

import math
import re
import subprocess
import sys

from common.engine.errors import UserError
from competitions import ROOM

STEP = re.compile(r"^### Step (\d+): (.*?)(?=^###? |\Z)", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`python -c \"([^`]+)\"`")
WHY = re.compile(r"\*Why\*: (.+?\.)(?=\s|$)", re.DOTALL)
NUMBER = re.compile(r"-?\d*\.?\d+")
NEAR = 0.02  # how far an answer may be from the number, as a share of it


def find_exercises(page: str) -> dict[str, tuple[str, str]]:
    """By step the code of the solution and the first sentence of its reason.

    >>> step = '### Step 4: sums\\n*Exercise* (check 4): 1 + 1? `python -c "print(1 + 1)"`. *Why*: it is so. More.'
    >>> find_exercises(step)
    {'4': ('print(1 + 1)', 'it is so.')}
    """
    steps = {step: text for step, text in STEP.findall(page) if f"(check {step})" in text}
    return {step: (CODE.findall(text)[-1], " ".join(WHY.findall(text)[-1].split())) for step, text in steps.items()}


def compute(code: str) -> float:
    """The last number that some code prints."""
    words = [sys.executable, "-c", code]
    printed = subprocess.run(words, cwd=ROOM.parent, check=True, capture_output=True, text=True).stdout
    return float(NUMBER.findall(printed)[-1])


def check(step: str, answer: str) -> bool:
    """Say in a sentence whether an answer is right. ``UserError`` where the step or the answer has no number."""
    exercises = find_exercises((ROOM / "LEARNING.md").read_text(encoding="utf-8"))
    if step not in exercises:
        raise UserError(f"Step {step!r} has no answer that can be checked; these have one: {', '.join(exercises)}.")
    try:
        said = float(answer)
    except ValueError:
        raise UserError(f"The answer {answer!r} is not a number; write it as .25 or 12.5.") from None
    code, why = exercises[step]
    right = compute(code)
    if not math.isclose(said, right, rel_tol=NEAR):
        print(f"Not yet: {said:g} is more than {NEAR:.0%} away from the answer; try again, or unfold the solution.")
        return False
    print(f"Right, {right:.4g}: {why}")
    return True


if __name__ == "__main__":
    try:
        if len(sys.argv) != 3:
            raise UserError("Give a step of competitions/LEARNING.md and an answer, as in: 3 .25")
        sys.exit(0 if check(*sys.argv[1:]) else 1)
    except UserError as error:
        sys.exit(f"error: {error}")
