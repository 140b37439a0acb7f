"""What a blend takes of an mgtv run, and how it answers: the mean P(watch) times the mean expected score picks the
video, the mean share is answered.
"""

from pathlib import Path

import numpy as np
import polars as pl

from common.arrays import Floats
from common.day.blend import Blending, count_sizes
from common.io.submission import write_whole
from common.learning.listwise_softmax import Sizes
from competitions.mgtv import submission
from competitions.mgtv.day.validation import describe_picks
from competitions.mgtv.io import reader
from competitions.mgtv.io.tables import DEVICE, read_table
from competitions.mgtv.labels import score_rates
from competitions.mgtv.models.decision import pick
from competitions.mgtv.pipeline import Outcome


def list_test(outcome: Outcome) -> pl.DataFrame:
    """A row a video that is shown to a test device; one that is shown nothing has what it is answered."""
    codes, shown = outcome.ready.tables.codes.value, outcome.ready.test_slates.value.rows
    names = {
        "query": codes.devices["did"].gather(shown["device"]),
        "item": codes.videos["vid"].gather(shown["video"]),
    }
    listed = pl.DataFrame(names | describe_picks(outcome.test.value, outcome.chain.value.answer))
    rest = outcome.answers.value.join(listed, left_on="did", right_on="query", how="anti")
    alone = {"score": pl.lit(0.0), "expected": pl.lit(1.0), "answer": pl.col("completion_rate")}
    return pl.concat([listed, rest.select(query="did", item="vid", **alone)])


def pick_videos(candidates: pl.DataFrame, sizes: Sizes) -> pl.DataFrame:
    """The row of each device that is answered."""
    scores, expected = candidates["score"].to_numpy(), candidates["expected"].to_numpy()
    return candidates[pick(np.exp(scores) * expected, sizes)]


def earn(candidates: pl.DataFrame, sizes: Sizes) -> Floats:
    """The score of each device's answer."""
    picked = pick_videos(candidates, sizes)
    scores = score_rates(picked["completion"].to_numpy(), picked["answer"].to_numpy())
    return np.where(picked["label"].to_numpy() > 0, scores, 0.0)


def answer(candidates: pl.DataFrame, files: reader.RawFiles, folder: Path) -> list[Path]:
    """The submission of scored videos."""
    rate, sizes = pl.col("answer").round(submission.DECIMALS), count_sizes(candidates, ["query"])
    picked = pick_videos(candidates, sizes).select(did="query", vid="item", completion_rate=rate)
    devices = read_table(files.test_devices, DEVICE).frame.select("did").unique(maintain_order=True)
    answers = devices.join(picked, on="did", how="left", maintain_order="left")
    return [write_whole(folder / submission.FILE, answers.write_csv)]


BLENDING = Blending(
    list_test=list_test,
    earn=earn,
    answer=answer,
    labels=("label", "completion"),
    averaged=("expected", "answer"),
    calibrated=True,
)
