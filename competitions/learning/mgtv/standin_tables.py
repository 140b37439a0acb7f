"""The tables of KuaiRand-Pure in the host's layout: videos with what the host says of them, devices with a profile."""

from pathlib import Path

import polars as pl

from common.engine.errors import UserError
from common.io.column import Column
from common.io.csv import CsvFile
from competitions.learning.public import hash_ids
from competitions.mgtv.io.schema import PROFILE_COLUMNS, VIDEO_COLUMNS, WORD

HINT = "download KuaiRand-Pure (https://kuairand.com), unpack it, and name its folder"
FIRST_VID = 10_000_001
SECONDS = 0.001  # of a millisecond
HIDDEN = -124  # what a flag of a user says where it is withheld
ONE_HOTS = 18
VIDEO_FIELDS = (
    Column("video_id", pl.Int64),
    Column("author_id", pl.Int64, blank="null"),
    Column("video_type", pl.String, blank="null"),
    Column("upload_dt", pl.String, blank="null"),
    Column("upload_type", pl.String, blank="null"),
    Column("video_duration", pl.Float64, blank="null"),
    Column("music_id", pl.Int64, blank="null"),
    Column("music_type", pl.Int64, blank="null"),
    Column("tag", pl.String, blank="null"),
)
FLAGS = ("is_lowactive_period", "is_live_streamer", "is_video_author")
AMOUNTS = ("follow_user_num", "fans_user_num", "friend_user_num", "register_days")
USER_FIELDS = (
    Column("user_id", pl.Int64),
    *(Column(name, pl.Int64, blank="null") for name in (*AMOUNTS, *FLAGS)),
    *(Column(f"onehot_feat{number}", pl.Int64, blank="null") for number in range(ONE_HOTS)),
    Column("user_active_degree", pl.String, blank="null"),
)


def convert_videos(path: Path) -> pl.DataFrame:
    """Every video: video_id and the host's columns, by vid.

    The collection is the author, the episode the video's rank among the author's by day of upload, the channel the
    combination of tags, the source the way of upload (Long* counts as intact), the series the music. What has no
    order is numbered by how often it occurs. A picture post has no duration.
    """
    source = CsvFile(path, VIDEO_FIELDS, HINT).read(key="video_id").frame
    day = pl.col("upload_dt").str.slice(0, 10)
    return (
        source.with_columns(
            hashed=pl.Series(hash_ids("v", source["video_id"])), item_cid=pl.col("author_id").fill_null(0)
        )
        .sort("hashed")
        .with_columns(
            pl.int_range(FIRST_VID, FIRST_VID + pl.len(), dtype=pl.Int64).alias("vid"),
            _rank_by_frequency(source["video_type"]).alias("item_type"),
            (pl.col("video_duration").replace(0.0, None) * SECONDS).alias("item_duration"),
            _rank_by_frequency(source["upload_type"]).alias("item_assetSource"),
            _number_tags(source["tag"]).alias("item_classify"),
            pl.col("upload_type").str.starts_with("Long").fill_null(False).cast(pl.Int64).alias("item_isIntact"),
            pl.struct(day.fill_null(""), "video_id")
            .rank("ordinal")
            .over("item_cid")
            .cast(pl.Int64)
            .alias("item_serialno"),
            pl.when(pl.col("music_id") != 0).then("music_id").rank("dense").cast(pl.Int64).fill_null(0).alias("sid"),
            pl.col("music_type").fill_null(0).alias("stype"),
        )
        .select("video_id", *VIDEO_COLUMNS)
        .sort("vid")
    )


def _rank_by_frequency(column: pl.Series) -> pl.Expr:
    """Numbers from 1, the most frequent value first, equally frequent ones in order of the text; 0 for none."""
    counts = column.rename("value").replace("", None).drop_nulls().to_frame().group_by("value").len()
    ordered = counts.sort("len", "value", descending=[True, False])["value"].to_list()
    return _number(column.name, ordered)


def _number_tags(column: pl.Series) -> pl.Expr:
    """Numbers from 1 of the combinations, in the order of the tags' numbers; 0 for none."""
    listed = [tags for tags in column.unique().drop_nulls().to_list() if tags]
    ordered = sorted(listed, key=lambda tags: [(tag.zfill(20), tag) for tag in tags.split(",")])
    return _number(column.name, ordered)


def _number(name: str, ordered: list[str]) -> pl.Expr:
    """The rank of a value in ``ordered``, from 1; 0 for any other."""
    return pl.col(name).replace_strict(ordered, list(range(1, len(ordered) + 1)), default=0, return_dtype=pl.Int64)


def convert_profiles(path: Path, devices: pl.DataFrame) -> pl.DataFrame:
    """The profile of each of ``devices`` (user_id, did), in their order; f25 .. f86 are empty.

    f0 .. f3 numbers of the account, f4 .. f6 flags, f7 .. f24 the encrypted features, f87 how active the user is.
    """
    source = CsvFile(path, USER_FIELDS, HINT).read(key="user_id").frame
    unknown = devices.join(source, on="user_id", how="anti").sort("user_id")
    if unknown.height:
        raise UserError(f"{path} has no user {unknown['user_id'][0]} and {unknown.height - 1} more of the log; {HINT}")
    values = [
        *(pl.col(name) for name in AMOUNTS),
        *(pl.when(pl.col(name) != HIDDEN).then(name) for name in FLAGS),
        *(pl.col(f"onehot_feat{number}") for number in range(ONE_HOTS)),
    ]
    columns = [value.cast(pl.Float64).alias(f"f{number}") for number, value in enumerate(values)]
    filled = devices.join(source, on="user_id", how="left", maintain_order="left").with_columns(
        *columns, pl.col("user_active_degree").alias(WORD)
    )
    lacking = [pl.lit(None, pl.Float64).alias(name) for name in PROFILE_COLUMNS if name not in filled.columns]
    return filled.with_columns(lacking).select(PROFILE_COLUMNS)
