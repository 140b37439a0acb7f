"""A verb of the command line: what it costs to serve a run."""

import inspect
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import msgspec
import typer

from common.day import registry
from common.day.record_schema import RECORD, read_record
from common.engine.code_fingerprint import PROJECT_ROOT
from common.engine.console import print_table, wide_console
from common.engine.errors import UserError
from common.engine.progress import say
from competitions import check_name, find_competition, find_room
from competitions.cli.options import BUILD, Build, Name

if TYPE_CHECKING:
    from common.day.serving.service import Export

FIGURES = "serving.json"
MOST = (1 << 31) - 1  # requests: what every library takes
SCRATCH = f".serving-{os.getpid()}"  # beside the runs: a training's key has the name of the folder that holds them

# The tables' columns, and what they are called in serving.json.
COLUMNS = {
    "requests": "requests",
    "p50 ms": "p50_ms",
    "p99 ms": "p99_ms",
    "CPU ms": "cpu_ms",
    "per s": "per_second",
    "in batches": "batched_per_second",
    "MiB": "resident_mib",
    "export MiB": "export_mib",
    "same answers": "same_answers",
}
LATENCY = {"per s": "per_second", "p50 ms": "p50_ms", "p99 ms": "p99_ms"}
CLIENT_COLUMNS = {"clients": "clients", **LATENCY, "errors": "errors", "same answers": "same_answers"}
VECTOR_COLUMNS = {"stored as": "stored", "export MiB": "export_mib", "MiB": "resident_mib", "p50 ms": "p50_ms"}
VECTOR_COLUMNS |= {"same answers": "same_answers", "same items": "same_items"}


def serve(
    name: Name,
    run: Annotated[str | None, typer.Argument(help="A run, by the name of its folder; default the latest.")] = None,
    raw: Annotated[Path | None, typer.Option(help="The run's raw files, if they have moved.")] = None,
    requests: Annotated[int, typer.Option(min=1, max=MOST, help="Number of timed requests.")] = 500,
    http: Annotated[bool, typer.Option("--http", help="Run as an HTTP service instead, until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port of --http on 127.0.0.1; 0: any free one.")] = 8000,
    build: Build = BUILD,
) -> None:
    """Export a run's models and measure the latency of requests; or serve them over HTTP."""
    from common.day.serving import benchmark, clients
    from common.day.serving.http import listen
    from common.io.submission import write_text

    if http:
        listen(port).close()  # a taken port is told before the export
    folder, record = find_run(build, name, run or "last")
    exported, again = export_run(name, record, folder, raw, build / name, requests)
    if http:
        become_server(folder, next(iter(exported.services)), port)
    rows, asked = benchmark.measure_export(exported, folder), clients.measure_http(exported, folder)
    for kind in rows[1:]:
        shutil.rmtree(folder / benchmark.EXPORT / kind["stored"])
    figures = {"name": name, "run": record["run"], "metric": record["metric"], "data": record["data"]}
    figures |= dict(zip(("score", "error"), exported.score, strict=True)) | {"computed_again": again}
    figures |= {"services": rows, "http": asked}
    path = folder / FIGURES
    write_text(path, msgspec.json.format(msgspec.json.encode(figures)).decode() + "\n")
    show_figures(record, exported, rows, asked)
    print(f"Figures: {path}")


def become_server(folder: Path, kind: str, port: int) -> NoReturn:
    """Go on as the process of the service, which has one thread and only what it needs."""
    from common.day.serving.benchmark import ONE_THREAD

    command = [sys.executable, "-m", "common.day.serving.http", str(folder.resolve()), kind, str(port)]
    os.chdir(PROJECT_ROOT)
    sys.stdout.flush()
    os.execve(sys.executable, command, ONE_THREAD)


def find_run(build: Path, name: str, run: str) -> tuple[Path, dict[str, Any]]:
    """The folder and the record of a run of this competition."""
    folder = registry.find_run(build, [check_name(name)], run)
    record = read_record(folder / RECORD)
    if record["name"] != name:
        raise UserError(f"{folder} is a run of {record['name']}, not of {name}.")
    return folder, record


def export_run(
    name: str, record: dict[str, Any], folder: Path, raw_folder: Path | None, build: Path, requests: int
) -> tuple["Export", list[str]]:
    """The export of a run, and the steps that had to be computed again because code or files have changed since."""
    from common.day.hosts.simulated import require_folder
    from common.day.serving.benchmark import EXPORT, REQUESTS, write_export
    from common.engine.run import Run

    competition, raw = find_competition(name), None if raw_folder is None else require_folder(raw_folder)
    config = competition.read_config(record)
    files = competition.locate(raw or Path(record["data"]["folder"]), config)
    for old in (EXPORT, REQUESTS):
        shutil.rmtree(folder / old, ignore_errors=True)
    work = Run(build / SCRATCH, build / "cache")
    try:
        exported: Export = find_room(name, "day.export").export(files, config, work, requests)
        write_export(exported, folder)
    finally:
        shutil.rmtree(work.folder, ignore_errors=True)
    known = {step.get("name") for step in record["steps"]}
    again = [step.name for step in work.timings if not step.kept and step.name in known]
    if again:
        say(
            f"{len(again)} steps were computed again: code or raw files have changed since the run ({', '.join(again)})"
        )
    return exported, again


def show_figures(
    record: dict[str, Any], exported: "Export", rows: list[dict[str, Any]], asked: list[dict[str, Any]]
) -> None:
    """Print what a request is, the tables, and where the time of a request goes."""
    console, whole = wide_console(), rows[0]

    def show(title: str, rows: list[dict[str, Any]], columns: dict[str, str]) -> None:
        print_table(console, title, [{shown: row[key] for shown, key in columns.items()} for row in rows])

    score, error = exported.score
    print(inspect.getdoc(inspect.getmodule(next(iter(exported.services.values())))))
    print(f"{record['metric']} of {record['name']}/{record['run']} on validation: {score:.4f} +- {error:.4f}")
    show("One process, one thread: single requests, then batches", rows[:1], COLUMNS)
    print_table(console, "Milliseconds of a request", [{"requests": whole["requests"], **whole["stages"]}])
    show("Over HTTP, with concurrent clients", asked, CLIENT_COLUMNS)
    if len(rows) > 1:
        show("Content vectors in fewer bits, against the run's own (first)", rows, VECTOR_COLUMNS)
    print()
