"""The MGTV simulator: the host's layout, marginals, what the files let one learn."""

import math

import polars as pl
import pytest

from common.day.hosts import REPORT
from common.simulation.writer import Simulation
from competitions.mgtv.io import schema
from competitions.mgtv.simulator import calibration, comments, profiles, simulate
from competitions.mgtv.simulator.catalogue import make_catalogue
from competitions.mgtv.simulator.constants import measure_sizes
from competitions.mgtv.simulator.users import make_users

SCALE, SEED = 0.006, 3


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    """One simulation, shared by the tests that only read."""
    return simulate.simulate(tmp_path_factory.mktemp("simulated") / "raw", SCALE, SEED)


@pytest.fixture(scope="module")
def videos(made: Simulation) -> pl.DataFrame:
    return pl.read_csv(made.folder / schema.VIDEOS)


def test_the_layout_is_whole_and_nothing_else_is_there(made: Simulation) -> None:
    paths = {path(day) for day in range(1, 31) for path in (schema.show_path, schema.click_path, schema.play_path)}
    paths |= {schema.VIDEOS, schema.PROFILES, schema.ASKED.format(board="A"), schema.SHOWN.format(board="A")}
    paths |= {f"{schema.COMMENTS}/{number}.xlsx" for number in (1,)} | {"truth.csv", REPORT}
    found = {str(path.relative_to(made.folder)) for path in made.folder.rglob("*") if path.is_file()}
    assert found == paths


def test_the_report_counts_what_is_in_the_files(made: Simulation, videos: pl.DataFrame) -> None:
    for name, path in (("impressions", schema.show_path), ("clicks", schema.click_path), ("clicks", schema.play_path)):
        rows = sum(pl.read_csv(made.folder / path(day)).height for day in range(1, 31))
        assert made.rows[name] == rows, name
    assert made.rows["truth"] == pl.read_csv(made.truth).height == made.oracle.queries
    assert made.rows["videos"] == videos.height == videos["vid"].n_unique()
    assert measure_sizes(1.0).devices == 1_500_000


def test_profiles_tell_of_taste_patience_and_activity(made: Simulation) -> None:
    rows = pl.read_csv(made.folder / schema.PROFILES, infer_schema_length=None)
    people = make_users(made.rows["devices"], SEED)
    assert rows["did"].to_list() == people.did.to_list()
    assert all(0 < rows[f"f{at}"].null_count() < rows.height for at in range(87))
    traits = pl.DataFrame(
        {"f3": people.taste[:, 2], "f14": people.patience, "f18": people.activity, "f40": people.activity}
    )
    told = [rows.select(pl.corr(name, traits[name])).item() for name in ("f3", "f14", "f18")]
    assert all(one == pytest.approx(1 / math.hypot(1, profiles.NOISE), abs=0.03) for one in told)
    assert abs(rows.select(pl.corr("f40", traits["f40"])).item()) < 0.04
    means = rows.with_columns(activity=pl.Series(people.activity)).group_by("f87").agg(pl.col("activity").mean())
    ordered = means.drop_nulls().sort("activity")["f87"].to_list()
    assert ordered == list(profiles.WORDS)


def test_comments_tell_of_the_quality(made: Simulation, videos: pl.DataFrame) -> None:
    frame = pl.read_excel(made.folder / schema.COMMENTS / "1.xlsx", sheet_name=schema.COMMENT_SHEET)
    assert tuple(frame.columns) == schema.COMMENT_COLUMNS
    assert frame.height == made.rows["comments"]
    assert frame["ctime"].str.contains(r"^2025-06-\d\d \d\d:\d\d:\d\d$").all()
    joined = frame.join(videos, left_on="videoid", right_on="vid")
    assert (joined["etime"] <= joined["item_duration"] * 1000).all()
    catalogue = make_catalogue(measure_sizes(SCALE), SEED)
    quality = pl.DataFrame({"videoid": catalogue.videos.code, "quality": catalogue.videos.quality})
    toned = frame.join(quality, on="videoid")
    means = {
        words: toned.filter(pl.col("content").str.contains_any(list(words)))["quality"].mean()
        for words in (comments.GOOD, comments.PLAIN, comments.BAD)
    }
    assert means[comments.GOOD] > means[comments.PLAIN] + 0.2 > means[comments.BAD] + 0.4  # type: ignore[operator]


def test_the_truth_is_the_first_click_of_the_test_devices(made: Simulation) -> None:
    truth = pl.read_csv(made.truth)
    devices = pl.read_csv(made.folder / schema.ASKED.format(board="A"))["did"]
    shown = pl.read_csv(made.folder / schema.SHOWN.format(board="A"))
    assert truth["did"].to_list() == devices.to_list()
    assert devices.n_unique() == devices.len()
    assert (truth["completion_rate"] > 0).all()
    assert set(shown["did"]) == set(devices)
    assert truth.join(shown, on=["did", "vid"]).height == truth.height
    assert shown.height == shown.n_unique() == made.rows["shown"]


def test_marginals_are_near_what_is_known(made: Simulation) -> None:
    table = calibration.describe(made.folder)
    assert table["simulated"].is_not_null().all()
    known = {what: (value, target) for what, value, target, _ in table.iter_rows() if target is not None}
    width = {"clickers a day": 0.1, "clicks a clicker": 0.03, "pairs clicked once": 0.05}
    for what, share in width.items():
        assert known[what][0] == pytest.approx(known[what][1], rel=share), what
    value, target = known["clicked videos of a day that are new"]
    assert 0.08 < value < target
