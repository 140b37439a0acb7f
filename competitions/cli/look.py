"""``python -m competitions look NAME``: one offline page on the raw files, before any model."""

from pathlib import Path

from common.day.hosts.public import MARKER
from common.day.hosts.simulated import is_simulated
from common.day.look.page import write_look
from common.engine.run import Run
from competitions import find_competition, find_room
from competitions.cli.options import Build, Law, Name, Overrides, Raw, Scale, Seed


def look(
    name: Name,
    raw: Raw = None,
    scale: Scale = None,
    seed: Seed = 0,
    law: Law = None,
    build: Build = Path("build"),
    overrides: Overrides = None,
) -> None:
    """Rows, missing values and distributions of the raw files, train beside test, with pictures."""
    competition = find_competition(name).under_law(law)
    config = competition.load_config([f"seed={seed}", *(overrides or [])])
    folder = competition.choose_raw(raw, scale, seed, build)
    files = competition.locate(folder, config)
    run = Run(build / name / "look", build / name / "cache")
    shown = find_room(name, "day.look").look(files, config, run)
    standin = "a public stand-in in the host's layout" if (folder / MARKER).exists() else "the host's files"
    basis = "simulated data" if is_simulated(folder) else standin
    print(write_look(name, folder, basis, shown, build / name / "look"))
