"""The page of all runs: what stands on it, beside runs written by hand."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.day import registry
from common.day.report.charts import Mark
from common.day.runs_page import RUNS_PAGE, build_runs, describe_group
from tests.conftest import Call, in_zone
from tests.unit.common.day.conftest import Make


@pytest.fixture(autouse=True)
def universal_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs are named by it, and shown by the clock of the machine."""
    with in_zone(monkeypatch, "UTC0"):
        yield


def read(folders: list[Path]) -> list[registry.ListedRun]:
    return [run for run in registry.read_ledger(folders) if isinstance(run, registry.ListedRun)]


def build_page(tmp_path: Path) -> str:
    build = tmp_path / "build"
    return build_runs(build, registry.read_ledger(registry.find_runs(build, ["news"])))


@pytest.fixture
def three(make: Make) -> list[Path]:
    """Three runs on the same forty queries, newest first."""
    cv: dict[str, Any] = {"folds": [], "queries": 40, "slices": [{"name": "parity: even", "score": 0.5}], "error": 0.1}
    changed = {"config": {"seed": 0, "rank": {"rounds": 9}}, "features": ["f", "g"]}
    edited = changed | {"code": {"files": {"common/f.py": "b"}}}
    return [
        make("20260103-120000-000", [0.0, 1.0, 0.0, 0.0] * 10, cv=cv | {"score": 0.25}, **edited),
        make("20260102-120000-000", [0.5, 1.0, 0.5, 1.0] * 10, cv=cv | {"score": 0.75}, **changed),
        make("20260101-120000-000", [0.0, 1.0, 0.5, 1.0] * 10, cv=cv | {"score": 0.625}),
    ]


def test_each_run_stands_beside_the_one_before_its_edit_query_by_query(three: list[Path]) -> None:
    registry.note_leaderboard(three[1], 0.7)
    group = describe_group(read(three))
    table = group["marks"]
    score, gain, board, minutes = table.columns
    assert table.labels == ["03 Jan 12:00", "02 Jan 12:00", "01 Jan 12:00"]
    assert [detail.partition(": ")[0] for detail in table.details] == [
        "Against news/20260102-120000-000 (code of f.py)",
        "Against news/20260101-120000-000 (rank.rounds 5 -> 9; features +g)",
        "",
    ]
    assert [mark.value for mark in score.marks] == [0.25, 0.75, 0.625]
    # Gains 0, 0, -.5, -1 and -.5 of the last run; of the one before it .5, 0, 0, 0: by one fit each nothing is clear.
    assert (gain.marks[1].value, gain.marks[1].text, gain.marks[1].pale) == (0.125, "+.1250 ± .0400", True)
    assert (gain.marks[0].value, gain.marks[2]) == (-0.5, Mark())
    assert [mark.text for mark in board.marks] == ["", ".7000", ""]
    assert [mark.text for mark in minutes.marks] == ["0.2"] * 3
    assert group["sentence"].startswith(
        "The best of 3 runs is 02 Jan 12:00 with .7500 ± .1000. The last run: against news/20260102"
    )
    assert (
        "of them scored differently: more than the noise of the queries, but that of the fits is not known"
        in group["sentence"]
    )


def test_runs_of_other_files_or_queries_and_quick_ones_are_not_held_against_each_other(
    make: Make, tmp_path: Path
) -> None:
    make("20260101-120000-000", [0.5])
    make("20260102-120000-000", [0.9], data={"digest": "99", "simulated": True, "folder": "x/scale0.2-seed3"})
    make("20260103-120000-000", [0.1, 0.2], note="half the days")
    make("20260104-120000-000", [0.1, 0.2], until="cv", overrides=["@competitions/news/quick.toml"])
    page = build_page(tmp_path)
    assert page.count("The best of 1 run is ") == 4
    assert "scale 0.2, seed 3 (99), 1 queries" in page
    assert "? (abcd), 2 queries" in page
    assert "03 Jan 12:00, half the days" in page
    assert "2 queries, quick settings: 1 run" in page


def test_a_damaged_run_is_named_refused_in_one_sentence_and_the_others_are_shown(
    three: list[Path], call: Call, tmp_path: Path
) -> None:
    build = tmp_path / "build"
    (three[0] / "run.json").write_text("{")
    (three[1] / "queries.parquet").write_bytes(b"PAR1")
    code, out, err = call("runs", "news", "--build", build)
    assert (code, err, [run.name for run in three if run.name not in out]) == (0, "", [])
    page = (build / RUNS_PAGE).read_text()
    assert "cannot be read: news/20260103-120000-000" in page
    assert "02 Jan 12:00" in page
    for verb, *rest in (("report",), ("lb", 0.5), ("compare", f"news/{three[2].name}")):
        ended = [call(verb, f"news/{run.name}", *rest, "--build", build) for run in three[:2]]
        # The queries of a run are no part of its own report; lb takes no run of simulated data.
        assert [(code, err.count("\n")) for code, _, err in ended] == [(1, 1), (0, 0) if verb == "report" else (1, 1)]


def test_names_from_outside_are_text_and_nothing_is_requested(make: Make, call: Call, tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    make("20260101-120000-000", [0.5], config={"seed": evil}), make(f"a{evil.replace('/', '')}", [0.5])
    build = tmp_path / "build"
    code, out, _ = call("runs", "news", "--build", build)
    assert code == 0
    assert out.splitlines()[-1].endswith((build / RUNS_PAGE).as_uri())
    page = (build / RUNS_PAGE).read_text()
    assert "&lt;script&gt;" in page
    assert not re.search(r"<(script|link|img|iframe)\b|https?://", page)
