"""Which code a run was made by: the commit, and the files that differ from it, by their content."""

import hashlib
import subprocess
from collections.abc import Mapping
from typing import Any

from common.engine.code_fingerprint import PROJECT_ROOT

SOURCE = ("common", "competitions")
SHOWN = 5  # files


def find_revision() -> dict[str, Any]:
    """The commit of the code, whether the source was changed since, and a digest of each changed file ("": removed);
    nothing where git does not know it.
    """
    head = _run_git("rev-parse", "--short=10", "HEAD").strip()
    lines = _run_git("status", "--porcelain", "--no-renames", "--untracked-files=all", "-z", "--", *SOURCE).split("\0")
    files = {line[3:]: _digest(line[3:]) for line in lines if line}
    return {"revision": head or None, "changed": bool(files), "files": files}


def list_differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str] | None:
    """The source files in which the code of two runs differs, as far as git and the records know; None where a record
    does not say which files were changed.
    """
    before, after = one.get("files"), other.get("files")
    if (before is None and one.get("changed")) or (after is None and other.get("changed")):
        return None
    before, after = before or {}, after or {}
    differing = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    if one.get("revision") != other.get("revision"):
        revisions = [str(code.get("revision")) for code in (one, other)]
        differing |= {
            path for path in _run_git("diff", "--name-only", "-z", *revisions, "--", *SOURCE).split("\0") if path
        }
    return sorted(differing)


def describe_difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """In what the code of two runs differs, as a clause; None where it is the same."""
    differing = list_differing(one, other)
    same = one.get("revision") == other.get("revision")
    if same and differing == []:
        return None
    named = f"the code differs: {_name(one)} and {_name(other)}"
    if differing is None:
        return f"{named}; one record does not list its changed files"
    shown = ", ".join(differing[:SHOWN]) + (f" and {len(differing) - SHOWN} more" if len(differing) > SHOWN else "")
    return f"{named}, in {shown}" if shown else named


def _name(code: Mapping[str, Any]) -> str:
    return f"{code.get('revision') or 'unknown'}{' (changed)' if code.get('changed') else ''}"


def _digest(path: str) -> str:
    try:
        return hashlib.blake2b((PROJECT_ROOT / path).read_bytes(), digest_size=8).hexdigest()
    except OSError:
        return ""


def _run_git(*words: str) -> str:
    try:
        ended = subprocess.run(["git", *words], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    except OSError:  # no git on this machine
        return ""
    return ended.stdout if ended.returncode == 0 else ""
