"""A record that is there as soon as there is a score, and parts of it that may each fail alone."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest

from common.day import record_writer
from common.day.judged import Judged
from common.day.record_schema import RECORD, RunRecord, read_record
from common.day.record_writer import UNFINISHED, RecordWriter
from common.day.report.page import write_report
from common.engine.errors import UserError
from common.engine.run import Run
from common.learning.diagnostics import Calibration, Curve, Importance
from tests.unit.common.day.records import START, make_evidence, make_judged


def name_importance(feature: str) -> list[Importance]:
    return [Importance(feature)]


INSIGHT: dict[str, Any] = {
    "importance": (name_importance, "f"),
    "curves": lambda: [Curve("m", "ndcg", [0.5, 0.6], 2)],
    "calibration": lambda: [Calibration("P", [])],
}


class PanicError(BaseException):
    """As polars' own, which is no Exception."""


def fail(*_: object) -> NoReturn:
    raise ValueError("no such column\nand a second line")


def panic(*_: object) -> NoReturn:
    raise PanicError("no such column")


def breaking(**parts: Any) -> Callable[[Judged], Judged]:
    return lambda judged: replace(judged, **parts)


BREAKS: dict[str, Callable[[Judged], Judged]] = {
    "details": breaking(tables=fail),
    "evidence": breaking(evidence=fail),
    "answers": breaking(evidence=lambda: make_evidence(example=fail)),
    "importance": breaking(importance=(panic,)),
    "curves": breaking(curves=fail),
    "calibration": breaking(calibration=fail),
}


def write(folder: Path, change: Callable[[Judged], Judged] = lambda judged: judged) -> tuple[RecordWriter, RunRecord]:
    run = Run(folder, folder.parent / "cache")
    writer, judged = RecordWriter(run, checked=True, began=time.perf_counter()), make_judged(**INSIGHT)
    writer.begin(START, judged)
    writer.add_evidence(change(judged))
    writer.finish()
    return writer, read_record(folder / RECORD)


def plain(record: RunRecord) -> dict[str, Any]:
    """What two records of the same run share: all but their costs."""
    content: dict[str, Any] = msgspec.to_builtins(record)
    return {name: content[name] for name in content if name not in ("steps", "wall_seconds", "peak_mib", "failed")}


def test_what_takes_seconds_to_explain_is_computed_once_and_kept(tmp_path: Path) -> None:
    first, again = (write(tmp_path / name)[1] for name in ("one", "two"))
    assert again.insight == first.insight
    assert first.insight.importance == [Importance("f")]
    assert [(step.name, step.kept) for step in again.steps] == [("insight.importance", True)]


@pytest.mark.parametrize("part", BREAKS)
def test_a_part_that_fails_is_one_sentence_and_all_others_stay(tmp_path: Path, part: str) -> None:
    whole = plain(write(tmp_path / "whole")[1])
    writer, record = write(tmp_path / "broken", BREAKS[part])
    (sentence,) = record.failed
    assert writer.failed == [sentence]
    details = tmp_path / "broken" / f"failed-{part}.txt"
    assert sentence.endswith(f"Error: no such column; the submission is checked and kept. Details: {details}")
    assert "Traceback" in details.read_text()
    broken = plain(record)
    names = {"details": {"features", "summary", "notes", "tables"}, "evidence": {"rivals", "insight"}}
    assert {name for name in whole if broken[name] != whole[name]} <= names.get(part, {"insight"})
    changed = {name for name in whole["insight"] if broken["insight"][name] != whole["insight"][name]}
    assert changed <= {"answers" if part == "evidence" else part}
    assert (tmp_path / "broken" / "candidates.parquet").exists() == (part != "evidence")
    page = write_report(tmp_path / "broken").read_text()
    assert "no such column; the submission is checked and kept" in page


def test_a_run_that_is_killed_leaves_its_score_and_says_that_its_report_is_not_whole(tmp_path: Path) -> None:
    seen: list[RunRecord] = []

    def look() -> list[Curve]:
        seen.append(read_record(tmp_path / "run" / RECORD))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "run", breaking(curves=look))
    assert (seen[0].cv.score, seen[0].submission.paths, seen[0].failed) == (0.375, ["s.csv"], [UNFINISHED])
    assert read_record(tmp_path / "run" / RECORD).failed == [UNFINISHED]
    assert write(tmp_path / "whole")[1].failed == []


@pytest.mark.parametrize("value", [object(), "no list of curves"])
def test_what_cannot_be_recorded_is_a_failed_part_and_the_record_stays_whole(tmp_path: Path, value: object) -> None:
    record = write(tmp_path / "run", breaking(calibration=lambda: [value]))[1]
    assert len(record.failed) == 1
    assert [curve.name for curve in record.insight.curves] == ["m"]


def test_a_full_disk_costs_the_parts_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise UserError("x cannot be written: No space left on device; free some space or name another folder")

    monkeypatch.setattr(record_writer, "write_whole", refuse)
    run = Run(tmp_path / "run", tmp_path / "cache")
    writer = RecordWriter(run, checked=True, began=0.0)
    monkeypatch.setattr(record_writer, "write_bytes", refuse)
    with writer.part("score", "The score on validation"):
        writer.begin(START, make_judged())
    reason = "x cannot be written: No space left on device; free some space or name another folder"
    assert writer.failed == [f"The score on validation failed: {reason}; the submission is checked and kept."]
    assert writer.record is None


def test_what_fails_before_there_is_anything_to_keep_is_raised(tmp_path: Path) -> None:
    writer = RecordWriter(Run(tmp_path / "run", tmp_path / "cache"), checked=False, began=0.0)
    with pytest.raises(ValueError, match="no such column"), writer.part("score", "The score on validation"):
        fail()
    writer.begin(START, make_judged())
    with writer.part("fits", "The further fits"):
        fail()
    assert writer.failed[0].startswith("The further fits failed: ValueError: no such column; the score is kept.")
