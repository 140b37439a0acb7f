"""The pictures of competitions/LEARNING.md, each drawn of what the project's own code computes on a tiny example.

Written by ``python -m tests.benches.pictures``; each function takes a language: 0 English, 1 Chinese.
"""
# ruff: noqa: RUF001  (Chinese punctuation)

from collections.abc import Callable, Iterator

import numpy as np
import polars as pl

from common.arrays import Floats
from common.learning.als import count_matrix, factorise, find_users
from common.learning.cooccurrence import count_covisits
from common.learning.metrics import as_dict, evaluate_ranks
from common.retrieval.settings import CovisitSettings, FactorSettings
from competitions.learning.mgtv.calibration import BINS, calibration_error, fit_platt
from competitions.news.split import cut_history, find_targets
from tests.benches import model_pictures, svg
from tests.benches.svg import Text, box, dot, frame, grid, line, text

# Hours of the clicks of five users; the host hides what the last two click next.
HOURS = {"A": (2, 5, 9, 10), "B": (1, 14, 15, 20), "C": (6, 7, 22), "D": (3, 4, 12), "E": (8, 18, 19)}
ASKED = ("D", "E")


def draw_holdout(language: int) -> str:
    """The clicks of five users: what a hold-out hides, as the host does, beside rows that are drawn at random."""
    rows = [(user, hour, number) for user, hours in HOURS.items() for number, hour in enumerate(hours)]
    clicks = pl.DataFrame(rows, schema=["user", "time", "item"], orient="row").with_columns(
        is_test=pl.col("user").is_in(ASKED)
    )
    asked = find_targets(clicks).filter(~pl.col("is_test"))
    left = cut_history(clicks, asked.select("user", clicks="before"))
    by_time = set(clicks.join(left, on=["user", "time"], how="anti").select("user", "time").rows())
    by_chance = set(clicks.filter(~pl.col("is_test")).sample(3, seed=2).select("user", "time").rows())
    titles: tuple[Text, Text] = (
        ("As the host asks: the last click of a user", "照主办方提问：每个用户的最后一次点击"),
        ("Rows at random: the user's later clicks are seen", "随机抽行：用户之后的点击被看到了"),
    )

    def draw() -> Iterator[str]:
        for panel, (title, hidden) in enumerate(zip(titles, (by_time, by_chance), strict=True)):
            left_edge = 60 + 430 * panel
            yield text(left_edge, 24, title[language], svg.BOLD)
            for place, (user, hours) in enumerate(HOURS.items()):
                y = 56 + 30 * place
                yield text(left_edge - 24, y + 4, user, svg.BOLD)
                yield line(left_edge, y, left_edge + 370, y)
                for hour in hours:
                    yield dot(left_edge + 15 * hour, y, svg.ORANGE if (user, hour) in hidden else svg.GREY)
                if user in ASKED:
                    yield dot(left_edge + 15 * (hours[-1] + 2), y, svg.BLUE, 8, hollow=True)
                    yield text(left_edge + 15 * (hours[-1] + 2), y + 4, "?", f'{svg.MIDDLE} fill="{svg.BLUE}"')
            for hour in range(0, 25, 6):
                yield text(left_edge + 15 * hour, 214, f"{hour}:00", f"{svg.MIDDLE} {svg.SMALL}")
        legend: tuple[tuple[str, Text], ...] = (
            (svg.GREY, ("seen by all: also what others do later", "大家都看得到：包括其他人之后的点击")),
            (svg.ORANGE, ("hidden: the answers of the hold-out", "隐藏：留出集的答案")),
            (svg.BLUE, ("hidden by the host", "主办方隐藏的")),
        )
        for number, (colour, words) in enumerate(legend):
            yield dot(66 + 290 * number, 238, colour, 5, hollow=colour == svg.BLUE)
            yield text(78 + 290 * number, 242, words[language])

    return frame(900, 256, titles[0][language], draw())


def draw_metrics(language: int) -> str:
    """Scores of five items for three queries, the lists that they make, and the metrics of each and of all."""
    scores = np.array([[0.6, 0.2, 0.9, 0.4, 0.1], [0.3, 0.8, 0.2, 0.5, 0.4], [0.7, 0.1, 0.4, 0.2, 0.6]])
    names, answers = np.array(list("abcde")), (2, 4, 1)
    order = np.argsort(-scores, axis=1)
    lists = pl.DataFrame({"query": np.repeat([0, 1, 2], 5), "item": order.ravel(), "rank": np.tile(np.arange(1, 6), 3)})
    right = pl.DataFrame({"query": [0, 1, 2], "item": answers})
    shown = ("mrr@5", "hit_rate@3", "ndcg@5")

    def measure(queries: pl.DataFrame) -> list[str]:
        found = as_dict(evaluate_ranks(lists, queries, [3, 5]))
        return [f"{found[name]:.2f}" for name in shown]

    heads: tuple[Text, ...] = (("scores", "分数"), ("list, best first", "列表，从高到低"), ("rank", "名次"))
    title: Text = ("Scores, the list, the metrics; the answer in colour", "分数、列表、指标；答案着色")

    def draw() -> Iterator[str]:
        yield text(20, 24, title[language], svg.BOLD)
        for x, head in zip((115, 380, 530), heads, strict=True):
            yield text(x, 54, head[language], f"{svg.MIDDLE} {svg.SMALL}")
        for column, name in enumerate(("MRR@5", "HitRate@3", "NDCG@5")):
            yield text(610 + 100 * column, 54, name, f"{svg.MIDDLE} {svg.BOLD}")
        for query, answer in enumerate(answers):
            y = 66 + 34 * query
            yield from grid(
                20, y, [[f"{name} {score:.1f}" for name, score in zip(names, scores[query], strict=True)]], 50, 28
            )
            yield text(283, y + 18, "→", svg.MIDDLE)
            yield from grid(300, y, [list(names[order[query]])], 36, 28, {str(names[answer])})
            yield text(530, y + 18, str(int(np.flatnonzero(order[query] == answer)[0]) + 1), svg.MIDDLE)
            for column, value in enumerate(measure(right.filter(query=query))):
                yield text(610 + 100 * column, y + 18, value, svg.MIDDLE)
        yield line(20, 172, 860, 172)
        yield text(530, 194, ("mean", "平均")[language], f"{svg.MIDDLE} {svg.BOLD}")
        for column, value in enumerate(measure(right)):
            yield text(610 + 100 * column, 194, value, f"{svg.MIDDLE} {svg.BOLD}")

    return frame(880, 210, title[language], draw())


def draw_neighbours(language: int) -> str:
    """Three users, three items: the table of clicks, its pairs, and its factors, from the code of steps 2 and 3."""
    users, items = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 2, 0])
    clicks = pl.DataFrame({"user": users, "item": items, "time": np.arange(5)})
    settings = CovisitSettings(reach=2, forward=1.0, reverse=1.0, decay=1.0, half_life_hours=1e9, power=0.5, top=3)
    pairs = np.zeros((3, 3))
    for item, neighbour, weight in count_covisits(clicks, settings).rows():
        pairs[item, neighbour] = weight
    table, factors = count_matrix(users, items, (3, 3)), FactorSettings(size=1, ridge=0.1, alpha=4.0, rounds=30)
    vectors = factorise(table, factors, seed=0)
    people = find_users(table, vectors, factors)
    seen = table.toarray()
    parts: tuple[tuple[Text, Floats, str, str], ...] = (
        (("clicks", "点击"), seen, "abc", "123"),
        (("pairs w(i, j)", "共现 w(i, j)"), pairs, "123", "123"),
        (("clicks × pairs", "点击 × 共现"), seen @ pairs, "abc", "123"),
        (("users", "用户"), people, "abc", " "),
        (("one number an item", "每个物品一个数"), vectors.T, " ", "123"),
        (("products", "内积"), people @ vectors.T, "abc", "123"),
    )
    title: Text = (
        "Three users a, b, c and three items: neighbours and factors",
        "三个用户 a、b、c，三个物品：邻居与因子",
    )
    signs = ("×", "=", "", "×", "=", "")

    def draw() -> Iterator[str]:
        yield text(20, 22, title[language], svg.BOLD)
        x = 30.0
        for (name, values, rows, columns), sign in zip(parts, signs, strict=True):
            yield text(x + 20 * len(columns), 50, name[language], f"{svg.MIDDLE} {svg.SMALL}")
            for place, word in enumerate(columns):
                yield text(x + 40 * place + 19, 70, word, f"{svg.MIDDLE} {svg.BOLD}")
            for place, word in enumerate(rows):
                yield text(x - 9, 95 + 30 * place, word, f"{svg.MIDDLE} {svg.BOLD}")
            digits = 0 if values is seen else 2
            words = [[f"{value:.{digits}f}".replace("-0.00", "0.00") for value in row] for row in values]
            yield from grid(x, 76, words, 40, 30)
            x += 40 * len(columns) + 44
            yield text(x - 32, 126, sign, svg.MIDDLE)
        notes: tuple[Text, Text] = (
            ("Neighbours: c read 1, so 2 comes next; 3 gets nothing.", "邻居：c 看过 1，所以接着是 2；3 得不到分。"),
            ("Factors: a number each; 3 gets a score as well.", "因子：各一个数；3 也得到分数。"),
        )
        for place, note in zip((30, 540), notes, strict=True):
            yield text(place, 196, note[language])

    return frame(920, 212, title[language], draw())


def draw_calibration(language: int) -> str:
    """Predicted beside observed in ten bins: right probabilities, logits too small or too large, Platt."""
    rng = np.random.default_rng(0)
    logits = rng.normal(-1.0, 1.2, size=20_000)
    labels = (rng.random(20_000) < 1 / (1 + np.exp(-logits))).astype(np.float64)
    half = slice(None, 10_000), slice(10_000, None)

    def squash(factor: float) -> Floats:
        return np.asarray(1 / (1 + np.exp(-factor * logits)))

    shrunk = squash(0.5)
    shown: tuple[tuple[Text, Floats, str], ...] = (
        (("the model's own", "模型自己的"), squash(1.0), svg.BLUE),
        (("logits halved, as by a ridge", "logit 减半（如强正则）"), shrunk, svg.ORANGE),
        (("logits doubled: too bold", "logit 加倍：过于自信"), squash(2.0), svg.PURPLE),
        (("halved, then Platt", "减半之后 Platt"), fit_platt(shrunk[half[0]], labels[half[0]])(shrunk), svg.GREY),
    )
    title: Text = (
        "Predicted and observed in ten bins; the calibration error above",
        "十个区间里的预测与实际；上方为校准误差",
    )

    def draw() -> Iterator[str]:
        yield text(20, 24, title[language], svg.BOLD)
        for panel, (name, probabilities, colour) in enumerate(shown):
            left, seen, happened = 30 + 220 * panel, probabilities[half[1]], labels[half[1]]
            yield text(left, 52, name[language])
            yield text(left, 70, f"{calibration_error(seen, happened):.3f}", f'{svg.BOLD} fill="{colour}"')
            yield box(left, 78, 170, 170, "#fff", "#b8bcc2")
            yield line(left, 248, left + 170, 78)
            for part in np.array_split(np.argsort(seen, kind="stable"), BINS):
                yield dot(round(left + 170 * seen[part].mean()), round(248 - 170 * happened[part].mean()), colour, 4)
        yield text(30, 268, ("→ predicted; ↑ observed", "→ 预测；↑ 实际")[language], svg.SMALL)

    return frame(900, 280, title[language], draw())


PICTURES_OF_STEPS: dict[str, Callable[[int], str]] = {
    "metrics": draw_metrics,
    "holdout": draw_holdout,
    "neighbours": draw_neighbours,
    "networks": model_pictures.draw_networks,
    "calibration": draw_calibration,
    "sequences": model_pictures.draw_sequences,
    "semantic-ids": model_pictures.draw_semantic_ids,
}
