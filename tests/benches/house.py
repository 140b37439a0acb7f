"""Lines a room, beside what each may have: ``python -m tests.benches.house``.

A house has a size. Who adds a hundred lines looks for a hundred that nobody would miss; a budget is raised here, in the
change that needs it, with its reason in the commit. Lines are those of the .py files that git tracks, blank ones and
comments included. Exit code 1: the source or the tests are over their whole budget.
"""

import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Room(NamedTuple):
    """``patterns``: its files, where * stands for folders too; ``without``: those that other rows count."""

    name: str
    most: int
    patterns: tuple[str, ...]
    without: tuple[str, ...] = ()

    def holds(self, path: str) -> bool:
        """Whether a file, by its path from the root, is the room's.

        >>> Room("labs", 100, ("competitions/*/lab/*",), ("*/tencent/*",)).holds("competitions/news/lab/als.py")
        True
        """
        return any(fnmatch(path, pattern) for pattern in self.patterns) and not any(
            fnmatch(path, pattern) for pattern in self.without
        )


APART = ("*/simulator/*", "*/lab/*")  # of a competition: rows of their own
DAY_ROOMS = tuple(f"common/day/{name}" for name in ("hosts/*", "look/*", "report/*", "runs_page.py", "tuning/*"))
ROOMS = (
    Room("tencent", 7_300, ("competitions/tencent/*",), APART),
    Room("tencent/lab", 900, ("competitions/tencent/lab/*",)),
    Room("flight", 4_200, ("competitions/flight/*",), APART),
    Room("mgtv", 4_100, ("competitions/mgtv/*",), APART),
    Room("news", 3_900, ("competitions/news/*",), APART),
    Room("the other labs", 1_700, ("competitions/*/lab/*",), ("competitions/tencent/*",)),
    Room("simulators", 5_700, ("competitions/*/simulator/*", "common/simulation/*"), ("competitions/template/*",)),
    Room("engine, io", 2_400, ("common/engine/*", "common/io/*"), ("*/cluster.py",)),
    Room("learning", 1_890, ("common/learning/*",)),
    Room("report, look, page of runs", 1_700, ("common/day/report/*", "common/day/look/*", "common/day/runs_page.py")),
    Room("hosts", 600, ("common/day/hosts/*",)),
    Room("cluster", 200, ("common/engine/cluster.py",)),
    Room("the rest of common/day", 2_100, ("common/day/*",), DAY_ROOMS),
    Room("cli", 1_150, ("competitions/cli/*",)),
    Room("template", 560, ("competitions/template/*",)),
)
# Work that goes across rooms: counted there too.
ACROSS = (
    Room(
        "serving, exports, services",
        900,
        ("*/day/serv*.py", "*/day/export.py", "*/cli/serv*.py"),
    ),
    Room("tuning with its verb", 900, ("common/day/tuning/*", "*/day/tune.py", "*/cli/tun*.py")),
)
WHOLE = (Room("source", 39_000, ("*",), ("tests/*",)), Room("tests", 31_000, ("tests/*",)))


def count_lines() -> dict[str, int]:
    """Lines of every tracked .py file, by its path from the root."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [path for path in listed.stdout.splitlines() if (ROOT / path).exists()]
    return {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in paths}


def main() -> int:
    """Print the table; the exit code."""
    files, within = count_lines(), True
    print(f"{'room':28} {'files':>6} {'lines':>7} {'at most':>8} {'over':>7}")
    for rooms in (ROOMS, ACROSS, WHOLE):
        for room in rooms:
            lines = [count for path, count in files.items() if room.holds(path)]
            over = sum(lines) - room.most
            print(f"{room.name:28} {len(lines):6} {sum(lines):7,} {room.most:8,} {f'{over:+7,}' if over > 0 else ''}")
            within &= over <= 0 or rooms is not WHOLE
        print()
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
