"""The command line: python -m competitions VERB NAME. Wrong input gives one error message and exit code 1."""

import functools
import io
import sys
from collections.abc import Callable
from typing import NoReturn

STOPPED = 130  # the exit code of a program that Ctrl-C ended, as a shell has it
try:
    import typer

    from common.engine.errors import UserError, is_stop
    from competitions.cli import blend, data, new, run, runs, serve
except KeyboardInterrupt:
    print("\nStopped before anything began.", file=sys.stderr)
    sys.exit(STOPPED)


def stoppable(verb: Callable[..., None]) -> Callable[..., None]:
    """The verb; Ctrl-C ends it with one line, wherever it was, and in the midst of an import."""

    @functools.wraps(verb)
    def call(*args: object, **options: object) -> None:
        try:
            verb(*args, **options)
        except BaseException as error:
            if not is_stop(error):
                raise
            print("\nStopped; finished steps are kept. The same command continues.", file=sys.stderr)
            sys.exit(STOPPED)

    return call


app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
VERBS = (
    run.run,
    run.simulate,
    run.look,
    run.ladder,
    run.ablate,
    run.check,
    run.score,
    run.tune,
    runs.runs,
    runs.compare,
    runs.base,
    runs.lb,
    runs.report,
    blend.blend,
    data.data,
    data.submit,
    data.standin,
    serve.recommend,
    serve.serve,
    new.new,
)
for verb in VERBS:
    app.command()(stoppable(verb))


def main() -> None:
    """Run the command line; a ``UserError`` is one sentence on stderr and exit code 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # no test's or notebook's own
            stream.reconfigure(errors="replace")  # a terminal that lacks a letter ends no run by its last line
    try:
        app()
    except UserError as error:
        _refuse(str(error))
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        _refuse("This needs PyTorch, which the other competitions do without: run make install-torch.")
    except PermissionError as error:  # of a folder that somebody named
        _refuse(f"{error.filename} cannot be read or written by this user: change its permissions, or name another.")


def _refuse(sentence: str) -> NoReturn:
    """End with a sentence; what has no place in a line of a terminal is written as Python would."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in sentence)
    print(f"error: {shown}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
