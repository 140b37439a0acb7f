"""A public data set from the model hub by its own client: only the chosen files, each against the hub's listing.

The client takes its token from HF_TOKEN or ``hf auth login``, the hub's address from HF_ENDPOINT. It takes up a broken
line inside one call; a second call starts the file that was broken anew and skips those that are finished.
"""

import fnmatch
import functools
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from common.day.hosts.download import RemoteFile, download, explained, unreachable
from common.engine.errors import UserError

HUB = "The hub"


def fetch(repository: str, patterns: Sequence[str], raw: Path) -> None:
    """Bring the files of a data set that fit one of ``patterns`` into ``raw``; those that are there stay."""
    with explained(HUB, functools.partial(_explain, repository)):
        commit, files = _list_files(repository, patterns)
        download(raw, files, functools.partial(_fetch_file, repository, commit))


def _list_files(repository: str, patterns: Sequence[str]) -> tuple[str | None, list[RemoteFile]]:
    """The newest commit, and its files that fit, with their sizes and digests."""
    from huggingface_hub import HfApi  # imported here: it takes a second, which no other command should wait

    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
    listing = api.dataset_info(repository, revision="main", files_metadata=True)
    files: dict[str, RemoteFile] = {}
    for pattern in patterns:
        fitting = [one for one in listing.siblings or [] if fnmatch.fnmatchcase(one.rfilename, pattern)]
        if not fitting:
            raise UserError(f"{repository} on the hub has no file {pattern}: its page may say why.")
        for one in fitting:
            files[one.rfilename] = RemoteFile(one.rfilename, one.size or 0, one.lfs.sha256 if one.lfs else None)
    return listing.sha, [files[path] for path in sorted(files)]


def _fetch_file(repository: str, commit: str | None, file: RemoteFile, partial: Path) -> None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils.tqdm import disable_progress_bars

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # its warnings repeat what one sentence says
    if not sys.stderr.isatty():
        disable_progress_bars()
    hf_hub_download(
        repository,
        file.path,
        repo_type="dataset",
        revision=commit,
        local_dir=partial,
        endpoint=os.environ.get("HF_ENDPOINT"),
    )


def _explain(repository: str, error: Exception, status: int | None) -> str | None:
    from httpx2 import TransportError  # what the hub's client reaches the network with
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, OfflineModeIsEnabled

    if isinstance(error, GatedRepoError) or status == 403:
        return (
            f"The hub refuses access to {repository}: log in there, accept its terms on the data set's page, set "
            "HF_TOKEN (or run hf auth login), and run this again."
        )
    if status in (401, 404):
        return (
            f"The hub does not show {repository}: set HF_TOKEN (or run hf auth login) to a token of an account that "
            "may read it, and run this again."
        )
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set: unset it and run this again."
    return unreachable(HUB) if isinstance(error, TransportError | LocalEntryNotFoundError) else None
