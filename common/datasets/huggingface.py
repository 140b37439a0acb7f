"""A public data set from the model hub by its own client, only the files asked for, each against the hub's listing.

The client takes its token from HF_TOKEN or ``hf auth login``, the hub's address from HF_ENDPOINT. It takes up a broken
line inside one call; a second call starts the file that was broken anew and skips those that are finished.
"""

import fnmatch
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from common.datasets.download import Remote, digest, find_missing, is_below, move_in, open_partial
from common.errors import UserError
from common.pipeline.progress import say

UNREACHABLE = ("ConnectError", "ConnectTimeout", "ReadTimeout", "ReadError", "RemoteProtocolError", "ProxyError")


def fetch(repository: str, patterns: Sequence[str], raw: Path, revision: str = "main") -> None:
    """Bring the files of a data set that fit one of ``patterns`` into ``raw``; those that are there stay."""
    try:
        commit, remotes = _list(repository, patterns, revision)
    except Exception as error:  # whatever a client of a network raises, a person reads one sentence
        raise UserError(_tell(repository, error)) from error
    lacking = find_missing(raw, remotes)
    partial = open_partial(raw, lacking)
    for number, remote in enumerate(lacking, 1):
        say(f"  {number} of {len(lacking)}: {remote.path}, {remote.size / 1e6:,.1f} MB")
        try:
            _download(repository, commit, remote.path, partial)
        except Exception as error:
            raise UserError(_tell(repository, error)) from error
        _verify(partial / remote.path, remote)
    move_in(raw, remotes, f"hub {repository}", commit)


def _list(repository: str, patterns: Sequence[str], revision: str) -> tuple[str, list[Remote]]:
    """The commit that ``revision`` is now, and its files that fit, by path."""
    from huggingface_hub import HfApi  # imported here: it takes a second, which no other command should wait
    from huggingface_hub.hf_api import RepoFile

    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
    commit = api.repo_info(repository, repo_type="dataset", revision=revision).sha
    if commit is None:
        raise UserError(f"The hub names no version of {repository}; run this again.")
    tree = api.list_repo_tree(repository, recursive=True, revision=commit, repo_type="dataset")
    remotes = [
        Remote(entry.path, entry.size, entry.lfs.sha256 if entry.lfs is not None else None)
        for entry in tree
        if isinstance(entry, RepoFile) and any(fnmatch.fnmatchcase(entry.path, pattern) for pattern in patterns)
    ]
    for remote in remotes:
        if not is_below(remote.path):
            raise UserError(
                f"The hub lists {remote.path!r} in {repository}, which leaves the folder; nothing is fetched."
            )
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(remote.path, pattern) for remote in remotes):
            raise UserError(f"{repository} on the hub has no file {pattern}; see its page for what became of it.")
    return commit, sorted(remotes, key=lambda remote: remote.path)


def _download(repository: str, commit: str, path: str, partial: Path) -> None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils.tqdm import disable_progress_bars

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it would tell what one sentence tells
    if not sys.stderr.isatty():
        disable_progress_bars()
    hf_hub_download(
        repository,
        path,
        repo_type="dataset",
        revision=commit,
        local_dir=partial,
        endpoint=os.environ.get("HF_ENDPOINT"),
    )


def _verify(path: Path, remote: Remote) -> None:
    """Refuse, and remove, a download that is not what the hub lists."""
    size = path.stat().st_size if path.is_file() else 0
    if size == remote.size and remote.sha256 in (None, digest(path)):
        return
    path.unlink(missing_ok=True)
    raise UserError(
        f"{remote.path} did not arrive as the hub lists it ({size} of {remote.size} bytes); run this again."
    )


def _tell(repository: str, error: Exception) -> str:
    """One sentence for what the hub's client raised."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, ImportError):
        return "The hub's client is not in this environment: run make install."
    status = getattr(getattr(error, "response", None), "status_code", None)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "GatedRepoError" in kinds or status == 403:
        return (
            f"The hub refuses access to {repository}: log in there, accept its terms on the data set's page, set "
            "HF_TOKEN (or run hf auth login), and run this again."
        )
    if "RepositoryNotFoundError" in kinds or status in (401, 404):
        return (
            f"The hub does not show {repository}: set HF_TOKEN (or run hf auth login) to a token of an account that "
            "may read it, and run this again."
        )
    if status == 429:
        return "The hub answers that this was too often: wait some minutes and run this again."
    if "OfflineModeIsEnabled" in kinds:
        return "HF_HUB_OFFLINE is set: unset it and run this again."
    if status is not None and status >= 500:
        return f"The hub answers {status}, a fault of its own: run this again later; whole files are kept."
    if kinds.intersection(UNREACHABLE) or "LocalEntryNotFoundError" in kinds:
        return (
            "The hub cannot be reached or the line broke: check the network and run this again; whole files are kept."
        )
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return f"The hub's client failed on {repository}: {reason[:200]}"
