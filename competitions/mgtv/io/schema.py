"""The layout of the host's files: the folders, the columns that are read, and what each holds.

Paths are Chinese, in UTF-8. Files are CSV with a header, their columns are found by name, further columns are not read.
"""

from pathlib import Path

SHOWS = "用户历史曝光数据"  # impressions: dayDD/did_show_dataDD.csv
CLICKS = "用户历史点击数据"  # clicks: dayDD/dayDD_data.csv
PLAYS = "用户历史播放数据"  # seconds played: dayDD/dayDD_data.csv
VIDEOS = "vid_info/vid_info_table.csv"
PROFILES = "did_features/did_features_table.csv"
COMMENTS = "弹幕文本数据"  # time-synced comments: {i}.xlsx, optional
COMMENT_SHEET = "Sheet1"
# Of the test, {board} stands for A or B. A: seen in public code; B: by analogy.
ASKED = "{board}榜待预测的did/test{board}_pred_did.csv"
SHOWN = "{board}榜用户曝光数据/test{board}_did_show.csv"

SHOW_COLUMNS = ("did", "vid")
CLICK_COLUMNS = ("did", "vid", "click_time")
PLAY_COLUMNS = ("did", "vid", "play_time")
VIDEO_COLUMNS = (
    "vid",
    "item_cid",
    "item_type",
    "item_duration",
    "item_assetSource",
    "item_classify",
    "item_isIntact",
    "item_serialno",
    "sid",
    "stype",
)
NUMBERS = tuple(f"f{i}" for i in range(87))
WORD = "f87"
PROFILE_COLUMNS = ("did", *NUMBERS, WORD)
COMMENT_COLUMNS = ("videoid", "content", "ctime", "etime")
SUBMISSION_COLUMNS = ("did", "vid", "completion_rate")

# The words for nothing that ``pandas.read_csv`` takes for a null; the host's readers are written in pandas.
NULLS = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)
WHERE = (
    "put the host's files in data/mgtv/raw or name their folder with RAW=DIR (MGTV Malanshan Cup 2025, "
    "challenge.ai.mgtv.com)"
)


def short_name(path: Path) -> str:
    """The path as the host's layout has it: clicks and plays of a day have one file name, their folders tell them."""
    return "/".join(path.parts[-3 if path.parent.name.startswith("day") else -2 :])


def show_path(day: int) -> str:
    """The impressions of a day, 1 .. 30."""
    return f"{SHOWS}/day{day:02d}/did_show_data{day:02d}.csv"


def click_path(day: int) -> str:
    """The clicks of a day."""
    return f"{CLICKS}/day{day:02d}/day{day:02d}_data.csv"


def play_path(day: int) -> str:
    """The plays of a day."""
    return f"{PLAYS}/day{day:02d}/day{day:02d}_data.csv"
