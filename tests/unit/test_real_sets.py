"""The bench of real data sets: which folders are sets, what is red, what is run again; no run is made here."""

import json
from pathlib import Path

import pytest

from common.engine.errors import UserError
from tests.benches import real_sets
from tests.benches.real_sets import Estimate, Figures, RealSet, Result


def make_result(holdout: float = 0.2501, truth: float | None = 0.2704, fault: str = "", version: str = "aa") -> Result:
    found = None if truth is None else Estimate(truth, 0.006)
    cost = {"seconds": 61.2, "cpu_seconds": 118.4, "gib": 2.04}
    error = Estimate(holdout, 0.005)
    return Result(name="news/quarter", version=version, holdout=error, truth=found, fault=fault, **cost)


LAST = Figures(version="0.20.0", holdout=Estimate(0.26), truth=Estimate(0.2813, 0.0055), seconds=80.0)


def test_a_score_two_errors_lower_is_red() -> None:
    """The truth's error is the last release's, .0055; that release's hold-out has none, so that today's .005 counts."""
    assert real_sets.find_reasons(make_result(), LAST) == []
    assert real_sets.find_reasons(make_result(holdout=0.2499), LAST) == ["the hold-out's score fell"]
    assert real_sets.find_reasons(make_result(truth=0.2702), LAST) == ["the truth's score fell"]
    assert real_sets.find_reasons(make_result(holdout=0.9, truth=0.9), LAST) == []
    assert real_sets.find_reasons(make_result(truth=None), LAST) == ["the truth's score is missing"]
    assert real_sets.find_reasons(make_result(0.01, 0.01), None) == []


def test_only_what_was_run_is_saved_as_a_release(tmp_path: Path) -> None:
    path = tmp_path / "real_sets.json"
    path.write_text(json.dumps({"news/host": {"version": "0.20.0", "truth": [0.29, 0.003]}}))
    with pytest.raises(UserError, match="news/quarter failed"):
        real_sets.save_release(path, [make_result(fault="killed")], "0.21.0")
    real_sets.save_release(path, [make_result()], "0.21.0")
    saved = real_sets.read_last(path)
    assert saved["news/host"] == Figures(version="0.20.0", truth=Estimate(0.29, 0.003))
    assert saved["news/quarter"].version == "0.21.0"
    assert real_sets.find_reasons(make_result(), saved["news/quarter"]) == []
    path.write_text("{")
    with pytest.raises(UserError, match="damaged"):
        real_sets.read_last(path)


def test_a_set_in_several_layouts_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of tencent's two, its first; a folder that the reader refuses is none."""
    readable = (tmp_path / "ads" / "release", tmp_path / "ads" / "competition", tmp_path / "clicks")
    for file in ("release/seq/a.parquet", "competition/train/seq.jsonl", "truth.csv"):
        touch(tmp_path / "ads" / file)
    touch(tmp_path / "clicks" / "train_click_log.csv")
    touch(tmp_path / "notes" / "other.csv")
    monkeypatch.setattr(real_sets, "has_queries", lambda name, raw: raw in readable)
    ads = RealSet("tencent/ads", "tencent", readable[0], tmp_path / "ads" / "truth.csv")
    clicks = RealSet("news/clicks", "news", readable[2], None)
    assert real_sets.find_sets(tmp_path) == [clicks, ads]
    assert real_sets.choose_sets([clicks, ads], ["tencent/ads"], tmp_path) == [ads]
    with pytest.raises(UserError, match="has no set news/host; it has news/clicks"):
        real_sets.choose_sets([clicks], ["news/host"], tmp_path)
    (tmp_path / "ads" / "truth.csv").unlink()
    assert real_sets.find_sets(tmp_path) == [clicks, ads._replace(truth=None)]
    touch(tmp_path / "more" / "ads" / "release" / "seq" / "a.parquet")
    monkeypatch.setattr(real_sets, "has_queries", lambda name, raw: raw.name == "release")
    with pytest.raises(UserError, match="rename one"):
        real_sets.find_sets(tmp_path)


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_a_fallen_set_ends_with_exit_code_one_and_is_not_run_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[str] = []

    def measure(one: RealSet, build: Path, version: str) -> Result:
        ran.append(one.name)
        return make_result(version=version, truth=0.2)

    touch(tmp_path / "raw" / "quarter" / "train_click_log.csv")
    for name, value in {
        "has_queries": lambda name, raw: (name, raw.name) == ("news", "quarter"),
        "measure": measure,
        "BUILD": tmp_path,
        "LAST_RELEASE": tmp_path / "real_sets.json",
    }.items():
        monkeypatch.setattr(real_sets, name, value)
    assert real_sets.run_sets(tmp_path / "raw", [], save="0.20.0") == 0  # no release before it
    (tmp_path / "real_sets.json").write_text(json.dumps({"news/quarter": {"version": "0.20.0", "truth": [0.3, 0.006]}}))
    assert real_sets.run_sets(tmp_path / "raw", ["news/quarter"], save=None) == 1
    assert ran == ["news/quarter"]
    assert "RED: the truth's score fell" in capsys.readouterr().out
