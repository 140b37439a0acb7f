"""What the command line does with the organisers and their files: bring the data of a competition, or a public set in
the host's layout, with which anyone can reproduce a figure on real data without a login; hand in a run's submission.
"""

import contextlib
import inspect
from pathlib import Path
from typing import Annotated

import typer

from common.day.hosts import SIMULATED, STANDIN, Basis, find_basis, huggingface, kaggle
from common.day.hosts.layout import Source
from common.day.record_schema import RunRecord
from common.day.registry import find_run, find_runs, find_unrecorded, is_held, read_own_record, require_submission
from common.engine.console import print_table, wide_console
from common.engine.errors import UserError
from common.engine.progress import say
from competitions import find_competition, find_lesson, find_room
from competitions.cli.options import BUILD, Build, Name, name_folder


def data(
    name: Name,
    raw: Annotated[
        Path | None,
        typer.Option(parser=name_folder, metavar="PATH", help="Folder for the host's files; default data/NAME/raw."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Download nothing, only check the files.")] = False,
) -> None:
    """Download the host's files, or say how to get them, and check them."""
    from common.day.hosts.verify import DIFFERS, OK, check_files, require_valid

    source = find_source(name)
    folder = raw or Path("data") / name / "raw"
    checks = check_files(folder, source)
    if not check and source.host == "login":
        print_steps(source, folder)
    elif not check and any(row.state != OK for row in checks if row.file in fetched_paths(source)):
        host, client = ("Kaggle", kaggle) if source.host == "kaggle" else ("the hub", huggingface)
        say(f"Fetching {source.dataset} from {host} into {folder}")
        client.fetch(source.dataset, fetched_paths(source), folder)
        checks = check_files(folder, source)
    print_table(wide_console(), f"{folder}: the known files and the files found", [vars(row) for row in checks])
    advice = f"{'follow the steps of' if source.host == 'login' else 'run'} make data-{name}"
    basis = identify_files(name, folder)
    if any(row.state in (OK, DIFFERS) for row in checks):
        print(f"{folder}: {basis}")
    require_valid(checks, folder, advice)
    if basis.kind in (SIMULATED, STANDIN):
        raise UserError(f"{folder} holds {basis}; move it away and {advice}")


def standin(
    name: Name,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="The public data set. news: Globo.com's clicks; flight: the package larch, its wheel or a folder with "
            "it; mgtv: KuaiRand-Pure; tencent: Beauty.txt or LastFM.txt of S3-Rec.",
        ),
    ] = None,
    text: Annotated[
        Path | None,
        typer.Option(help="tencent: a table of item<TAB>text, from which an encoder computes an embedding."),
    ] = None,
    build: Build = BUILD,
) -> None:
    """Convert a public data set to the host's layout, with its truth: real behaviour without a login."""
    from common.day.hosts import TRUTH

    public = find_lesson(name, "standin")
    if source is None:
        raise UserError(f"Name the folder of the public data set, make standin-{name} FROM=DIR: {public.HINT}.")
    if text is not None and "text" not in inspect.signature(public.convert).parameters:
        raise UserError(f"The items of {name}'s public set have no texts: leave --text out.")
    folder = build / name / "standin"
    dataset = public.convert(source, folder, **({} if text is None else {"text": text}))
    counts = ", ".join(f"{count:,} {part}" for part, count in dataset.rows.items())
    print(f"{folder}, from {dataset.source}: {counts}")
    # What was tuned on simulated data says nothing of these, and the figures were made without it.
    print(f"Run:   python -m competitions run {name} --untuned --raw {folder} --build {build}")
    file = build / name / "RUN" / dataset.submission  # RUN stands for the folder that the run will name
    print(f"Score: python -m competitions score {name} {file} --truth {folder / TRUTH} --raw {folder}")


def submit(
    name: Name,
    run: Annotated[str | None, typer.Argument(help="The run, a folder of build/NAME; default the last.")] = None,
    build: Build = BUILD,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the command, upload nothing.")] = False,
) -> None:
    """Check a run's submission again and upload it, or say where to upload it."""
    source = find_source(name)
    submission = find_submission(build, source, run)
    record = read_own_record(submission.parent, name)
    require_host_files(record, submission.parent)
    require_known_files(record, source)
    if source.host != "kaggle":
        print(f"{submission}: {source.upload}.")
        return
    competition = find_competition(name)
    checked = competition.check(submission, competition.locate_known(Path(record.data.folder)))
    print(f"{checked.path}: {checked.rows:,} rows, valid.")
    upload = kaggle.submit_command if dry_run else kaggle.submit
    parts = [f"{record.name} {record.run}", record.code.revision, f"CV {record.metric} {record.cv.score:.4f}"]
    print(upload(source.dataset, submission, ", ".join(filter(None, parts))))


def find_source(name: str) -> Source:
    """Where the organiser of a competition keeps its files, and what they are."""
    source: Source = find_room(name, "day.host_files").SOURCE
    return source


def fetched_paths(source: Source) -> list[str]:
    """The files, or patterns of files, that ``download`` brings."""
    return [spec.path for spec in source.layouts[0] if spec.fetched]


def print_steps(source: Source, folder: Path) -> None:
    """Print what a person does where the host lets nobody else in."""
    print(f"The files of {source.name} need a login at the host:\n")
    for number, step in enumerate((*source.steps, f"Put them into {folder}:"), 1):
        print(f"  {number}. {step}")
    for spec in source.layouts[0]:
        print(f"       {spec.path}{'' if spec.needed else '  (not needed)'}")
    print(f"  {len(source.steps) + 2}. Run make data-{source.name} to check them.")


def find_submission(build: Path, source: Source, run: str | None) -> Path:
    """The submission file of the run named, or of the last one. ``UserError`` where that has none: no earlier run's is
    taken unasked.
    """
    name, file = source.name, source.submission_files[0]
    folder = find_last(build, name, file) if run is None else find_run(build, [name], run)
    require_submission(folder)
    if not (folder / file).is_file():
        raise UserError(f"{folder} has no {file}: name a finished run, or start a new one.")
    return folder / file


def find_last(build: Path, name: str, file: str) -> Path:
    """The folder of the last run. ``UserError`` where there is none, or one that ended with a submission and no record:
    its judging failed or was stopped.
    """
    ended = [folder for folder in find_unrecorded(build, [name]) if (folder / file).is_file() and not is_held(folder)]
    last = max([*ended, *find_runs(build, [name])], key=lambda folder: folder.name, default=None)
    if last is None:
        raise UserError(f"No run in {build / name} has a submission: run make {name} first.")
    if last in ended:
        raise UserError(f"The last run, {last}, was not judged: run make {name} first, or name another.")
    return last


def copy_submission(name: str, run: Path, basis: Basis) -> list[Path]:
    """Copy the checked submission of a run's folder beside the runs, where ``cp`` finds the last one. Of files that no
    host scores there is none: no other run's is left there either.
    """
    from common.io.submission import write_bytes

    files = find_source(name).submission_files
    for file in files:
        (run.parent / file).unlink(missing_ok=True)
    made = [run / file for file in files if basis.scored and (run / file).is_file()]
    return [write_bytes(run.parent / path.name, path.read_bytes()) for path in made]


def require_host_files(record: RunRecord, folder: Path) -> None:
    """Refuse, by its record, a run that was made from anything but the host's files."""
    if not record.basis.scored:
        raise UserError(f"{folder} was made from {record.basis}: to submit, run on the host's files (RAW=DIR).")


def require_known_files(record: RunRecord, source: Source) -> None:
    """Refuse a run on files of other rows, sizes or digests than are known of the host's, such as simulated ones that
    lost their mark.
    """
    from common.day.hosts.verify import DIFFERS, check_files

    checks = check_files(Path(record.data.folder), source)
    if other := [f"{check.file}: {check.actual}" for check in checks if check.state == DIFFERS]:
        raise UserError(
            f"{record.name}/{record.run} was made from other files than the host's ({other[0]}): to submit, run on the"
            " host's files (RAW=DIR)."
        )


def identify_files(name: str, folder: Path) -> Basis:
    """Whose files lie in a folder."""
    sample = False
    # What the reader refuses is no sample that it could read. Tencent's declaration needs PyTorch, its files do not.
    with contextlib.suppress(UserError, ModuleNotFoundError):
        competition = find_competition(name)
        sample = bool(competition.explain_cv_only(competition.locate(folder, competition.load_config([]))))
    return find_basis(folder, sample=sample)
