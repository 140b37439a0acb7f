"""The comments of the MGTV simulator, whose workbooks no digest holds."""

from pathlib import Path

import polars as pl

from competitions.mgtv.io import schema
from competitions.mgtv.simulator import simulate, tables
from competitions.mgtv.simulator.catalogue import make_catalogue

SCALE, SEED = 0.006, 3


def test_comments_tell_of_the_quality(tmp_path: Path) -> None:
    made = simulate.simulate(tmp_path / "raw", SCALE, SEED)
    frame = pl.read_excel(made.folder / schema.COMMENTS / "1.xlsx", sheet_name=schema.COMMENT_SHEET)
    assert tuple(frame.columns) == schema.COMMENT_COLUMNS
    assert frame.height == made.rows["comments"]
    assert frame["ctime"].str.contains(r"^2025-06-\d\d \d\d:\d\d:\d\d$").all()
    joined = frame.join(pl.read_csv(made.folder / schema.VIDEOS), left_on="videoid", right_on="vid")
    assert (joined["etime"] <= joined["item_duration"] * 1000).all()
    catalogue = make_catalogue(SCALE, SEED)
    quality = pl.DataFrame({"videoid": catalogue.videos.code, "quality": catalogue.videos.quality})
    toned = frame.join(quality, on="videoid")
    means = {
        words: toned.filter(pl.col("content").str.contains_any(list(words)))["quality"].mean()
        for words in (tables.GOOD, tables.PLAIN, tables.BAD)
    }
    assert means[tables.GOOD] > means[tables.PLAIN] + 0.2 > means[tables.BAD] + 0.4  # type: ignore[operator]
