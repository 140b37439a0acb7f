"""The verb that writes FIGURES.md of a competition from what runs, ladders and benches left."""

import os

from common.engine.errors import UserError
from competitions import ROOM, find_room
from competitions.cli.options import BUILD, Build, Name


def figures(name: Name, build: Build = BUILD) -> None:
    """Write FIGURES.md anew: the newest record of each of its tables, with version, machine, day and command."""
    from common.day.figures import page, records

    simulator = getattr(find_room(name, "simulator.simulate"), "VERSION", None)
    file, store = ROOM / name / "FIGURES.md", ROOM / name / records.FILE
    if not file.exists():
        raise UserError(f"There is no {file}: write one with the marks that common/day/figures/page.py explains.")
    text = file.read_text(encoding="utf-8")
    keys, known = page.list_keys(text), records.read_figures(store)
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
