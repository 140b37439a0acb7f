"""What stands at a path where a file is expected."""

import os
import stat
from pathlib import Path

from common.errors import UserError

KINDS = (
    (stat.S_ISDIR, "directory"),
    (stat.S_ISFIFO, "pipe"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISCHR, "device"),
    (stat.S_ISBLK, "device"),
)


def find_special(path: Path) -> str | None:
    """What the path is, such as a directory or a pipe; None for a plain file, and for what is not there."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return None
    return next((name for is_kind, name in KINDS if is_kind(mode)), None)


def refuse_special(path: Path, advice: str) -> None:
    """Refuse a path at which something other than a file stands: a pipe or a device may give bytes without end."""
    kind = find_special(path)
    if kind:
        raise UserError(f"{path} is a {kind}, not a file; {advice}")


def require_file(path: Path, advice: str) -> None:
    """Refuse a path at which there is no file. ``advice``: where the file belongs and where it comes from."""
    refuse_special(path, advice)
    if not os.path.exists(path):
        raise UserError(f"{path.name} is missing from {path.parent}; {advice}")
