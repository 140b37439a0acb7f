"""Options that verbs share, and verbs whose options are the fields of a dataclass.

What a verb computes with is imported when it is called: all of it together takes two seconds before a help text shows.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from common.engine import config
from common.engine.errors import UserError
from competitions import NAMES, ROOM, find_room


def name_folder(text: str | Path) -> Path:
    """The folder of an option. ``UserError`` for an empty name, which would be the folder where one stands."""
    if not str(text).strip():
        raise UserError("An empty name is no folder: leave the option out, or name one.")
    return Path(text)


Name = Annotated[str, typer.Argument(help=f"The competition: {', '.join(NAMES)}.")]
Raw = Annotated[
    Path | None,
    typer.Option(
        parser=name_folder, metavar="PATH", help="Folder with the host's files; default data/NAME/raw, else simulated."
    ),
]
OwnRaw = Annotated[
    Path | None,
    typer.Option(parser=name_folder, metavar="PATH", help="The host's files that it answers; default data/NAME/raw."),
]
Seed = Annotated[
    int | None, typer.Option(help="Seed of the simulation and of every random choice; default: that of config.toml.")
]
Scale = Annotated[float | None, typer.Option(help="Size of the simulated data; 1.0: as large as the host's.")]
Law = Annotated[str | None, typer.Option(help="The choice model of simulated users; tencent: round1, round2.")]
Build = Annotated[Path, typer.Option(parser=name_folder, metavar="PATH", help="Folder for all results.")]
Truth = Annotated[Path, typer.Option(help="The truth file: one row per answer, with the host's ids.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="Change a setting: --set a.b=c, or --set @FILE (repeatable).")
]
Words = Annotated[
    list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Settings: a.b=c, or @FILE.toml with several.")
]
RunName = Annotated[str, typer.Argument(help="A run: its name or the end of it, news/last, last~1, or its folder.")]
Runs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="A B ...",
        help="Run A, the base, and B, default the last of the competition; several: a table. A competition's name, or "
        "nothing: its last run beside the run before its edit.",
    ),
]
Submission = Annotated[Path, typer.Argument(help="The submission file.")]
BUILD = Path("build")
CV = "cv"  # the stage of a run that ends with the score on validation
DEFAULT_TRIALS = 20


@dataclass(frozen=True)
class InputOptions:
    """What a verb that works on raw files is given: which files, where to work, which settings."""

    name: Name
    raw: Raw = None
    scale: Scale = None
    seed: Seed = None
    law: Law = None
    build: Build = BUILD
    words: Words = None
    set_options: Set = None
    untuned: Annotated[bool, typer.Option("--untuned", help="Ignore tuned.toml.")] = False

    @property
    def overrides(self) -> list[str]:
        """The settings that were typed, with or without --set."""
        return [*(self.set_options or []), *(self.words or [])]

    @property
    def settings(self) -> list[str]:
        """What is set over the files of settings; a seed that nobody typed stays theirs."""
        return [*([] if self.seed is None else [f"seed={self.seed}"]), *self.overrides]


@dataclass(frozen=True)
class StepOptions(InputOptions):
    """The options of verbs that compute steps: ``ablate`` has these alone."""

    cluster: Annotated[
        str | None,
        typer.Option(envvar="RECSYS_CLUSTER", help="Address of a Dask scheduler; its workers compute steps."),
    ] = None


@dataclass(frozen=True)
class RunOptions(StepOptions):
    """The options of ``run``."""

    until: Annotated[str | None, typer.Option(help=f"Stop early; {CV}: after validation, without a submission.")] = None
    seeds: Annotated[
        int | None, typer.Option(min=1, max=100, help="The setting `fits`: the score is the mean of this many fits.")
    ] = None
    note: Annotated[str | None, typer.Option(help="A note of yours, shown with the run's name.")] = None

    @property
    def overrides(self) -> list[str]:
        """The settings that were typed, ``fits`` for --seeds among them."""
        return [*super().overrides, *([] if self.seeds is None else [f"fits={self.seeds}"])]


@dataclass(frozen=True)
class LadderOptions(StepOptions):
    """The options of ``ladder``."""

    only: Annotated[str | None, typer.Option(help="One step and the one it builds on; a wrong name lists all.")] = None


@dataclass(frozen=True)
class TuneOptions(StepOptions):
    """The options of ``tune``. Several processes, each by the same command, fill one study."""

    space: Annotated[
        Path | None, typer.Option(help="What may be tried of which settings; default competitions/NAME/space.toml.")
    ] = None
    trials: Annotated[
        int | None,
        typer.Option(min=2, help=f"Finished trials of the study; default {DEFAULT_TRIALS}, or as time allows."),
    ] = None
    minutes: Annotated[float | None, typer.Option(min=0.01, max=100_000, help="No trial starts after this time.")] = (
        None
    )
    storage: Annotated[  # by the environment, since the URL may hold a password
        str | None,
        typer.Option(envvar="RECSYS_STORAGE", help="Database URL of the studies; default a file below build/."),
    ] = None

    @property
    def most_trials(self) -> int | None:
        """The finished trials at which a study ends; None for no such end."""
        return self.trials or (DEFAULT_TRIALS if self.minutes is None else None)


def check_settings(options: InputOptions) -> None:
    """Refuse a wrong setting at once: what a run needs takes seconds to import. The names of blocks and channels, which
    registries know, are checked later.
    """
    schema, folder = find_room(options.name, "config").CONFIG, ROOM / options.name
    files = [folder / "config.toml", *([] if options.untuned else [folder / "tuned.toml"])]
    config.load(schema, files, options.settings)


Options = TypeVar("Options", bound=InputOptions)


def takes(kind: type[Options]) -> Callable[[Callable[[Options], None]], Callable[..., None]]:
    """A verb that is given its options as one frozen dataclass: the fields become the options, with their defaults."""

    def wrap(verb: Callable[[Options], None]) -> Callable[..., None]:
        def parsed(**values: Any) -> None:
            options = kind(**values)
            check_settings(options)
            verb(options)

        signature = inspect.signature(kind)
        parsed.__name__, parsed.__doc__ = verb.__name__, verb.__doc__
        parsed.__annotations__ = {name: option.annotation for name, option in signature.parameters.items()}
        parsed.__signature__ = signature  # type: ignore[attr-defined]
        return parsed

    return wrap
