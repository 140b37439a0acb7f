"""The submission: a row a user with a list of items; written, read back from disk, checked, scored."""

from pathlib import Path

import polars as pl

from common.io.answer_file import ListFile
from common.io.submission import Checked
from competitions.template.io.reader import RawFiles, read_events, read_users

METRIC = "mrr@5"  # several: "ndcg@10"
LENGTH = int(METRIC.partition("@")[2])
FILE = ListFile(user="user_id", item="item_id", length=LENGTH)
RULES = FILE.rules  # a host with other rules: write them here, as competitions/news/submission.py does


def fill_lists(queries: pl.DataFrame, scored: pl.DataFrame) -> pl.DataFrame:
    """The best items of each user (query, user) by the score of the candidates (query, item, score)."""
    return FILE.fill(queries, scored)


def check_submission(path: Path, files: RawFiles) -> Checked:
    """Read the file from disk and hold it against every rule. ``UserError`` names the rules that it breaks."""
    events = read_events(files.events)
    return FILE.check(path, read_users(files.users, events)["user"], events["item"].unique())
