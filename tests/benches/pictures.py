"""The pictures of the README, from the last run of news and its ladder: ``make news ladder-news report-news``, then
``python -m tests.benches.pictures``. Chromium draws them.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "competitions" / "pictures"
BUILD = ROOT / "build" / "news"
MOST_BYTES = 200_000
LOOK = "main section:not(#ladder), header, nav, footer {display: none} #ladder {margin: 0}"  # the ladder alone


def main() -> int:
    """Write both; the exit code."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("No Chromium is installed: apt install chromium.")
        return 1
    runs = sorted(path.parent for path in BUILD.glob("*/report.html"))
    if not runs:
        print("There is no report yet: make news ladder-news report-news.")
        return 1
    page = (runs[-1] / "report.html").read_text(encoding="utf-8")
    draw(chromium, page, PICTURES / "report.png", (1200, 900))
    ladder = BUILD / "ladder" / "ladder.json"
    if ladder.is_file():
        height = 260 + 34 * len(json.loads(ladder.read_text())["rows"])
        draw(
            chromium,
            page.replace("</head>", f"<style>{LOOK}</style></head>"),
            PICTURES / "ladder-news.png",
            (1000, height),
        )
    return 0


def draw(chromium: str, page: str, picture: Path, size: tuple[int, int]) -> None:
    """A screenshot of the page's top."""
    picture.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        html = Path(folder) / "page.html"
        html.write_text(page, encoding="utf-8")
        window, shot = f"--window-size={size[0]},{size[1]}", f"--screenshot={picture}"
        words = [chromium, "--headless", "--no-sandbox", "--hide-scrollbars", window, shot, html.as_uri()]
        subprocess.run(words, check=True, capture_output=True)
    assert picture.stat().st_size <= MOST_BYTES, f"{picture} has {picture.stat().st_size} bytes"
    print(picture.relative_to(ROOT), picture.stat().st_size)


if __name__ == "__main__":
    sys.exit(main())
