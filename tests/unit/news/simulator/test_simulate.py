"""The simulator: embeddings, which no digest holds, gaps, and the marginals that were published."""

import math

import numpy as np
import polars as pl
import pytest

from common.day.hosts import TRUTH
from common.simulation.writer import Simulation
from common.time_units import HOUR_MS
from competitions.news.io import reader
from competitions.news.simulator import calibration, sessions, simulate
from competitions.news.simulator.articles import START_MS
from competitions.news.simulator.sessions import TERMINAL_GAP_MS

SCALE, SEED = 0.02, 3
FILES = (reader.TRAIN, reader.TEST_A, reader.ARTICLES, TRUTH)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    """One simulation, shared by the tests that only read."""
    return simulate.simulate(tmp_path_factory.mktemp("simulated") / "raw", SCALE, SEED)


def test_embeddings_are_of_articles_and_as_many_as_promised(simulated: Simulation) -> None:
    embeddings = reader.read_embeddings(simulated.folder / reader.EMBEDDINGS)
    assert embeddings.vectors.shape == (simulated.rows["embeddings"], 250)
    assert (np.diff(embeddings.items) > 0).all()
    assert 0 <= embeddings.items[0] <= embeddings.items[-1] < simulated.rows["articles"]


def test_no_other_gap_has_the_length_of_the_terminal_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "GAP_LOG_SECONDS", math.log(30.0005))
    monkeypatch.setattr(sessions, "GAP_SIGMA", 0.0)  # every gap would be 30,000 ms
    simulated = sessions.make_sessions((50, 50), (500, 500), seed=2)
    gap, inside = np.diff(simulated.time), ~simulated.opens[1:]
    closes = np.append(simulated.opens[2:], True)
    assert set(gap[inside & ~closes].tolist()) == {TERMINAL_GAP_MS + 1}
    assert set(gap[inside & closes].tolist()) == {TERMINAL_GAP_MS}


# How far a measure may be from its target at this scale: relative for the first kind, absolute for shares.
TOPS = ("clicks", "opening clicks", "later clicks of a session", "final clicks")
RELATIVE = {
    **dict.fromkeys(("train users", "train clicks", "test users", "test clicks"), 0.001),
    **dict.fromkeys(("clicks per train user, mean", "clicks per test user, mean"), 0.01),
    "clicks per train session, mean": 0.05,
    **{f"hours between sessions, {level} %": 0.2 for level in (25, 50, 75)},
    **{f"age at click in hours, {level} %": 0.25 for level in (25, 50, 75, 90)},
}
ABSOLUTE = {
    **{"train users of two clicks": 0.07, "train sessions of two clicks": 0.05},
    **{"test users with one visible click": 0.04, "test users whose last visible click opens a session": 0.06},
    **{"repeated (user, article) pairs": 0.003, "hidden articles read before": 0.008},
    "clicks before the article's creation": 0.008,
    **{"clicks on the 100 top articles": 0.05, "clicks on the 1000 top articles": 0.08},
    **{f"same category as the click before, {where}": 0.08 for where in ("in a session", "opening")},
    **{f"{kind} on the 5 top articles of their hour": 0.06 for kind in TOPS},
    **{f"final clicks on the article's {which}": 0.1 for which in ("first follower", "five first followers")},
}


def test_marginals_are_near_the_published_ones(simulated: Simulation) -> None:
    table = calibration.describe(simulated.folder)
    known = {row["measure"]: row for row in table.filter(pl.col("published").is_not_null()).to_dicts()}
    assert known.keys() == RELATIVE.keys() | ABSOLUTE.keys()
    allowed = {name: share * known[name]["published"] for name, share in RELATIVE.items()} | ABSOLUTE
    off = {
        name: (row["simulated"], row["published"])
        for name, row in known.items()
        if abs(row["simulated"] - row["published"]) > allowed[name] + 1e-9
    }
    assert off == {}


def test_the_share_of_the_hours_top_articles_is_counted_on_other_users() -> None:
    hour, later = START_MS, START_MS + HOUR_MS
    early = [(0, 5), (2, 5), (4, 6), (1, 5), (1, 6), (3, 7)]
    rows = [*((*click, hour) for click in early), (0, 7, later), (1, 5, later)]
    log = pl.LazyFrame(rows, schema=["user_id", "click_article_id", "click_timestamp"], orient="row")
    tops = [calibration._find_hour_tops(log, top).select("top").collect()["top"].sum() for top in (1, 2)]
    assert tops == [1, 2]
