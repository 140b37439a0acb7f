"""A figure that a page quotes was measured: FIGURES.md, which says what its records say, or LOG.md has it, or the page
says of which version it is.
"""

import re
from pathlib import Path

import pytest

from common.day.stamp import FILE, read_figures
from competitions import ROOM, find_room
from tests.benches.figures import learning, page
from tests.conftest import FINISHED

ROOT = ROOM.parent
OWN = [ROOM / name / f"README{language}.md" for name in FINISHED for language in ("", ".zh")]
PAGES = [ROOT / "README.md", ROOT / "README.zh.md", *sorted(ROOM.glob("[BES]*.md")), *OWN]
LEARNING = learning.list_pages()
FIGURE = re.compile(r"(?<![\d\w.])\.\d+")
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.DOTALL | re.MULTILINE)
SCORE = re.compile(r"(?<![\w.])([+-]?0?\.\d+) ± (0?\.\d+)(?!\d)")
COST = re.compile(r"(?<![\w.,])(\d[\d,]*(?:\.\d+)?) ?(s|seconds|min|minutes|GiB|秒|分钟)(?![a-z])")
VERSION = re.compile(r"versions?\s+0\.\d+|0\.\d+ 版")
LAG = 2  # releases that a figure may be older than the newest of its competition, before a page must say so
UNITS = {"秒": "s", "seconds": "s", "分钟": "min", "minutes": "min"}


def read_plain(path: Path) -> str:
    """A page with one sign for minus, without code."""
    return CODE.sub("", path.read_text(encoding="utf-8").replace("\N{MINUS SIGN}", "-"))


MEASURED = "\n".join(read_plain(ROOM / name / page) for name in FINISHED for page in ("FIGURES.md", "LOG.md"))
SCORES = {(float(score), float(error)) for score, error in SCORE.findall(MEASURED)}
COSTS = {(value.replace(",", ""), UNITS.get(unit, unit)) for value, unit in COST.findall(MEASURED)}


def is_rounded(quoted: str, measured: float) -> bool:
    """Whether a quoted number is the measured one with as many or fewer decimals; of a half either way."""
    decimals = len(quoted.partition(".")[2])
    return abs(abs(float(quoted)) - abs(measured)) <= 0.5 * 10**-decimals + 1e-9


def list_unmeasured(text: str) -> list[str]:
    """Of a page, the scores with their errors that nothing measured, and the seconds, minutes and GiB that nothing
    measured in a paragraph or table that names no version.
    """
    odd = [
        f"{score} ± {error}"
        for score, error in SCORE.findall(text)
        if not any(is_rounded(score, known[0]) and is_rounded(error, known[1]) for known in SCORES)
    ]
    for paragraph in re.split(r"\n\s*\n", text):
        if not VERSION.search(paragraph):
            costs = [(value.replace(",", ""), UNITS.get(unit, unit)) for value, unit in COST.findall(paragraph)]
            odd += [f"{value} {unit}" for value, unit in costs if (value, unit) not in COSTS]
    return odd


def test_a_figure_that_nobody_measured_is_found() -> None:
    assert list_unmeasured("It has .9876 ± .0001 after 98765 s.") == [".9876 ± .0001", "98765 s"]
    assert list_unmeasured("Version of then:\n\nversion 0.15, 98765 s") == []


def read_release(version: str) -> int:
    """The second number of a version."""
    return int(version.split(".")[1])


def list_current(name: str) -> set[tuple[float, float]]:
    """The scores with their errors that a competition's figures of today have: of tables that at most ``LAG`` releases
    lie behind the newest.
    """
    figures = read_figures(ROOM / name / FILE).values()
    newest = max(read_release(figure.stamp.version) for figure in figures)
    rows = [row for each in figures if newest - read_release(each.stamp.version) <= LAG for row in each.rows]
    cells = [cell.replace("\N{MINUS SIGN}", "-") for row in rows for cell in row.values()]
    return {(float(score), float(error)) for cell in cells for score, error in SCORE.findall(cell)}


CURRENT = set().union(*(list_current(name) for name in FINISHED))


def list_undated(text: str) -> list[str]:
    """The scores with errors of a page that no current table has, in paragraphs that name no version."""
    paragraphs = [part for part in re.split(r"\n\s*\n", learning.BLOCK.sub("", text)) if not VERSION.search(part)]
    return [
        f"{score} ± {error}"
        for paragraph in paragraphs
        for score, error in SCORE.findall(paragraph)
        if not any(is_rounded(score, known[0]) and is_rounded(error, known[1]) for known in CURRENT)
    ]


@pytest.mark.parametrize("path", [*PAGES, *LEARNING], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_figure_of_a_page_was_measured_and_is_current_or_the_page_says_of_which_version(path: Path) -> None:
    text = read_plain(path)
    assert list_unmeasured(text) == []
    assert list_undated(text) == []


def test_a_score_that_only_the_log_has_needs_a_version() -> None:
    score, error = next(iter(SCORES - CURRENT))
    assert list_undated(f"It has {score} ± {error}.") == [f"{score} ± {error}"]
    assert list_undated(f"It had {score} ± {error} (version 0.12).") == []


@pytest.mark.parametrize("name", FINISHED)
@pytest.mark.parametrize("language", ["", ".zh"])
def test_the_readme_says_what_the_records_say_of_time_and_memory(name: str, language: str) -> None:
    """A host's size: minutes; the default: seconds. Without a record of the host's size, a version stands there."""
    lines = (ROOT / f"README{language}.md").read_text(encoding="utf-8").splitlines()
    (row,) = [line for line in lines if line.startswith(f"| {name} |")]
    host, default = (re.findall(r"\d[\d.]*", cell) for cell in row.split("|")[3:5])
    figures = read_figures(ROOM / name / FILE)
    record = figures[f"run simulated/{learning.SIMULATED[name]}"].rows[0]
    assert default == [record["seconds"], record["GiB"]]
    if "run simulated/1" in figures:
        whole = figures["run simulated/1"]
        assert host[:2] == [str(round(float(whole.rows[0]["seconds"].replace(",", "")) / 60)), whole.rows[0]["GiB"]]
        assert host[2:] in ([], [".".join(whole.stamp.version.split(".")[:2])])
    else:
        assert VERSION.search(row)


@pytest.mark.parametrize("language", ["", ".zh"])
def test_the_output_that_the_readme_shows_has_the_scores_of_the_figures(language: str) -> None:
    text = (ROOT / f"README{language}.md").read_text(encoding="utf-8")
    shown = re.findall(r"\d*\.\d+", " ".join(re.findall(r"^(?:CV|Simulated truth): MRR@5 (.+)", text, re.MULTILINE)))
    row = read_figures(ROOM / "news" / FILE)[f"run simulated/{learning.SIMULATED['news']}"].rows[0]
    cells = (row[head] for head in ("validation", "test truth", "best possible", "share of it"))
    assert [float(number) for number in shown] == [float(number) for number in re.findall(r"\d*\.\d+", " ".join(cells))]


@pytest.mark.parametrize("name", FINISHED)
def test_the_page_is_what_the_command_wrote_and_no_table_is_stale(name: str) -> None:
    text, figures = (ROOM / name / "FIGURES.md").read_text(), read_figures(ROOM / name / FILE)
    simulator = find_room(name, "simulator.simulate").VERSION
    assert text == page.fill(text, figures, simulator), f"make figures-{name}"
    assert [key for key, figure in figures.items() if page.is_stale(figure, simulator)] == []
    assert set(page.list_keys(text)) == set(figures)


@pytest.mark.parametrize("name", FINISHED)
def test_the_results_of_the_readme_stand_in_the_figures_or_name_the_version_that_the_log_has(name: str) -> None:
    (row,) = [line for line in (ROOT / "README.md").read_text().splitlines() if f"[{name}](" in line and "**" in line]
    assert "paired" in row
    real = (ROOM / name / "FIGURES.md").read_text().partition("## Simulated default")[0]
    log = (ROOM / name / "LOG.md").read_text() if VERSION.search(row) else ""
    row = VERSION.sub("", row)
    figures = [float(number) for number in FIGURE.findall(real + log)]
    quoted = FIGURE.findall(row)
    assert len(quoted) >= 2
    missing = [number for number in quoted if not any(is_rounded(number, figure) for figure in figures)]
    assert missing == []


@pytest.mark.parametrize("path", LEARNING, ids=lambda path: path.name)
def test_the_tables_of_the_learning_path_are_what_the_command_wrote(path: Path) -> None:
    text = path.read_text()
    assert text == learning.fill(text, learning.read_ladders(), path.name.endswith(".zh.md")), "make figures-learning"


def test_every_other_figure_of_the_learning_path_stands_in_the_figures_or_the_log() -> None:
    figures = [float(number) for number in FIGURE.findall(MEASURED)]
    words = CODE.sub("", learning.BLOCK.sub("", (ROOM / "LEARNING.md").read_text()))
    quoted = [number for number in FIGURE.findall(words) if len(number) > len(".00")]
    assert quoted
    assert [number for number in quoted if not any(is_rounded(number, figure) for figure in figures)] == []
