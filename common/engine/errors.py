"""The one exception a user of the workspace is meant to read, and how one that stops a run is known."""


class UserError(Exception):
    """Bad input or a bad environment, in one sentence: what is wrong, where, and what to do.

    The command line prints the sentence and exits with 1; a traceback would be a bug.
    """


def is_stop(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind it: a library that is interrupted while it is imported fails in its own words."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None
