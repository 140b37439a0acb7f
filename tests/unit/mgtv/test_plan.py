"""What the files decide, and what a user's own word overrides."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from common.engine.errors import UserError
from competitions.mgtv import plan
from competitions.mgtv.competition import COMPETITION
from competitions.mgtv.config import BLOCKS, MgtvConfig
from competitions.mgtv.features.build import EXTRA_BLOCKS
from competitions.mgtv.io import reader
from tests.unit.mgtv.mgtv_raw_files import HOST, locate, plays, videos

FACTS = plan.Facts(looped=0.0, lists=6_000, days=12, empty=())


def settle(*settings: str, **facts: Any) -> MgtvConfig:
    """The settings after the decisions."""
    return plan.settle(COMPETITION.load_config(settings, tuned=False), replace(FACTS, **facts))[0]


def measure(folder: Path, *lines: str) -> tuple[float, pl.DataFrame]:
    """The share of plays that looped, and the log; videos 10 and 11, of ten seconds and of unknown length."""
    table = videos("10,1,2,10,3,4,5,6,7,8", "11,1,2,,3,4,5,6,7,8")
    files = locate(folder, play=plays(*lines), videos=table)
    codes = reader.learn_codes(files)
    log = reader.read_day(files.days[0], codes, HOST).frame
    return plan.share_looped(files.days, reader.read_videos(files, codes).frame), log


def look(folder: Path, *seconds: float | str) -> float:
    """The share of plays that looped, of devices that play the first video once."""
    return measure(folder, *(f"d{number},10,{one}" for number, one in enumerate(seconds)))[0]


@pytest.mark.parametrize(("long_plays", "clip"), [(0, 0.0), (1, 0.0), (2, 1.0), (30, 1.0)])
def test_rates_are_clipped_where_videos_loop(tmp_path: Path, long_plays: int, clip: float) -> None:
    looped = look(tmp_path, *[16.0] * long_plays, *[5.0] * (100 - long_plays))
    assert looped == pytest.approx(long_plays / 100)
    assert settle(looped=looped).truth.clip == clip
    assert settle("truth.clip=0.7", looped=looped).truth.clip == 0.7


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


@pytest.mark.parametrize(("lists", "days", "seeds"), [(2_000, 9, 5), (6_000, 9, 1), (6_000, 5, 5)])
def test_several_fits_are_averaged_where_there_are_few_lists_to_learn_from(lists: int, days: int, seeds: int) -> None:
    """Of five days two validate and one has no past."""
    assert settle(lists=lists, days=days).watch.seeds == seeds
    assert settle("watch.seeds=2", lists=lists, days=days).watch.seeds == 2


def test_the_files_are_measured() -> None:
    """Two, one and three devices click on a day; there are profiles and no comments."""
    days = [pl.DataFrame({"device": devices, "clicked": True}) for devices in ([0, 0, 1], [2], [3, 4, 5])]
    days[1] = pl.concat([days[1], days[2].with_columns(clicked=False)])
    facts = plan.measure_files([], days, pl.DataFrame(), pl.DataFrame({"device": [0]}), pl.DataFrame())
    assert facts == plan.Facts(0.0, 2.0, 3, ("comment",))


def test_blocks_without_data_are_left_out_of_every_model() -> None:
    settled = settle(empty=("profile", "comment"))
    assert settled.features.blocks == settled.watch.blocks == ("video", "device", "pair", "list")
    assert settled.completion.blocks == ("video", "device", "pair")
    whole = settle()
    assert whole.features.blocks == whole.watch.blocks == ("video", "device", "pair", "list", "comment")
    assert whole.completion.blocks == ("video", "device", "pair", "comment")


def test_profiles_of_an_unknown_date_are_used_only_where_a_setting_says_so() -> None:
    config = COMPETITION.load_config((), tuned=False)
    assert "profiles, whose date is unknown" in plan.settle(config, FACTS)[1][-1].reason
    assert "profiles" not in plan.settle(config, replace(FACTS, empty=("profile",)))[1][-1].reason
    assert list_chosen("completion.blocks=+profile")[0] == BLOCKS
    built, watch, completion = list_chosen("completion.blocks=+profile", "features.blocks=-list")
    assert [("profile" in blocks) for blocks in (built, watch, completion)] == [True, False, True]


def list_chosen(*settings: str) -> tuple[tuple[str, ...], ...]:
    """The blocks that are built, those of the choice and those of the completion."""
    settled = settle(*settings)
    return settled.features.blocks, settled.watch.blocks, settled.completion.blocks  # type: ignore[return-value]


def test_a_registered_block_is_on_and_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRA_BLOCKS, "length", lambda history, slates, videos: slates.rows)
    assert all(blocks[-1] == "length" for blocks in list_chosen())
    assert [("length" in blocks) for blocks in list_chosen("watch.blocks=-length")] == [True, False, True]


def test_a_model_without_a_block_is_refused() -> None:
    with pytest.raises(UserError, match=r"watch\.blocks has no block that is built"):
        settle("features.blocks=profile")
    with pytest.raises(UserError, match=r"features\.blocks has no block .* data in these files"):
        settle("features.blocks=-video,-device,-pair,-list", empty=("profile", "comment"))


def test_models_on_blocks_that_are_not_built_are_refused() -> None:
    for model in ("watch", "completion"):
        with pytest.raises(UserError, match=rf"{model}\.blocks: there is no pair; choose among video, device"):
            COMPETITION.load_config(["features.blocks=-pair", f"{model}.blocks=pair"])
