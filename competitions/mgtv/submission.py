"""The MGTV submission: write result.csv, check the file on disk, score it against a truth file."""

from pathlib import Path

import numpy as np
import polars as pl

from common.engine.errors import UserError
from common.io.submission import (
    Checked,
    Violation,
    are_whole,
    find_ids,
    find_moved,
    find_rows,
    read_back,
    read_truth,
    refuse,
)
from common.learning.metrics import average
from competitions.mgtv.io import reader
from competitions.mgtv.io.schema import SUBMISSION_COLUMNS
from competitions.mgtv.io.tables import DEVICE, PAIR, read_table
from competitions.mgtv.labels import score_rates
from competitions.mgtv.models.decision import EXPECTED, Predictions, decide
from competitions.mgtv.split import Slates

TRUTH_COLUMNS = dict(zip(SUBMISSION_COLUMNS, (pl.String, pl.Int64, pl.Float64), strict=True))

FORMAT = "CSV in UTF-8 without a byte-order mark, with the header did,vid,completion_rate"
INTEGERS = "vid is a whole number, without a leading + or 0"
RATES = "completion_rate is a decimal number from 0 to below a billion"
ONCE = "one row per device: no did is repeated"
SAME_ORDER = "exactly the test's dids, in their order"
SHOWN = "vid is one of the videos shown to the did"
RULES = (FORMAT, INTEGERS, RATES, ONCE, SAME_ORDER, SHOWN)
# What Python, polars and pandas write of such a number. A sign, a blank or thirty digits may be read as a text.
RATE = r"^(0|[1-9][0-9]{0,8})(\.[0-9]{1,20})?([eE]-[0-9]{1,3})?$"
DECIMALS = 6
FILE = "result.csv"  # the name in the public baseline; nothing shows that another is refused


def answer(
    slates: Slates,
    predictions: Predictions,
    fallback: tuple[int, float],
    codes: reader.Codes,
    picked_by: str = EXPECTED,
) -> pl.DataFrame:
    """The submission frame of the test day: did, vid, completion_rate, one row per device in the order of the file."""
    rows = decide(predictions, picked_by)
    chosen = slates.rows[rows].select("query", "video", answer=pl.Series(predictions.rewards.answer[rows]))
    return build_submission(slates.queries, chosen, fallback, codes)


def build_submission(
    queries: pl.DataFrame, chosen: pl.DataFrame, fallback: tuple[int, float], codes: reader.Codes
) -> pl.DataFrame:
    """The submission frame from the ``chosen`` rows (query, video, answer), one a query that was shown anything.

    A query that was shown nothing gets the ``fallback`` (video, answer): it cannot be checked, and hardly hit.
    """
    video, answer = fallback
    filled = queries.join(chosen, on="query", how="left", maintain_order="left").with_columns(
        pl.col("video").fill_null(video), pl.col("answer").fill_null(answer)
    )
    return pl.DataFrame(
        {
            "did": codes.devices["did"].gather(filled["device"]),
            "vid": codes.videos["vid"].gather(filled["video"]),
            "completion_rate": filled["answer"].round(DECIMALS),
        }
    )


def check_submission(path: Path, files: reader.RawFiles) -> Checked:
    """Read the file on disk and verify all ``RULES``; a ``UserError`` names what is broken."""
    submission = _read_submission(path)
    expected = read_table(files.test_devices, DEVICE).frame["did"].unique(maintain_order=True)
    shown = read_table(files.shown, PAIR).frame.select("did", "vid").unique()
    dids = submission["did"]
    violations = find_ids(dids.filter(dids.is_duplicated()), ONCE)
    violations += find_moved(submission["did"], expected, SAME_ORDER, "line", submission["line"])
    violations += _find_unshown(submission, shown)
    refuse(path, violations)
    return Checked(path, submission.height, RULES)


def _read_submission(path: Path) -> pl.DataFrame:
    """Read a file as (line, did, vid, completion_rate)."""
    text = read_back(path, SUBMISSION_COLUMNS)
    refuse(path, find_rows(text, INTEGERS, ~are_whole("vid")))
    refuse(path, find_rows(text, RATES, ~pl.col("completion_rate").str.contains(RATE)))
    return text.with_columns(pl.col("vid").cast(pl.Int64), pl.col("completion_rate").cast(pl.Float64))


def _find_unshown(submission: pl.DataFrame, shown: pl.DataFrame) -> list[Violation]:
    """Videos that were not shown to the device; a device that was shown nothing may have any."""
    anything = submission.join(shown, on="did", how="semi", maintain_order="left")
    return find_rows(anything.join(shown, on=["did", "vid"], how="anti", maintain_order="left"), SHOWN, pl.lit(True))


def score_submission(path: Path, truth: Path, files: reader.RawFiles | None = None) -> dict[str, float]:
    """Score a submission file against a truth file (did, vid, completion_rate).

    ``score`` = sum of s over the hits / truth rows, ``score_error`` its standard error; ``hit_rate``;
    ``score_of_hits``, the mean s of a hit; ``devices``, the truth rows. ``files``: verify all ``RULES`` first.
    """
    if files is not None:
        check_submission(path, files)
    devices = _score_devices(path, truth)
    scores, hit = devices["score"].to_numpy(), devices["hit"].to_numpy()
    mean, error = average(scores)
    return {
        "score": mean,
        "score_error": error,
        "hit_rate": float(hit.mean()),
        "score_of_hits": float(scores[hit].mean()) if hit.any() else 0.0,
        "devices": float(len(scores)),
    }


def score_queries(path: Path, truth: Path) -> pl.DataFrame:
    """What each device of a truth file earns by a submission file: query (text), score."""
    return _score_devices(path, truth).select(pl.col("did").cast(pl.String).alias("query"), "score")


def _score_devices(path: Path, truth: Path) -> pl.DataFrame:
    """One row per device of a truth file: did, hit, score."""
    submission, answers = _read_submission(path), read_truth(truth, TRUTH_COLUMNS, "did")
    odd = answers.with_row_index("line", offset=2).filter(~pl.col("completion_rate").is_between(0, 1e9, closed="left"))
    if odd.height:
        raise UserError(f"{truth}, line {odd['line'][0]}: '{RATES}' is broken: {odd['completion_rate'][0]}")
    refuse(path, find_ids(submission["did"].filter(submission["did"].is_duplicated()), ONCE))
    joined = answers.join(submission, on="did", how="left", suffix="_answered", maintain_order="left")
    if joined["vid_answered"].null_count() == joined.height:
        raise UserError(f"{truth}: none of its {joined.height} devices is in {path}: they belong to different files")
    hit = (joined["vid"] == joined["vid_answered"]).fill_null(False).to_numpy()
    rates, answered = joined["completion_rate"], joined["completion_rate_answered"].fill_null(0.0)
    scores = np.where(hit, score_rates(rates.to_numpy(), answered.to_numpy()), 0.0)
    return joined.select("did", hit=pl.Series(hit), score=pl.Series(scores, dtype=pl.Float64))
