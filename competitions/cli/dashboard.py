"""``python -m competitions dashboard [NAME]``: the studies in optuna-dashboard, an optional dependency."""

import importlib
from pathlib import Path
from typing import Annotated

import typer

from common.engine.errors import UserError
from competitions import NAMES, check_name
from competitions.cli.options import BUILD, STORAGE, Build


def dashboard(
    name: Annotated[str | None, typer.Argument(help="The competition; default: what was tuned last.")] = None,
    storage: Annotated[str | None, typer.Option(envvar=STORAGE, help="Database URL; default: a journal.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port on this machine.")] = 8080,
    build: Build = BUILD,
) -> None:
    """Open optuna-dashboard on the studies: every trial, what each parameter is worth, while they run."""
    from common.day.tuning import study as studies

    names = [check_name(name)] if name else list(NAMES)
    folder = None if storage else find_journal(build, names).parent
    try:
        server = importlib.import_module("optuna_dashboard")
    except ImportError as error:
        raise UserError(
            "optuna-dashboard is not in this environment, where it is optional: "
            ".venv/bin/python -m pip install optuna-dashboard, then make dashboard again."
        ) from error
    opened = studies.open_storage(storage, folder or build)
    shown = folder / studies.JOURNAL if folder else "the database"
    print(f"http://localhost:{port} shows the studies of {shown}; Ctrl-C ends it")
    server.run_server(opened, host="localhost", port=port)


def find_journal(build: Path, names: list[str]) -> Path:
    """The journal that was written last. ``UserError`` where nothing was tuned yet."""
    from common.day.tuning.study import JOURNAL

    journals = [path for name in names if (path := build / name / "tuning" / JOURNAL).is_file()]
    if not journals:
        raise UserError(f"No study of {' or '.join(names)} in {build} yet: make tune-{names[0]} makes one.")
    return max(journals, key=lambda path: path.stat().st_mtime)
