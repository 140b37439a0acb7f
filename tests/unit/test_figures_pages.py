"""FIGURES.md says what its records say, and the pages that quote a figure quote today's."""

import re
from pathlib import Path

import pytest

from common.day.stamp import FILE, read_figures
from competitions import ROOM, find_room
from tests.benches.figures import learning, page
from tests.conftest import FINISHED

ROOT = ROOM.parent
FIGURE = re.compile(r"(?<![\d\w.])\.\d+")
PAGES = learning.list_pages()


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


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_tables_of_the_learning_path_are_what_the_command_wrote(path: Path) -> None:
    text = path.read_text()
    assert text == learning.fill(text, learning.read_ladders(), path.name.endswith(".zh.md")), "make figures-learning"


def test_every_other_figure_of_the_learning_path_stands_in_the_figures_or_the_log() -> None:
    text = "".join((ROOM / name / page).read_text() for name in FINISHED for page in ("FIGURES.md", "LOG.md"))
    figures = [float(number) for number in FIGURE.findall(text)]
    words = learning.BLOCK.sub("", (ROOM / "LEARNING.md").read_text())
    quoted = [
        number
        for number in FIGURE.findall(re.sub("```.*?```|`[^`\n]+`", "", words, flags=re.DOTALL))
        if len(number) > len(".00")
    ]
    assert quoted
    assert [number for number in quoted if not any(is_rounded(number, figure) for figure in figures)] == []
