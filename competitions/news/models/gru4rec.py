"""A small sequence model: a recurrent network reads what was clicked and says what is clicked next.

Hidasi et al. 2016, "Session-based recommendations with recurrent neural networks": gated recurrent units over the
articles' vectors; the state after the last click, times an article's vector, is its score. Trained by a softmax over
the right article and sampled ones, whose frequency is taken out again (Bengio and Senecal 2008): articles are drawn
as often as they are clicked, so that a hot one would otherwise be taught to score low.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from common.pipeline.determinism import deterministic_torch
from common.pipeline.progress import track
from common.split import Fold

Places = NDArray[np.int64]
START = 0.05
SCORED = 65_536  # candidates at once


class SequenceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``size`` of vectors and state; the last ``length`` clicks are read; ``steps`` of ``batch`` readers each, at a
    ``rate`` that falls to 0, whatever the size of the log; ``negatives`` a batch; articles of fewer than ``least``
    clicks share one vector.
    """

    size: int = 64
    length: int = 30
    steps: int = 2_000
    batch: int = 32
    rate: float = 0.005
    negatives: int = 512
    least: int = 2
    threads: int = 1  # the products are so small that a second one waits more than it works


class NextClick(nn.Module):
    """Article places [batch, length], 0 where there is none -> states [batch, length, size]; scores by ``vectors``."""

    def __init__(self, articles: int, size: int) -> None:
        """``articles``: places, the 0 included."""
        super().__init__()
        self.vectors = nn.Embedding(articles, size)
        nn.init.normal_(self.vectors.weight, std=START)
        self.bias = nn.Embedding(articles, 1)
        nn.init.zeros_(self.bias.weight)
        self.reader = nn.GRU(size, size, batch_first=True)
        self.dropout = nn.Dropout(0.2)

    def forward(self, clicked: Tensor) -> Tensor:
        """What is looked for after each click."""
        states, _ = self.reader(self.dropout(self.vectors(clicked)))
        found: Tensor = self.dropout(states)
        return found

    def score(self, states: Tensor, articles: Tensor) -> Tensor:
        """States [n, size] against articles [n, k] or [k]: [n, k]."""
        vectors, bias = self.vectors(articles), self.bias(articles)[..., 0]
        if articles.dim() == 1:
            scores: Tensor = states @ vectors.T + bias
        else:
            scores = torch.einsum("ns,nks->nk", states, vectors) + bias
        return scores


@dataclass(frozen=True)
class Vocabulary:
    """``items`` ascending; the article ``items[i]`` has place i + 1, every other one place 0."""

    items: NDArray[np.int32]

    def places(self, items: pl.Series) -> Places:
        """The places of some articles."""
        values = items.to_numpy()
        at = np.minimum(np.searchsorted(self.items, values), max(len(self.items) - 1, 0))
        return np.where(self.items[at] == values, at + 1, 0) if len(self.items) else np.zeros(len(values), np.int64)


def score_next(fold: Fold, candidates: pl.DataFrame, settings: SequenceSettings, seed: int) -> pl.DataFrame:
    """Scores of the candidates (query, item): query, item, score. Learned from ``fold.history`` alone."""
    counts = fold.history.group_by("item").len().filter(pl.col("len") >= settings.least).sort("item")
    words = Vocabulary(counts["item"].to_numpy())
    with deterministic_torch(seed, settings.threads):
        network = NextClick(len(words.items) + 1, settings.size)
        train(network, list_readers(fold.history, words, settings.length + 1), settings, seed)
        return ask(network.eval(), fold, candidates, words, settings)


def list_readers(history: pl.DataFrame, words: Vocabulary, length: int) -> Places:
    """The last ``length`` clicks of every reader with two or more, oldest first, padded with 0 behind."""
    log = history.select("user", "time", "item").with_columns(place=words.places(history["item"]))
    log = log.filter(pl.col("place") > 0).sort("user", "time", "item")
    back = pl.int_range(pl.len(), 0, -1).over("user")
    log = log.filter((back <= length) & (pl.len().over("user") > 1))
    return lay_out(log["user"].rle_id().to_numpy(), log["place"].to_numpy(), length)


def lay_out(row: NDArray[np.uint32], place: Places, length: int) -> Places:
    """Places of rows 0, 1, ... (ascending) as a table [rows, length], filled up with 0."""
    sizes = np.bincount(row) if len(row) else np.zeros(0, np.int64)
    table = np.zeros((len(sizes), length), np.int64)
    table[row, np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)] = place
    return table


def train(network: NextClick, readers: Places, settings: SequenceSettings, seed: int) -> None:
    """Each click of each reader but the first is to be told from those before it."""
    share = np.bincount(readers[readers > 0], minlength=network.vectors.num_embeddings).astype(np.float64)
    share /= max(share.sum(), 1.0)
    log_share = torch.from_numpy(np.log(np.maximum(share, 1e-6))).float()
    with torch.no_grad():
        network.bias.weight.copy_(log_share[:, None])  # popularity is known: only the rest is to be learned
    rng = np.random.default_rng(seed)
    batches = list(cut_batches(len(readers), settings, rng))
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.rate)
    network.train()
    for step, rows in enumerate(track(batches, "next clicks")):
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * (1 - step / len(batches))
        clicked = torch.from_numpy(readers[rows])
        drawn = torch.from_numpy(rng.choice(len(share), settings.negatives, p=share))
        asked = clicked[:, 1:] > 0
        states, target = network(clicked[:, :-1])[asked], clicked[:, 1:][asked]
        right = network.score(states, target[:, None]) - log_share[target][:, None]
        wrong = (network.score(states, drawn) - log_share[drawn]).masked_fill(drawn == target[:, None], -torch.inf)
        loss = (torch.logsumexp(torch.cat([right, wrong], 1), 1) - right[:, 0]).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()


def cut_batches(readers: int, settings: SequenceSettings, rng: np.random.Generator) -> Iterator[Places]:
    """As many batches as there are steps: readers in a random order, and in a new one when all have had their turn."""
    if not readers:
        return
    order = rng.permutation(readers)
    for _ in range(settings.steps):
        if not len(order):
            order = rng.permutation(readers)
        yield order[: settings.batch]
        order = order[settings.batch :]


@torch.inference_mode()
def ask(
    network: NextClick, fold: Fold, candidates: pl.DataFrame, words: Vocabulary, settings: SequenceSettings
) -> pl.DataFrame:
    """Read each query's past, and score its candidates by the state after the last click.

    An article that training never met, or a query without a known click, scores by the place that all such share.
    """
    recent = fold.seen.with_columns(place=words.places(fold.seen["item"]))
    recent = recent.filter((pl.col("back") < settings.length) & (pl.col("place") > 0))
    recent = recent.sort("query", "back", descending=[False, True])
    queries = candidates["query"].unique().sort()
    recent = recent.join(queries.to_frame(), on="query", how="semi", maintain_order="left")
    row = recent["query"].unique(maintain_order=True)
    table = lay_out(recent["query"].rle_id().to_numpy(), recent["place"].to_numpy(), settings.length)
    states = torch.zeros(len(queries), settings.size)
    for rows in np.array_split(np.arange(len(table)), len(table) // 1024 + 1):
        clicked = torch.from_numpy(table[rows])
        last = (clicked > 0).sum(1) - 1
        at = torch.from_numpy(queries.search_sorted(row.gather(rows)).to_numpy().astype(np.int64))
        states[at] = network(clicked)[torch.arange(len(rows)), last]
    owner = torch.from_numpy(queries.search_sorted(candidates["query"]).to_numpy().astype(np.int64))
    articles = torch.from_numpy(words.places(candidates["item"]))
    parts = [
        network.score(states[owner[part]], articles[part][:, None])[:, 0].numpy()
        for part in (slice(start, start + SCORED) for start in range(0, len(articles), SCORED))
    ]
    scores = np.concatenate([np.empty(0), *parts])
    return candidates.select("query", "item", score=pl.Series(scores, dtype=pl.Float64))
