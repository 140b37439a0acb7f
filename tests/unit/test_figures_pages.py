"""FIGURES.md says what its records say, and the pages that quote a figure quote today's."""

import re

import pytest

from common.day.figures import page
from common.day.figures.records import FILE, read_figures
from competitions import ROOM, find_room
from tests.conftest import FINISHED

ROOT = ROOM.parent
LADDERS = {"news": "0.04", "flight": "0.05", "mgtv": "0.02", "tencent": "0.01"}
FIGURE = re.compile(r"(?<![\d\w.])\.\d+")
QUOTED = re.compile(r"`(?:make rung-(?P<name>\w+) )?(?:RUNG=)?(?P<rung>[\w-]+)` \((?P<score>\.\d+)")


def is_rounded(quoted: str, figure: float) -> bool:
    """Whether a page's number is the figure with fewer decimals; of a half either way."""
    return abs(float(quoted) - figure) <= 0.5 * 10 ** (1 - len(quoted)) + 1e-9


@pytest.mark.parametrize("name", FINISHED)
def test_the_page_is_what_the_command_wrote_and_no_table_is_stale(name: str) -> None:
    text, figures = (ROOM / name / "FIGURES.md").read_text(), read_figures(ROOM / name / FILE)
    simulator = find_room(name, "simulator.simulate").VERSION
    assert text == page.fill(text, figures, simulator), f"make figures-{name}"
    assert [key for key, figure in figures.items() if page.is_stale(figure, simulator)] == []
    assert set(page.list_keys(text)) == set(figures)


@pytest.mark.parametrize("name", FINISHED)
def test_the_results_of_the_readme_stand_in_the_figures(name: str) -> None:
    (row,) = [line for line in (ROOT / "README.md").read_text().splitlines() if f"[{name}](" in line and "**" in line]
    real = (ROOM / name / "FIGURES.md").read_text().partition("## Simulated default")[0]
    figures = [float(number) for number in FIGURE.findall(real)]
    quoted = FIGURE.findall(row)
    assert len(quoted) >= 2
    missing = [number for number in quoted if not any(is_rounded(number, figure) for figure in figures)]
    assert missing == []


def test_the_scores_that_the_learning_path_quotes_are_those_of_the_ladders() -> None:
    wrong, name, quoted = [], "", 0
    ladders = {
        name: {
            row["rung"]: row["score"].split()[0]
            for row in read_figures(ROOM / name / FILE)[f"ladder simulated/{size}"].rows
        }
        for name, size in LADDERS.items()
    }
    for match in QUOTED.finditer((ROOM / "LEARNING.md").read_text()):
        name, rung, score = match["name"] or name, match["rung"], match["score"]
        quoted += 1
        if rung not in ladders[name] or not is_rounded(score, float(ladders[name][rung])):
            wrong.append((name, rung, score, ladders[name].get(rung)))
    assert wrong == []
    assert quoted > 40
