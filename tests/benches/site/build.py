"""The pages as a site in build/site, English and, below zh/, Chinese: ``make site``.

The pages stay where they lie. A copy of each, and of each file that a page links, goes to build/site-src/en and to
build/site-src/zh, where X.zh.md stands for X.md; Zensical builds both and stops at a link or an anchor that leads
nowhere. Formulas become MathML: browsers draw it themselves, without a script and without a network.
"""

import html
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
STYLE = "tests/benches/site/site.css"
BUILD = ROOT / "build"
SOURCES, SITE = BUILD / "site-src", BUILD / "site"
PATTERNS = (
    *("*.md", "common/*.md", "competitions/**/*.md", "data/*.md", "tests/*.md"),
    "competitions/learning/notebooks/*.ipynb",
)
PAGES = (".md", ".ipynb")
PATH = "competitions/LEARNING.md"
LANGUAGES = {"en": "English", "zh": "中文"}
TITLES = {"en": "Recommender-system competitions", "zh": "推荐系统竞赛"}
TABS = {"Learn": "学习", "Competitions": "竞赛", "Use": "使用", "Data": "数据", "Contribute": "参与"}
COMPETITIONS = ("news", "flight", "mgtv", "tencent")
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")
TWIN = re.compile(r"\[([^\]]+)\]\(([^)#\s/]+\.md)\)")
ITEM = re.compile(r" *(?:[-*]|\d+\.) ")
LANGUAGE_LINK = re.compile(r'href="[^"]*"(?= hreflang="(\w+)")')
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def main() -> None:
    """Build both languages."""
    from latex2mathml.converter import convert

    shutil.rmtree(SOURCES, ignore_errors=True)
    shutil.rmtree(SITE, ignore_errors=True)
    pages = list_pages(ROOT)
    for language in LANGUAGES:
        copy_pages(ROOT, pages, SOURCES / language, language)
        settings = BUILD / f"site-{language}.yml"
        settings.write_text(json.dumps(list_settings(pages, language), ensure_ascii=False), encoding="utf-8")
        words = [sys.executable, "-m", "zensical", "build", "--clean", "--strict", "--config-file", str(settings)]
        subprocess.run(words, check=True)
    for page in SITE.rglob("index.html"):
        text = write_formulas(page.read_text(encoding="utf-8"), convert)
        page.write_text(switch_language(text, page.parent.relative_to(SITE)), encoding="utf-8")


def list_pages(root: Path) -> list[Path]:
    """The pages in English and the notebooks, relative to ``root``; a page may have a twin X.zh.md."""
    found = {path.relative_to(root) for pattern in PATTERNS for path in root.glob(pattern)}
    return sorted(path for path in found if not path.name.endswith(".zh.md"))


def copy_pages(root: Path, pages: list[Path], target: Path, language: str) -> None:
    """The pages of a language, in English where there is no translation, and the files that they link."""
    for page in pages:
        twin = root / page.with_suffix(f".{language}.md")
        text = read_page(twin if twin.exists() else root / page)
        for file in list_linked(root, page, text):
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / file, target / file)
        copy = target / page.with_suffix(".md")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(adapt(text, page, language), encoding="utf-8")
    shutil.copyfile(root / STYLE, target / "site.css")


def read_page(path: Path) -> str:
    """A page as Markdown; of a notebook its cells, what they print and their plots."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    parts = []
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if image := data.get("image/png"):
                parts.append(f'<img alt="plot" src="data:image/png;base64,{"".join(image).strip()}">')
            elif said := "".join(output.get("text", data.get("text/plain", ""))):
                parts.append(f"```text\n{said}\n```")
    return "\n\n".join(parts)


def list_linked(root: Path, page: Path, text: str) -> Iterator[Path]:
    """The files other than pages that a page links or shows. One that is not there ends the build; the builder checks
    pages and anchors alone.
    """
    for link, _ in LINK.findall(text):
        file = (root / page.parent / link).resolve()
        if "://" in link or file.suffix in PAGES:
            continue
        if not file.is_file():
            raise SystemExit(f"{page} links {link}, which is no file of this repository.")
        yield file.relative_to(root)


def adapt(text: str, page: Path, language: str) -> str:
    """A page as its copy has it: the link to its twin leads to the other language, other links stay in this one, what
    is folded is Markdown too, and lists are set off as the builder wants them.
    """
    folder = page.parent if page.name == "README.md" else page.with_suffix("")
    there, own = ("en", page.name) if language == "zh" else ("zh", page.with_suffix(".zh.md").name)

    def lead(match: re.Match[str]) -> str:
        if match[2] != own:
            return match[0]
        return f'<a href="{find_twin(folder, language, there)}">{match[1]}</a>'

    text = TWIN.sub(lead, text).replace(".zh.md", ".md").replace(".ipynb)", ".md)")
    return separate_lists(text.replace("<details>", '<details markdown="1">'))


def find_twin(folder: Path, here: str, there: str) -> str:
    """The link from a page in one language to the same page in another.

    >>> find_twin(Path("competitions/A"), "zh", "en")
    '../../../competitions/A/'
    """
    folders = {language: folder if language == "en" else language / folder for language in LANGUAGES}
    return f"{os.path.relpath(folders[there], folders[here])}/"


def switch_language(html_page: str, folder: Path) -> str:
    """A page of the site in whose list of languages each leads to this page: the builder's lead to its front page."""
    here = "zh" if folder.parts[:1] == ("zh",) else "en"
    own = folder if here == "en" else folder.relative_to(here)
    return LANGUAGE_LINK.sub(lambda match: f'href="{find_twin(own, here, match[1])}"', html_page)


def separate_lists(text: str) -> str:
    """A list right below a paragraph gets the empty line that GitHub does not need.

    >>> separate_lists("Try:\\n- this\\n- that")
    'Try:\\n\\n- this\\n- that'
    """
    lines: list[str] = []
    fenced = inside = False
    for line in text.split("\n"):
        fenced ^= line.lstrip().startswith("```")
        begins = bool(ITEM.match(line)) and not fenced
        if begins and not inside and lines and lines[-1].strip():
            lines.append("")
        inside = begins or (inside and bool(line.strip()) and not line.startswith(("#", "|")))
        lines.append(line)
    return "\n".join(lines)


def list_settings(pages: list[Path], language: str) -> dict[str, Any]:
    """The settings of a language, in the form of mkdocs.yml."""
    english = language == "en"
    up = {"en": ("./", "./zh/"), "zh": ("../", "./")}[language]
    other = [{"name": name, "link": link, "lang": key} for (key, name), link in zip(LANGUAGES.items(), up, strict=True)]
    features = [
        *("navigation.tabs", "navigation.top", "navigation.indexes", "navigation.footer"),
        *("content.code.copy", "search.highlight"),
    ]
    return {
        "site_name": TITLES[language],
        "docs_dir": f"site-src/{language}",
        "site_dir": "site" if english else "site/zh",
        "theme": {"name": "material", "language": language, "font": False, "features": features},
        "extra": {"alternate": other},
        "extra_css": ["site.css"],
        "plugins": [{"search": {"lang": ["en", "zh"]}}],
        "markdown_extensions": [
            "tables", "attr_list", "md_in_html", {"toc": {"permalink": True}}, "pymdownx.highlight",
            "pymdownx.superfences", {"pymdownx.arithmatex": {"generic": True}},
        ],
        "nav": list_navigation(pages, language),
    }  # fmt: skip


def list_navigation(pages: list[Path], language: str) -> list[Any]:
    """The tabs of the site and the pages below each, in reading order; titles are those of the pages."""
    left = [page.with_suffix(".md").as_posix() for page in pages]

    def take(*patterns: str) -> list[str]:
        taken = [name for pattern in patterns for name in left if re.fullmatch(pattern, name)]
        left[:] = [name for name in left if name not in taken]
        return list(dict.fromkeys(taken))

    home = {"Home" if language == "en" else "首页": take(r"README\.md")[0]}
    each = [
        {name: take(*(rf"competitions/{name}/{page}\.md" for page in ("README", "FIGURES", ".*")))}
        for name in COMPETITIONS
    ]
    lessons = take(r"competitions/LEARNING\.md", *map(re.escape, list_path(ROOT)), r"competitions/learning/[^/]+")
    notebooks = take(r"competitions/learning/notebooks/README\.md", r"competitions/learning/notebooks/.*")
    tabs = {
        "Learn": [*lessons, {"Notebooks" if language == "en" else "笔记本": notebooks}],
        "Competitions": each,
        "Use": take(r"competitions/EXTENDING\.md", r"common/README\.md", r"competitions/[A-Z]+\.md"),
        "Data": take(r"data/.*"),
        "Contribute": take(r"CONTRIBUTING\.md", ".*"),
    }
    return [home, *({name if language == "en" else TABS[name]: below} for name, below in tabs.items())]


def list_path(root: Path) -> list[str]:
    """The long pages in the order in which the steps of the learning path lead to them: that of the links to the page
    before and the page behind.
    """
    links = LINK.findall((root / PATH).read_text(encoding="utf-8").partition("\n### ")[2])
    pages = (link for link, _ in links if link.startswith("learning/") and link.endswith(".md"))
    return [f"competitions/{page}" for page in dict.fromkeys(pages)]


def write_formulas(page: str, convert: Any) -> str:
    """A page with each formula as MathML; ``convert``: of latex2mathml."""

    def write(match: re.Match[str]) -> str:
        return str(convert(html.unescape(match[3]).strip(), display="block" if match[2] == "[" else "inline"))

    return FORMULA.sub(write, page)


if __name__ == "__main__":
    main()
