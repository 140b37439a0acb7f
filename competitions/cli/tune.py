"""The verb ``tune``: Optuna studies over a competition's search spaces, on cached features and the time split."""

from dataclasses import dataclass
from typing import Annotated

import typer

from common.engine.errors import UserError
from competitions.cli.options import BUILD, STORAGE, Build, Name, Overrides, Raw, Scale, Seed, takes

DEFAULT_TRIALS, UNENDING = 20, 1_000_000
MOST_MINUTES = 100_000


@dataclass(frozen=True)
class TuneOptions:
    """The options of ``tune``. ``worker``: the number of a process that only tries settings."""

    name: Name
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
    raw: Raw = None
    scale: Scale = None
    seed: Seed = 0
    build: Build = BUILD
    overrides: Overrides = None
    worker: Annotated[int | None, typer.Option(hidden=True)] = None

    @property
    def most_trials(self) -> int:
        """The finished trials at which a study ends."""
        return self.trials or (DEFAULT_TRIALS if self.minutes is None else UNENDING)


@takes(TuneOptions)
def tune(options: TuneOptions) -> None:
    """Search each ranker's parameters; what beats today's beyond the noise goes to tuned.toml."""
    from competitions.cli import tuning

    if options.minutes is not None and not options.minutes <= MOST_MINUTES:  # nan too
        raise UserError(f"--minutes is {options.minutes}: say a number of at most {MOST_MINUTES}, or leave it out.")
    if options.worker is None:
        tuning.tune_all(options)
    else:
        tuning.work(options)
