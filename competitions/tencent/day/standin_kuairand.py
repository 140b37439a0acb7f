"""A real log of exposures and clicks with real times: KuaiRand (Gao et al., CIKM 2022; CC BY-SA 4.0), as PublicLog.

    python -m competitions standin tencent --from KuaiRand-Pure

Every exposure of the standard policy is an event, a click where it was clicked. The question is the host's: behind one
reference time, the midnight (China) with about a fifth of the log behind it, a user's first click on a video that is
new to the user is the target, and the history ends there, at the user's own time. Users without such a click stay in
the log, whole, and have no truth. Candidates are the targets and what was shown to anyone within a day of the
reference. Whoever passes the converted files on owes them the licence of KuaiRand.
"""

from pathlib import Path

import numpy as np
import polars as pl

from common.engine.errors import UserError
from common.io.column import Column
from common.io.csv import CsvFile
from common.time_units import DAY_S, HOUR_S
from competitions.tencent.day.standin_release import PublicLog, encode_columns
from competitions.tencent.io.schema import CLICK, ITEM_FEATURES, USER_FEATURES

HINT = "unpack KuaiRand-Pure or KuaiRand-1K (https://kuairand.com) and name its folder"
LOGS, BASICS, USERS = "log_standard_*.csv", "video_features_basic_*.csv", "user_features_*.csv"
CHINA_S = 8 * HOUR_S
BEHIND = 0.2  # of the log, behind the reference
AROUND_S = DAY_S  # of the reference, on either side: what was shown then is a candidate
MOST_EVENTS = 100  # of a history, the last ones, as in the host's
LOG_FIELDS = tuple(Column(name, pl.Int64) for name in ("user_id", "video_id", "time_ms", "is_click"))
# Columns by field: fields have no meaning beyond that. An author stands where the host has the advertiser.
ITEM_COLUMNS = {
    "100": "video_type",
    "101": "upload_type",
    "114": "music_type",
    "115": "duration_class",
    "117": "first_tag",
    "118": "tag",
    "121": "music_id",
    "122": "author_id",
}
USER_COLUMNS = {
    "103": "user_active_degree",
    "104": "follow_user_num_range",
    "105": "fans_user_num_range",
    "106": "friend_user_num_range",
    "109": "register_days_range",
}
TEXTS = ("video_type", "upload_type", "music_type", "tag", "music_id", "author_id")
VIDEO_FIELDS = (
    Column("video_id", pl.Int64),
    Column("video_duration", pl.Float64, blank="null"),
    *(Column(name, pl.String, blank="null") for name in TEXTS),
)
USER_FIELDS = (Column("user_id", pl.Int64), *(Column(name, pl.String, blank="null") for name in USER_COLUMNS.values()))


def find_folder(source: Path) -> Path | None:
    """The folder with KuaiRand's files, ``source`` or the only such one in it; None where there is none."""
    folders = sorted({path.parent for path in source.rglob(LOGS)})
    if len(folders) > 1:
        raise UserError(f"{source} holds {folders[0]} and {folders[1]}: name one with --from")
    return folders[0] if folders else None


def read_kuairand(folder: Path) -> PublicLog:
    """Read the logs of the standard policy and the features of videos and users."""
    basics, profiles = (_find_only(folder, pattern) for pattern in (BASICS, USERS))
    parts = [CsvFile(path, LOG_FIELDS, HINT).read(may_be_empty=True).frame for path in sorted(folder.glob(LOGS))]
    log = (
        pl.concat(parts)
        .drop("line")
        .with_columns(time=pl.col("time_ms") // 1000, action=(pl.col("is_click") == 1) * CLICK)
    )
    videos = CsvFile(basics, VIDEO_FIELDS, HINT).read(key="video_id").frame
    videos = videos.with_columns(
        (pl.col("video_duration").replace(0.0, None) / 1000).log(2).floor().alias("duration_class"),
        pl.col("tag").str.split(",").list.first().alias("first_tag"),
    )
    name = f"KuaiRand {basics.stem.rpartition('_')[2]}"
    return build_log(name, log, videos, CsvFile(profiles, USER_FIELDS, HINT).read(key="user_id").frame)


def _find_only(folder: Path, pattern: str) -> Path:
    paths = sorted(folder.glob(pattern))
    if len(paths) != 1:
        raise UserError(f"{folder} has {len(paths)} files {pattern} where one is expected; {HINT}")
    return paths[0]


def build_log(name: str, log: pl.DataFrame, videos: pl.DataFrame, users: pl.DataFrame) -> PublicLog:
    """Ask the host's question of a log of user_id, video_id, action and time (seconds), in any order of users.

    ``videos`` and ``users`` have the columns of ``ITEM_COLUMNS`` and ``USER_COLUMNS``.
    """
    if not log.height:
        raise UserError(f"{name} has no exposure; {HINT}")
    reference = find_reference(log["time"])
    log = log.sort("user_id", "time", maintain_order=True).with_columns(
        position=pl.int_range(pl.len()).over("user_id"), is_new=pl.col("video_id").is_first_distinct().over("user_id")
    )
    # A user's first event has no history to answer from.
    asked = pl.all_horizontal("is_new", pl.col("position") > 0, pl.col("time") >= reference, pl.col("action") == CLICK)
    log = log.with_columns(end=pl.col("position").filter(asked).min().over("user_id"))
    truth = log.filter(pl.col("position") == pl.col("end"))
    seen = log.filter(pl.col("position") < pl.col("end").fill_null(log.height))
    seen = seen.group_by("user_id", maintain_order=True).tail(MOST_EVENTS)
    around = log.filter((pl.col("time") - reference).abs() <= AROUND_S)
    candidates = pl.concat([truth["video_id"], around["video_id"]]).unique()
    items, people = pl.concat([seen["video_id"], candidates]).unique().sort(), log["user_id"].unique().sort()
    target = np.full(len(people), -1)
    target[people.search_sorted(truth["user_id"])] = items.search_sorted(truth["video_id"])
    return PublicLog(
        name=name,
        items=items,
        events=seen.select(
            people.search_sorted(seen["user_id"]).alias("user").cast(pl.Int64),
            items.search_sorted(seen["video_id"]).alias("item").cast(pl.Int64),
            "action",
            "time",
        ),
        target=target,
        candidates=np.sort(items.search_sorted(candidates).cast(pl.Int64).to_numpy()),
        attributes=encode_columns(items, videos, ITEM_COLUMNS, ITEM_FEATURES),
        profiles=encode_columns(people, users, USER_COLUMNS, tuple(USER_FEATURES)),
    )


def find_reference(time: pl.Series) -> int:
    """The midnight in China with nearest to ``BEHIND`` of all events at it or behind it."""
    days = ((time + CHINA_S) // DAY_S).value_counts().sort("time")
    behind = days.select("time", share=pl.col("count").cum_sum(reverse=True) / len(time))
    best = (behind["share"] - BEHIND).abs().arg_min()
    assert best is not None, "a log has a day"
    return int(behind["time"][best]) * DAY_S - CHINA_S
