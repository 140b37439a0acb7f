"""The command line: bad input ends in one sentence on stderr and exit code 1, and never in a traceback."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from competitions import __main__ as command_line
from tests.conftest import Call, CommandResult
from tests.unit.common.day.records import write_run

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


# --- what a person types ---

FOLDERS = {"--raw /nope": "RAW /nope does not exist", "--raw log.csv": "RAW log.csv is a file"}
SEEDS = {"--seed -1": "seed cannot be -1", f"--seed {1 << 40}": "<= 2147483647"}  # which no library takes
SETTINGS = {  # none needs an option before it
    "--seed 1 recal.candidates=200": "no key recal; the nearest is recall.",
    "split.valid_queries=0 --raw .": "split.valid_queries cannot be 0: Expected `int` >= 1",
    "fast": "fast is not of the form key=value",
}


def combine(verbs: tuple[str, ...], cases: dict[str, str]) -> list[tuple[str, str]]:
    return [(f"{verb} {words}", said) for verb in verbs for words, said in cases.items()]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        *combine(("run", "simulate", "runs", "data"), {"chess": "no competition chess; choose news or flight"}),
        *combine(("run news", "simulate news", "ladder news", "tune news"), SEEDS),
        *combine(("run news", "look news", "ladder news", "tune news"), SETTINGS),
        *combine(("run news", "look news", "check news mine.csv"), FOLDERS),
        *combine(("run news --build", "run news --raw", "data flight --raw"), {"' '": "An empty name is no folder"}),
        ("run news --raw ''", "An empty name is no folder"),
        ("run news --until noon", "There is no stage 'noon' to stop after: leave --until out, or use --until cv."),
        ("simulate news --scale 0.0005 --build log.csv/build", "log.csv/build"),
    ],
)
def test_what_is_typed_wrong_is_one_sentence(call: Call, words: str, said: str) -> None:
    Path("log.csv").touch()
    assert_refused(call(*shlex.split(words)), said)


def test_whatever_a_name_holds_the_sentence_stands_on_one_line(call: Call) -> None:
    code, out, err = call("run", "news", "--raw", "nowhere-line\nend")
    assert_refused((code, out, err), "nowhere-", "does not exist")
    assert err.rstrip("\n").isprintable()


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


def run_python(*words: str, **variables: str) -> CommandResult:
    command = [sys.executable, *words]
    ended = subprocess.run(command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout, ended.stderr


def test_the_process_ends_with_one_sentence_and_code_1() -> None:
    assert_refused(run_python("-m", "competitions", "run", "chess"), "chess", "news")


def miss(name: str) -> None:
    raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_a_verb_that_needs_torch_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command_line, "app", lambda: miss("torch"))
    with pytest.raises(SystemExit, match="1"):
        command_line.main()
    expected = "error: This needs PyTorch, which the other competitions do without: run make install-torch.\n"
    assert capsys.readouterr() == ("", expected)
    monkeypatch.setattr(command_line, "app", lambda: miss("polars"))
    with pytest.raises(ModuleNotFoundError):
        command_line.main()


@pytest.mark.parametrize(("said", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_waiting_threads_sleep_unless_the_environment_says_otherwise(said: str | None, expected: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {} if said is None else {"OMP_WAIT_POLICY": said}
    script = "import competitions, os; print(os.environ['OMP_WAIT_POLICY'])"
    shown = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == expected


# --- where it is typed ---


def test_a_terminal_that_lacks_a_letter_ends_no_command(tmp_path: Path) -> None:
    folders = [str(write_run(tmp_path / "news" / name, [0.5, score] * 20)) for name, score in (("a", 0.5), ("b", 1.0))]
    code, out, err = run_python("-m", "competitions", "compare", *folders, PYTHONIOENCODING="ascii")
    assert (code, err) == (0, "")
    assert " ? " in out
