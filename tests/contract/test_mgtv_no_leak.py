"""MGTV, block by block: nothing that came of a day, or came later, reaches a feature of that day."""

import dataclasses
import datetime
from collections.abc import Mapping

import polars as pl
import pytest

from competitions.mgtv import labels, split
from competitions.mgtv.competition import COMPETITION
from competitions.mgtv.config import BLOCKS
from competitions.mgtv.features import device_history, profile, target_encoding, video
from competitions.mgtv.features.build import Sources
from competitions.mgtv.features.comment import find_date, list_dates
from competitions.mgtv.io import reader
from competitions.mgtv.plan import Choices, Plan, settle
from competitions.mgtv.split import Slates
from tests.contract.mgtv import MGTV
from tests.contract.mgtv_planted import DAYS, FIRST_VID
from tests.unit.mgtv.mgtv_world import build

CONFIG = settle(COMPETITION.load_config([]), Choices(0.0, 5, BLOCKS, {}, ()))
DAY = 9  # that the leaks are planted for
OF_OUTCOMES = {"video", "device", "pair", "list", "profile"}  # every block but that of comments


@dataclasses.dataclass(frozen=True)
class World:
    """The planted files, read: what features are made of."""

    sources: Sources

    def see(self, log: pl.DataFrame) -> Sources:
        """The same with another log, and the tallies of that."""
        categories = profile.tally_categories(
            log, self.sources.profiles, self.sources.videos, CONFIG.features.categories
        )
        return dataclasses.replace(
            self.sources, log=log, tally=target_encoding.tally_videos(log), categories=categories
        )

    def draw_slates(self, day: int) -> Slates:
        """The slates of a day, as the pipeline draws them."""
        plan = Plan((), (), DAYS + 1, 1)
        return split.draw_slates(self.sources.log, plan, day, CONFIG.split, CONFIG.seed)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Read once."""
    folder = tmp_path_factory.mktemp("planted")
    MGTV.write_raw(folder / "raw", folder / "truth.csv")
    files, host = reader.locate(folder / "raw", CONFIG.host), CONFIG.host
    codes = reader.learn_codes(files)
    videos, profiles = reader.read_videos(files, codes, host).frame, reader.read_profiles(files, codes).frame
    days = [reader.read_day(day, codes, host) for day in files.days]
    log = labels.stack_log([day.frame for day in days], videos, CONFIG.truth)
    comments = reader.read_comments(files, codes, host).frame
    dates = list_dates([day.day for day in files.days], [day.date for day in days])
    return World(World(Sources(log, pl.DataFrame(), {}, videos, profiles, comments, dates)).see(log))


def describe(sources: Sources, slates: Slates) -> pl.DataFrame:
    """Every feature of the rows."""
    return build(sources, slates, CONFIG.features)


def turn(log: pl.DataFrame, day: int) -> pl.DataFrame:
    """Another outcome of every row from ``day`` on: clicked where it was not, played to another end."""
    late = pl.col("day") >= day
    moment = pl.col("day").cast(pl.Int64) * 86_400_000 + pl.int_range(pl.len())
    return log.with_columns(
        clicked=pl.col("clicked") ^ late,
        answer=pl.col("answer") ^ late,
        click_ms=pl.when(late & ~pl.col("clicked")).then(moment).when(~late).then("click_ms"),
        t=pl.when(late).then((1.3 - pl.col("t").fill_null(0.7)).abs()).otherwise("t").cast(pl.Float32),
    )


def find_changed(one: pl.DataFrame, other: pl.DataFrame) -> set[str]:
    """The blocks in which two frames of features differ."""
    assert one.columns == other.columns
    assert one.height == other.height > 500
    return {name.partition("_")[0] for name in one.columns if not one[name].equals(other[name])}


@pytest.mark.parametrize("day", [2, 6, DAYS])
def test_what_comes_of_a_day_and_later_changes_no_feature_of_it(world: World, day: int) -> None:
    slates, turned = world.draw_slates(day), world.see(turn(world.sources.log, day))
    assert find_changed(describe(world.sources, slates), describe(turned, slates)) == set()
    # The day after sees it, else there would be nothing to leak.
    later = dataclasses.replace(slates, day=day + 1)
    assert find_changed(describe(world.sources, later), describe(turned, later)) == OF_OUTCOMES


@pytest.mark.parametrize("day", [5, DAYS])
def test_a_day_is_served_as_if_it_had_not_come_yet(world: World, day: int) -> None:
    slates, before = world.draw_slates(day), world.see(world.sources.log.filter(pl.col("day") < day))
    unknown = {at: date for at, date in world.sources.dates.items() if at < day}
    as_test = dataclasses.replace(before, dates=unknown)
    assert find_changed(describe(world.sources, slates), describe(as_test, slates)) == set()


def include_the_day(log: pl.DataFrame, slates: Slates) -> pl.LazyFrame:
    """``before_day`` with the day itself."""
    return log.lazy().filter(pl.col("day") <= slates.day)


def weigh_the_day(tally: pl.DataFrame, keys: list[str], day: int, half_life: float) -> pl.DataFrame:
    """``sum_decayed`` with the day itself."""
    return target_encoding.sum_decayed(tally, keys, day + 1, half_life)


LEAKS: Mapping[str, tuple[object, str, object, set[str]]] = {
    "the device's day": (device_history, "before_day", include_the_day, {"device", "pair", "list"}),
    "counts of the day": (video, "sum_decayed", weigh_the_day, {"video", "pair", "list"}),
    "categories of the day": (profile, "sum_decayed", weigh_the_day, {"profile"}),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_would_be_seen(world: World, leak: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, function, leaky, blocks = LEAKS[leak]
    monkeypatch.setattr(module, function, leaky)
    slates, turned = world.draw_slates(DAY), world.see(turn(world.sources.log, DAY))
    assert find_changed(describe(world.sources, slates), describe(turned, slates)) == blocks


def test_only_comments_of_earlier_dates_are_counted(world: World) -> None:
    slates, date = world.draw_slates(DAY), find_date(world.sources.dates, DAY)
    assert date is not None
    for days, changed in ((0, set()), (1, set()), (-1, {"comment"})):
        added = world.sources.comments.with_columns(
            date=pl.lit(date + datetime.timedelta(days=days)), comments=pl.col("comments") * 50
        )
        talked = dataclasses.replace(world.sources, comments=pl.concat([world.sources.comments, added]))
        assert find_changed(describe(world.sources, slates), describe(talked, slates)) == changed, days


def test_without_a_date_no_comment_is_counted(world: World) -> None:
    undated = dataclasses.replace(world.sources, dates={})
    features = describe(undated, world.draw_slates(DAY))
    assert features["comment_log_number"].unique().to_list() == [0.0]


def test_slates_have_no_outcome(world: World) -> None:
    slates = world.draw_slates(DAY)
    assert slates.rows.columns == ["query", "device", "video", "position"]
    outcome = split.look_up_outcome(world.sources.log, slates)
    answers = slates.rows.filter(outcome["answer"])
    assert answers["query"].to_list() == slates.queries["query"].to_list()  # one each
    # The right video stands anywhere in its slate: its position carries no signal.
    positions = answers["position"].value_counts().sort("position")
    assert positions.height > 6
    assert positions["count"].max() < answers.height / 3  # type: ignore[operator]
    vids = world.sources.videos["vid"].gather(answers["video"])
    assert (vids >= FIRST_VID).all()  # one with a duration
