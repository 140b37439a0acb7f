"""Write FIGURES.md of a competition and the tables of LEARNING.md anew: ``python -m tests.benches.figures NAME``.

Each table comes from the newest record of a run, ladder or bench, with version, machine, day and command. "learning" as
NAME: the tables of LEARNING.md alone.
"""

import argparse
import os
import sys
from pathlib import Path

from common.day.stamp import FILE, read_figures
from common.engine.errors import UserError
from competitions import NAMES, ROOM, find_room
from tests.benches.figures import learning, page, records

LEARNING = "learning"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benches.figures", description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=[*NAMES, LEARNING])
    parser.add_argument("--build", type=Path, default=Path("build"), help="where runs and ladders left their records")
    options = parser.parse_args()
    try:
        if options.name != LEARNING:
            write_figures(options.name, options.build)
        write_learning()
    except UserError as error:
        sys.exit(f"error: {error}")


def write_figures(name: str, build: Path, room: Path = ROOM) -> None:
    """FIGURES.md and figures.json of a competition; a table without a newer record stays as it was."""
    file, store = room / name / "FIGURES.md", room / name / FILE
    if not file.exists():
        raise UserError(f"There is no {file}: write one with the marks that tests/benches/figures/page.py explains.")
    simulated = (room / name / "simulator").is_dir()
    simulator = getattr(find_room(name, "simulator.simulate"), "VERSION", None) if simulated else None
    text = file.read_text(encoding="utf-8")
    keys, known = page.list_keys(text), read_figures(store)
    made = records.collect(build / name)
    kept = {key: made.get(key) or known[key] for key in keys if key in made or key in known}
    for key in keys:
        figure = kept.get(key)
        if figure is None:
            print(f"not measured yet   {key}")
            continue
        stale = page.is_stale(figure, simulator)
        state = "STALE" if stale else "new" if figure != known.get(key) else "as it was"
        print(f"{state:<18} {key}   {page.describe_stamp(figure)}")
    store.write_bytes(records.encode_figures(kept))
    file.write_text(page.fill(text, kept, simulator), encoding="utf-8")
    versions = sorted({figure.stamp.version for figure in kept.values()})
    if len(versions) > 1:
        print(f"These are figures of versions {', '.join(versions)}: measure the older again, or move them to LOG.md.")
    others = {key.partition(": ")[0] for key in made} - {key.partition(": ")[0] for key in keys}
    if others:
        print(f"Records that the page has no table for: {', '.join(sorted(others))}.")
    print(f"Written: {os.path.relpath(file)}, {len(kept)} of {len(keys)} tables")


def write_learning(room: Path = ROOM) -> None:
    """The tables of scores of all pages that have some."""
    ladders = learning.read_ladders(room)
    for file in learning.list_pages(room):
        text = file.read_text(encoding="utf-8")
        filled = learning.fill(text, ladders, file.name.endswith(".zh.md"))
        if filled != text:
            file.write_text(filled, encoding="utf-8")
            print(f"Written: {os.path.relpath(file)}")


if __name__ == "__main__":
    main()
