"""A prompt holds what was bought and one candidate, and equal scores leave the ranker's order."""

import pytest

from competitions.tencent.lab.prompt_reranking import rerank_by_prompt

HISTORY, TITLES = ["shampoo", "brush"], ["hammer", "comb", "saw"]


def test_each_prompt_has_the_history_and_its_own_candidate() -> None:
    seen: list[str] = []

    def score(prompts: list[str]) -> list[float]:
        seen.extend(prompts)
        return [0.0] * len(prompts)

    assert rerank_by_prompt(HISTORY, TITLES, score) == [0, 1, 2]
    assert all("shampoo; brush" in prompt for prompt in seen)
    assert [[title in prompt for title in TITLES].index(True) for prompt in seen] == [0, 1, 2]


@pytest.mark.parametrize("scores", [[1.0], [1.0, 2.0, float("nan")]])
def test_a_model_that_gives_no_number_a_prompt_is_refused(scores: list[float]) -> None:
    with pytest.raises(ValueError, match="3 numbers are needed"):
        rerank_by_prompt(HISTORY, TITLES, lambda prompts: scores)
