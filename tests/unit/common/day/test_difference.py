"""The error of a difference: of the queries, of clusters of them, of the fits, of many side by side; and one pair of
runs has one difference, one error and one sentence, wherever it is told.
"""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from common.day.compare import list_slices
from common.day.difference import (
    SEEN,
    Difference,
    compute_difference,
    expect_difference,
    find_limit,
    pair_scores,
    read_pair,
)
from common.day.record_schema import read_record
from competitions.cli import execution
from tests.conftest import Call
from tests.unit.common.day.conftest import Make

RNG = np.random.default_rng(0)
BEFORE = RNG.random((40, 3)).round(2)
AFTER = (BEFORE + RNG.normal(0.02, 0.1, (40, 3))).round(2)
PARTS = re.compile(r"([+-]\d\.\d{4}) ± (\d\.\d{4}) on (.*?) \((\d+ fits) each\)")


@pytest.fixture
def pair(make: Make) -> tuple[Path, Path]:
    """Two runs of three fits each, the second with another setting; before and between them such as are less alike."""
    config: dict[str, Any] = {"seed": 0, "rank": {"rounds": 5, "depth": 3}}
    other: dict[str, Any] = {"seed": 0, "rank": {"rounds": 9, "depth": 3}}
    make("20260101-120000-000", BEFORE, config=other | {"new": 1})
    one = make("20260102-120000-000", BEFORE, config=config)
    make("20260103-120000-000", AFTER, config=other, overrides=["@competitions/news/quick.toml"])
    return one, make("20260104-120000-000", AFTER, config=other)


def test_every_place_tells_the_same_difference_of_a_pair(
    pair: tuple[Path, Path], call: Call, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    one, other = pair
    names, build = [f"news/{run.name}" for run in pair], tmp_path / "build"
    execution.show_end(read_record(other / "run.json"), other, "users")
    texts = {"the end of a run": capsys.readouterr().out}
    for words in (["compare", *names], ["compare", "news"]):
        code, texts[" ".join(words)], err = call(*words, "--build", build)
        assert code == 0, err
    assert call("report", names[1], "--build", build)[0] == call("runs", "news", "--build", build)[0] == 0
    texts["the report"] = (other / "report.html").read_text()
    page = (build / "runs.html").read_text()
    texts["the page of runs"] = page.split("Against news/20260102")[1].split("Against")[0]
    told = {place: PARTS.findall(text)[-1:] for place, text in texts.items()}
    first = compute_difference(read_pair(one, other)[2])
    assert (first.queries, first.fits) == (40, 3)
    (parts,) = PARTS.findall(first.sentence)
    assert {place: found for place, found in told.items() if found != [parts]} == {}
    assert f"+{parts[0][2:]} ± {parts[1][1:]}" in (build / "runs.html").read_text()  # a column, without the zeros


# --- the error, of queries by fits ---


def frame(scores: Any, **columns: Any) -> pl.DataFrame:
    """What a run keeps of its queries by their scores (queries, fits)."""
    scores = np.asarray(scores, np.float64)
    names = [str(number) for number in range(len(scores))]
    queries = pl.DataFrame({"query": names, "fold": "x", "score": scores.mean(1), **columns})
    return queries.with_columns(fits=pl.Series(scores).arr.to_list()) if scores.shape[1] > 1 else queries


def differ(before: Any, after: Any, compared: int = 1, **columns: Any) -> Difference:
    return compute_difference(pair_scores(frame(before, **columns), frame(after, **columns)), compared)


def draw_run(rng: np.random.Generator, of_fit: float, fits: int, queries: int, groups: int = 0) -> Any:
    """Scores (queries, fits): each fit moves all queries by ``of_fit``, and single ones or ``groups`` by 1."""
    own = np.arange(queries) % (groups or queries)
    return rng.normal(0, of_fit, fits) + rng.normal(size=(own.max() + 1, fits))[own]


@pytest.mark.parametrize(("of_fit", "groups"), [(0.0, 0), (0.1, 0), (0.0, 40), (0.5, 40)])
def test_fits_alone_are_clear_once_in_twenty_times_and_the_smallest_gain_is_found_eight_times_in_ten(
    of_fit: float, groups: int
) -> None:
    """Three fits each of 200 queries. With the fits' noise counted twice no such pair was clear."""
    rng, own = np.random.default_rng(7), {"cluster": np.arange(200) % groups} if groups else {}
    pairs = [[draw_run(rng, of_fit, 3, 200, groups) for _ in "ab"] for _ in range(500)]
    told = [differ(one, other, **own) for one, other in pairs]
    assert 0.01 <= np.mean([each.clear for each in told]) <= 0.06
    smallest = np.mean([each.smallest for each in told])
    expected = [each.smallest for one, _ in pairs if (each := expect_difference(frame(one, **own)))]
    assert np.mean(expected) == pytest.approx(smallest, rel=0.25)
    assert 0.72 <= np.mean([differ(one, other + smallest, **own).clear for one, other in pairs]) <= 0.9


@pytest.mark.parametrize(("of_fit", "groups"), [(0.0, 0), (0.03, 0), (0.0, 100)])
def test_the_error_is_that_of_a_two_way_layout(of_fit: float, groups: int) -> None:
    """Of thirty fits each, so that the fits are well known."""
    assert find_limit(1) + SEEN == pytest.approx(2.84, abs=0.005)
    rng, own = np.random.default_rng(2), {"cluster": np.arange(2_000) % groups} if groups else {}
    errors = [differ(*(draw_run(rng, of_fit, 30, 2_000, groups) for _ in "ab"), **own).error for _ in range(30)]
    true = math.sqrt(2 * (of_fit**2 + 1 / (groups or 2_000)) / 30)
    assert np.mean(errors) == pytest.approx(true, rel=0.08)


def test_fits_are_paired_where_the_same_seed_moves_queries_alike() -> None:
    """As where an edit leaves the model as it was: what a seed does to both is no noise of the difference."""
    rng = np.random.default_rng(5)
    one = draw_run(rng, 1.0, 3, 400)
    told = differ(one, one + 0.1 + rng.normal(0, 0.5, (400, 3)))
    assert (told.error < 0.06, told.clear) == (True, True)
    assert differ(one, np.roll(one, 1, axis=1) + 0.1 + rng.normal(0, 0.5, (400, 3))).error > 0.5
    few = one + np.where(np.arange(400) < 40, 0.5, 0)[:, None]
    assert (differ(one, few).fits, differ(one, few).clear) == (3, True)  # a rule behind the model


def test_weights_and_parts_count_as_in_the_scores() -> None:
    """Twice the weight is twice the query; three fits that scored a part each move only this."""
    rng = np.random.default_rng(3)
    before, gains = rng.normal(size=(200, 1)), rng.normal(size=(200, 4))
    once = differ(before + 0 * gains, before + gains, weight=np.repeat([1.0, 3.0], 100))
    rows = np.r_[np.arange(100), np.repeat(np.arange(100, 200), 3)]
    copied = differ((before + 0 * gains)[rows], (before + gains)[rows], cluster=rows)
    assert once[:2] == pytest.approx(copied[:2])
    errors = []
    for _ in range(20):
        sides = [np.vstack([draw_run(rng, 0.3, 3, 200) for _ in range(10)]) for _ in "ab"]
        errors.append([differ(*sides, part=np.arange(2_000) // 200).error, differ(*sides).error])
    with_parts, without = np.mean(errors, axis=0) / math.sqrt(2 * (0.3**2 / 10 + 1 / 2_000) / 3)
    assert with_parts == pytest.approx(1, abs=0.1)  # forty degrees of freedom
    assert without > 1.2  # four
    assert differ([[0.0]] * 20, [[1.0]] * 20, weight=[0.0] * 20)[:2] == (0.0, math.inf)  # a slice that counts nothing


def test_queries_of_a_cluster_rise_and_fall_together() -> None:
    gains = np.tile([1.0, -1.0], 100).repeat(10)[:, None]
    apart, together = differ(gains * 0, gains), differ(gains * 0, gains, cluster=np.arange(2_000) // 10)
    assert apart.error == pytest.approx(2_000**-0.5, rel=0.01)
    assert together.error == pytest.approx(200**-0.5, rel=0.02)
    # Nine clusters that are scored differently tell nothing, however many queries are in them.
    for clusters, error in ((1, math.inf), (9, math.inf), (10, 0.1)):
        told = differ([[0.0]] * 500, [[0.2 + at % clusters] for at in range(500)], cluster=np.arange(500) % clusters)
        assert (told.error >= error, told.beyond) == (True, math.isfinite(error) and told.beyond)
    assert differ([[0.0]] * 25, [[0.5]] * 25, cluster=["a"] * 25).sentence == (
        "+0.5000 on 25 common queries, 25 of them scored differently: too few queries are scored differently to tell"
    )


def test_nothing_is_clear_where_no_fits_tell_their_noise() -> None:
    rng = np.random.default_rng(4)
    before = rng.normal(size=(100, 1))
    after = before + rng.normal(1, 0.1, (100, 1))
    for fits in (1, 3):  # a single fit; and a model that draws nothing, of which three seeds are one
        told = differ(before.repeat(fits, 1), after.repeat(fits, 1))
        assert (told.fits, told.beyond, told.clear) == (0, True, False)
        assert told.verdict == "more than the noise of the queries, but that of the fits is not known"
        assert told.sentence.endswith("(one fit each, or equal ones)")
        assert expect_difference(frame(before.repeat(fits, 1))) is None
    three = after + rng.normal(0, 0.01, (100, 3))
    assert differ(before, three).fits == 0  # one fit of the first
    assert differ(before.repeat(3, 1) + rng.normal(0, 0.01, (100, 3)), three[:, :2]).fits == 2
    same = differ(three, three)
    assert (same.changed, same.error, same.verdict) == (0, 0.0, "no query is scored differently")
    verdicts = [Difference(mean, 0.02, 10, 5, fits=3).verdict for mean in (0.05, -0.05)]
    assert verdicts == ["clear gain (2.5 standard errors)", "clear loss (2.5 standard errors)"]
    assert not Difference(0.05, 0.02, 10, 5, fits=3, compared=20).clear  # one of twenty lies so far by chance


def mark(won: Sequence[tuple[str, int]]) -> list[str]:
    """The slices that are marked, where so many of forty queries each are won."""
    rows = [("all", kind, 0.0, float(at < count)) for kind, count in won for at in range(40)]
    marks = list_slices(pl.DataFrame(rows, schema=["fold", "kind", "before", "after"], orient="row"))
    return [row["slice"] for row in marks if row[""]]


def test_a_slice_is_marked_where_it_lies_beyond_what_chance_makes_of_so_many() -> None:
    """Of 40 queries 10 won are 3.6 errors, fewer 3.2 with so few that differ counted; 8 are too few to tell."""
    assert mark([("a", 8), ("b", 14), ("c", 0), ("d", 0), ("e", 0)]) == ["fold: all", "kind: b"]
