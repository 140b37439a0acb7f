"""What the files decide, and what a user's own word overrides."""

from pathlib import Path

import polars as pl
import pytest

from common.engine.errors import UserError
from competitions.mgtv import plan
from competitions.mgtv.competition import COMPETITION
from competitions.mgtv.config import BLOCKS
from competitions.mgtv.features.build import EXTRA_BLOCKS
from competitions.mgtv.io import reader
from tests.unit.mgtv.mgtv_raw_files import HOST, locate, plays, videos

SOME, NONE = pl.DataFrame({"device": [0]}), pl.DataFrame({"device": []})
PLAIN = COMPETITION.load_config([], tuned=False)


def day(play: list[float], devices: int = 1) -> pl.DataFrame:
    """Plays of the first video, in seconds, each by a device of its own among ``devices`` at least."""
    count = max(len(play), devices)
    plays = [*play, *[None] * (count - len(play))]
    return pl.DataFrame(
        {"device": range(count), "video": [0] * count, "clicked": [True] * count, "play": plays},
        schema_overrides={"play": pl.Float32},
    )


def choose(days: list[pl.DataFrame], *settings: str, looped: float = 0.0) -> plan.Choices:
    asked = plan.list_open(COMPETITION.load_config(settings, tuned=False))
    return plan.choose_settings(days, SOME, SOME, looped, asked)


def measure(folder: Path, *lines: str) -> tuple[float, pl.DataFrame]:
    """The share of plays that looped, and the log; videos 10 and 11, of ten seconds and of unknown length."""
    table = videos("10,1,2,10,3,4,5,6,7,8", "11,1,2,,3,4,5,6,7,8")
    files = locate(folder, play=plays(*lines), videos=table)
    codes = reader.learn_codes(files)
    log = reader.read_day(files.days[0], codes, HOST).frame
    return plan.share_looped(files.days, reader.read_videos(files, codes, HOST).frame), log


def look(folder: Path, *seconds: float | str) -> float:
    """The share of plays that looped, of devices that play the first video once."""
    return measure(folder, *(f"d{number},10,{one}" for number, one in enumerate(seconds)))[0]


@pytest.mark.parametrize(("long_plays", "clip"), [(0, 0.0), (1, 0.0), (2, 1.0), (30, 1.0)])
def test_rates_are_clipped_where_videos_loop(tmp_path: Path, long_plays: int, clip: float) -> None:
    looped = look(tmp_path, *[16.0] * long_plays, *[5.0] * (100 - long_plays))
    assert looped == pytest.approx(long_plays / 100)
    assert choose([day([5.0])], looped=looped).clip == clip
    assert choose([day([5.0])], "truth.clip=0.7", looped=looped).clip == 0.7


def test_two_viewings_of_a_video_are_no_loop(tmp_path: Path) -> None:
    """Added up, as the label has them, they are longer than a loop."""
    looped, log = measure(tmp_path, *(f"d{number},10,{seconds}" for number in range(50) for seconds in (9.0, 9.5)))
    assert log["play"].drop_nulls().to_list() == [18.5] * 50
    assert looped == 0.0


def test_a_play_of_a_second_too_many_is_no_loop_and_one_without_a_length_says_nothing(tmp_path: Path) -> None:
    assert look(tmp_path, *[11.0] * 50) == 0.0
    assert look(tmp_path, 16.0, 5.0, "", 0, -3, 86_401) == 0.5
    assert measure(tmp_path, "a,11,900", "a,12,900", "a,10,5")[0] == 0.0
    assert plan.share_looped([], pl.DataFrame()) == 0.0


@pytest.mark.parametrize(("lists", "days"), [(50, 12), (6_000, 10), (10_000, 6), (12_000, 5), (30_000, 5)])
def test_where_a_day_gives_few_lists_more_days_are_learned_from(lists: int, days: int) -> None:
    assert choose([day([5.0], lists)]).train_days == days


def test_blocks_without_data_are_left_out_of_every_model() -> None:
    choices = plan.choose_settings([day([5.0])], NONE, NONE, 0.0, plan.list_open(PLAIN))
    assert set(BLOCKS) - set(choices.blocks) == {"profile", "comment"}
    settled = plan.settle(PLAIN, choices)
    assert settled.watch.blocks == ("video", "device", "pair", "list")
    assert not {"profile", "comment"} & {*settled.completion.blocks, *settled.features.blocks}
    whole = plan.settle(PLAIN, choose([day([5.0])]))
    assert (whole.features.blocks, whole.watch.blocks) == (BLOCKS, ("video", "device", "pair", "list", "comment"))
    assert whole.completion.blocks == ("video", "device", "pair", "profile", "comment")


def settle(*settings: str) -> tuple[tuple[str, ...], ...]:
    """The blocks that are built, those of the choice and those of the completion."""
    config = COMPETITION.load_config(settings, tuned=False)
    settled = plan.settle(config, choose([day([5.0])], *settings))
    return settled.features.blocks, settled.watch.blocks, settled.completion.blocks  # type: ignore[return-value]


def test_a_registered_block_is_on_and_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRA_BLOCKS, "length", lambda history, slates, videos: slates.rows)
    assert all(blocks[-1] == "length" for blocks in settle())
    assert not any("length" in blocks for blocks in settle("features.blocks=-length"))
    assert [("length" in blocks) for blocks in settle("watch.blocks=-length")] == [True, False, True]
    assert [("length" in blocks) for blocks in settle("watch.blocks=pair")] == [True, False, True]


def test_a_model_without_a_block_is_refused() -> None:
    with pytest.raises(UserError, match=r"watch\.blocks has no block that is built"):
        settle("features.blocks=profile")
    config = COMPETITION.load_config(["features.blocks=-video,-device,-pair,-list"], tuned=False)
    with pytest.raises(UserError, match=r"features\.blocks has no block .* data in these files"):
        plan.settle(config, plan.choose_settings([day([5.0])], NONE, NONE, 0.0, plan.list_open(config)))
