"""The one exception a user of the workspace is meant to read."""


class UserError(Exception):
    """Bad input or a bad environment, in one sentence: what is wrong, where, and what to do.

    The command line prints the sentence and exits with 1; a traceback would be a bug.
    """
