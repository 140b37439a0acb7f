"""What the benches that draw share: a page of SVG, words in English and Chinese, and where pictures are kept."""

from collections.abc import Iterator
from html import escape
from pathlib import Path

from competitions import ROOM

PICTURES = ROOM / "pictures"
MOST_LETTERS = 60_000
STYLE = "font: 13px system-ui, sans-serif; fill: #222"
GREY, BLUE, PURPLE, ORANGE = "#7a7f87", "#1f62b8", "#7b4fb3", "#c2571a"
PALE, LIGHT = "#eef0f2", "#b8bcc2"
BOLD, MIDDLE, SMALL = 'font-weight="600"', 'text-anchor="middle"', 'font-size="11" fill="#62676f"'
Text = tuple[str, str]  # in English, in Chinese
LANGUAGES = ("", ".zh")  # of a Text's halves, as file names have them


def keep(path: Path, picture: str) -> None:
    """Write a picture that is small enough for the repository."""
    assert len(picture) <= MOST_LETTERS, f"{path} has {len(picture)} letters"
    path.write_text(picture, encoding="utf-8")
    print(path.relative_to(ROOM.parent), len(picture))


def frame(width: int, height: int, title: str, inside: Iterator[str]) -> str:
    """An SVG on white paper, so that it can be read on a dark page as well."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" style="{STYLE}">'
    paper = f'<rect width="{width}" height="{height}" fill="#fff"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", paper, *inside, "</svg>\n"])


def text(x: float, y: float, words: str, more: str = "") -> str:
    """A line of text; ``more``: further attributes."""
    return f'<text x="{x:g}" y="{y:g}"{" " if more else ""}{more}>{escape(words)}</text>'


def dot(x: float, y: float, colour: str, radius: float = 5, hollow: bool = False) -> str:
    """A dot, or a ring."""
    paint = f'fill="#fff" stroke="{colour}" stroke-width="2"' if hollow else f'fill="{colour}"'
    return f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" {paint}/>'


def box(x: float, y: float, width: float, height: float, colour: str = PALE, edge: str = "#fff") -> str:
    """A rectangle."""
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="3" fill="{colour}" stroke="{edge}"/>'


def line(x: float, y: float, to_x: float, to_y: float, more: str = 'stroke="#b8bcc2"') -> str:
    """A straight line."""
    return f'<path d="M{x:g} {y:g}L{to_x:g} {to_y:g}" {more}/>'


def grid(
    x: float, y: float, cells: list[list[str]], wide: float, high: float, lit: set[str] | None = None
) -> Iterator[str]:
    """A table of short words, each in a box; those of ``lit`` in colour."""
    for row, words in enumerate(cells):
        for column, word in enumerate(words):
            colour = "#f8e3d4" if word in (lit or ()) else PALE
            yield box(x + wide * column, y + high * row, wide - 2, high - 2, colour)
            yield text(x + wide * (column + 0.5) - 1, y + high * (row + 0.5) + 4, word, MIDDLE)
