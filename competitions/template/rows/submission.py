"""The submission: a row an id with the probability of a yes; written, read back from disk, checked, scored."""

from pathlib import Path

import polars as pl

from common.io.answer_file import RowFile
from common.io.submission import Checked
from competitions.template.rows.io.reader import RawFiles, read_asked

FILE = RowFile(row="row_id", probability="probability", label="label")
RULES = FILE.rules  # a host with other rules: write them here, as competitions/news/submission.py does


def check_submission(path: Path, files: RawFiles) -> Checked:
    """Read the file from disk and hold it against every rule. ``UserError`` names the rules that it breaks."""
    return FILE.check(path, read_asked(files.test)["query"])


def fill_rows(scored: pl.DataFrame) -> pl.DataFrame:
    """The frame to submit, of rows with their log odds (query, score)."""
    return FILE.fill(scored)
