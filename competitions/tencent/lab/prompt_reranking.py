"""Titles re-ranked by a language model that is asked in words, whatever model that is.

``score`` is any function from prompts to numbers, such as the logarithm of the probability that a model gives to "yes"
(Hou et al. 2024, "Large language models are zero-shot rankers for recommender systems"). No model is shipped.

What it costs: one prompt a candidate. Ten candidates of 100 tokens are 1,000 tokens a user; a model of 7 billion
parameters needs 2 x 7e9 operations a token, so that a laptop of 1e11 operations a second takes 140 s a user, where the
ranker takes milliseconds. That is why such models re-rank few candidates, or teach a small model.
"""

from collections.abc import Callable, Sequence

Score = Callable[[list[str]], list[float]]
QUESTION = "A customer bought, oldest first: {history}. Would the customer buy {title} next? Answer yes or no."


def rerank_by_prompt(history: Sequence[str], candidates: Sequence[str], score: Score) -> list[int]:
    """The candidates' numbers, the one of the largest score first; of equal ones the ranker's first.

    ``ValueError`` where ``score`` does not give one number a prompt: a model that answers in prose is no ranker.

    >>> rerank_by_prompt(["shampoo"], ["hammer", "comb"], lambda prompts: [float("comb" in each) for each in prompts])
    [1, 0]
    """
    scores = score([QUESTION.format(history="; ".join(history), title=title) for title in candidates])
    if len(scores) != len(candidates) or any(value != value for value in scores):
        raise ValueError(f"{len(candidates)} numbers are needed, one a prompt; the model gave {scores}")
    return sorted(range(len(candidates)), key=lambda number: -scores[number])
