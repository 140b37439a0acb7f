"""The pictures of networks in competitions/LEARNING.md, drawn of what the project's own networks compute: see
lesson_pictures.py.
"""
# ruff: noqa: RUF001  (Chinese punctuation)

from collections.abc import Callable, Iterator

import numpy as np
import torch

from common.arrays import Floats
from competitions.learning.mgtv.deep_networks import Batch, DeepFM, Shape, cross
from competitions.learning.news.gru4rec import GRU4Rec
from competitions.learning.tencent.encoders import Bert4Rec, Hstu
from competitions.learning.tencent.semantic_ids import add_tie_digit, encode, fit_codebooks
from competitions.tencent.config import SequenceSettings
from competitions.tencent.retrieval.sequence_model.encoder import CausalEncoder
from tests.benches import svg
from tests.benches.svg import Text, box, dot, frame, line, text


def draw_networks(language: int) -> str:
    """Embedding, cross and output of four deep rankers, with the crosses of one row of three ids."""
    vectors = np.array([[1.0, 2.0], [2.0, 0.0], [-1.0, 1.0]])
    first, weights = np.array([1.0, 2.0]), np.array([[0.0, 1.0], [1.0, 0.0]])
    hashed = int(cross(torch.tensor([[2]]), torch.tensor([[3]])))
    layer = (first * (weights @ first) + first).tolist()
    rows: tuple[tuple[str, Text, Text], ...] = (
        ("Wide & deep", ("chosen pairs of ids: a weight each", "手选的 id 对：各有一个权重"),
         (f"(channel 2, user 3) → w[{hashed}]", f"（频道 2，用户 3）→ w[{hashed}]")),
        ("DeepFM", ("all pairs of vectors: inner products", "所有向量对：内积"),
         (f"⟨u, v⟩ + ⟨u, c⟩ + ⟨v, c⟩ = {cross_vectors(vectors):g}",) * 2),
        ("DCN v2", ("layer by layer: x₀ ⊙ (W x + b) + x", "逐层：x₀ ⊙ (W x + b) + x"),
         (f"(1, 2) ⊙ (2, 1) + (1, 2) = ({layer[0]:g}, {layer[1]:g})",) * 2),
        ("DIN", ("watched videos × candidate: weights", "看过的视频 × 候选：权重"),
         ("w = net(watched, v, difference, product)", "w = net(看过的, v, 差, 积)")),
    )  # fmt: skip
    heads: tuple[Text, ...] = (
        ("ids", "id"),
        ("embedding: a vector each", "嵌入：各有一个向量"),
        ("cross", "交叉"),
        ("output", "输出"),
    )
    title: Text = ("One row through four networks", "同一行数据，四种网络")

    def draw() -> Iterator[str]:
        yield text(20, 24, title[language], svg.BOLD)
        for x, head in zip((70, 220, 510, 800), heads, strict=True):
            yield text(x, 52, head[language], f"{svg.MIDDLE} {svg.SMALL}")
        named = (("user 3", "用户 3"), ("video 7", "视频 7"), ("channel 2", "频道 2"))
        for place, (name, vector) in enumerate(zip(named, vectors, strict=True)):
            y = 82 + 72 * place
            yield box(20, y, 100, 44)
            yield text(70, y + 27, name[language], svg.MIDDLE)
            yield line(120, y + 22, 150, y + 22)
            yield box(150, y, 140, 44, "#dbe7f6")
            yield text(220, y + 27, f"{'uvc'[place]} = ({vector[0]:g}, {vector[1]:g})", svg.MIDDLE)
        for place, (name, how, example) in enumerate(rows):
            y = 62 + 58 * place
            yield line(290, 176, 320, y + 24)
            yield box(320, y, 380, 50, "#f8e3d4" if place else "#e6dcf3")
            yield text(330, y + 20, name, svg.BOLD)
            yield text(430, y + 20, how[language])
            yield text(430, y + 40, example[language], svg.SMALL)
            yield line(700, y + 24, 740, 140)
        yield box(320, 298, 380, 36, "#dcefe4")
        yield text(
            330, 320, ("layers over all vectors and numbers: in each", "对全部向量与数值的多层网络：四种都有")[language]
        )
        yield line(290, 176, 320, 316)
        yield line(700, 316, 740, 170)
        yield box(740, 116, 120, 76, "#f3eccb")
        yield text(800, 148, "Σ → score", svg.MIDDLE)
        yield text(800, 170, "softmax", f"{svg.MIDDLE} {svg.SMALL}")

    return frame(880, 346, title[language], draw())


def cross_vectors(vectors: Floats) -> float:
    """What the vectors of one row's ids add to the score of a DeepFM whose other weights are 0.

    >>> cross_vectors(np.array([[1.0, 2.0], [2.0, 0.0]]))
    2.0
    """
    network = DeepFM(Shape(numbers=1, video=(1,) * (len(vectors) - 1), device=(1,), size=2, hidden=(), dropout=0.0))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.vectors.table.weight.copy_(torch.from_numpy(vectors))
        ids, none = torch.zeros(1, len(vectors), dtype=torch.int64), torch.zeros(1, 1, dtype=torch.int64)
        row = Batch(torch.zeros(1, 1), ids[:, 1:], ids[:, :1], none[0], none[:, :0], none[:, :0], none[:, :0])
        return float(network(row))


EVENTS = 4
TINY = SequenceSettings(width=8, heads=2, length=EVENTS, dropout=0.0)
Masks = tuple[Floats, set[int]]  # outputs x events: 1 where the output reads the event; the outputs that are trained


def find_read(outputs: Callable[[torch.Tensor], torch.Tensor]) -> Floats:
    """Which events move which outputs of a network: [outputs, events], 1 or 0."""
    events = torch.randn(1, EVENTS, TINY.width)
    before = outputs(events)[0]
    moved = []
    for place in range(EVENTS):
        changed = events.clone()
        changed[0, place] = torch.randn(TINY.width)  # a shift of all numbers is lost in the normalisation
        moved.append(((outputs(changed)[0] - before).abs().amax(1) > 1e-6).double().numpy())
    return np.stack(moved, 1)


@torch.no_grad()
def read_models() -> dict[str, Masks]:
    """What each sequence model reads, by networks of random weights; BERT4Rec as it is trained with event 2 hidden, and
    as it is asked."""
    torch.manual_seed(0)
    mask = torch.ones(1, EVENTS, dtype=torch.bool)
    gru = GRU4Rec(5, TINY.width).eval()
    found: dict[str, Masks] = {}
    states = find_read(lambda events: gru.gru(events)[0])
    found["GRU4Rec"] = np.vstack([np.zeros(EVENTS), states]), set(range(1, EVENTS))
    for name, encoder in {"SASRec": CausalEncoder(TINY), "HSTU": Hstu(TINY)}.items():
        found[name] = find_read(lambda events, encoder=encoder: encoder(events, mask)[0]), set(range(EVENTS))
    bert = Bert4Rec(TINY)
    seed = hide_second(bert, mask)

    def outputs(events: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(seed)
        encoded: torch.Tensor = bert(events, mask)[0]
        return encoded

    read = np.zeros((EVENTS + 1, EVENTS))  # the other outputs are not used
    read[1] = find_read(outputs)[1]
    bert.eval()
    read[EVENTS] = find_read(outputs)[EVENTS]
    found["BERT4Rec"] = read, {1}
    return found


def hide_second(bert: Bert4Rec, mask: torch.Tensor) -> int:
    """A seed with which the training of BERT4Rec hides the second event and no other."""
    for seed in range(1_000):
        torch.manual_seed(seed)
        if bert(torch.zeros(1, EVENTS, TINY.width), mask)[1].tolist() == [[False, True, False, False]]:
            return seed
    raise AssertionError("no such seed")


def draw_sequences(language: int) -> str:
    """Four sequence models side by side: which events each output reads, and which outputs are trained."""
    how: dict[str, Text] = {
        "GRU4Rec": ("a state, event after event", "逐个事件更新一个状态"),
        "SASRec": ("attention back, weights sum to 1", "只看之前，权重之和为 1"),
        "HSTU": ("attention back, weights of any sum", "只看之前，权重之和不限"),
        "BERT4Rec": ("attention to both sides of the hidden", "看被隐藏事件的两侧"),
    }
    title: Text = ("Row: the output that predicts an event. Column: an event", "行：预测某个事件的输出。列：事件")

    def draw() -> Iterator[str]:
        yield text(20, 24, title[language], svg.BOLD)
        for panel, (name, (read, trained)) in enumerate(read_models().items()):
            left = 50 + 215 * panel
            yield text(left, 56, name, svg.BOLD)
            for event in range(EVENTS):
                yield text(left + 30 * event + 14, 78, str(event + 1), f"{svg.MIDDLE} {svg.SMALL}")
            for output, row in enumerate(read):
                y = 84 + 30 * output
                asked = svg.ORANGE if output in trained else svg.LIGHT if output < EVENTS else svg.BLUE
                yield text(
                    left - 12,
                    y + 19,
                    "?" if output == EVENTS else str(output + 1),
                    f'{svg.MIDDLE} fill="{asked}" {svg.BOLD}',
                )
                for event, seen in enumerate(row):
                    yield box(left + 30 * event, y, 28, 28, svg.BLUE if seen else svg.PALE)
            yield text(left - 20, 256, how[name][language], svg.SMALL)
        legend: tuple[tuple[str, Text], ...] = (
            (svg.BLUE, ("reads this event", "读取这个事件")),
            (svg.ORANGE, ("row number in colour: trained in one pass", "着色的行号：一遍训练里学习的输出")),
            (svg.BLUE, ("?: the question behind the last event", "?：最后一个事件之后的提问")),
        )
        for x, (colour, words) in zip((40, 220, 580), legend, strict=True):
            yield dot(x, 284, colour)
            yield text(x + 12, 288, words[language])

    return frame(900, 304, title[language], draw())


GOODS: tuple[tuple[Text, float, float], ...] = (
    (("shampoo", "洗发水"), 0.4, 1.7), (("conditioner", "护发素"), 0.9, 1.2), (("hair oil", "发油"), 1.6, 0.2),
    (("comb", "梳子"), 3.8, 2.0), (("brush", "发刷"), 4.1, 1.5), (("dryer", "吹风机"), 5.1, 0.7),
    (("soap", "肥皂"), 2.1, 4.0), (("lotion", "乳液"), 3.3, 3.2),
)  # fmt: skip
PATH = 5  # of GOODS: whose path is drawn


def draw_semantic_ids(language: int) -> str:
    """Eight items with two numbers each: clusters, clusters of what is left, and the tree of their codes."""
    vectors = np.array([[x, y] for _, x, y in GOODS], np.float32)
    books = fit_codebooks(vectors, levels=2, codes=3, seed=0)[:1]
    left_over = vectors - books[0][encode(vectors, books)[:, 0]]
    books += fit_codebooks(left_over, levels=1, codes=2, seed=0)
    ids = add_tie_digit(encode(vectors, books), np.arange(len(GOODS), 0.0, -1.0))
    colours = (svg.BLUE, svg.PURPLE, svg.ORANGE)
    title: Text = (
        "From a vector to codes: residual k-means, and the tree of ids",
        "从向量到编码：残差 k-means 与编码树",
    )
    heads: tuple[Text, ...] = (
        ("1: nearest centre (+)", "1：最近的中心（+）"),
        ("2: what is left, nearest again", "2：余下的部分，再找最近的"),
        ("the ids as a tree", "编码树"),
    )

    def draw() -> Iterator[str]:
        yield text(20, 22, title[language], svg.BOLD)
        for x, head in zip((20, 320, 560), heads, strict=True):
            yield text(x, 48, head[language], svg.SMALL)
        for number, (name, x, y) in enumerate(GOODS):
            px, py, colour = 20 + 46 * x, 262 - 46 * y, colours[ids[number, 0]]
            yield dot(px, py, colour, 7 if number == PATH else 5)
            yield text(px + 10, py - 1, name[language], svg.SMALL)
            rx, ry = 420 + 110 * left_over[number, 0], 165 - 110 * left_over[number, 1]
            yield dot(rx, ry, colour, 7 if number == PATH else 5, hollow=bool(ids[number, 1]))
        for level, book in enumerate(books):
            for code, (x, y) in enumerate(book):
                px, py = (20 + 46 * x, 262 - 46 * y) if not level else (420 + 110 * x, 165 - 110 * y)
                yield text(px - 5, py + 5, "+", svg.BOLD)
                yield text(px + 5, py + 16, str(code), f'{svg.BOLD} fill="{colours[code] if not level else svg.GREY}"')
        places = {tuple(row): 66 + 26 * place for place, row in enumerate(sorted(map(tuple, ids.tolist())))}
        for number, row in enumerate(map(tuple, ids.tolist())):
            y, x, before = places[row], 560, 160.0
            for level, code in enumerate(row):
                below = [place for other, place in places.items() if other[: level + 1] == row[: level + 1]]
                middle = sum(below) / len(below)
                width = 'stroke-width="3"' if number == PATH else ""
                colour = colours[row[0]] if number == PATH else "#b8bcc2"
                yield line(x, before, x + 60, middle, f'stroke="{colour}" fill="none" {width}')
                yield text(x + 64, middle + 4, str(code), svg.BOLD if number == PATH else "")
                x, before = x + 76, middle
            yield text(x + 8, y + 4, GOODS[number][0][language], svg.BOLD if number == PATH else "")

    return frame(900, 292, title[language], draw())
