"""The pictures of the README: ``python -m tests.benches.pictures``.

report.png is the first screen of the newest report of news (``make news``), drawn by Chromium. ladder-news.svg is drawn
from the ladder of competitions/news/figures.json, which ``make ladder-news figures-news`` writes.
"""

import shutil
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path

from common.day.stamp import FILE, read_figures
from competitions import ROOM

PICTURES = ROOM / "pictures"
BUILD = ROOM.parent / "build" / "news"
LADDER = "ladder simulated/0.04"
MOST_BYTES = 200_000
WINDOW = (1200, 900)
LINE, NAMES, PLOT, MARGIN = 22, 400, 380, 12  # px: a rung's height; widths of the names, of the scale; around
NORMAL_95 = 1.96
STYLE = "font: 13px sans-serif; fill: #222"


def main() -> int:
    """Write both; the exit code."""
    rows = read_figures(ROOM / "news" / FILE)[LADDER].rows
    keep(PICTURES / "ladder-news.svg", draw_ladder(rows).encode())
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    runs = sorted(path.parent for path in BUILD.glob("*/report.html"))
    if chromium is None or not runs:
        print("report.png stays as it was: it needs Chromium (apt install chromium) and a report (make news).")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "report.png"
        window, page = f"--window-size={WINDOW[0]},{WINDOW[1]}", (runs[-1] / "report.html").resolve().as_uri()
        words = [chromium, "--headless", "--no-sandbox", "--hide-scrollbars", window, f"--screenshot={shot}", page]
        subprocess.run(words, check=True, capture_output=True)
        keep(PICTURES / "report.png", shot.read_bytes())
    return 0


def keep(path: Path, content: bytes) -> None:
    """Write a picture that is small enough for the repository."""
    assert len(content) <= MOST_BYTES, f"{path} has {len(content)} bytes"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    print(path.relative_to(ROOM.parent), len(content))


def draw_ladder(rows: list[dict[str, str]]) -> str:
    """An SVG: a line a rung, its score as a dot with the interval of 95 %, and the numbers.

    >>> "<circle" in draw_ladder([{"rung": "als", "title": "ALS", "score": ".1036 ± .0086"}])
    True
    """
    scored = [(row, *(float(number) for number in row["score"].split(" ± "))) for row in rows]
    most = max(score + NORMAL_95 * error for _, score, error in scored)
    height, width = LINE * len(rows) + 2 * MARGIN, NAMES + PLOT + 130

    def place(value: float) -> float:
        return round(NAMES + PLOT * max(value, 0.0) / most, 1)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" style="{STYLE}">',
        "<title>The ladder of news: MRR@5 of each rung on the validation users</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for number, (row, score, error) in enumerate(scored):
        middle = MARGIN + LINE * number + LINE / 2
        low, high = place(score - NORMAL_95 * error), place(score + NORMAL_95 * error)
        lines += [
            f'<text x="{NAMES - 12}" y="{middle + 4}" text-anchor="end">{escape(row["title"])}</text>',
            f'<line x1="{NAMES}" x2="{NAMES + PLOT}" y1="{middle}" y2="{middle}" stroke="#e5e5e5"/>',
            f'<line x1="{low}" x2="{high}" y1="{middle}" y2="{middle}" stroke="#2563a8" stroke-width="2"/>',
            f'<circle cx="{place(score)}" cy="{middle}" r="4.5" fill="#2563a8"/>',
            f'<text x="{NAMES + PLOT + 14}" y="{middle + 4}">{row["score"]}</text>',
        ]
    return "\n".join([*lines, "</svg>\n"])


if __name__ == "__main__":
    sys.exit(main())
