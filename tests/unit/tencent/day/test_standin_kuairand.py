"""KuaiRand's log becomes the release layout: each history ends before the user's first click on what is new to him."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from common.engine.errors import UserError
from competitions.tencent.day import standin_kuairand
from competitions.tencent.day.standin import convert
from competitions.tencent.day.standin_kuairand import find_folder, find_reference, read_kuairand
from competitions.tencent.io import reader
from competitions.tencent.io.schema import ITEM_FEATURES, USER_FEATURES

FIRST_S = 1_650_816_000  # 2022-04-25 00:00 in China
DAY = 86_400
# user, video, day, second, click; a fifth lies on day 2. User 9 fills day 0.
FIRST_LOG = [(7, 11, 0, 20, 1), (7, 10, 0, 10, 0), (3, 10, 0, 30, 0), *((9, 20, 0, second, 0) for second in range(23))]
SECOND_LOG = [
    (3, 12, 1, 7, 1),
    (7, 10, 1, 5, 0),
    (7, 11, 2, 1, 1),  # clicked, but not new
    (7, 12, 2, 2, 0),  # new, but not clicked
    (7, 13, 2, 3, 1),  # the target
    (7, 14, 2, 9, 1),  # hidden
    (5, 13, 2, 4, 1),  # new and clicked, with nothing before it
    (5, 16, 2, 8, 1),  # the target
    (3, 15, 2, 50, 0),
]
VIDEOS = """video_id,author_id,video_type,upload_type,video_duration,music_id,music_type,tag,server_width
10,1,NORMAL,ShortImport,8000,5,9,"39,6",720
11,1,AD,LongImport,9000,,9,39,720
12,2,NORMAL,PictureSet,0,6,4,,720
13,3,NORMAL,ShortImport,40000,5,9,8,720
"""
PROFILES = f"""user_id,{",".join(standin_kuairand.USER_COLUMNS.values())}
3,full_active,0,"[1,10)",0,730+
5,high_active,"(0,10]","[1,10)",,61-90
7,full_active,"(0,10]",0,0,730+
"""


@pytest.fixture
def kuairand(tmp_path: Path) -> Path:
    folder = tmp_path / "KuaiRand-Pure" / "data"
    folder.mkdir(parents=True)
    for name, rows in (("4_08_to_4_21", FIRST_LOG), ("4_22_to_5_08", SECOND_LOG)):
        lines = [
            f"{user},{video},{1000 * (FIRST_S + day * DAY + second) + 7},{click},1"
            for user, video, day, second, click in rows
        ]
        header = "user_id,video_id,time_ms,is_click,is_like"
        (folder / f"log_standard_{name}_pure.csv").write_text("\n".join([header, *lines]) + "\n")
    (folder / "log_random_4_22_to_5_08_pure.csv").write_text("not read")
    (folder / "video_features_basic_pure.csv").write_text(VIDEOS)
    (folder / "user_features_pure.csv").write_text(PROFILES)
    return tmp_path


def test_histories_end_before_the_first_new_click_behind_the_reference(
    kuairand: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standin_kuairand, "MOST_EVENTS", 4)
    log = read_kuairand(kuairand / "KuaiRand-Pure" / "data")
    people = [3, 5, 7, 9]
    seen = log.events.with_columns(
        user=log.events["user"].replace_strict(list(range(4)), people),
        item=log.items.gather(log.events["item"]),
        time=pl.col("time") - FIRST_S,
    )
    assert seen.filter(pl.col("user") < 9).rows() == [
        (3, 10, 0, 30),
        (3, 12, 1, DAY + 7),
        (3, 15, 0, 2 * DAY + 50),
        (5, 13, 1, 2 * DAY + 4),
        (7, 11, 1, 20),  # the first of five is beyond the last four
        (7, 10, 0, DAY + 5),
        (7, 11, 1, 2 * DAY + 1),
        (7, 12, 0, 2 * DAY + 2),
    ]
    assert seen.filter(pl.col("user") == 9)["time"].to_list() == [19, 20, 21, 22]
    targets = [None if item < 0 else log.items[int(item)] for item in log.target]
    assert dict(zip(people, targets, strict=True)) == {3: None, 5: 16, 7: 13, 9: None}
    assert log.items.gather(log.candidates).to_list() == [10, 11, 12, 13, 14, 15, 16]  # not 20, shown two days before


def test_fields_of_videos_and_users(kuairand: Path) -> None:
    log = read_kuairand(kuairand / "KuaiRand-Pure" / "data")
    names = "100", "101", "114", "115", "117", "118", "121", "122"
    table = log.attributes[:, [ITEM_FEATURES.index(name) for name in names]]
    assert log.items.to_list() == [10, 11, 12, 13, 14, 15, 16, 20]
    # type, upload, kind of music, class of the duration (8 and 9 s alike), first tag, tags, music, author
    assert table[:5].tolist() == [
        [1, 2, 1, 0, 0, 1, 0, 0],
        [0, 0, 1, 0, 0, 0, -1, 0],
        [1, 1, 0, -1, -1, -1, 1, 1],
        [1, 2, 1, 1, 1, 2, 0, 2],
        [-1] * 8,
    ]
    assert (np.delete(log.attributes, [ITEM_FEATURES.index(name) for name in names], 1) == -1).all()
    profile = log.profiles[:, [list(USER_FEATURES).index(name) for name in ("103", "104", "105", "106", "109")]]
    assert profile.tolist() == [[0, 1, 1, 0, 1], [1, 0, 1, -1, 0], [0, 0, 0, 0, 1], [-1] * 5]


def test_the_folder_is_written_and_read_without_a_note_but_of_what_it_lacks(kuairand: Path, tmp_path: Path) -> None:
    dataset = convert(kuairand, tmp_path / "out")
    assert dataset.source == "KuaiRand pure"
    rows = {"users": 4, "events": 32, "items": 6, "candidates": 7, "unseen candidates": 2, "truth": 2}
    assert dataset.rows == rows
    corpus = reader.read_corpus(reader.locate(tmp_path / "out"))
    assert corpus.notes == ()
    assert (len(corpus.test.item), len(corpus.candidates), corpus.catalogue.known) == (32, 7, 6)
    truth = pl.read_csv(tmp_path / "out" / "truth.csv")
    assert truth.columns == ["user_id", "user", "creative_id"]
    targets = corpus.catalogue.rows_of(truth["creative_id"].to_numpy())
    assert sorted(row > corpus.catalogue.known for row in targets) == [False, True]  # nobody saw video 16
    assert np.isin(targets, corpus.candidates).all()


def test_the_reference_is_the_midnight_with_a_fifth_behind_it() -> None:
    time = FIRST_S + DAY * pl.Series("time", [0] * 50 + [1] * 31 + [2] * 9 + [3] * 10)
    assert find_reference(time) == FIRST_S + 2 * DAY
    assert find_reference(pl.Series("time", [FIRST_S + DAY - 1])) == FIRST_S


def test_other_folders(kuairand: Path) -> None:
    folder = kuairand / "KuaiRand-Pure" / "data"
    assert find_folder(kuairand) == find_folder(folder) == folder
    (folder / "user_features_1k.csv").write_text(PROFILES)
    with pytest.raises(UserError, match=r"2 files user_features_\*\.csv where one is expected"):
        convert(folder, kuairand / "out")
    other = kuairand / "KuaiRand-1K"
    other.mkdir()
    (other / "log_standard_1k.csv").write_text("user_id,video_id,time_ms,is_click\n")
    with pytest.raises(UserError, match="name one with --from"):
        convert(kuairand, kuairand / "out")
    for name in ("video_features_basic_1k.csv", "user_features_1k.csv"):
        (other / name).write_text((folder / name.replace("1k", "pure")).read_text())
    with pytest.raises(UserError, match="KuaiRand 1k has no exposure"):
        convert(other, kuairand / "out")
