"""Write the golden numbers anew: ``python -m tests.golden.regenerate [NAME ...]``, of all competitions by default.

Prints what moved; commit the files if that is meant.
"""

import argparse
import json

from tests.golden.measure import SCALES, golden_file, measure


def main() -> None:
    """Measure, say what changed, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.golden.regenerate", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(SCALES)}; all by default")
    names = parser.parse_args().names or list(SCALES)
    for name in names:
        if name not in SCALES:
            parser.error(f"there is no {name}; choose {' or '.join(SCALES)}")
    for name in names:
        regenerate(name)


def regenerate(name: str) -> None:
    """Measure one competition, say what changed, write."""
    path = golden_file(name)
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    measured = measure(name)
    for what in sorted(known.keys() | measured.keys()):
        if known.get(what) != measured.get(what):
            print(f"{what:40s} {known.get(what)} -> {measured.get(what)}")
    path.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    print(f"{path.name}: {len(measured)} numbers")


if __name__ == "__main__":
    main()
