"""The two verbs: what is printed, what is fetched, what is refused, what is handed in."""

import json
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from common.day.hosts import kaggle as kaggle_client
from common.day.hosts.layout import FileSpec, Source
from common.engine.errors import UserError
from common.io.lock import hold
from competitions.cli import data as data_verbs
from competitions.flight import submission as flight_submit
from tests.unit.common.day.records import make_record
from tests.unit.flight.flight_rows import option, two_sessions, write_test, write_train

CLICKS = FileSpec("clicks.parquet", rows=3, columns=("user", "item"))


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """A small competition in flight's stead, one file of three rows and one that nobody reads; the client's calls."""
    calls: list[tuple[Any, ...]] = []

    def fetch(dataset: str, names: list[str], folder: Path) -> None:
        calls.append((dataset, names))
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "clicks.parquet").exists():
            write_clicks(folder / "clicks.parquet", 3)

    def submit(*given: object) -> str:
        calls.append(given)
        return "Submission ref: 77"

    monkeypatch.chdir(tmp_path)
    files = (CLICKS, FileSpec("sample.csv", needed=False, fetched=False))
    replace_source(monkeypatch, "flight", "kaggle", "a-contest", files)
    monkeypatch.setattr(kaggle_client, "fetch", fetch)
    monkeypatch.setattr(kaggle_client, "submit", submit)
    return calls


def replace_source(
    monkeypatch: pytest.MonkeyPatch, name: str, host: str, dataset: str, files: tuple[FileSpec, ...]
) -> None:
    known = data_verbs.find_source(name)
    source = Source(name, host, dataset, (files,), known.submission_files, known.upload)
    monkeypatch.setattr(f"competitions.{name}.day.host_files.SOURCE", source)


def write_clicks(path: Path, rows: int) -> None:
    pl.DataFrame({"user": range(rows), "item": range(rows)}).write_parquet(path)


# --- data ---


def test_files_are_fetched_and_checked(kaggle: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    data_verbs.data("flight")
    assert kaggle == [("a-contest", ["clicks.parquet"])]
    printed = capsys.readouterr().out
    assert "3 rows" in printed
    assert "missing, not needed" in printed


def test_files_that_are_right_need_no_host(kaggle: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    write_clicks(Path("clicks.parquet"), 3)
    data_verbs.data("flight", raw=Path())
    assert capsys.readouterr().out.endswith(".: files in the host's layout\n")
    Path("truth.csv").touch()
    with pytest.raises(UserError, match=r"holds a stand-in, not the host's files \(truth\.csv is among them\); move"):
        data_verbs.data("flight", raw=Path())
    with pytest.raises(UserError, match=r"files in data/flight/raw are missing \(first: clicks\.parquet\); run make"):
        data_verbs.data("flight", check=True)
    assert kaggle == []


def test_a_file_that_differs_is_named_after_the_table_and_left_alone(kaggle: list[Any]) -> None:
    folder = Path("mine")
    folder.mkdir()
    write_clicks(folder / "clicks.parquet", 2)
    with pytest.raises(UserError, match=r"1 of the files in mine differ.*clicks\.parquet.*; remove them and run make"):
        data_verbs.data("flight", raw=folder)
    assert pl.read_parquet(folder / "clicks.parquet").height == 2


@pytest.mark.parametrize("name", ["news", "mgtv"])
def test_a_host_with_a_login_gets_a_page_of_steps(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f"files in data/{name}/raw are missing.*follow the steps of make data-{name}"):
        data_verbs.data(name)
    printed = capsys.readouterr().out
    source = data_verbs.find_source(name)
    assert all(f"{number}. {step}" in printed for number, step in enumerate(source.steps, 1))
    assert all(spec.path in printed for spec in source.layouts[0])
    with pytest.raises(UserError):
        data_verbs.data(name, check=True)
    assert source.steps[0] not in capsys.readouterr().out


# --- submit ---


def write_run(folder: Path, test: Path) -> None:
    """A run whose submission answers ``test``."""
    ids = pl.read_parquet(test)
    ranks = pl.int_range(1, pl.len() + 1).over("ranker_id")
    flight_submit.write_submission(ids.select(ranks).to_series(), test, folder)
    data, cv = {"folder": str(test.parent), "simulated": False}, {"score": 0.53123}
    write_record(folder, data=data, cv=cv, code={"revision": "abc1234"}, metric="HitRate@3")


def write_record(folder: Path, **changed: Any) -> None:
    record = make_record(**{"name": folder.parent.name, "run": folder.name} | changed)
    (folder / "run.json").write_bytes(msgspec.json.encode(record))


@pytest.fixture
def runs(kaggle: list[Any], tmp_path: Path) -> Path:
    """build/flight with two runs and a newer one that was killed; the host's files in data/flight/raw."""
    raw = tmp_path / "data" / "flight" / "raw"
    raw.mkdir(parents=True)
    write_train(raw, two_sessions())
    test = write_test(raw, [option(1, "a"), option(2, "a"), option(3, "b")])
    build = tmp_path / "build" / "flight"
    for name in ("20260101-000000-000", "20260102-000000-000"):
        (build / name).mkdir(parents=True)
        write_run(build / name, test)
    (build / "20260103-000000-000").mkdir()
    return build


def test_the_newest_run_is_checked_and_handed_in_or_one_that_is_named_shown(
    kaggle: list[Any], runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data_verbs.submit("flight", "20260101-000000-000", dry_run=True)
    path = "build/flight/20260101-000000-000/submission.parquet"
    assert f"submit a-contest -f {path} -m 'flight 20260101-" in capsys.readouterr().out.splitlines()[-1]
    data_verbs.submit("flight")
    path = "build/flight/20260102-000000-000/submission.parquet"
    assert kaggle == [("a-contest", Path(path), "flight 20260102-000000-000, abc1234, CV HitRate@3 0.5312")]
    assert f"{path}: 3 rows, valid.\nSubmission ref: 77\n" in capsys.readouterr().out


SIMULATED = r"20260102.*made from simulated data: to submit, run"


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("run.json", {"folder": "data/flight/raw", "simulated": True}, SIMULATED),
        ("run.json", "{}", r"run\.json is not a record of a run"),
        ("simulation.json", "{}", SIMULATED),
        ("truth.csv", "", r"from a stand-in, not the host's files \(truth\.csv is among them"),
    ],
)
def test_only_a_run_on_the_hosts_files_is_handed_in(
    kaggle: list[Any], runs: Path, file: str, text: str | dict[str, Any], sentence: str
) -> None:
    path = (runs / "20260102-000000-000" if file == "run.json" else Path("data/flight/raw")) / file
    if not isinstance(text, str):
        text = json.dumps(json.loads(path.read_text()) | {"data": text})
    path.write_text(text)
    with pytest.raises(UserError, match=sentence):
        data_verbs.submit("flight")
    assert kaggle == []


def test_a_run_on_files_of_other_rows_than_the_hosts_is_not_handed_in(kaggle: list[Any], runs: Path) -> None:
    write_clicks(Path("data/flight/raw/clicks.parquet"), 2)  # without a mark of ours, as a part of a simulated set is
    with pytest.raises(UserError, match=r"from other files than the host's \(clicks\.parquet: 2 rows.*; not 3 rows\)"):
        data_verbs.submit("flight")
    assert kaggle == []


def test_a_submission_that_was_changed_or_is_not_there_is_refused(kaggle: list[Any], runs: Path) -> None:
    path = runs / "20260102-000000-000" / "submission.parquet"
    pl.read_parquet(path).reverse().write_parquet(path)
    for run, sentence in (
        (None, "in its order"),
        ("20260103-000000-000", "matches no run"),
        ("no-such", "no-such matches no run"),
        ("../flight", "is no run of flight"),
    ):
        with pytest.raises(UserError, match=sentence):
            data_verbs.submit("flight", run)
    assert kaggle == []


def test_no_earlier_run_is_handed_in_for_the_last_one(kaggle: list[Any], runs: Path) -> None:
    last = runs / "20260103-000000-000"
    (last / "submission.parquet").touch()
    with pytest.raises(UserError, match=r"The last run, .*20260103-000000-000, was not judged"):
        data_verbs.submit("flight")
    with hold(last):  # it lives, and may be judged yet
        data_verbs.submit("flight")
        assert kaggle.pop()[1] == Path("build/flight/20260102-000000-000/submission.parquet")
    (last / "submission.parquet").unlink()
    write_record(last, until="cv")
    with pytest.raises(UserError, match="20260103-000000-000 stopped after validation and has no submission"):
        data_verbs.submit("flight")
    assert kaggle == []


@pytest.mark.parametrize("name", ["news", "mgtv", "tencent"])
def test_other_hosts_say_where_to_upload(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = data_verbs.find_source(name)
    folder = tmp_path / name / "20260101-000000-000"
    folder.mkdir(parents=True)
    submission = folder / source.submission_files[0]
    submission.write_text("")
    write_record(folder, data={"folder": "x", "simulated": False})
    data_verbs.submit(name, build=tmp_path)
    assert capsys.readouterr().out == f"{submission}: {source.upload}.\n"


@pytest.mark.parametrize(
    ("data", "copied"),
    [({"simulated": False}, True), ({"simulated": True}, False), ({"simulated": False, "standin": True}, False)],
)
def test_the_last_submission_of_a_hosts_files_lies_beside_the_runs(
    data: dict[str, Any], copied: bool, tmp_path: Path
) -> None:
    copy = tmp_path / "submission.csv"
    copy.write_text("of an earlier run")
    for content in ("first", "second"):
        (tmp_path / content).mkdir()
        (tmp_path / content / "submission.csv").write_text(content)
        basis = make_record(data={"folder": str(tmp_path)} | data).basis
        assert data_verbs.copy_submission("news", tmp_path / content, basis) == ([copy] if copied else [])
        assert copy.exists() == copied
    assert not copied or copy.read_text() == "second"
