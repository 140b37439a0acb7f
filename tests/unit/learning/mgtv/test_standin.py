"""KuaiRand-Pure in the host's layout, by hand: days, first clicks, the test devices, the truth, the tables."""

import hashlib
from pathlib import Path

import polars as pl
import pytest

from common.engine.errors import UserError
from competitions.learning.mgtv.standin import FIRST_DAY_MS, convert
from competitions.learning.mgtv.standin_tables import convert_videos
from competitions.mgtv.io import reader, schema
from tests.unit.mgtv.mgtv_raw_files import HOST

LOG_HEADER = "user_id,video_id,date,hourmin,time_ms,is_click,is_like,play_time_ms,duration_ms,is_rand,tab"
VIDEO_HEADER = (
    "video_id,author_id,video_type,upload_dt,upload_type,visible_status,video_duration,server_width,server_height,"
    "music_id,music_type,tag"
)
VIDEOS = (
    "0,50,NORMAL,2022-03-02,LongImport,1,20000.0,720,1280,900,9,12",
    '1,50,NORMAL,2022-03-01,ShortImport,1,10633.0,720,1280,800,9,"3,12"',
    "2,60,AD,2022-03-05,ShortImport,1,8000.0,720,1280,900,4,3",
    "3,70,NORMAL,2022-03-05,PictureSet,1,,720,1280,,,",
)
ONE_HOTS = ",".join(str(number) for number in range(18))
USERS = (
    f'5,full_active,0,-124,1,11,"(10,50]",9,"[1,10)",250,250+,366,366-730,{ONE_HOTS}',
    f"6,high_active,0,1,0,0,0,0,0,0,0,14,8-14,{ONE_HOTS}",
    f'7,UNKNOWN,1,0,0,501,500+,1000000,x,4,"[1,5)",731,730+,{"," * 17}',
    f"8,low_active,0,0,0,1,x,1,x,1,x,15,x,{ONE_HOTS}",
)
USER_HEADER = (
    "user_id,user_active_degree,is_lowactive_period,is_live_streamer,is_video_author,follow_user_num,"
    "follow_user_num_range,fans_user_num,fans_user_num_range,friend_user_num,friend_user_num_range,register_days,"
    "register_days_range," + ",".join(f"onehot_feat{number}" for number in range(18))
)
DAY_MS = 86_400_000
DID = {user: hashlib.md5(f"d{user}".encode()).hexdigest() for user in (5, 6, 7, 8)}
RANKED = sorted(range(4), key=lambda video: hashlib.md5(f"v{video}".encode()).hexdigest())
VID = {video: 10_000_001 + rank for rank, video in enumerate(RANKED)}


def event(user: int, video: int, day: int, second: int, click: int = 0, play: int = 0) -> str:
    time_ms = FIRST_DAY_MS + (day - 1) * DAY_MS + second * 1000
    return f"{user},{video},20220425,0,{time_ms},{click},0,{play},0,0,1"


LOG = (
    *(event(5, 0, day, 10, 1, 5000) for day in range(2, 9)),
    # Day 1: shown twice, the second click of a video does not count; a click without a play; a device without a click.
    event(5, 0, 1, 86_399, 1, 9999),
    event(5, 0, 1, 100, 1, 1234),
    event(5, 1, 1, 50),
    event(6, 1, 1, 3600, 1, 0),
    event(7, 3, 1, 7),
    # Day 9: 5 clicks two videos, the later one listed first; 6 watches to the end and on; 7 a picture; 8 one video.
    event(5, 2, 9, 90, 1, 4000),
    event(5, 0, 9, 60, 1, 5000),
    event(6, 1, 9, 5, 1, 20_000),
    event(6, 2, 9, 1),
    event(7, 3, 9, 5, 1, 3000),
    event(7, 0, 9, 9),
    event(8, 0, 9, 9, 1, 100),
    event(8, 0, 10, 9, 1, 100),
    event(8, 1, 0, 9, 1, 100),
)


def write(folder: Path, log: tuple[str, ...] = LOG) -> Path:
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    for name, lines in {
        "log_standard_4_22_to_5_08_pure.csv": (LOG_HEADER, *log),
        "user_features_pure.csv": (USER_HEADER, *USERS),
        "video_features_basic_pure.csv": (VIDEO_HEADER, *VIDEOS),
    }.items():
        (data / name).write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def converted(tmp_path: Path) -> Path:
    dataset = convert(write(tmp_path / "KuaiRand-Pure"), tmp_path / "out")
    assert dataset.rows == {"impressions": 11, "videos": 4, "devices": 3, "test devices": 3, "truth": 2}
    assert dataset.submission == "result.csv"
    return tmp_path / "out"


def test_a_day_has_one_row_for_each_device_and_video_and_its_first_click(converted: Path) -> None:
    shown = pl.read_csv(converted / schema.show_path(1))
    assert shown.rows() == sorted({(DID[5], VID[0]), (DID[5], VID[1]), (DID[6], VID[1]), (DID[7], VID[3])})
    clicks, plays = pl.read_csv(converted / schema.click_path(1)), pl.read_csv(converted / schema.play_path(1))
    assert clicks.rows() == [
        (DID[5], VID[0], 50, "2022-04-25 00:01:40"),
        (DID[6], VID[1], 50, "2022-04-25 01:00:00"),
    ]
    assert plays.rows() == [(DID[5], VID[0], 50, 1.234)]


def test_devices_with_two_videos_and_a_click_are_asked_for_it_where_its_rate_is_known(converted: Path) -> None:
    devices = pl.read_csv(converted / schema.ASKED.format(board="A"))["did"].to_list()
    assert devices == sorted(DID[user] for user in (5, 6, 7))
    shown = pl.read_csv(converted / schema.SHOWN.format(board="A"))
    pairs = ((5, 0), (5, 2), (6, 1), (6, 2), (7, 3), (7, 0))
    assert set(shown.rows()) == {(DID[user], VID[video]) for user, video in pairs}
    truth = pl.read_csv(converted / "truth.csv").sort("completion_rate")
    assert truth.rows() == [(DID[5], VID[0], 0.25), (DID[6], VID[1], 1.0)]


def test_the_reader_takes_it_without_a_fault(converted: Path) -> None:
    files = reader.locate(converted, HOST)
    codes = reader.learn_codes(files)
    days = [reader.read_day(day, codes, HOST) for day in files.days]
    test, videos, profiles = (
        read(files, codes) for read in (reader.read_test, reader.read_videos, reader.read_profiles)
    )
    assert [day.day for day in files.days] == list(range(1, 9))
    assert [day.frame.height for day in days] == [4, *[1] * 7]
    assert (test.queries.height, test.shown.height, profiles.frame.height) == (3, 6, 3)
    notes = {note.what for part in (files, *days, test, videos, profiles) for note in part.notes}
    # Of the set itself: pictures have no duration, most of the host's profile has no counterpart.
    assert notes == {"item_duration blank", "column without a value (f25, f26, f27, …)"}


def test_videos(tmp_path: Path) -> None:
    path = write(tmp_path) / "data" / "video_features_basic_pure.csv"
    videos = convert_videos(path)
    assert videos["vid"].to_list() == [10_000_001, 10_000_002, 10_000_003, 10_000_004]
    assert videos["video_id"].to_list() == RANKED
    columns = [*schema.VIDEO_COLUMNS[1:]]
    rows = {row[0]: row[1:] for row in videos.select("video_id", *columns).rows()}
    # Types and sources by frequency; tags (3), (3, 12), (12) in this order; music 800, 900; episodes by upload.
    assert rows == {
        0: (50, 1, 20.0, 2, 3, 1, 2, 2, 9),
        1: (50, 1, 10.633000000000001, 1, 2, 0, 1, 1, 9),
        2: (60, 2, 8.0, 1, 1, 0, 1, 2, 4),
        3: (70, 1, None, 3, 0, 0, 1, 0, 0),
    }


@pytest.mark.parametrize(
    ("log", "fault"),
    [
        ((*LOG, event(5, 9, 3, 1)), "video_id 9 is not in video_features_basic_pure.csv"),
        ((*LOG, event(9, 0, 3, 1)), "user_features_pure.csv has no user 9 and 0 more of the log"),
        (tuple(line for line in LOG if line != LOG[2]), "has no row of day 4"),
    ],
)
def test_odd_logs_are_refused(tmp_path: Path, log: tuple[str, ...], fault: str) -> None:
    with pytest.raises(UserError, match="download KuaiRand-Pure") as caught:
        convert(write(tmp_path / "source", log), tmp_path / "out")
    assert fault in str(caught.value)
    assert not (tmp_path / "out").exists()
