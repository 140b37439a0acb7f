"""The verbs run, simulate, ladder, check and score: what they call of a competition, and what they print."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import polars as pl
import pytest
from msgspec import structs

from common.day.record_schema import RunRecord, Truth
from common.engine.errors import UserError
from common.io.submission import Checked
from competitions import find_competition, find_lesson
from competitions.cli import execution
from competitions.learning.families import FACTORS
from competitions.learning.ladder import Rung
from tests.conftest import Call, replace_part
from tests.unit.common.day.records import make_record

RECORD = make_record(
    metric="HitRate@3",
    data={"simulated": False},
    ranking=[],
    cv={"queries": 1077},
    wall_seconds=61.4,
    peak_mib=512.0,
    submission={"paths": ["x.parquet", "x.csv"], "rows": 21},
)


def show(capsys: pytest.CaptureFixture[str], record: RunRecord) -> list[str]:
    """The last lines of a run, without the table of models."""
    execution.show_end(record, Path("/build/news/r"), "sessions")
    return capsys.readouterr().out.strip().splitlines()


def test_a_run_ends_with_its_score_and_what_a_person_opens_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert show(capsys, RECORD)[-5:] == [
        "CV: HitRate@3 0.5000 +- 0.0100 on 1,077 sessions",
        execution.ALONE,
        "Wall time 61 s, peak memory 0.50 GiB",
        "Submission: x.parquet and x.csv, 21 rows, checked",
        "Report: file:///build/news/r/report.html",
    ]
    record = structs.replace(RECORD, truth=Truth(score=0.45, error=0.02, oracle=0.6))
    line = "Simulated truth: HitRate@3 0.4500 +- 0.0200, oracle 0.6000, share of the best possible 75.0%"
    assert line in show(capsys, record)
    assert len(show(capsys, record)) < 12


def test_simulating_reports_the_sizes_and_the_oracle(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = SimpleNamespace(rows={"train_rows": 9}, oracle="0.5")
    seen: list[Any] = []
    host = find_competition("flight").host
    replace_part(
        monkeypatch,
        "flight",
        host=dataclasses.replace(host, write=lambda *words: seen.append(words) or simulation),
        describe=lambda folder: pl.DataFrame({"what": ["size"], "host": [0.5]}),
    )
    code, out, _ = call("simulate", "flight", "--scale", 0.25, "--seed", 3)
    folder = Path("build/flight/simulated/scale0.25-seed3")
    assert (code, out.splitlines()) == (0, [f"{folder}: {{'train_rows': 9}}", "oracle HitRate@3 0.5"])
    _, out, _ = call("simulate", "flight", "--out", "here", "--seed", 3, "--describe")
    assert "size" in out
    assert seen == [(folder, 0.25, 3), (Path("here"), host.scale, 3)]


def test_a_checked_submission_is_printed_with_its_rules_and_a_score_with_every_metric(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    competition = replace_part(
        monkeypatch,
        "flight",
        locate=lambda raw, config: raw,
        check=lambda path, files: Checked(path, 21, (str(files), "two")),
        score=lambda *words: seen.append(words) or {"hit_rate@3": 0.25},
    )
    code, out, _ = call("check", "flight", "mine.csv")
    assert (code, out) == (0, f"mine.csv: 21 rows, valid. Checked: {competition.host.folder}; two.\n")
    code, out, _ = call("score", "flight", "mine.csv", "--truth", "t.csv")
    assert (code, out.split()) == (0, ["hit_rate@3", "0.2500"])
    Path("here").mkdir()
    call("score", "flight", "mine.csv", "--truth", "t.csv", "--raw", "here")
    assert seen == [(Path("mine.csv"), Path("t.csv"), None), (Path("mine.csv"), Path("t.csv"), Path("here"))]


class FakeLadder:
    """A ladder that was climbed before."""

    metric = "score"

    def __init__(self, run: Any, rows: list[dict[str, Any]]) -> None:
        self.run, self.rows = run, rows

    def find(self, key: str) -> Rung:
        """The one rung."""
        if key != "als":
            raise UserError(f"There is no step {key!r}.")
        return Rung("als", "factors", FACTORS, lambda bench: None, Rung.locate_code, formula="u . v")

    def climb(self, only: str | None = None) -> list[dict[str, Any]]:
        """The rows."""
        self.run.write_json("ladder.json", {"rows": self.rows})
        return self.rows


def put_ladder(monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Any]]) -> list[Any]:
    """In flight's place; returns what it is made with."""
    made: list[Any] = []

    def make_ladder(files: Any, config: Any, run: Any) -> FakeLadder:
        made.append((files, config.seed, run and run.folder))
        return FakeLadder(run, rows)

    replace_part(monkeypatch, "flight", locate=lambda raw, config: raw)
    monkeypatch.setattr(find_lesson("flight", "ladder"), "make_ladder", make_ladder)
    Path("mine").mkdir()
    return made


def test_the_ladder_prints_its_rungs_beside_their_scores_before(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    made = put_ladder(monkeypatch, [{"rung": "first", "title": "", "score": 0.5, "error": 0.01, "before": 0.4}])
    code, out, _ = call("ladder", "flight", "--raw", "mine", "--seed", 3)
    assert code == 0
    assert out.splitlines()[-1].split() == ["first", "0.5000", "0.0100", "0.4000"]
    assert made[:1] == [(Path("mine"), 3, Path("build/flight/ladder"))]
    assert json.loads(Path("build/flight/ladder/ladder.json").read_text())["folder"] == "mine"


def test_a_wrong_step_is_refused_before_any_file_is_read_or_made(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    made = put_ladder(monkeypatch, [])
    code, out, err = call("ladder", "flight", "--only", "asl")
    assert (code, out, err.splitlines()[-1]) == (1, "", "error: There is no step 'asl'.")
    assert made == [(None, 0, None)]
    assert not Path("build").exists()


def test_a_card_says_what_a_method_is_gains_and_costs(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    costs = {"seconds": 1.25, "MiB beyond the start": None, "code": "competitions/learning/ladder.py:1 climb"}
    scores = {"score": 0.5, "error": 0.01, "builds on": "popular", "gain": 0.1, "gain error": 0.02, "before": 0.4}
    row = {"rung": "als", "title": "factors", "family": FACTORS.name, **scores}
    row |= {"recall": 0.75, "unknown": None, **costs}
    put_ladder(monkeypatch, [{"rung": "popular", "recall": 0.5}, row])
    code, out, _ = call("ladder", "flight", "--raw", "mine", "--only", "als")
    assert code == 0
    facts = {line.split("  ")[1]: line.split("  ")[-1].strip() for line in out.splitlines() if line.startswith("  ")}
    assert facts.pop("does").startswith("Where its code stands")
    assert facts == {
        "formula": "u . v",
        "to change": "competitions/learning/ladder.py:1 climb",
        "score": ".5000 ± .0100",
        "before": ".4000",
        "against popular": ".1000 ± .0200, on the same queries, by one fit each: another fit moves it too",
        "recall": ".7500 (popular .5000)",
        "cost": "1.2 s",
    }


def interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def fail_while_imported(*_: object) -> NoReturn:
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt as stopped:
        raise ImportError("initialization failed") from stopped


@pytest.mark.parametrize("stop", [interrupt, fail_while_imported])
def test_ctrl_c_ends_in_one_line_that_says_what_is_kept(
    call: Call, monkeypatch: pytest.MonkeyPatch, stop: Callable[..., NoReturn]
) -> None:
    monkeypatch.setattr(execution, "execute", stop)  # ^C stands on the line before
    assert call("run", "news") == (130, "", "\nStopped; finished steps are kept. The same command continues.\n")
