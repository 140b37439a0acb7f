"""The ledger of runs, the scores noted for them, and the comparison of two."""

from pathlib import Path

import polars as pl
import pytest

from common.day import compare, registry
from common.day.record_schema import Row
from common.engine.errors import UserError
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
    assert [row["CV"] for row in rows] == [0.5, 0.25, 0.5]
    assert (rows[0]["minutes"], rows[0]["GiB"], rows[0]["data"]) == (0.2, "2.0", "? (abcd)")
    registry.require_submission(tmp_path / "build" / "news" / "20260101-1")
    early = make("20260105-1", [0.5], until="cv", overrides=["seed=3"])
    assert list_rows([early])[0]["settings"] == "--until cv seed=3"
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


def test_a_run_left_out_is_the_last_and_a_competition_its_last_and_the_most_similar(make: Make, tmp_path: Path) -> None:
    other = make("20260100-1", [0.5], "flight")
    oldest = make("20260101-1", [0.5])
    make("20260102-1", [0.5], config={"seed": 0, "rank": {"rounds": 9}})
    quick = make("20260103-1", [0.5], overrides=["@competitions/news/quick.toml"])
    new, build = make("20260104-1", [0.5]), tmp_path / "build"
    assert registry.find_pair(build, NAMES, ["news"]) == registry.find_pair(build, NAMES, []) == (oldest, new)
    assert registry.find_pair(build, NAMES, [quick.name]) == (quick, new)
    with pytest.raises(UserError, match="last~1 is not a run: there are 1"):
        registry.find_pair(build, NAMES, ["flight"])
    assert registry.find_pair(build, NAMES, [oldest.name]) == (oldest, new)
    assert registry.find_pair(build, NAMES, [str(oldest)]) == (oldest, new)
    assert registry.find_pair(build, NAMES, ["news/last~3", "flight"]) == (oldest, other)


def test_a_leaderboard_score_stands_beside_the_cv_and_the_last_word_counts(make: Make) -> None:
    folder = make("20260101-1", [0.5])
    registry.note_leaderboard(folder, 0.4)
    registry.note_leaderboard(folder, 0.45)
    (row,) = list_rows([folder])
    assert (row["CV"], row["leaderboard"]) == (0.5, 0.45)
    assert [noted.score for noted in registry.read_leaderboard(folder)] == [0.4, 0.45]
    for score in (1e308, -1e308, float("nan"), float("inf")):
        with pytest.raises(UserError, match="is not a score"):
            registry.note_leaderboard(folder, score)
    (folder / "lb.json").write_text('[{"score": "high"}]')
    with pytest.raises(UserError, match=r"lb\.json is damaged"):
        registry.read_leaderboard(folder)
    (row,) = list_rows([folder])
    assert row["settings"].startswith("DAMAGED: lb.json is damaged")


# --- compare ---


def test_the_difference_is_taken_query_by_query(make: Make) -> None:
    runs = [make("a-1", [0.0, 1.0, 0.5, 0.0] * 10), make("a-2", [0.5, 1.0, 1.0, 0.0] * 10)]
    comparison = compare.compare(*runs)
    assert comparison.difference[:4] == (0.25, pytest.approx(0.25 / 40**0.5), 40, 20)  # gains .5, 0: deviation .25
    by_slice = {row["slice"]: row["B - A"] for row in comparison.tables[compare.SLICES]}
    assert by_slice == {"fold: all": 0.25, "parity: even": 0.5, "parity: odd": 0.0}
    assert comparison.warnings == []
    assert comparison.truth is None
    for run, scores in zip(runs, ([0.0, 1.0, 0.5], [0.5, 1.0, 0.0]), strict=True):
        truth = pl.DataFrame({"query": ["x", "y", "z"], "fold": "truth", "score": scores})
        truth.write_parquet(run / "truth.parquet")
    assert compare.compare(*runs).truth[:4] == (0.0, pytest.approx(0.2357, abs=1e-4), 3, 2)  # beside that on validation


def test_queries_are_won_lost_and_equal_and_hits_gained_and_lost_by_hand(make: Make) -> None:
    #        won, lost, equal hits, a hit lost, a hit gained, equal misses
    before = [0.2, 0.5, 0.5, 1.0, 0.0, 0.0]
    after = [0.5, 0.2, 0.5, 0.0, 0.5, 0.0]
    rows = compare.compare(make("a-1", before), make("a-2", after)).tables[compare.OUTCOME]
    names = ["won", "lost", "equal", "hit by both", "only A", "only B", "neither"]
    assert rows == [dict(zip(names, (2, 2, 2, 3, 1, 1, 1), strict=True))]
    slices = compare.compare(make("b-1", before * 7), make("b-2", after * 7)).tables[compare.SLICES]
    assert {row["slice"]: (row["won"], row["lost"], row["queries"]) for row in slices} == {
        "fold: all": (14, 14, 42),
        "parity: even": (14, 0, 21),
        "parity: odd": (0, 14, 21),
    }
    assert compare.compare(make("c-1", before), make("c-2", after)).tables[compare.SLICES] == []  # of six queries


def test_a_slice_that_divides_the_queries_as_the_folds_do_is_not_told_twice(make: Make) -> None:
    runs = [make("a-1", [0.0, 1.0] * 30), make("a-2", [1.0, 1.0] * 30)]
    for run in runs:
        path = run / "queries.parquet"
        frame = pl.read_parquet(path).with_columns(fold=pl.col("parity"), day=pl.col("parity"))
        frame.drop("parity").write_parquet(path)
    assert [row["slice"] for row in compare.compare(*runs).tables[compare.SLICES]] == ["fold: even", "fold: odd"]


def test_settings_features_and_models_that_differ_are_named(make: Make) -> None:
    importance = {"importance": [{"feature": "g", "gain": 0.25}]}
    plans = [
        {"plan": [{"setting": "rank.negatives", "value": value, "why": ""}, {"setting": "n", "value": "5"}]}
        for value in "ab"
    ]
    other = {"config": {"seed": 1, "rank": {"rounds": 5, "new": True}}, "features": ["g"], "insight": importance}
    one, two = make("a-1", [0.5], summary=plans[0]), make("a-2", [0.5], summary=plans[1], **other)
    comparison = compare.compare(one, two)
    assert comparison.tables[compare.DECISIONS] == [{"setting": "rank.negatives", "A": "a", "B": "b"}]
    settings = [("seed", "0", "1"), ("rank.new", "(not set)", "True")]
    assert [tuple(row.values()) for row in comparison.tables[compare.SETTINGS]] == settings
    assert [tuple(row.values()) for row in comparison.tables[compare.FEATURES]] == [("f", "A", None), ("g", "B", 0.25)]
    assert [row["score"] for row in comparison.tables[compare.SCORES]] == ["CV", "m"]


def test_what_makes_runs_hard_to_compare_is_said(make: Make) -> None:
    own = {"simulated": False}
    code = {"revision": "1234", "changed": True, "files": {f"{n}.py": "" for n in range(9)}}
    one = make("a-1", [0.5], data=own, threads={"openmp": 1})
    two = make("a-2", [0.5, 0.0], data=own | {"digest": "x"}, code=code, threads={"openmp": 2})
    quick = make("a-3", [0.5], data=own, overrides=["@competitions/news/quick.toml"], threads={"openmp": 1})
    said = "B is a quick run, the other is not: the scores differ by that"
    assert compare.compare(one, quick).warnings == [said]
    files, queries, changed, threads = compare.compare(one, two).warnings
    assert "raw files differ" in files
    assert "only 1 of the validation queries" in queries
    assert changed == "the code differs, in 0.py, 1.py, 2.py and 6 more"
    assert "A was computed with threads openmp 1, B with openmp 2" in threads


def test_runs_that_cannot_be_compared_are_refused_in_one_sentence(make: Make) -> None:
    one, simulated = make("a-1", [0.5]), {"digest": "x", "folder": "seed1"}
    nobody, damaged = make("a-2", [0.5]), make("a-3", [0.5])
    path = nobody / "queries.parquet"
    pl.read_parquet(path).with_columns(query=pl.lit("nobody")).write_parquet(path)
    (damaged / "queries.parquet").write_bytes(b"PAR1")
    for other, words in (
        (make("a-4", [0.5], "flight"), r"a run of news, .* of flight"),
        (make("a-5", [0.5], data=simulated), r"are of different files .*seed1"),
        (nobody, "have no validation query in common"),
        (damaged, r"queries\.parquet cannot be read"),
    ):
        with pytest.raises(UserError, match=words):
            compare.compare(one, other)


def test_slices_are_weighted_like_the_scores(make: Make) -> None:
    runs = [make("a-1", [0.0, 1.0, 0.5, 1.0] * 10), make("a-2", [1.0, 1.0, 0.0, 1.0] * 10)]
    for run in runs:
        path = run / "queries.parquet"
        pl.read_parquet(path).with_columns(weight=pl.Series([2.0, 1.0, 1.0, 0.0] * 10)).write_parquet(path)
    comparison = compare.compare(*runs)
    by_slice = {row["slice"]: row["B - A"] for row in comparison.tables[compare.SLICES]}
    assert (by_slice["fold: all"], by_slice["parity: even"]) == pytest.approx((1.5 / 4, (2 * 1.0 - 0.5) / 3))
    assert not any(name.startswith("weight") for name in by_slice)


# --- as the verb prints it ---


def test_the_ledger_fits_eighty_letters_and_wide_has_the_rest(make: Make, call: Call, tmp_path: Path) -> None:
    truth = {"score": 0.3, "error": 0.01, "oracle": 0.6}
    make("20260101-123456-789", [0.5, 0.25], truth=truth, overrides=["recall.candidates=200"])
    noted = make("20260102-123456-789", [0.75], "flight", wall_seconds=754.0)
    registry.note_leaderboard(noted, 0.5367)
    build = tmp_path / "build"
    code, out, _ = call("runs", "--build", build)
    assert code == 0
    lines = out.splitlines()
    assert max(len(line.rstrip()) for line in lines[:-1]) <= 80  # the last is an address
    assert lines[2].split() == ["run", "CV", "truth", "or", "board", "minutes"]
    assert lines[3].split() == ["flight/20260102-123456-789", "0.7500", "+-", "0.0100", "0.5367", "board", "12.6"]
    assert lines[4].split() == ["news/20260101-123456-789", "0.3750", "+-", "0.0100", "0.3000", "truth", "0.2"]
    assert "--wide" in out
    wide = call("runs", "--build", build, "--wide")[1]
    assert all(word in wide for word in ("oracle", "0.6000", "? (abcd)", "1234", "recall.candidates=200", "2.0"))
    assert call("runs", "nwes", "--build", build)[0] == 1
