"""What `make site` gives its builder: every page once a language, what a page links, MathML for formulas."""

import json
import re
from pathlib import Path

import pytest

from tests.benches.site import build as site
from tests.unit.test_pages import TREE

ROOT = Path(__file__).resolve().parents[2]


def test_every_page_of_the_repository_is_a_page_of_the_site() -> None:
    pages = {Path(path) for path in TREE if path.endswith(".md")}
    shown = [page for page in site.list_pages(ROOT) if page.suffix == ".md"]
    assert shown == sorted(page for page in pages if not page.name.endswith(".zh.md"))


def test_the_navigation_names_every_page_once() -> None:
    pages = site.list_pages(ROOT)
    for language in site.LANGUAGES:
        named = re.findall(r"[\w/.]+\.md", str(site.list_navigation(pages, language)))
        assert sorted(named) == sorted(page.with_suffix(".md").as_posix() for page in pages)


def test_the_long_pages_stand_in_the_order_of_the_path() -> None:
    """So that the links to the page before and the page behind lead along it."""
    path = site.list_path(ROOT)
    assert path.index("competitions/learning/item_to_item.md") < path.index("competitions/learning/factorisation.md")
    learn = site.list_navigation(site.list_pages(ROOT), "en")[1]["Learn"]
    assert learn[: len(path) + 1] == ["competitions/LEARNING.md", *path]
    assert "navigation.footer" in site.list_settings(site.list_pages(ROOT), "en")["theme"]["features"]


def test_a_copy_leads_to_its_twin_in_the_other_language_and_stays_in_its_own(tmp_path: Path) -> None:
    root, target = tmp_path / "root", tmp_path / "copy"
    files = {
        "README.md": "[中文](README.zh.md), [a](competitions/A.md)",
        "README.zh.md": "[English](README.md), [a](competitions/A.zh.md)",
        "competitions/A.md": "[中文](A.zh.md), ![p](p.svg), [home](../README.md)",
        "competitions/A.zh.md": "[English](A.md)",
        "competitions/p.svg": "<svg/>",
        site.STYLE: "",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    pages = site.list_pages(root)
    for language in site.LANGUAGES:
        site.copy_pages(root, pages, target / language, language)
    assert (target / "en/README.md").read_text() == '<a href="zh/">中文</a>, [a](competitions/A.md)'
    assert (target / "zh/README.md").read_text() == '<a href="../">English</a>, [a](competitions/A.md)'
    assert '<a href="../../zh/competitions/A/">中文</a>' in (target / "en/competitions/A.md").read_text()
    assert (target / "zh/competitions/A.md").read_text() == '<a href="../../../competitions/A/">English</a>'
    assert (target / "en/competitions/p.svg").exists()


@pytest.mark.parametrize(
    ("folder", "english", "chinese"),
    [(".", "./", "zh/"), ("zh", "../", "./"), ("a/B", "./", "../../zh/a/B/"), ("zh/a/B", "../../../a/B/", "./")],
)
def test_the_switch_of_a_page_leads_to_the_same_page_in_each_language(folder: str, english: str, chinese: str) -> None:
    link = '<a href="{}" hreflang="{}">'
    page = link.format("/", "en") + link.format("/zh/", "zh") + '<a href="/">'
    switched = link.format(english, "en") + link.format(chinese, "zh") + '<a href="/">'
    assert site.switch_language(page, Path(folder)) == switched


def test_a_link_to_a_file_that_is_not_there_ends_the_build(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("[settings](gone.toml), [host](https://example.org/x)")
    with pytest.raises(SystemExit, match=r"README.md links gone.toml"):
        site.copy_pages(tmp_path, [Path("README.md")], tmp_path / "copy", "en")


def test_a_notebook_becomes_a_page_with_its_output(tmp_path: Path) -> None:
    outputs = [{"text": ["7\n"]}, {"data": {"image/png": "QUJD\n", "text/plain": "<Figure>"}}]
    cells = [{"cell_type": "markdown", "source": ["# Sum\n", "of two"]}]
    cells.append({"cell_type": "code", "source": ["print(3 + 4)"], "outputs": outputs})
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": cells}))
    code = "```python\nprint(3 + 4)\n```\n\n```text\n7\n\n```"
    image = '<img alt="plot" src="data:image/png;base64,QUJD">'
    assert site.read_page(tmp_path / "a.ipynb") == f"# Sum\nof two\n\n{code}\n\n{image}"


def test_formulas_become_mathml() -> None:
    page = r'<p><span class="arithmatex">\(a &lt; b\)</span> <div class="arithmatex">\[c\]</div></p>'
    shown = site.write_formulas(page, lambda formula, display: f"<math {display}>{formula}</math>")
    assert shown == "<p><math inline>a < b</math> <math block>c</math></p>"
