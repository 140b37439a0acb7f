"""Verbs of the command line: articles for a reader, by a run of news, and the run as a service."""

import contextlib
import shlex
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common.day import registry
from common.day.record_schema import RunRecord
from common.engine.console import print_table, wide_console
from common.engine.errors import UserError
from common.engine.progress import say
from competitions import check_name, find_competition
from competitions.cli.options import BUILD, Build, Name

if TYPE_CHECKING:
    from competitions.news.day.export import Export

SERVED = "news"  # one service shows how; the others would be written as this one


def serve(
    name: Name,
    run: Annotated[str, typer.Argument(help="A run, by the name of its folder.")] = "last",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port on 127.0.0.1; 0: any free one.")] = 8000,
    build: Build = BUILD,
) -> None:
    """Serve a run of news over HTTP until Ctrl-C."""
    record = find_served(name, run, build)
    from competitions.news.day import serve as news

    with news.listen(port) as server:  # a taken port is told before the models are loaded
        exported = export_run(record, build / name, 1)
        about = {"name": name, "run": record.run, "since": datetime.now(UTC).isoformat(timespec="seconds")}
        app, url = news.make_app(exported.service, about), "http://{}:{}".format(*server.getsockname())
        print(f"{name}/{record.run} answers at {url}, GET {news.HEALTH} shows its state; Ctrl-C ends it. Try")
        print(f"  curl -s {url}{news.RECOMMEND} --data {shlex.quote(exported.bodies[0].decode())}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            news.make_server(app).run(sockets=[server])


def recommend(
    name: Name,
    articles: Annotated[list[int], typer.Argument(help="The articles that were read, oldest first, by their ids.")],
    run: Annotated[str, typer.Option("--run", help="A run, by the name of its folder.")] = "last",
    build: Build = BUILD,
) -> None:
    """Five articles for a reader of some: as if these were read a minute apart, at the end of the run's log."""
    record = find_served(name, run, build)
    from competitions.news.day import recommend as news

    rows = news.recommend(export_run(record, build / name, news.SAMPLED), articles)
    print_table(wide_console(), f"What {name}/{record.run} recommends to a reader of {len(articles)} articles", rows)


def find_served(name: str, run: str, build: Path) -> RunRecord:
    """The record of a run. ``UserError`` for a competition that is not served."""
    if check_name(name) != SERVED:
        raise UserError(f"{SERVED} alone has a service: write one for {name} as competitions/{SERVED}/day/serve.py is.")
    return registry.read_own_record(registry.find_run(build, [name], run), name)


def export_run(record: RunRecord, build: Path, requests: int) -> "Export":
    """The service of a run, from its kept results; says which steps were computed again."""
    from common.engine.run import Run
    from common.io.lock import clear_drafts, name_draft
    from competitions.news.day.export import export

    competition = find_competition(SERVED)
    config = competition.read_config(record)
    files = competition.locate(Path(record.data.folder), config)
    clear_drafts(build)
    # Beside the runs: a training's key has the name of the folder that holds them.
    work = Run(build / name_draft("serving"), build / "cache")
    try:
        exported = export(files, config, work, requests)
    finally:
        shutil.rmtree(work.folder, ignore_errors=True)
    known = {step.name for step in record.steps}
    if again := [step.name for step in work.timings if not step.kept and step.name in known]:
        say(f"{len(again)} steps were computed again: code or raw files changed since the run ({', '.join(again)})")
    return exported
