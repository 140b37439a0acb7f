"""The command line: ``python -m competitions VERB NAME``. Bad input ends in one sentence and exit code 1."""

import importlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from common.errors import UserError
from competitions.cli import data, public_data, runs, serve, tune

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
COMPETITIONS = ("news", "flight", "mgtv", "tencent")

Name = Annotated[str, typer.Argument(help=f"The competition: {', '.join(COMPETITIONS)}.")]
Raw = Annotated[Path | None, typer.Option(help="Folder with the host's files; default data/NAME/raw, else simulated.")]
Seed = Annotated[int, typer.Option(help="Seed of the simulation and of every random choice.")]
Scale = Annotated[float | None, typer.Option(help="Size of the simulated data; 1.0 is the host's.")]
Build = Annotated[Path, typer.Option(help="Where everything that is made goes.")]
Truth = Annotated[Path, typer.Option(help="The truth file: one row per answer, ids as the host names them.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="Override a setting: --set a.b=c, or --set @FILE (repeatable).")
]
Cluster = Annotated[
    str | None, typer.Option(envvar="RECSYS_CLUSTER", help="A Dask scheduler: boosted trees are fitted on its workers.")
]
Untuned = Annotated[bool, typer.Option("--untuned", help="Leave tuned.toml aside.")]


@app.command()
def run(
    name: Name,
    raw: Raw = None,
    scale: Scale = None,
    seed: Seed = 0,
    build: Build = Path("build"),
    overrides: Overrides = None,
    untuned: Untuned = False,
    cluster: Cluster = None,
) -> None:
    """Raw files to a checked submission, with a closing summary."""
    from competitions.cli.run import Asked, conduct  # with all libraries of a fit

    conduct(competition(name), Asked(name, raw, scale, seed, build, overrides or [], not untuned, cluster))


@app.command()
def simulate(
    name: Name,
    out: Annotated[Path | None, typer.Option(help="Folder to write; default build/NAME/simulated/...")] = None,
    scale: Scale = None,
    seed: Seed = 0,
    build: Build = Path("build"),
    describe: Annotated[bool, typer.Option(help="Print the marginals beside the host's.")] = False,
) -> None:
    """Write raw files of any size in the host's layout, with the truth and the oracle's score."""
    competition(name).simulate(out, scale, seed, build / name, describe)


@app.command()
def ladder(
    name: Name,
    raw: Raw = None,
    scale: Scale = None,
    seed: Seed = 0,
    build: Build = Path("build"),
    overrides: Overrides = None,
) -> None:
    """What each channel, feature block and model adds, on the same split (minutes)."""
    competition(name).ladder(raw, scale, seed, build / name, overrides or [])


@app.command()
def check(name: Name, submission: Annotated[Path, typer.Argument()], raw: Raw = None) -> None:
    """Check a submission file against the raw files it answers."""
    competition(name).check(submission, raw)


@app.command()
def score(name: Name, submission: Annotated[Path, typer.Argument()], truth: Truth, raw: Raw = None) -> None:
    """Score a submission file against a truth file: every metric."""
    competition(name).score(submission, truth, raw)


VERBS = (
    tune.tune,
    runs.runs,
    runs.compare,
    runs.lb,
    runs.report,
    data.data,
    data.submit,
    public_data.standin,
    serve.serve,
    serve.replay,
)
for verb in VERBS:
    app.command()(verb)


def competition(name: str):  # type: ignore[no-untyped-def]  # a module
    """The command module of a competition; the others are not even imported, which takes seconds."""
    if name not in COMPETITIONS:
        raise UserError(f"There is no competition {name}; say {' or '.join(COMPETITIONS)}.")
    return importlib.import_module(f"competitions.{name}.competition")


def main() -> None:
    """Run the command line; a ``UserError`` is one sentence on stderr and exit code 1."""
    try:
        app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
