"""Verbs of the command line: what a run recommends to a user, and the run as a service."""

import contextlib
import json
import shlex
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common.day import registry
from common.day.record_schema import RunRecord
from common.engine.console import print_table, wide_console
from common.engine.errors import UserError
from common.engine.progress import say
from competitions import ROOM, check_name, find_competition, find_room
from competitions.cli.options import BUILD, Build, Name

if TYPE_CHECKING:
    from common.engine.run import Run
    from common.serving.http import Service
    from common.serving.lists import ListService
    from competitions.news.day.export import Export

SERVED = "news"  # whose service has articles and a reader's context; others of lists share common/serving/lists.py


def serve(
    name: Name,
    run: Annotated[str, typer.Argument(help="A run, by the name of its folder.")] = "last",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port on 127.0.0.1; 0: any free one.")] = 8000,
    build: Build = BUILD,
) -> None:
    """Serve a run over HTTP until Ctrl-C."""
    record = find_served(name, run, build)
    from common.serving import http

    with http.listen(port) as server:  # a taken port is told before the models are loaded
        service, body = start_service(record, build / name)
        about = {"name": name, "run": record.run, "since": datetime.now(UTC).isoformat(timespec="seconds")}
        app, url = http.make_app(service, about), "http://{}:{}".format(*server.getsockname())
        print(f"{name}/{record.run} answers at {url}, GET {http.HEALTH} shows its state; Ctrl-C ends it. Try")
        print(f"  curl -s {url}{http.RECOMMEND} --data {shlex.quote(body)}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            http.make_server(app).run(sockets=[server])


def start_service(record: RunRecord, build: Path) -> "tuple[Service, str]":
    """The service of a run, and a request to try it with."""
    if record.name == SERVED:
        exported = export_run(record, build, 1)
        return exported.service, exported.bodies[0].decode()
    service = load_service(record, build)
    first = service.history.filter(user=service.history["user"].max())["item"]
    return service, json.dumps({"items": first.to_list()})


def recommend(
    name: Name,
    articles: Annotated[list[int], typer.Argument(help="The items that the user had, oldest first, by their ids.")],
    run: Annotated[str, typer.Option("--run", help="A run, by the name of its folder.")] = "last",
    build: Build = BUILD,
) -> None:
    """What a run recommends to a user who had some items: as if a minute apart, at the end of the run's log."""
    record = find_served(name, run, build)
    if name != SERVED:
        best = load_service(record, build / name).recommend(articles)
        table = best.with_row_index("rank", 1).to_dicts()
        print_table(wide_console(), f"What {name}/{record.run} recommends to a user of {len(articles)} items", table)
        return
    from competitions.news.day import recommend as news

    rows = news.recommend(export_run(record, build / name, news.SAMPLED), articles)
    print_table(wide_console(), f"What {name}/{record.run} recommends to a reader of {len(articles)} articles", rows)


def find_served(name: str, run: str, build: Path) -> RunRecord:
    """The record of a run. ``UserError`` for a competition that is not served."""
    if check_name(name) != SERVED and not (ROOM / name / "day" / "serve.py").exists():
        raise UserError(
            f"{name} has no service: write one as competitions/template/day/serve.py is, for a competition of lists."
        )
    return registry.read_own_record(registry.find_run(build, [name], run), name)


def load_service(record: RunRecord, build: Path) -> "ListService":
    """The service of a run of a competition of lists, from its kept results."""
    with open_draft(record, build) as (files, config, work):
        service: ListService = find_room(record.name, "day.serve").make_service(files, config, work)
    return service


@contextlib.contextmanager
def open_draft(record: RunRecord, build: Path) -> Iterator[tuple[Any, Any, "Run"]]:
    """A run's files, its settings, and a run beside it that goes again; says which steps were computed anew."""
    from common.engine.run import Run
    from common.io.lock import clear_drafts, name_draft

    competition = find_competition(record.name)
    config = competition.read_config(record)
    clear_drafts(build)
    # Beside the runs: a training's key has the name of the folder that holds them.
    work = Run(build / name_draft("serving"), build / "cache")
    try:
        yield competition.locate(Path(record.data.folder), config), config, work
    finally:
        shutil.rmtree(work.folder, ignore_errors=True)
    known = {step.name for step in record.steps}
    if again := [step.name for step in work.timings if not step.kept and step.name in known]:
        say(f"{len(again)} steps were computed again: code or raw files changed since the run ({', '.join(again)})")


def export_run(record: RunRecord, build: Path, requests: int) -> "Export":
    """The service of a run of news, from its kept results."""
    from competitions.news.day.export import export

    with open_draft(record, build) as (files, config, work):
        return export(files, config, work, requests)
