"""Write the golden numbers anew: ``python -m tests.golden.regenerate``. Prints what moved; commit the file if meant."""

import json

from tests.golden.measure import GOLDEN, measure_news


def main() -> None:
    """Measure, say what changed, write."""
    known = json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.exists() else {}
    measured = measure_news()
    for name in sorted(known.keys() | measured.keys()):
        if known.get(name) != measured.get(name):
            print(f"{name:36s} {known.get(name)} -> {measured.get(name)}")
    GOLDEN.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    print(f"{GOLDEN.name}: {len(measured)} numbers")


if __name__ == "__main__":
    main()
