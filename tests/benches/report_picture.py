"""The picture of a report in README.md, its first screen as a headless Chromium shows it:

make news SCALE=0.01
python -m tests.benches.report_picture news/last
"""

import shutil
import subprocess
import sys

from common.day.registry import find_run
from common.day.report.page import REPORT_PAGE
from competitions import NAMES, ROOM

TARGET = ROOM / "pictures" / "report-news.png"
MOST_BYTES = 200_000
SCREEN = (920, 760)  # pixels: a report's score, its rivals and what to try next


def main(run: str) -> None:
    """Photograph the report of a run."""
    browser = shutil.which("chromium") or shutil.which("chrome") or shutil.which("google-chrome")
    assert browser, "Chromium is needed to photograph a report."
    report = find_run(ROOM.parent / "build", NAMES, run) / REPORT_PAGE
    size = ",".join(map(str, SCREEN))
    words = ["--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size={size}", f"--screenshot={TARGET}"]
    subprocess.run([browser, *words, report.resolve().as_uri()], check=True, capture_output=True)
    assert TARGET.stat().st_size <= MOST_BYTES, f"{TARGET} is too large for the repository"


if __name__ == "__main__":
    main(*sys.argv[1:])
