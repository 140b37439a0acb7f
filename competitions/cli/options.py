"""Options that verbs share, and verbs whose options are the fields of a dataclass.

What a verb computes with is imported when it is called: all of it together takes two seconds before a help text shows.
"""

import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from competitions import NAMES

Options = TypeVar("Options")

Name = Annotated[str, typer.Argument(help=f"The competition: {', '.join(NAMES)}.")]
Raw = Annotated[Path | None, typer.Option(help="Folder with the host's files; default data/NAME/raw, else simulated.")]
Seed = Annotated[int, typer.Option(help="Seed of the simulation and of every random choice.")]
Scale = Annotated[float | None, typer.Option(help="Size of the simulated data; 1.0 is the host's.")]
Law = Annotated[
    str | None,
    typer.Option(help="By which law simulated people act; tencent: round1, round2, content."),
]
Build = Annotated[Path, typer.Option(help="Where everything that is made goes.")]
Truth = Annotated[Path, typer.Option(help="The truth file: one row per answer, ids as the host names them.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="Override a setting: --set a.b=c, or --set @FILE (repeatable).")
]
Words = Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Settings, as behind --set.")]
RunName = Annotated[str, typer.Argument(help="A run: its name or the end of it, news/last, last~1, or its folder.")]
FirstRun = Annotated[
    str | None, typer.Argument(help="Run A; default the last but one. A competition alone: its last two runs.")
]
SecondRun = Annotated[str | None, typer.Argument(help="Run B; default the last of the competition.")]
Submission = Annotated[Path, typer.Argument(help="The submission file.")]
BUILD = Path("build")
CV = "cv"  # the stage of a run that ends with the score on validation
DEFAULT_TRIALS, UNENDING = 20, 1_000_000
STORAGE = "RECSYS_STORAGE"  # environment: the database of studies, whose URL may hold a password


@dataclass(frozen=True)
class InputOptions:
    """What a verb that works on raw files is given: which files, where to work, which settings."""

    name: Name
    raw: Raw = None
    scale: Scale = None
    seed: Seed = 0
    law: Law = None
    build: Build = BUILD
    overrides: Overrides = None


@dataclass(frozen=True)
class RunOptions(InputOptions):
    """The options of ``run``."""

    untuned: Annotated[bool, typer.Option("--untuned", help="Leave tuned.toml aside.")] = False
    until: Annotated[str | None, typer.Option(help=f"Stop early; {CV}: after validation, without a submission.")] = None
    seeds: Annotated[
        int | None, typer.Option(min=1, max=100, help="The setting fits: the score is the mean over so many fits.")
    ] = None
    note: Annotated[str | None, typer.Option(help="What you call this run, shown wherever it is named.")] = None
    tables: Annotated[bool, typer.Option("--tables", help="Print the report's tables as well.")] = False
    cluster: Annotated[
        str | None,
        typer.Option(envvar="RECSYS_CLUSTER", help="A Dask scheduler, whose workers compute steps."),
    ] = None
    any_memory: Annotated[bool, typer.Option("--any-memory", help="Start even where the memory looks too small.")] = (
        False
    )


@dataclass(frozen=True)
class TuneOptions(InputOptions):
    """The options of ``tune``. ``worker``: the number of a process that only tries settings."""

    tasks: Annotated[
        list[str] | None, typer.Option("--task", help="One parameter set only (repeatable); default: each.")
    ] = None
    trials: Annotated[
        int | None,
        typer.Option(
            min=2,
            help=f"Finished trials that each study is to have; default {DEFAULT_TRIALS}, without end"
            " where there is a time.",
        ),
    ] = None
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="The whole command takes no longer, features and judging included.")
    ] = None
    workers: Annotated[int, typer.Option(min=1, help="Processes on this machine.")] = 1
    storage: Annotated[
        str | None, typer.Option(envvar=STORAGE, help="Database URL; default: a journal file below build/.")
    ] = None
    worker: Annotated[int | None, typer.Option(hidden=True)] = None

    @property
    def most_trials(self) -> int:
        """The finished trials at which a study ends."""
        return self.trials or (DEFAULT_TRIALS if self.minutes is None else UNENDING)


def takes(kind: type[Options]) -> Callable[[Callable[[Options], None]], Callable[..., None]]:
    """A verb that is given its options as one frozen dataclass: the fields become the options, with their defaults.

    A setting is taken without ``--set`` before it as well, wherever it stands.
    """

    def wrap(verb: Callable[[Options], None]) -> Callable[..., None]:
        def parsed(words: list[str] | None, **values: Any) -> None:
            values["overrides"] = [*(values["overrides"] or []), *(words or [])]
            verb(kind(**values))

        options = [(field.name, field.type, field.default) for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
        options.append(("words", Words, None))
        parsed.__name__, parsed.__doc__ = verb.__name__, verb.__doc__
        parsed.__annotations__ = {name: annotation for name, annotation, _ in options}
        parsed.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter(
                    name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=inspect.Parameter.empty if default is dataclasses.MISSING else default,
                    annotation=annotation,
                )
                for name, annotation, default in options
            ]
        )
        return parsed

    return wrap
