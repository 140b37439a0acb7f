"""Four competitions, one folder each; ``find_competition`` gives the declaration of one, ``load`` a finished run."""

import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.engine.errors import UserError

if TYPE_CHECKING:  # a verb imports a competition when it is called
    from common.competition import Competition
    from common.day.run_record import LoadedRun

# Threads of OpenMP that wait for one another sleep. By default they spin, and take the cores from whatever else runs:
# beside two other programs on two cores a fit of LightGBM took 29 s in place of 1. Read when the library is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

NAMES = ("news", "flight", "mgtv", "tencent")
ROOM = Path(__file__).parent  # a competition lives in the folder of its name


def find_competition(name: str) -> "Competition":
    """The declaration of a competition; the others are not even imported, which takes seconds."""
    competition: Competition = find_room(name, "competition").COMPETITION
    return competition


def find_room(name: str, module: str) -> Any:
    """A module that all competitions have under the same name: ``find_room("news", "day.export")``.

    ``UserError`` where a competition that is being made has no such module yet.
    """
    return _import_own(check_name(name), module, "")


def find_lesson(name: str, module: str) -> Any:
    """A module of what is there to learn of a competition, in a folder of its own: ``find_lesson("news", "ladder")``.

    ``UserError`` where a competition has none of that name.
    """
    return _import_own(check_name(name), module, "learning.")


def _import_own(name: str, module: str, floor: str) -> Any:
    full, model = (f"competitions.{floor}{each}.{module}" for each in (name, NAMES[0]))
    try:
        return importlib.import_module(full)
    except ModuleNotFoundError as error:
        if not f"{full}.".startswith(f"{error.name}."):  # a package that the module itself imports
            raise
        path, other = (f"{each.replace('.', '/')}.py" for each in (full, model))
        raise UserError(f"{name} has no {module} yet: write {path} as {other} is.") from error


def load(run: str = "last", build: Path | str = ROOM.parent / "build") -> "LoadedRun":
    """A finished run as frames, for a notebook: queries, candidates with their labels and scores, their features.

        run = competitions.load("news/last")
        pl.concat([run.candidates, run.features], how="horizontal")

    ``run``: as for ``compare``: its name or the end of it, news/last, last~1, or its folder.
    """
    from common.day.registry import find_run
    from common.day.run_record import load_run

    return load_run(find_run(Path(build), NAMES, run))


def check_name(name: str) -> str:
    """The name, where there is a competition of that name."""
    if name not in NAMES:
        raise UserError(f"There is no competition {name}; choose {' or '.join(NAMES)}.")
    return name
