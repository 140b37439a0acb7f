"""Edits of the lines of a submission or of a raw file."""

from collections.abc import Callable
from pathlib import Path

Lines = list[str]


def edit_lines(edit: Callable[[Lines], Lines]) -> Callable[[bytes], bytes]:
    """An edit of the lines of a text."""
    return lambda content: ("\n".join(edit(content.decode().splitlines())) + "\n").encode()


REPEAT_LAST, DROP_LAST = edit_lines(lambda lines: [*lines, lines[-1]]), edit_lines(lambda lines: lines[:-1])


def edit_row(edit: Callable[[Lines], Lines]) -> Callable[[bytes], bytes]:
    """An edit of the fields of the third line."""
    return edit_lines(lambda lines: [*lines[:2], ",".join(edit(lines[2].split(","))), *lines[3:]])


def edit_file(name: str, edit: Callable[[Lines], Lines]) -> Callable[[Path], None]:
    """An edit of the lines of a raw file."""

    def change(folder: Path) -> None:
        path = folder / name
        path.write_bytes(edit_lines(edit)(path.read_bytes()))

    return change
