"""What the features of every shown row are made of, and the frames of the blocks side by side.

    video     the video, and what it belongs to          device   the device's habits
    pair      the device with the video, its programme … list     the row among what was shown beside it
    profile   the host's 88 profile columns              comment  time-synced comments

A module a block, and a feature's name begins with its block. Nothing here is given what came of the day.
"""

from collections.abc import Callable, Mapping

import polars as pl

from common.engine.errors import UserError
from common.learning.dataset import attach
from competitions.mgtv.features.device_history import DeviceHistory
from competitions.mgtv.split import Slates

KEYS = ("video", "query")  # of a block that has a row for each of them
# Blocks of your own, by name: a function of the devices' history, the slates and the videos (a row per code). What is
# registered here is built, both models learn from it, and the service answers with it.
EXTRA_BLOCKS: dict[str, Callable[[DeviceHistory, Slates, pl.DataFrame], pl.DataFrame]] = {
    # the name of a block, which its features begin with: its function
}


def join_blocks(frames: Mapping[str, pl.DataFrame], rows: pl.DataFrame) -> pl.DataFrame:
    """The features of all blocks, one row per row of the slates, in order.

    A column that does not begin with its block's name is refused: the models find their features by it.
    """
    for block, frame in frames.items():
        odd = [name for name in frame.columns if name not in KEYS and not name.startswith(f"{block}_")]
        if odd:
            raise UserError(f"The feature {odd[0]!r} of the block {block!r} must be named {block}_{odd[0]}.")
    return pl.concat([spread(frame, rows) for frame in frames.values()], how="horizontal")


def spread(frame: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Features by video or query, for every row; those by row as they are.

    >>> rows = pl.DataFrame({"query": [0, 0, 1], "video": [7, 9, 7]})
    >>> spread(pl.DataFrame({"video": [7, 9], "video_age": [1.0, 2.0]}), rows)["video_age"].to_list()
    [1.0, 2.0, 1.0]
    """
    key = next((key for key in KEYS if key in frame.columns), None)
    return frame if key is None else attach(rows.select(key), frame, [key]).drop(key)
