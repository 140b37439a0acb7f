"""Which code a run was made by: the commit, and the files that differ from it, by their content."""

import hashlib
import subprocess

import msgspec

from common.engine.code_fingerprint import PROJECT_ROOT

SOURCE = ("common", "competitions")


class Code(msgspec.Struct):
    """The commit, None where git knows none; whether the source was ``changed`` since; a digest of each changed file
    ("": removed).
    """

    revision: str | None = None
    changed: bool = False
    files: dict[str, str] = {}


def find_revision() -> Code:
    """Of the code that runs."""
    head = (_run_git("rev-parse", "--short=10", "HEAD") or "").strip()
    status = _run_git("status", "--porcelain", "--no-renames", "--untracked-files=all", "-z", "--", *SOURCE) or ""
    files = {line[3:]: _digest(line[3:]) for line in status.split("\0") if line}
    return Code(head or None, bool(files), files)


def list_differing(one: Code, other: Code) -> list[str] | None:
    """The source files in which the code of two runs differs; None where git does not know a revision."""
    paths = {*one.files, *other.files}
    differing = {path for path in paths if one.files.get(path) != other.files.get(path)}
    if one.revision != other.revision:
        changed = _run_git("diff", "--name-only", "-z", str(one.revision), str(other.revision), "--", *SOURCE)
        if changed is None:
            return None
        differing |= set(filter(None, changed.split("\0")))
    return sorted(differing)


def _digest(path: str) -> str:
    try:
        return hashlib.blake2b((PROJECT_ROOT / path).read_bytes(), digest_size=8).hexdigest()
    except OSError:
        return ""


def _run_git(*words: str) -> str | None:
    try:
        ended = subprocess.run(["git", *words], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    except OSError:  # no git on this machine
        return None
    return ended.stdout if ended.returncode == 0 else None
