"""Which code a run was made by: the commit, and the files that differ from it, by their content."""

import hashlib
import subprocess
from collections.abc import Mapping
from typing import Any

from common.engine.code_fingerprint import PROJECT_ROOT

SOURCE = ("common", "competitions")


def find_revision() -> dict[str, Any]:
    """The commit of the code, whether the source was changed since, and a digest of each changed file ("": removed);
    nothing where git does not know it.
    """
    head = (_run_git("rev-parse", "--short=10", "HEAD") or "").strip()
    status = _run_git("status", "--porcelain", "--no-renames", "--untracked-files=all", "-z", "--", *SOURCE) or ""
    files = {line[3:]: _digest(line[3:]) for line in status.split("\0") if line}
    return {"revision": head or None, "changed": bool(files), "files": files}


def list_differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str] | None:
    """The source files in which the code of two runs differs, as far as git and the records know; None where a record
    does not say which files were changed, or git does not know its revision.
    """
    before, after = one.get("files"), other.get("files")
    if (before is None and one.get("changed")) or (after is None and other.get("changed")):
        return None
    before, after = before or {}, after or {}
    differing = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    if one.get("revision") != other.get("revision"):
        revisions = [str(code.get("revision")) for code in (one, other)]
        changed = _run_git("diff", "--name-only", "-z", *revisions, "--", *SOURCE)
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
