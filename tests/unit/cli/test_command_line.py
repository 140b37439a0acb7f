"""The command line: bad input ends in one sentence on stderr and exit code 1, and never in a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from competitions.cli import execution
from competitions.cli.options import RunOptions
from tests.conftest import Call, CommandResult

ROOT = Path(__file__).resolve().parents[3]


def assert_refused(result: CommandResult, *words: str) -> None:
    code, out, err = result
    assert code == 1
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    for word in words:
        assert word in err


# --- what is wrong before anything starts ---


@pytest.mark.parametrize(
    "words",
    [("run",), ("simulate",), ("check", "x.csv"), ("score", "x.csv", "--truth", "t.csv"), ("runs",), ("data",)],
    ids=lambda words: words[0],
)
def test_an_unknown_competition_is_named_with_the_known_ones(call: Call, words: tuple[str, ...]) -> None:
    verb, *rest = words
    assert_refused(call(verb, "chess", *rest), "chess", "news")


def test_a_build_folder_that_cannot_be_made_is_named(call: Call, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert_refused(call("simulate", "news", "--scale", 0.0005, "--build", "file/build"), "file/build")


# --- what a person types ---


@pytest.mark.parametrize("verb", ["run", "simulate", "ladder", "tune"])
def test_a_seed_that_no_library_takes_is_one_sentence(call: Call, verb: str) -> None:
    assert_refused(call(verb, "news", "--scale", 0.001, "--seed", -1), "seed", "-1")
    assert_refused(call(verb, "news", "--scale", 0.001, "--seed", 1 << 40), "seed", "<= 2147483647")


@pytest.mark.parametrize("words", [("--build", ""), ("--raw", " ")])
def test_an_empty_name_is_no_folder(call: Call, words: tuple[str, ...]) -> None:
    assert_refused(call("run", "news", *words), "An empty name is no folder")


@pytest.mark.parametrize("odd", ["line\nend", "half\udcff"])
def test_whatever_a_name_holds_the_sentence_stands_on_one_line(call: Call, odd: str) -> None:
    code, out, err = call("run", "news", "--raw", f"nowhere-{odd}")
    assert_refused((code, out, err), "nowhere-", "not UTF-8: rename it" if odd[-1] == "\udcff" else "does not exist")
    assert err.rstrip("\n").isprintable()


def test_three_runs_are_too_many_and_how_two_are_named_is_said(call: Call) -> None:
    assert_refused(call("compare", "news", "a", "b"), "Two runs are compared, not 3: name them as news/A and news/B")


@pytest.mark.parametrize("verb", ["run", "look", "ladder", "tune"])
def test_a_setting_needs_no_option_before_it(call: Call, verb: str) -> None:
    assert_refused(call(verb, "news", "--seed", 1, "recal.candidates=200"), "no key recal;", "recall")
    assert_refused(call(verb, "news", "split.valid_queries=0", "--raw", "."), "split.valid_queries", "1")
    assert_refused(call(verb, "news", "fast"), "fast is not of the form key=value")


def test_settings_of_both_kinds_are_kept_and_recorded(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[RunOptions] = []
    monkeypatch.setattr(execution, "execute", given.append)
    settings = ["rank.rounds=2", "fits=1", "rank.blocks=[pair, item]"]
    call("run", "news", settings[1], "--set", settings[0], "--untuned", settings[2])
    assert [(options.overrides, options.untuned) for options in given] == [(settings, True)]


@pytest.mark.parametrize("verb", [("run",), ("look",), ("check", "mine.csv")], ids=lambda words: words[0])
def test_a_folder_that_is_not_there_is_named_as_that(call: Call, verb: tuple[str, ...], tmp_path: Path) -> None:
    word, *rest = verb
    assert_refused(call(word, "news", *rest, "--raw", "/nope"), "RAW /nope does not exist")
    (tmp_path / "log.csv").write_text("")
    assert_refused(call(word, "news", *rest, "--raw", "log.csv"), "RAW log.csv is a file")


# --- score ---


def test_score_names_what_it_cannot_use(call: Call, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("user_id,article_1,article_2,article_3,article_4,article_5\n1,1,2,3,4,5\n")
    for user, name in ((1, "truth.csv"), (7, "foreign.csv")):
        (tmp_path / name).write_text(f"user_id,click_article_id\n{user},1\n")
    assert_refused(call("score", "news", "mine.csv", "--truth", "none.csv"), "none.csv")
    assert_refused(call("score", "news", "none.csv", "--truth", "truth.csv"), "none.csv")
    assert_refused(call("score", "news", "mine.csv", "--truth", "mine.csv"), "mine.csv", "header")
    assert_refused(call("score", "news", "mine.csv", "--truth", "foreign.csv"), "no user in common")
    assert_refused(call("score", "news", "mine.csv", "--truth", "truth.csv", "--raw", "nowhere"), "nowhere")


# --- the frame ---


def test_the_process_ends_with_one_sentence_and_code_1() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "competitions", "run", "chess"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert_refused((ended.returncode, ended.stdout, ended.stderr), "chess", "news")


@pytest.mark.parametrize(("said", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_waiting_threads_sleep_unless_the_environment_says_otherwise(said: str | None, expected: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {} if said is None else {"OMP_WAIT_POLICY": said}
    script = "import competitions, os; print(os.environ['OMP_WAIT_POLICY'])"
    shown = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == expected
