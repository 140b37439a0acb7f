"""The pictures of the pages, in English and Chinese: ``python -m tests.benches.pictures``.

cascade.svg: the stages, and the file of each stage in each competition. ladder-news.svg: methods of news, from the
first of LADDERS that competitions/news/figures.json has (``make ladder-news RAW=host``, ``make figures-news``).
Those of the learning path: lesson_pictures.py.
"""
# ruff: noqa: RUF001  (Chinese punctuation)

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from common.day.stamp import FILE, read_figures
from competitions import ROOM
from tests.benches import lesson_pictures
from tests.benches.svg import BLUE, GREY, LANGUAGES, ORANGE, PICTURES, PURPLE, Text, frame, keep, text

NORMAL_95 = 1.96


class Stage(NamedTuple):
    """A colour of the ladder and what it stands for."""

    colour: str
    name: Text


class Method(NamedTuple):
    """A row of the ladder: its key in the table, its stage, its name."""

    key: str
    stage: Stage
    name: Text


POPULARITY = Stage(GREY, ("popularity", "热度"))
RETRIEVAL = Stage(BLUE, ("one retrieval channel", "单个召回通道"))
FUSION = Stage(PURPLE, ("all channels fused", "多路召回融合"))
RANKING = Stage(ORANGE, ("ranking", "精排"))
METHODS = (
    Method("popularity-ever", POPULARITY, ("popularity, all time", "全时段热度")),
    Method("popularity-past", POPULARITY, ("popularity, the hour before", "之前一小时的热度")),
    Method("popularity", POPULARITY, ("an hour before and behind", "前后各一小时的热度")),
    Method("item-cf", RETRIEVAL, ("item CF", "ItemCF")),
    Method("als", RETRIEVAL, ("matrix factorisation (ALS)", "矩阵分解（ALS）")),
    Method("swing", RETRIEVAL, ("swing", "Swing")),
    Method("covisits", RETRIEVAL, ("co-visitation with decay", "带衰减的共现")),
    Method("rrf", FUSION, ("all channels, reciprocal rank fusion", "全部召回通道，倒数排名融合")),
    Method("fusion", FUSION, ("all channels, learned weights", "全部召回通道，权重由学习得到")),
    Method("gru4rec", RANKING, ("GRU4Rec over these candidates", "GRU4Rec，对这些候选排序")),
    Method("lightgbm-pair", RANKING, ("LightGBM lambdarank, all features", "LightGBM lambdarank，全部特征")),
)
# The tables that the picture may be of, and its title: real clicks before simulated ones.
LADDERS: dict[str, Text] = {
    "ladder host": (
        "News, real clicks of globo.com: MRR@5 on validation, dot and 95 % interval",
        "News，globo.com 的真实点击：验证集 MRR@5，圆点与 95 % 区间",
    ),
    "ladder quarter": (
        "News, real clicks of globo.com, a quarter of the users: MRR@5 on validation, dot and 95 % interval",
        "News，globo.com 的真实点击，四分之一的用户：验证集 MRR@5，圆点与 95 % 区间",
    ),
    "ladder simulated/0.04": (
        "News, simulated clicks: MRR@5 on validation, dot and 95 % interval",
        "News，模拟点击：验证集 MRR@5，圆点与 95 % 区间",
    ),
}
# The stages of a request, with what is left of the items after each in news and in tencent.
STAGES: tuple[tuple[Text, Text], ...] = (
    (("Log", "日志"), ("364,047 articles; 660,000 ads", "364,047 篇文章；660,000 个广告")),
    (("Retrieval", "召回"), ("several channels", "多路")),
    (("Fusion", "融合（粗排）"), ("150 articles / 200 ads", "150 篇文章 / 200 个广告")),
    (("Features", "特征"), ("user x item", "用户 × 物品")),
    (("Ranking", "精排"), ("boosted trees", "梯度提升树")),
    (("Decision", "决策与提交"), ("5 articles / 10 ads", "5 篇文章 / 10 个广告")),
)
GIVEN: dict[str, Text] = {
    "flight": ("given: the options of a search", "已给定：一次搜索的航班"),
    "mgtv": ("given: what the device was shown", "已给定：设备上曝光的视频"),
}
# The files of each competition by stage; None: the host gives the candidates.
FILES: dict[str, tuple[tuple[str, ...] | None, ...]] = {
    "news": (
        ("io/reader.py", "split.py"), ("retrieval/channels.py", "common/retrieval/"), ("common/retrieval/",),
        ("features.py", "pair_features.py"), ("ranking.py",), ("submission.py",),
    ),
    "flight": (
        ("io/reader.py", "split.py"), None, None,
        ("features/core.py", "features/preferences.py"), ("ranking/rankers.py", "ranking/blending.py"),
        ("submission.py",),
    ),
    "mgtv": (
        ("io/reader.py", "labels.py"), None, None,
        ("features/pair.py", "features/list.py"), ("models/click_ranker.py", "models/completion.py"),
        ("models/decision.py", "submission.py"),
    ),
    "tencent": (
        ("io/reader.py", "split.py"), ("retrieval/registry.py", "retrieval/content.py"), ("retrieval/fusion.py",),
        ("features/popularity.py", "features/pair_features.py"), ("ranking.py",),
        ("metrics.py", "submission.py"),
    ),
}  # fmt: skip


def main() -> None:
    """Write them all."""
    for number, language in enumerate(LANGUAGES):
        keep(PICTURES / f"cascade{language}.svg", draw_cascade(number))
        keep(PICTURES / f"ladder-news{language}.svg", draw_ladder(*choose_ladder(), number))
        for name, draw in lesson_pictures.PICTURES_OF_STEPS.items():
            keep(PICTURES / f"{name}{language}.svg", draw(number))


def choose_ladder() -> tuple[Sequence[dict[str, str]], Text]:
    """The rows of the first of LADDERS that was climbed, and the picture's title."""
    figures = read_figures(ROOM / "news" / FILE)
    return next((figures[key].rows, title) for key, title in LADDERS.items() if key in figures)


def draw_ladder(rows: Sequence[dict[str, str]], title: Text, language: int) -> str:
    """A line a method: its score as a dot with the interval of 95 %, and the numbers; stages by colour, an axis below.

    ``rows``: of the ladder's table, which must have each of METHODS. ``language``: 0 English, 1 Chinese.
    """
    scores = {row["rung"]: row["score"] for row in rows}
    line, names, plot, top = 26, 270, 470, 74
    parts = {key: [float(part) for part in scores[key].split(" ± ")] for key, _, _ in METHODS}
    most = max(score + NORMAL_95 * error for score, error in parts.values())
    tick = 0.02 if most < 0.2 else 0.05
    most = tick * -(-most // tick)
    bottom = top + line * len(METHODS)

    def place(value: float) -> float:
        return round(names + plot * max(value, 0.0) / most, 1)

    def draw() -> Iterator[str]:
        yield text(12, 24, title[language], 'font-weight="600" font-size="14"')
        for number, stage in enumerate((POPULARITY, RETRIEVAL, FUSION, RANKING)):
            yield f'<circle cx="{names + 6 + 180 * number}" cy="46" r="5" fill="{stage.colour}"/>'
            yield text(names + 17 + 180 * number, 50, stage.name[language])
        for step in range(round(most / tick) + 1):
            x = place(tick * step)
            yield f'<line x1="{x}" x2="{x}" y1="{top}" y2="{bottom}" stroke="#e5e5e5"/>'
            yield text(x, bottom + 18, f"{tick * step:.2f}", 'text-anchor="middle" fill="#62676f"')
        for number, (key, stage, name) in enumerate(METHODS):
            (score, error), middle = parts[key], top + line * (number + 0.5)
            low, high = place(score - NORMAL_95 * error), place(score + NORMAL_95 * error)
            yield text(names - 14, middle + 4, name[language], 'text-anchor="end"')
            yield f'<path d="M{low} {middle}H{high}" stroke="{stage.colour}" stroke-width="2"/>'
            yield f'<circle cx="{place(score)}" cy="{middle}" r="5" fill="{stage.colour}"/>'
            yield text(names + plot + 16, middle + 4, f"{score:.4f} ± {error:.4f}")
        yield text(names + plot / 2, bottom + 38, "MRR@5", 'text-anchor="middle" font-weight="600"')

    return frame(names + plot + 150, bottom + 50, title[language], draw())


def draw_cascade(language: int) -> str:
    """The stages as a funnel, and below each the files of every competition."""
    left, wide, high, top = 70, 156, 62, 116
    title = ("From the log to the submission: the stages and their files", "从日志到提交文件：各阶段及其代码")[language]
    colours = ("#eef0f2", "#dbe7f6", "#e6dcf3", "#dcefe4", "#f8e3d4", "#f3eccb")

    def draw() -> Iterator[str]:
        for number, (name, left_over) in enumerate(STAGES):
            x, cut = left + wide * number, 5 * number
            end = x + wide - 14
            points = f"{x},{10 + cut} {end},{12 + cut} {end + 10},57 {end},{102 - cut} {x},{104 - cut}"
            yield f'<polygon points="{points}" fill="{colours[number]}"/>'
            middle = x + wide / 2 - 6
            yield text(middle, 54, name[language], 'text-anchor="middle" font-weight="600" font-size="15"')
            yield text(middle, 73, left_over[language], 'text-anchor="middle" font-size="10" fill="#444"')
        for number, (competition, stages) in enumerate(FILES.items()):
            y = top + high * number
            yield f'<path d="M8 {y}H{left + wide * len(STAGES)}" stroke="#d8dadd"/>'
            yield text(10, y + 36, competition, 'font-weight="600"')
            if competition in GIVEN:
                yield text(
                    left + wide * 2,
                    y + 35,
                    GIVEN[competition][language],
                    'text-anchor="middle" font-style="italic" fill="#62676f"',
                )
            for stage, files in enumerate(stages):
                for place, file in enumerate(files or ()):
                    yield text(left + wide * stage + 2, y + 27 + 18 * place, file, 'font-size="12"')

    return frame(left + wide * len(STAGES) + 8, top + high * len(FILES) + 8, title, draw())


if __name__ == "__main__":
    main()
