"""The command line: ``python -m competitions VERB NAME``. Bad input ends in one sentence and exit code 1."""

import sys
from typing import NoReturn

import typer

from common.engine.errors import UserError
from competitions.cli import dashboard, data, look, new, public_data, run, runs, serve, tune

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
VERBS = (
    run.run,
    run.simulate,
    look.look,
    run.ladder,
    run.check,
    run.score,
    tune.tune,
    dashboard.dashboard,
    runs.runs,
    runs.compare,
    runs.lb,
    runs.report,
    data.data,
    data.submit,
    public_data.standin,
    serve.serve,
    serve.replay,
    new.new,
)
for verb in VERBS:
    app.command()(verb)


def main() -> None:
    """Run the command line; a ``UserError`` is one sentence on stderr and exit code 1."""
    try:
        app()
    except UserError as error:
        _refuse(str(error))


def _refuse(sentence: str) -> NoReturn:
    """End with a sentence; what has no place in a line of a terminal is written as Python would."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in sentence)
    print(f"error: {shown}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
