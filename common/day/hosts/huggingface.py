"""A public data set from the model hub by its own client, which compares digests and goes on where a line broke.

It takes its token from HF_TOKEN or ``hf auth login``, the hub's address from HF_ENDPOINT.
"""

import logging
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from common.engine.errors import UserError

LEDGER = ".cache/huggingface"  # the client's own, in the folder that it fills


def fetch(repository: str, patterns: Sequence[str], raw: Path) -> None:
    """Bring the files of a data set that fit one of ``patterns`` into ``raw``; each appears there once it is whole."""
    # Imported here: it takes a second, which no other command should wait.
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils.tqdm import disable_progress_bars

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # its warnings repeat what one sentence says
    if not sys.stderr.isatty():
        disable_progress_bars()
    endpoint = os.environ.get("HF_ENDPOINT")
    try:
        snapshot_download(repository, repo_type="dataset", local_dir=raw, allow_patterns=[*patterns], endpoint=endpoint)
    except Exception as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise UserError(
            f"The hub's client failed ({reason}): check the network, log in there and accept the terms of {repository},"
            " set HF_TOKEN (or run hf auth login), and run this again; complete files are kept."
        ) from error
    shutil.rmtree(raw / LEDGER, ignore_errors=True)
