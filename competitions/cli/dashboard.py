"""``python -m competitions dashboard [NAME]``: the studies in optuna-dashboard, an optional dependency."""

import importlib
from typing import Annotated

import typer

from common.engine.errors import UserError
from competitions import NAMES, check_name
from competitions.cli.options import BUILD, Build, Storage

PORT = 8080  # on this machine


def dashboard(
    name: Annotated[str | None, typer.Argument(help="The competition; default: the one tuned last.")] = None,
    storage: Storage = None,
    build: Build = BUILD,
) -> None:
    """Open optuna-dashboard on the studies: every trial and the importance of each parameter, also while they run."""
    from common.day.tuning.study import JOURNAL, open_storage, show_storage

    names = [check_name(name)] if name else list(NAMES)
    journals = [path for each in names if (path := build / each / "tuning" / JOURNAL).is_file()]
    if storage is None and not journals:
        raise UserError(f"No study of {' or '.join(names)} in {build} yet: run make tune-{names[0]}.")
    try:
        server = importlib.import_module("optuna_dashboard")
    except ImportError as error:
        raise UserError(
            "optuna-dashboard is optional and not installed: run "
            ".venv/bin/python -m pip install optuna-dashboard, then make dashboard."
        ) from error
    newest = max(journals, key=lambda path: path.stat().st_mtime, default=build)
    opened = open_storage(storage, newest.parent)
    print(f"http://localhost:{PORT} shows the studies of {show_storage(storage, newest.parent)}; Ctrl-C ends it")
    server.run_server(opened, host="localhost", port=PORT)
