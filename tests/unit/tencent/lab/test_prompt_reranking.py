"""A prompt holds what was bought and one candidate, and equal scores leave the ranker's order."""

import shlex
import sys
from pathlib import Path

import pytest

from common.engine.errors import UserError
from competitions.tencent.lab.prompt_reranking import ask_program, draw_cases, main, rerank_by_prompt

HISTORY, TITLES = ["shampoo", "brush"], ["hammer", "comb", "saw"]


def test_each_prompt_has_the_history_and_its_own_candidate() -> None:
    prompts: list[str] = []

    def score(asked: list[str]) -> list[float]:
        prompts.extend(asked)
        return [0.0] * len(asked)

    assert rerank_by_prompt(HISTORY, TITLES, score) == [0, 1, 2]
    assert all("shampoo; brush" in prompt for prompt in prompts)
    assert [[title in prompt for title in TITLES].index(True) for prompt in prompts] == [0, 1, 2]


@pytest.mark.parametrize("scores", [[1.0], [1.0, 2.0, float("nan")]])
def test_a_model_that_gives_no_number_a_prompt_is_refused(scores: list[float]) -> None:
    with pytest.raises(ValueError, match="3 numbers are needed"):
        rerank_by_prompt(HISTORY, TITLES, lambda prompts: scores)


# --- the command ---


def write_shop(folder: Path) -> None:
    """Users buy five things of their own kind; the file of titles lacks one item."""
    lines = [
        " ".join(map(str, [user, *(1 + (user + step) % 5 + 5 * (user % 5) for step in range(5))])) for user in range(40)
    ]
    (folder / "Beauty.txt").write_text("\n".join(lines))
    titles = [f"{item}\tkind {(item - 1) // 5} piece {item}" for item in range(2, 26)]
    (folder / "titles.tsv").write_text("\n".join(["item\ttext", *titles]))


def test_ten_titles_hold_the_right_one_and_nothing_that_was_bought(tmp_path: Path) -> None:
    write_shop(tmp_path)
    cases = draw_cases(tmp_path, 30, 0)
    assert len(cases) == 30
    for history, titles, right in cases:
        assert len(titles) == len(set(titles)) == 10
        assert 0 < len(history) <= 5
        assert not set(history) & set(titles)
        assert titles[right].split()[1] == history[0].split()[1]
    assert cases == draw_cases(tmp_path, 30, 0) != draw_cases(tmp_path, 30, 1)


def test_common_words_find_the_kind_and_the_command_prints_how_often(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_shop(tmp_path)
    main([str(tmp_path), "--users", "30"])
    out = capsys.readouterr().out
    assert float(out.partition("Right at once: ")[2].split()[0]) > 0.5
    assert "of 30 users (by chance 0.100)" in out


PROGRAM = "import sys; prompt = sys.stdin.read(); print('I think', 'yes' if 'comb?' in prompt else 'No')"


def test_a_program_reads_the_prompt_and_says_a_number_or_yes_or_no() -> None:
    score = ask_program(shlex.join([sys.executable, "-c", PROGRAM]))
    assert rerank_by_prompt(HISTORY, TITLES, score) == [1, 0, 2]
    count = "import sys; print('score:', len(sys.stdin.read()))"
    assert ask_program(shlex.join([sys.executable, "-c", count]))(["12345"]) == [5.0]


@pytest.mark.parametrize(("program", "sentence"), [("raise SystemExit(3)", "failed"), ("print('maybe')", "maybe")])
def test_a_program_without_an_answer_is_one_sentence(program: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        ask_program(shlex.join([sys.executable, "-c", program]))(["prompt"])
    with pytest.raises(UserError, match="no-such-program"):
        ask_program("no-such-program")(["prompt"])
