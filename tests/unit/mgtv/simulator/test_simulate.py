"""The MGTV simulator: the host's layout, marginals, what the files let one learn."""

import polars as pl
import pytest

from common.day.hosts import REPORT
from common.simulation.writer import Simulation
from competitions.mgtv.io import schema
from competitions.mgtv.simulator import calibration, comments, profiles, simulate
from competitions.mgtv.simulator.catalogue import make_catalogue
from competitions.mgtv.simulator.constants import measure_sizes

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
    paths |= {f"{schema.COMMENTS}/{number}.xlsx" for number in (1, 2)} | {"truth.csv", REPORT}
    found = {str(path.relative_to(made.folder)) for path in made.folder.rglob("*") if path.is_file()}
    assert found == paths


def test_the_report_counts_what_is_in_the_files(made: Simulation, videos: pl.DataFrame) -> None:
    for name, path in (("impressions", schema.show_path), ("clicks", schema.click_path), ("plays", schema.play_path)):
        rows = sum(pl.read_csv(made.folder / path(day)).height for day in range(1, 31))
        assert made.rows[name] == rows, name
    assert made.rows["truth"] == pl.read_csv(made.truth).height == made.oracle.queries
    assert made.rows["videos"] == videos.height == videos["vid"].n_unique()
    assert measure_sizes(1.0).devices == 1_500_000


def test_profiles_have_the_hosts_oddities(made: Simulation) -> None:
    rows = pl.read_csv(made.folder / schema.PROFILES, infer_schema_length=None)
    assert rows["did"].n_unique() == rows.height
    assert 0.98 < rows.height / made.rows["devices"] < 1
    assert rows["f67"].drop_nulls().n_unique() == 1
    assert all(rows[f"f{at}"].null_count() == rows.height for at in profiles.EMPTY)
    assert all(0 < rows[f"f{at}"].null_count() < rows.height for at in range(87) if at not in profiles.EMPTY)
    assert rows["f0"].n_unique() > 400
    assert rows["f68"].n_unique() > 300
    counts = rows["f29"].drop_nulls()
    assert (counts % 1 == 0).all()
    assert float(counts.max()) > 20 * float(counts.median())  # type: ignore[arg-type]
    assert set(rows["f87"].drop_nulls()) == set(profiles.WORDS)


def test_comments_tell_of_the_quality(made: Simulation, videos: pl.DataFrame) -> None:
    books = [
        pl.read_excel(made.folder / schema.COMMENTS / f"{number}.xlsx", sheet_name=schema.COMMENT_SHEET)
        for number in (1, 2)
    ]
    frame = pl.concat(books)
    assert tuple(frame.columns) == schema.COMMENT_COLUMNS
    assert frame.height == made.rows["comments"]
    assert frame["ctime"].str.contains(r"^2025-06-\d\d \d\d:\d\d:\d\d$").all()
    joined = frame.join(videos, left_on="videoid", right_on="vid")
    assert (joined["etime"] <= joined["item_duration"].fill_null(10**6).replace(0, 10**6) * 1000).all()
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
    assert truth["did"].n_unique() == truth.height
    assert devices.n_unique() == devices.len()
    assert set(truth["did"]) <= set(devices)
    assert (truth["completion_rate"] > 0).all()
    assert 0.97 < truth.height / devices.len() <= 1
    assert set(shown["did"]) <= set(devices)
    listed = truth.filter(pl.col("did").is_in(shown["did"].implode()))
    assert listed.join(shown.unique(), on=["did", "vid"]).height == listed.height
    assert shown.height == made.rows["shown"]


def test_marginals_are_near_what_is_known(made: Simulation) -> None:
    table = calibration.describe(made.folder)
    assert table["simulated"].is_not_null().all()
    known = {what: (value, target) for what, value, target, _ in table.iter_rows() if target is not None}
    width = {"clickers a day": 0.1, "clicks a clicker": 0.03, "pairs clicked once": 0.05}
    for what, share in width.items():
        assert known[what][0] == pytest.approx(known[what][1], rel=share), what
    value, target = known["clicked videos of a day that are new"]
    assert 0.08 < value < target
