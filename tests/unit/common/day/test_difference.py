"""One pair of runs has one difference, one error and one sentence, wherever it is told."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.day.difference import read_pair
from common.day.record_schema import read_record
from competitions.cli import closing
from tests.conftest import Call
from tests.unit.common.day.conftest import Make

RNG = np.random.default_rng(0)
BEFORE = RNG.random(40).round(2)
AFTER = (BEFORE + RNG.normal(0.02, 0.1, 40)).round(2)
PARTS = re.compile(r"([+-]\d\.\d{4}) ± (\d\.\d{4}) on (.*?) \((\d+ fits known)\)")


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
    for words in (["compare", *names], ["compare", "news"]):
        code, texts[" ".join(words)], err = call(*words, "--build", build)
        assert code == 0, err
    assert call("report", names[1], "--build", build)[0] == call("runs", "news", "--build", build)[0] == 0
    texts["the report"] = (other / "report.html").read_text()
    page = (build / "runs.html").read_text()
    texts["the page of runs"] = page.split("Against news/20260102")[1].split("Against")[0]
    told = {place: PARTS.findall(text)[-1:] for place, text in texts.items()}
    first = read_pair(one, other).difference
    assert (first.queries, first.fits) == (40, 6)
    (parts,) = PARTS.findall(first.sentence)
    assert {place: found for place, found in told.items() if found != [parts]} == {}
    assert f"+{parts[0][2:]} ± {parts[1][1:]}" in (build / "runs.html").read_text()  # a column, without the zeros
