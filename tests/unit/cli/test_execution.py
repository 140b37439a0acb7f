"""What a run leaves, whatever fails: a checked submission and its record stay, nothing of what was never checked."""

import datetime
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import polars as pl
import pytest

from common.day.hosts import REPORT
from common.day.judged import Judged
from common.day.record_schema import RECORD, read_record
from common.day.registry import ListedRun, find_runs
from common.day.run_record import SimulatedTruth
from common.day.runs_page import name_run
from common.engine.errors import UserError
from common.engine.run import Run
from common.io.lock import KEPT, RUNNING, hold, name_draft
from common.io.submission import Checked
from competitions import NAMES
from competitions.cli import execution
from tests.conftest import SIMULATED_REPORT, Call, in_zone, replace_part
from tests.unit.common.day.records import QUERIES, make_judged


def fail(*_: object, **__: object) -> NoReturn:
    raise ValueError("broken")


def solve(files: Path, config: Any, run: Run) -> Checked:
    run.folder.mkdir(exist_ok=True)
    (run.folder / "submission.csv").write_text("1,2")
    return Checked(run.folder / "submission.csv", 1, ())


def stand(monkeypatch: pytest.MonkeyPatch, name: str = "news", **parts: Any) -> None:
    """A pipeline that is done at once, on raw files that were simulated."""
    Path("mine").mkdir(exist_ok=True)
    (Path("mine") / REPORT).write_text(SIMULATED_REPORT)
    truth = SimulatedTruth(0.5, 0.1, 0.9, {"MRR@5": 0.5}, QUERIES.select("query", "score"))
    own: dict[str, Any] = {
        "locate": lambda raw, config: raw,
        "explain_cv_only": lambda files: None,
        "validate": lambda files, config, run: None,
        "solve": solve,
        "blending": None,
        "judge": lambda outcome, config: replace(make_judged(), submissions=[outcome] if outcome else []),
        "score_truth": lambda outcome, raw: truth,
    }
    replace_part(monkeypatch, name, **own | parts)


def list_folders(name: str = "news") -> list[Path]:
    return sorted(path for path in Path("build", name).iterdir() if execution.RUN_NAME.fullmatch(path.name))


@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_is_refused_leaves_no_folder(name: str, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def stop(files: Path, config: Any, run: Run) -> NoReturn:
        seen.append((files, config.seed))
        solve(files, config, run)
        raise UserError("stopped here")

    stand(monkeypatch, name, solve=stop)
    code, out, err = call("run", name, "--raw", "mine", "--seed", 2, "--set", "seed=9")
    assert (code, out, err.splitlines()[-1]) == (1, "", "error: stopped here")
    assert seen == [(Path("mine"), 9)]
    assert {path.name for path in Path("build", name).iterdir()} == {"cache"}


def test_the_folder_of_a_killed_run_goes_and_no_living_ones_however_old(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand(monkeypatch)
    killed, slow, checked = (Path("build", "news", f"20260101-00000{number}-000") for number in (1, 2, 3))
    for folder, name in ((killed, RUNNING), (checked, KEPT)):
        folder.mkdir(parents=True)
        (folder / f"7{name}").touch()  # which nobody locks any more
        (folder / "submission.csv").touch()
    half = checked / name_draft("candidates.parquet")
    half.touch()
    os.utime(half, (1, 1))
    with hold(slow):
        (slow / "submission.csv").write_text("")
        for path in (*slow.iterdir(), slow, checked):
            os.utime(path, (1, 1))
        assert call("run", "news", "--raw", "mine")[0] == 0
        assert (slow / "submission.csv").exists()
    assert not killed.exists()
    assert [path.name for path in checked.iterdir()] == ["submission.csv"]  # its process died when it was checked
    (mine,) = set(list_folders()) - {slow, checked}
    assert [path.name for path in mine.iterdir() if path.suffix not in (".json", ".csv", ".parquet", ".html")] == []


def test_the_last_run_is_the_one_that_began_last_in_whatever_zone_it_was_made(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand(monkeypatch)
    with in_zone(monkeypatch, "XXX-14"):  # 14 hours before universal time
        assert call("run", "news", "--raw", "mine", "--note", "first")[0] == 0
    with in_zone(monkeypatch, "YYY+10"):
        assert call("run", "news", "--raw", "mine", "--note", "second")[0] == 0
        (first, second), found = list_folders(), find_runs(Path("build"), ["news"])
        assert found == [second, first]
        records = [read_record(folder / RECORD) for folder in found]
        assert [record.note for record in records] == ["second", "first"]
        assert [record.started[-6:] for record in records] == ["-10:00", "+14:00"]
        began = datetime.datetime.fromisoformat(records[0].started)
        assert second.name[:15] == f"{began.astimezone(datetime.UTC):%Y%m%d-%H%M%S}"
        shown = name_run(ListedRun(second, records[0], []))
        assert shown == f"{began:%d %b %H:%M}, second"  # what this machine's clock showed


BREAKS: dict[str, tuple[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "fits": ("The further fits", lambda patch: patch.setattr(execution, "add_fits", fail)),
    "truth": ("The score on the simulated truth", lambda patch: stand(patch, score_truth=fail)),
    "report": ("The report page", lambda patch: patch.setattr(execution, "write_report", fail)),
    "summary": ("The closing summary", lambda patch: patch.setattr(execution, "show_end", fail)),
}


@pytest.mark.parametrize("part", BREAKS)
def test_what_fails_behind_the_record_is_one_sentence_and_exit_code_3(
    part: str, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand(monkeypatch)
    title, break_part = BREAKS[part]
    break_part(monkeypatch)
    code, out, err = call("run", "news", "--raw", "mine", "--seeds", 2)
    (folder,) = list_folders()
    sentence = f"{title} failed: ValueError: broken; the submission is checked and kept."
    sentence += f" Details: {folder / f'failed-{part}.txt'}"
    assert (code, err.splitlines()[-1], err.count("broken")) == (3, sentence, 1)
    assert ("Report: file:" in out) == (part != "summary")
    record = read_record(folder / RECORD)
    assert (record.failed, record.cv.score) == ([sentence], 0.375)
    assert Path(record.submission.paths[0]).read_text() == "1,2"
    assert "in fail" in (folder / f"failed-{part}.txt").read_text()
    if part in ("report", "summary"):  # the page is written before the closing lines
        assert call("report", "news/last")[0] == 0
    assert "ValueError: broken" in (folder / "report.html").read_text()


def test_where_the_score_itself_fails_a_submission_stays_and_a_score_alone_leaves_nothing(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand(monkeypatch, judge=fail)
    code, out, err = call("run", "news", "--raw", "mine")
    (folder,) = list_folders()
    assert (code, out) == (3, "")
    assert err.splitlines()[-1].startswith("The score on validation failed: ValueError: broken; the submission is")
    with pytest.raises(ValueError, match="broken"):
        call("run", "news", "--raw", "mine", "--until", "cv")
    assert list_folders() == [folder]
    assert {path.name for path in folder.iterdir()} == {"submission.csv", "failed-score.txt"}
    stand(monkeypatch)
    monkeypatch.setattr(execution, "write_report", fail)
    code, _, err = call("run", "news", "--raw", "mine", "--until", "cv")
    assert (code, "the score is kept" in err) == (3, True)
    assert read_record(list_folders()[1] / RECORD).until == "cv"


def test_a_run_that_cannot_be_judged_leaves_its_own_checked_submission_to_upload(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    for host, left in ((True, "1,2"), (False, None)):
        stand(monkeypatch, judge=fail)
        if host:
            (Path("mine") / REPORT).unlink()
        copy = Path("build", "news", "submission.csv")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text("of an earlier run")
        assert call("run", "news", "--raw", "mine")[0] == 3
        assert (copy.read_text() if copy.exists() else None) == left


def judge_fit(outcome: Any, config: Any) -> Judged:
    """Sixty queries, whose scores another seed of the fit moves."""
    scores = np.random.default_rng(config.model_seed).random(60)
    queries = pl.DataFrame({"query": map(str, range(60)), "fold": "x", "score": scores})
    return make_judged(queries=queries, submissions=[outcome] if outcome else [])


def test_a_run_says_what_it_can_see_before_it_begins_and_at_its_end(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> NoReturn:
        raise UserError("stopped here")

    stand(monkeypatch, judge=judge_fit)
    code, out, err = call("run", "news", "--raw", "mine", "--seeds", 3)
    (reach,) = re.findall(
        r"^With 3 fits each (gains of \.?\d\S+ and more would be clear here .8 times in 10.)$", out, re.MULTILINE
    )
    assert (code, "By the fits" in err) == (0, False)  # no run before it
    stand(monkeypatch, solve=stop)
    code, out, err = call("run", "news", "--raw", "mine")
    assert (code, out) == (1, "")
    assert err.partition("error: stopped here")[0].endswith(f"  By the fits of the run before: {reach}\n")
