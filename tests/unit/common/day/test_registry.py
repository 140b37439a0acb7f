"""The ledger of runs, and the scores noted for them."""

import re
import shutil
from pathlib import Path

import pytest

from common.day import compare, registry
from common.day.record_schema import Row
from common.engine.errors import UserError
from common.io.lock import hold
from tests.conftest import Call
from tests.unit.common.day.conftest import Make

NAMES = ("news", "flight")


def list_rows(folders: list[Path]) -> list[Row]:
    return [registry.list_run(run) for run in registry.read_ledger(folders)]


# --- the ledger ---


def test_runs_come_newest_first_and_unfinished_ones_not_at_all(make: Make, tmp_path: Path) -> None:
    make("20260101-1", [0.5]), make("20260103-1", [0.5], "flight"), make("20260102-1", [0.25])
    (tmp_path / "build" / "news" / "20260104-1").mkdir()
    rows = list_rows(registry.find_runs(tmp_path / "build", NAMES))
    assert [row["run"] for row in rows] == ["flight/20260103-1", "news/20260102-1", "news/20260101-1"]
    assert [row["CV"] for row in rows] == ["0.5000 +- 0.0100", "0.2500 +- 0.0100", "0.5000 +- 0.0100"]
    registry.require_submission(tmp_path / "build" / "news" / "20260101-1")
    early = make("20260105-1", [0.5], until="cv")
    with pytest.raises(UserError, match="stopped after validation"):
        registry.require_submission(early)


def test_a_run_is_found_by_name_end_of_name_position_and_folder(make: Make, tmp_path: Path) -> None:
    build = tmp_path / "build"
    first, second = make("20260101-111", [0.5]), make("20260102-222", [0.5])
    other = make("20260102-333", [0.5], "flight")

    def find(run: str) -> Path:
        return registry.find_run(build, NAMES, run)

    assert find("111") == find("20260101-111") == find(str(first)) == find("news/last~1") == first
    assert (find("last"), find("news/last"), find("last~1")) == (other, second, second)
    for run, words in (
        ("0102-", "no run"),
        ("last~3", "there are 3"),
        *((f"news/last~{back}", "is not a run") for back in ("²", "٣", "9" * 20, "-1", "x", "1" * 5000)),
        ("news/333", "no run"),
    ):
        with pytest.raises(UserError, match=words):
            find(run)
    make("20260105-111", [0.5])
    with pytest.raises(UserError, match="2 runs"):
        find("111")
    with pytest.raises(UserError, match="make news"):
        registry.find_run(tmp_path / "empty", NAMES, "last")


def test_runs_to_compare_are_a_base_and_others_by_default_the_last_behind_that_before_its_edit(
    make: Make, tmp_path: Path
) -> None:
    other, build = make("20260100-1", [0.5], "flight"), tmp_path / "build"
    oldest = make("20260101-1", [0.5])
    edited = make("20260102-1", [0.5], config={"seed": 0, "rank": {"rounds": 9}})
    quick = make("20260103-1", [0.5], overrides=["@competitions/news/quick.toml"])
    new = make("20260104-1", [0.5])

    def find(*runs: str) -> list[Path]:
        return compare.find_compared(build, NAMES, runs)

    assert find("news") == find() == [edited, new]
    assert find(quick.name) == [quick, new]
    assert find(oldest.name) == find(str(oldest)) == [oldest, new]
    assert find("news/last~3", "flight") == [oldest, other]
    assert find(oldest.name, edited.name, "last") == [oldest, edited, new]
    compare.choose_base(quick)  # which asks something else
    assert find("news") == [edited, new]
    with pytest.raises(UserError, match=r"No run before .* has the same files and queries"):
        find("flight")
    with pytest.raises(UserError, match="news/7 matches no run"):
        find(oldest.name, "news/7")


def test_a_leaderboard_score_stands_beside_the_cv_and_the_last_word_counts(make: Make) -> None:
    folder = make("20260101-1", [0.5])
    registry.note_leaderboard(folder, 0.4)
    registry.note_leaderboard(folder, 0.45)
    (row,) = list_rows([folder])
    assert row["truth or board"] == "0.4500 board"
    assert [noted.score for noted in registry.read_leaderboard(folder)] == [0.4, 0.45]
    assert registry.read_leaderboard(make("20260102-1", [0.5])) == []
    assert registry.read_leaderboard(make("20260101-1", [0.5], "flight")) == []
    Path("data/news/board_scores.toml").write_text('[[board]]\nscore = "high"\n')
    with pytest.raises(UserError, match=r"data/news/board_scores\.toml is damaged"):
        registry.read_leaderboard(folder)


def test_a_score_outlives_its_run(make: Make, call: Call) -> None:
    folder = make("20260101-1", [0.5], note="first", data={"simulated": False})
    make("20260102-1", [0.25])
    assert call("lb", "news/20260101-1", ".453")[0] == 0
    code, out, _ = call("runs", "--remove", "news/20260101-1")
    assert (code, out.splitlines()[0], folder.exists()) == (0, "Removed: build/news/20260101-1", False)
    assert re.search(r"not in build\n.*\n news/20260101-1 +first +0\.5000 \+- 0\.0100 +0\.4530", out)
    assert out.splitlines()[-2] == "Disk: news 1 run 0 MiB, cache 0 MiB"
    shutil.rmtree("build")  # make clean
    assert "news/20260101-1" in call("runs", "news")[1]
    assert call("runs", "flight")[1] == "No run in build yet: run `make flight`.\n"


@pytest.mark.parametrize("score", ["", "high", "0,253", "nan", "inf", "-1e308"])
def test_a_score_that_is_no_number_is_refused_and_nothing_written(make: Make, call: Call, score: str) -> None:
    make("20260101-1", [0.5], data={"simulated": False})
    code, _, err = call("lb", "--", "news/last", score)
    assert (code, err) == (
        1,
        f"error: {score!r} is not a score: give the number that the leaderboard shows, such as .253.\n",
    )
    assert not Path("data").exists()


def test_a_run_that_is_not_there_lives_or_lies_elsewhere_is_not_removed_nor_is_any_other(
    make: Make, call: Call
) -> None:
    folders = [make("20260101-1", [0.5]), Path("build/news/20260102-1"), make("20260103-1", [0.5]).rename("elsewhere")]
    with hold(folders[1]):  # before it has a record
        for other, words in (("news/20260105-1", "matches no run"), (folders[1].name, "is still running"),
                             ("elsewhere", "is no run of build"), ("news/cache", "matches no run")):  # fmt: skip
            code, _, err = call("runs", "--remove", "news/20260101-1", "--remove", other)
            assert (code, err.count("\n"), words in err) == (1, 1, True), err
    assert all(folder.exists() for folder in folders)
    assert call("runs", "--remove", "news/20260102-1")[0] == 0  # it was killed
    assert not folders[1].exists()


# --- as the verbs print it ---


def test_several_runs_are_a_table_beside_the_base_that_was_chosen(make: Make, call: Call, tmp_path: Path) -> None:
    build = tmp_path / "build"
    for number in range(3):
        make(f"2026010{number}-1", [0.25 * number] * 20, config={"rounds": number}, note=f"try {number}")
    first = build / "news" / "20260100-1"
    assert call("base", "news", "last~2", "--build", build)[:2] == (
        0,
        f"Later runs are compared with {first}, where they have the same files and queries.\n",
    )
    assert (build / "news" / "base.txt").read_text() == "20260100-1\n"
    code, out, _ = call("compare", "--build", build)
    assert (code, f"A = {first} (try 0)" in out, "B - A = +0.5000 ± 0.0000" in out) == (0, True, True)
    code, out, err = call("compare", "last~2", "last~1", "last", "--build", build)
    assert (code, err) == (0, "")
    shown = " ".join(out.split())
    assert f"Beside {first}" in out.replace("\n", "")
    assert all(f"try {number}: rounds 0 -> {number}" in shown for number in (1, 2))
    code, out, err = call("base", "news", "nobody", "--build", build)
    assert (code, out, err.count("\n"), "nobody matches no run" in err) == (1, "", 1, True)


def test_the_ledger_fits_eighty_letters(make: Make, call: Call, tmp_path: Path) -> None:
    truth = {"score": 0.3, "error": 0.01, "oracle": 0.6}
    make("20260101-123456-789", [0.5, 0.25], truth=truth)
    noted = make("20260102-123456-789", [0.75], "flight", wall_seconds=754.0)
    registry.note_leaderboard(noted, 0.5367)
    build = tmp_path / "build"
    code, out, _ = call("runs", "--build", build)
    assert code == 0
    lines = out.splitlines()
    assert max(len(line.rstrip()) for line in lines[:-2]) <= 80  # the next is an address
    assert lines[2].split() == ["run", "CV", "truth", "or", "board", "minutes"]
    assert lines[3].split() == ["flight/20260102-123456-789", "0.7500", "+-", "0.0100", "0.5367", "board", "12.6"]
    assert lines[4].split() == ["news/20260101-123456-789", "0.3750", "+-", "0.0100", "0.3000", "truth", "0.2"]
    assert call("runs", "nwes", "--build", build)[0] == 1
