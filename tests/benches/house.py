"""Lines a room, beside what each may have: ``python -m tests.benches.house``.

A house has a size. Who adds a hundred lines looks for a hundred that nobody would miss; a budget is raised here, in the
change that needs it, with its reason in the commit. Lines are those of the .py files that git tracks, blank ones and
comments included. Exit code 1: the source or the tests are over their whole budget.
"""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# A room, the paths that are its, and the lines that it may have; of several the first counts.
ROOMS: tuple[tuple[str, str, int | None], ...] = (
    ("tests", "tests/", 28_000),
    ("template", "competitions/template/", 700),
    ("simulators", "competitions/[a-z]+/simulator/|common/simulation/", 3_800),
    ("tencent", "competitions/tencent/", 6_000),
    ("flight", "competitions/flight/", 3_800),
    ("mgtv", "competitions/mgtv/", 3_550),
    ("news", "competitions/news/", 2_700),
    ("learning path", "competitions/learning/", 3_600),
    ("cli", "competitions/cli/", 1_100),
    ("retrieval, features", "common/(retrieval|features)/", 1_400),
    ("engine", "common/engine/", 1_700),
    ("io", "common/io/", 800),
    ("common/learning", "common/learning/", 1_800),
    ("day", "common/day/", 3_500),
    ("others", "", None),
)
SOURCE = 34_000  # all rooms but the tests


def name_room(path: str) -> str:
    """The room of a file, by its path from the root.

    >>> name_room("competitions/learning/news/als.py"), name_room("competitions/news/split.py")
    ('learning path', 'news')
    """
    return next(room for room, paths, _ in ROOMS if re.match(paths, path))


def main() -> int:
    """Print the table; the exit code."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    sizes: Counter[str] = Counter()
    for path in (path for path in listed.stdout.splitlines() if (ROOT / path).exists()):
        lines = len((ROOT / path).read_text(encoding="utf-8").splitlines())
        sizes.update({name_room(path): lines, "source": 0 if path.startswith("tests/") else lines})
    within = True
    print(f"{'room':20} {'lines':>7} {'at most':>8} {'over':>7}")
    for room, most in (*((room, most) for room, _, most in ROOMS), ("source", SOURCE)):
        over = sizes[room] - most if most else 0
        print(f"{room:20} {sizes[room]:7,} {most or '':>8} {f'{over:+7,}' if over > 0 else ''}")
        within &= over <= 0 or room not in ("tests", "source")
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
