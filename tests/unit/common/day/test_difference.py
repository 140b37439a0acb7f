"""One pair of runs has one difference, one error and one sentence, wherever it is told."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.day.compare import count_requests, simulate_live_test
from common.day.difference import find_change, measure_difference
from common.day.fit_noise import FitNoise, smallest_gain
from common.day.record_schema import read_record
from common.engine.errors import UserError
from competitions.cli import closing
from tests.conftest import Call
from tests.unit.common.day.conftest import Make

RNG = np.random.default_rng(0)
BEFORE = RNG.random(40).round(2)
AFTER = (BEFORE + RNG.normal(0.02, 0.1, 40)).round(2)
PARTS = re.compile(r"([+-]\d\.\d{4}) ± (\d\.\d{4}) on (.*?) \(as of \d\d:\d\d, (.*?)\)")


@pytest.fixture
def pair(make: Make) -> tuple[Path, Path]:
    """Two runs of three fits each, the second with another setting; before and between them such as are less alike."""
    config: dict[str, Any] = {"seed": 0, "rank": {"rounds": 5, "depth": 3}}
    other: dict[str, Any] = {"seed": 0, "rank": {"rounds": 9, "depth": 3}}
    make("20260101-120000-000", list(BEFORE), config=other | {"new": 1}, fits=[0.41, 0.43, 0.42])
    one = make("20260102-120000-000", list(BEFORE), config=config, fits=[0.51, 0.52, 0.53])
    make("20260103-120000-000", list(AFTER), config=other, overrides=["@competitions/news/quick.toml"])
    return one, make("20260104-120000-000", list(AFTER), config=other, fits=[0.52, 0.55, 0.54])


def test_every_place_tells_the_same_difference_of_a_pair(
    pair: tuple[Path, Path], call: Call, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    one, other = pair
    names, build = [f"news/{run.name}" for run in pair], tmp_path / "build"
    closing.show_end(read_record(other / "run.json"), other, "users")
    texts = {"the end of a run": capsys.readouterr().out}
    for words in (["compare", *names], ["compare", *names, "--ab"], ["replay", "news", *names], ["compare", "news"]):
        code, texts[" ".join(words)], err = call(*words, "--build", build)
        assert code == 0, err
    assert call("report", names[1], "--build", build)[0] == call("runs", "news", "--build", build)[0] == 0
    texts["the report"] = (other / "report.html").read_text()
    page = (build / "runs.html").read_text()
    texts["the page of runs"] = page.split("Against news/20260102")[1].split("Against")[0]
    told = {place: PARTS.findall(text)[-1:] for place, text in texts.items()}
    first = measure_difference(one, other)
    assert (first.queries, first.fits) == (40, 6)
    (parts,) = PARTS.findall(first.sentence)
    assert {place: found for place, found in told.items() if found != [parts]} == {}
    assert f"+{parts[0][2:]} ± {parts[1][1:]}" in (build / "runs.html").read_text()  # a column, without the zeros


# --- nothing but the seed ---


def test_runs_that_differ_in_the_seed_alone_are_not_judged(make: Make, call: Call, tmp_path: Path) -> None:
    runs = [
        make(f"2026010{at}-120000-000", scores, config={"seed": 0, "fit_seed": at})
        for at, scores in enumerate([[0.1, 0.5, 0.3] * 9, [0.5, 0.5, 0.5] * 9])
    ]
    difference = measure_difference(*runs)
    assert not difference.clear
    assert difference.verdict == "Nothing but the seed differs"
    # The two scores are .3 and .5: a deviation of .1414, known by one degree of freedom.
    noise = FitNoise(0.02, 1, 2)
    found = re.search(
        r"about ± (\S+) \(as of .*, 2 fits known\)\. A gain below (\S+) cannot .* with 1 fit a run", difference.repeat
    )
    assert found is not None
    assert float(found[1]) == pytest.approx(0.1414, abs=1e-4)
    assert float(found[2]) == pytest.approx(smallest_gain(difference.error, noise, 1), abs=1e-4)
    assert difference.repeat.endswith("for half of it you need four times as many (--seeds 4)")
    for words in (["compare", "news"], ["replay", "news"]):
        out = call(*words, "--build", tmp_path / "build")[1]
        assert "+0.2000 on 27 common queries, 18 of them scored differently. Nothing but the seed differs" in out
        assert "standard errors" not in out
    assert "A live test needs" not in out
    assert call("runs", "news", "--build", tmp_path / "build")[0] == 0
    assert "+0.2000, by chance alone" in (tmp_path / "build" / "runs.html").read_text()


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"config": {"seed": 1, "fit_seed": 0}}, "the seed"),
        ({"config": {"seed": 0, "fit_seed": 0, "fits": 3}, "fits": [0.2, 0.4, 0.3]}, "the seed and the number of fits"),
        ({"config": {"seed": 0, "fit_seed": 1, "fits": 3}}, "the seed and the number of fits"),
        ({"config": {"seed": 0, "fit_seed": 1, "rounds": 9}}, ""),
        ({"config": {"seed": 0, "fit_seed": 1}, "features": ["g"]}, ""),
        ({"config": {"seed": 0, "fit_seed": 1}, "code": {"revision": "9", "changed": False}}, ""),
        ({"config": {"seed": 0, "fit_seed": 0}}, ""),
    ],
)
def test_anything_else_that_differs_is_judged(make: Make, changed: dict[str, Any], what: str) -> None:
    one = make("a-1", [0.1, 0.5, 0.3], config={"seed": 0, "fit_seed": 0})
    repeat = measure_difference(one, make("a-2", [0.5, 0.5, 0.5], **changed)).repeat
    assert repeat.startswith(f"Nothing but {what} differs") if what else repeat == ""


# --- as a live test ---


def test_a_live_test_needs_more_requests_than_both_answers_to_each(make: Make) -> None:
    scores = RNG.random(2_000)
    one, other = make("a-1", list(scores)), make("a-2", list(scores + 0.01 * (RNG.random(2_000) < 0.5)))
    title, (split, both), (needed, told) = simulate_live_test(one, other)
    assert title == f"MRR@5 on 2000 requests: A {scores.mean():.4f}, B {scores.mean() + both['B - A']:.4f}"
    assert split["requests of A"] + split["requests of B"] == both["requests of A"] == 2_000
    assert abs(split["requests of A"] - 1_000) < 4 * 500**0.5
    assert both["95 % from"] < both["B - A"] < both["to"]
    assert split["error"] > 20 * both["error"]
    assert abs(split["B - A"] - both["B - A"]) < 4 * split["error"]
    assert both["B - A"] == measure_difference(one, other).mean
    assert re.search(
        r"about [\d,]{7,} requests to find \+0\.005\d with a power of 80 % \([\d,]+ to [\d,]+ over", needed
    )
    assert told.startswith("B - A = +0.005")


def test_the_number_of_requests_by_hand() -> None:
    # (1.959964 + 0.841621)^2 = 7.848880; two runs of variance 1, difference 0.1: 7.848880 * 2 / 0.01 requests to each.
    assert count_requests(0.1, 2) == pytest.approx(2 * 1_569.776, rel=1e-6)
    assert count_requests(-0.05, 2) == pytest.approx(4 * 2 * 1_569.776, rel=1e-6)


def test_what_no_live_test_can_be_made_of_is_said(make: Make) -> None:
    runs = [make(f"a-{at}", [0.5] * 50) for at in (1, 2)]
    assert simulate_live_test(*runs)[2][0] == "The two runs do not differ: a live test would find nothing."
    with pytest.raises(UserError, match="too few to split"):
        simulate_live_test(make("b-1", [0.5]), make("b-2", [0.5]))
    assert find_change(runs[0]) is None
    with pytest.raises(UserError, match=r"is scored by MRR@5, .* is scored by MRR@10"):
        measure_difference(runs[0], make("c-1", [0.5] * 50, metric="MRR@10"))
