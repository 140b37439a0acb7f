"""Ten titles re-ranked by a language model that is asked in words, whatever model that is.

    python -m competitions.tencent.lab prompt data/beauty
    python -m competitions.tencent.lab prompt data/beauty --users 20 --command "llama-cli -m MODEL.gguf -f /dev/stdin"

``score`` is any function from prompts to numbers, such as the logarithm of the probability that a model gives to "yes"
(Hou et al. 2024, "Large language models are zero-shot rankers for recommender systems"). No model is shipped: by
default ``count_common_words`` answers, which needs none; ``--command`` names a program that reads a prompt from its
standard input and prints a number, or yes or no.

What it costs: one prompt a candidate. Ten candidates of 100 tokens are 1,000 tokens a user; a model of 7 billion
parameters needs 2 x 7e9 operations a token, so that a laptop of 1e11 operations a second takes 140 s a user, where the
ranker takes milliseconds. That is why such models re-rank few candidates, or teach a small model.
"""

import argparse
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from common.engine.errors import UserError
from common.engine.progress import track
from competitions.tencent.day.standin import read_sequences
from competitions.tencent.day.standin_text import read_texts

Score = Callable[[list[str]], list[float]]
BETWEEN, END = ". Would the customer buy this next: ", "? Answer yes or no."
QUESTION = f"A customer bought, oldest first: {{history}}{BETWEEN}{{candidate}}{END}"


SEQUENCES, TITLES = "Beauty.txt", "titles.tsv"  # as data/README.md makes them
SAID = {"yes": 1.0, "no": 0.0}
BEFORE = 5  # titles of a history
CANDIDATES = 10
ANSWER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|\byes\b|\bno\b", re.IGNORECASE)
Case = tuple[list[str], list[str], int]  # the titles of a history, those of the candidates, the index of the right one


def main(words: list[str]) -> None:
    """Re-rank ten titles of some users, print the first case and how often the right one comes first."""
    parser = argparse.ArgumentParser(prog="python -m competitions.tencent.lab prompt", description=__doc__)
    parser.add_argument("folder", type=Path, help=f"with {SEQUENCES} and {TITLES}")
    parser.add_argument("--users", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--command", help="a program that reads a prompt and prints a number, or yes or no")
    options = parser.parse_args(words)
    score = ask_program(options.command) if options.command else count_common_words
    cases = draw_cases(options.folder, options.users, options.seed)
    began = time.perf_counter()
    orders = [rerank_by_prompt(history, titles, score) for history, titles, _ in track(cases, "prompts")]
    seconds = time.perf_counter() - began
    history, titles, right = cases[0]
    print("Bought, oldest first:", *history, "Re-ranked, * the one bought next:", sep="\n  ")
    print(*(f"  {'* ' if number == right else ''}{titles[number]}" for number in orders[0]), sep="\n")
    firsts = np.array([order[0] == right for order, (_, _, right) in zip(orders, cases, strict=True)], float)
    error = firsts.std() / len(cases) ** 0.5
    print(f"Right at once: {firsts.mean():.3f} ± {error:.3f} of {len(cases):,} users (by chance {1 / CANDIDATES:.3f}),")
    print(f"{1e3 * seconds / len(cases):,.1f} ms a user, {CANDIDATES} prompts each")


def draw_cases(folder: Path, users: int, seed: int) -> list[Case]:
    """Users' last item among nine that were drawn as often as they are bought, in random order; before it the titles of
    the last five. Of items that have a title; ``UserError`` where there are too few.
    """
    events = read_sequences(folder / SEQUENCES)
    items = events["item"].unique().sort()
    texts = read_texts(folder / TITLES, items)
    named = texts.select(pl.Series("item", items.gather(texts["row"])), "text")
    known = events.join(named, on="item", maintain_order="left").group_by("user", maintain_order=True).agg("text")
    lists = known.filter(pl.col("text").list.len() > 1)["text"].to_list()
    bought, rng = [title for titles in lists for title in titles], np.random.default_rng(seed)
    if len(set(bought)) < 2 * CANDIDATES:
        raise UserError(
            f"{folder} has {len(set(bought))} bought titles; {2 * CANDIDATES} are needed for ten to re-rank"
        )
    cases = []
    for user in rng.permutation(len(lists))[:users]:
        *history, target = lists[user]
        drawn = list(dict.fromkeys(bought[at] for at in rng.integers(len(bought), size=20 * CANDIDATES)))
        others = [title for title in drawn if title not in lists[user]][: CANDIDATES - 1]
        right = int(rng.integers(len(others) + 1))
        cases.append((history[-BEFORE:], [*others[:right], target, *others[right:]], right))
    return cases


def count_common_words(prompts: list[str]) -> list[float]:
    """Without a model: the share of the candidate's words that the history has.

    >>> count_common_words(write_prompts(["red nail polish", "comb"], ["blue nail polish", "hammer"]))
    [0.6666666666666666, 0.0]
    """
    shares = []
    for prompt in prompts:
        bought, _, candidate = prompt.rpartition(BETWEEN)
        words = set(re.findall(r"\w+", candidate.removesuffix(END).lower()))
        shares.append(len(words & set(re.findall(r"\w+", bought.lower()))) / max(len(words), 1))
    return shares


def ask_program(command: str) -> Score:
    """A program as a score: it reads one prompt from its standard input; the last number, yes (1) or no (0) that it
    prints counts. ``UserError`` where it fails or prints none.
    """
    words = shlex.split(command)

    def ask(prompt: str) -> float:
        try:
            done = subprocess.run(words, input=prompt, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise UserError(f"The program {words[0]} failed ({error}): try it by hand on a prompt.") from error
        found = ANSWER.findall(done.stdout)
        if not found:
            raise UserError(f"The program {words[0]} printed {done.stdout[:60]!r}: a number, yes or no is needed.")
        answer = found[-1].lower()
        return SAID[answer] if answer in SAID else float(answer)

    return lambda prompts: [ask(prompt) for prompt in prompts]


def write_prompts(history: Sequence[str], candidates: Sequence[str]) -> list[str]:
    """A question a candidate.

    >>> write_prompts(["shampoo"], ["comb"])[0]
    'A customer bought, oldest first: shampoo. Would the customer buy this next: comb? Answer yes or no.'
    """
    return [QUESTION.format(history="; ".join(history), candidate=title) for title in candidates]


def rerank_by_prompt(history: Sequence[str], candidates: Sequence[str], score: Score) -> list[int]:
    """The candidates' numbers, the one of the largest score first; of equal ones the ranker's first.

    ``ValueError`` where ``score`` does not give one number a prompt: a model that answers in prose is no ranker.

    >>> rerank_by_prompt(["shampoo"], ["hammer", "comb"], lambda prompts: [float("comb" in each) for each in prompts])
    [1, 0]
    """
    scores = score(write_prompts(history, candidates))
    if len(scores) != len(candidates) or any(value != value for value in scores):
        raise ValueError(f"{len(candidates)} numbers are needed, one a prompt; the model gave {scores}")
    return sorted(range(len(candidates)), key=lambda number: -scores[number])
