"""What the command line does with the hosts: bring the data of a competition, hand in what a run answered."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from common.datasets import huggingface, kaggle
from common.datasets.download import Expected, Source, read_origin
from common.datasets.simulated import REPORT
from common.datasets.verify import OK, Row, inspect, require_sound
from common.errors import UserError
from common.experiments.run_record import RECORD
from common.pipeline.console import print_table, wide_console
from common.pipeline.progress import say
from competitions.flight.datasets import host_files as flight
from competitions.mgtv.datasets import host_files as mgtv
from competitions.news.datasets import host_files as news
from competitions.tencent.datasets import host_files as tencent

SOURCES: dict[str, Source] = {
    source.name: source for source in (news.SOURCE, flight.SOURCE, mgtv.SOURCE, tencent.SOURCE)
}
ANSWERS = {
    "news": ("submission.csv",),
    "flight": ("submission.parquet", "submission.csv"),
    "mgtv": ("result.csv",),
    "tencent": ("result.json", "submission.csv"),
}
STAND_IN = "standin.json"  # lies in a folder that a public set was laid out in

Name = Annotated[str, typer.Argument(help=f"The competition: {', '.join(SOURCES)}.")]


def data(
    name: Name,
    raw: Annotated[Path | None, typer.Option(help="Folder for the host's files; default data/NAME/raw.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Fetch nothing, only check what is there.")] = False,
) -> None:
    """Fetch the host's files where that can be done, say how where not, and check what is there."""
    source = find_source(name)
    folder = raw or Path("data") / name / "raw"
    rows = inspect(folder, source.layouts, read_origin(folder))
    if not check and source.host == "login":
        print_steps(source, folder)
    elif not check and lacks_fetched(source, rows):
        fetch(source, folder)
        rows = inspect(folder, source.layouts, read_origin(folder))
    print_table(wide_console(), f"{folder}: what is known and what is there", [vars(row) for row in rows])
    again = f"remove what differs and run make data-{name} again"
    require_sound(rows, folder, f"follow the steps of make data-{name}" if source.host == "login" else again)


def submit(
    name: Name,
    run: Annotated[str | None, typer.Argument(help="The run, a folder of build/NAME; default the newest.")] = None,
    message: Annotated[str | None, typer.Option(help="What the host shows beside it; default run and score.")] = None,
    raw: Annotated[Path | None, typer.Option(help="Folder with the host's files; default the run's.")] = None,
    build: Annotated[Path, typer.Option(help="Where runs are.")] = Path("build"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the command, hand in nothing.")] = False,
) -> None:
    """Check a run's submission once more and hand it in, or say where to."""
    source = find_source(name)
    folder = find_run(build / name, run, ANSWERS[name])
    record = read_record(folder)
    answer = next(path for file in ANSWERS[name] if (path := folder / file).is_file())
    if source.host != "kaggle":
        print(f"{answer}: {source.answers}.")
        return
    from competitions.flight.io.reader import locate  # here: what checks files imports every library of a fit
    from competitions.flight.submission import check_submission

    checked = check_submission(answer, locate(raw or Path(record["data"]["folder"])))
    print(f"{checked.path}: {checked.rows:,} rows, valid.")
    told = message or describe(name, folder.name, record)
    if dry_run:
        print(kaggle.show_command(kaggle.submit_command(source.place, answer, told)))
        return
    print(kaggle.submit(source.place, answer, told))


def find_source(name: str) -> Source:
    """Where a competition's files come from."""
    if name not in SOURCES:
        raise UserError(f"There is no competition {name}; say {' or '.join(SOURCES)}.")
    return SOURCES[name]


def fetched_files(source: Source) -> list[Expected]:
    """The files that ``fetch`` brings."""
    return [expected for expected in source.layouts[0].files if expected.fetched]


def lacks_fetched(source: Source, rows: list[Row]) -> bool:
    """Whether something that ``fetch`` brings is not there as it should be."""
    states = {row.file: row.state for row in rows}
    return any(states.get(expected.path, OK) != OK for expected in fetched_files(source))


def fetch(source: Source, folder: Path) -> None:
    """Download what is not there."""
    paths = [expected.path for expected in fetched_files(source)]
    if source.host == "kaggle":
        say(f"Fetching {source.place} from Kaggle into {folder}")
        kaggle.fetch(source.place, paths, folder)
    else:
        say(f"Fetching {source.place} from the hub into {folder}")
        huggingface.fetch(source.place, paths, folder)


def print_steps(source: Source, folder: Path) -> None:
    """Print what a person does where the host lets nobody else in."""
    print(f"The host of {source.name} gives its files only to a person who logs in:\n")
    for number, step in enumerate((*source.steps, f"Put them into {folder}:"), 1):
        print(f"  {number}. {step}")
    for expected in source.layouts[0].files:
        print(f"       {expected.path}{'' if expected.needed else '  (not needed)'}")
    print(f"  {len(source.steps) + 2}. make data-{source.name} checks them.")


def find_run(build: Path, name: str | None, files: tuple[str, ...]) -> Path:
    """The run named, or the newest of a competition's build folder, that has one of ``files``."""
    if name is not None:
        if Path(name).name != name:
            raise UserError(f"{name} is not a run: name a folder of {build}.")
        if not any((build / name / file).is_file() for file in files):
            raise UserError(f"{build / name} has no {files[0]}: name a run that ended, or make a new one.")
        return build / name
    found = [
        path.parent
        for path in sorted(build.glob(f"*/{RECORD}"))
        if any((path.parent / file).is_file() for file in files)
    ]
    if not found:
        raise UserError(f"No run in {build} has a submission: run make {build.name} first.")
    return found[-1]


def read_record(folder: Path) -> dict[str, Any]:
    """The record of a run; one made from anything but the host's files is refused."""
    path = folder / RECORD
    try:
        record = json.loads(path.read_text())
        simulated = record["data"]["simulated"]
        Path(record["data"]["folder"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} does not say what the run was made from: make the run again.") from error
    if simulated is not False or (Path(record["data"]["folder"]) / REPORT).exists():
        raise UserError(
            f"{folder} was made from simulated data, which no host scores: run on the host's files (RAW=DIR)."
        )
    if (Path(record["data"]["folder"]) / STAND_IN).exists():
        raise UserError(f"{folder} was made from a public stand-in, which no host scores: run on the host's files.")
    return dict(record)


def describe(name: str, run: str, record: dict[str, Any]) -> str:
    """What stands beside a submission: the run, its code and its score by cross-validation."""
    told = [f"{name} {run}"]
    revision = (record.get("code") or {}).get("revision")
    told += [str(revision)] if revision else []
    score = (record.get("cv") or {}).get("score")
    told += [f"CV {record.get('metric', 'score')} {score:.4f}"] if isinstance(score, float) else []
    return ", ".join(told)
