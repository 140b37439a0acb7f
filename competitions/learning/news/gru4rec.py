"""GRU4Rec: a recurrent network reads what was clicked and scores what is clicked next.

Hidasi et al. 2016, "Session-based recommendations with recurrent neural networks": gated recurrent units over the
articles' vectors; the state after the last click, times an article's vector, is its score. Trained by a softmax over
the right article and sampled ones, whose frequency is taken out again (Bengio and Senecal 2008): articles are drawn
as often as they are clicked, so that a hot one would otherwise be taught to score low.
"""

from collections.abc import Iterator

import msgspec
import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from common.arrays import lookup_rows
from common.determinism import deterministic_torch
from common.engine.progress import track
from common.learning.split import Fold

Ids = NDArray[np.int64]
INIT_STD = 0.05
SCORE_BATCH = 65_536  # candidates at once


class SequenceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``size`` of vectors and state; the last ``length`` clicks are read; ``steps`` of ``batch`` users each, at a
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


class GRU4Rec(nn.Module):
    """Article ids [batch, length], 0 for padding -> states [batch, length, size]; scores by ``vectors``."""

    def __init__(self, articles: int, size: int) -> None:
        """``articles``: ids, the 0 included."""
        super().__init__()
        self.vectors = nn.Embedding(articles, size)
        nn.init.normal_(self.vectors.weight, std=INIT_STD)
        self.bias = nn.Embedding(articles, 1)
        nn.init.zeros_(self.bias.weight)
        self.gru = nn.GRU(size, size, batch_first=True)
        self.dropout = nn.Dropout(0.2)

    def forward(self, clicked: Tensor) -> Tensor:
        """The state after each click."""
        states: Tensor = self.dropout(self.gru(self.dropout(self.vectors(clicked)))[0])
        return states

    def score(self, states: Tensor, articles: Tensor) -> Tensor:
        """States [n, size] against articles [n, k] or [k]: [n, k]."""
        vectors, bias = self.vectors(articles), self.bias(articles)[..., 0]
        if articles.dim() == 1:
            scores: Tensor = states @ vectors.T + bias
        else:
            scores = torch.einsum("ns,nks->nk", states, vectors) + bias
        return scores


def encode(vocabulary: NDArray[np.int32], items: pl.Series) -> Ids:
    """The ids of some articles: i + 1 for ``vocabulary[i]`` (ascending), 0 for every other one."""
    return lookup_rows(vocabulary, items.to_numpy()) + 1


def score_next(fold: Fold, candidates: pl.DataFrame, settings: SequenceSettings, seed: int) -> pl.DataFrame:
    """Scores of the candidates (query, item): query, item, score. Learned from ``fold.history`` alone."""
    counts = fold.history.group_by("item").len().filter(pl.col("len") >= settings.least).sort("item")
    vocabulary = counts["item"].to_numpy()
    with deterministic_torch(seed, settings.threads):
        network = GRU4Rec(len(vocabulary) + 1, settings.size)
        train(network, list_sequences(fold.history, vocabulary, settings.length + 1), settings, seed)
        return score_candidates(network.eval(), fold, candidates, vocabulary, settings)


def list_sequences(history: pl.DataFrame, vocabulary: NDArray[np.int32], length: int) -> Ids:
    """The last ``length`` clicks of every user with two or more, oldest first, padded with 0 behind."""
    log = history.select("user", "time", "item").with_columns(id=encode(vocabulary, history["item"]))
    log = log.filter(pl.col("id") > 0).sort("user", "time", "item")
    back = pl.int_range(pl.len(), 0, -1).over("user")
    log = log.filter((back <= length) & (pl.len().over("user") > 1))
    return pad(log["user"].rle_id().to_numpy(), log["id"].to_numpy(), length)


def pad(row: NDArray[np.uint32], ids: Ids, length: int) -> Ids:
    """Ids of rows 0, 1, ... (ascending) as a table [rows, length], filled up with 0."""
    sizes = np.bincount(row) if len(row) else np.zeros(0, np.int64)
    table = np.zeros((len(sizes), length), np.int64)
    table[row, np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)] = ids
    return table


def train(network: GRU4Rec, sequences: Ids, settings: SequenceSettings, seed: int) -> None:
    """Predict each click of each user but the first from those before it."""
    share = np.bincount(sequences[sequences > 0], minlength=network.vectors.num_embeddings).astype(np.float64)
    share /= max(share.sum(), 1.0)
    log_share = torch.from_numpy(np.log(np.maximum(share, 1e-6))).float()
    with torch.no_grad():
        network.bias.weight.copy_(log_share[:, None])  # popularity is known: only the rest is to be learned
    rng = np.random.default_rng(seed)
    batches = list(cut_batches(len(sequences), settings, rng))
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.rate)
    network.train()
    for step, rows in enumerate(track(batches, "next clicks")):
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * (1 - step / len(batches))
        clicked = torch.from_numpy(sequences[rows])
        negatives = torch.from_numpy(rng.choice(len(share), settings.negatives, p=share))
        mask = clicked[:, 1:] > 0
        states, target = network(clicked[:, :-1])[mask], clicked[:, 1:][mask]
        right = network.score(states, target[:, None]) - log_share[target][:, None]
        wrong = network.score(states, negatives) - log_share[negatives]
        wrong = wrong.masked_fill(negatives == target[:, None], -torch.inf)
        loss = (torch.logsumexp(torch.cat([right, wrong], 1), 1) - right[:, 0]).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()


def cut_batches(users: int, settings: SequenceSettings, rng: np.random.Generator) -> Iterator[Ids]:
    """As many batches as there are steps: users in a random order, and in a new one when all have had their turn."""
    if not users:
        return
    order = rng.permutation(users)
    for _ in range(settings.steps):
        if not len(order):
            order = rng.permutation(users)
        yield order[: settings.batch]
        order = order[settings.batch :]


@torch.inference_mode()
def score_candidates(
    network: GRU4Rec, fold: Fold, candidates: pl.DataFrame, vocabulary: NDArray[np.int32], settings: SequenceSettings
) -> pl.DataFrame:
    """Read each query's past, and score its candidates by the state after the last click.

    An article that training never met, or a query without a known click, scores by the id that all such share.
    """
    recent = fold.seen.with_columns(id=encode(vocabulary, fold.seen["item"]))
    recent = recent.filter((pl.col("back") < settings.length) & (pl.col("id") > 0))
    recent = recent.sort("query", "back", descending=[False, True])
    queries = candidates["query"].unique().sort()
    recent = recent.join(queries.to_frame(), on="query", how="semi", maintain_order="left")
    row = recent["query"].unique(maintain_order=True)
    table = pad(recent["query"].rle_id().to_numpy(), recent["id"].to_numpy(), settings.length)
    states = torch.zeros(len(queries), settings.size)
    for rows in np.array_split(np.arange(len(table)), len(table) // 1024 + 1):
        clicked = torch.from_numpy(table[rows])
        last = (clicked > 0).sum(1) - 1
        at = torch.from_numpy(queries.search_sorted(row.gather(rows)).to_numpy().astype(np.int64))
        states[at] = network(clicked)[torch.arange(len(rows)), last]
    owner = torch.from_numpy(queries.search_sorted(candidates["query"]).to_numpy().astype(np.int64))
    articles = torch.from_numpy(encode(vocabulary, candidates["item"]))
    parts = [
        network.score(states[owner[part]], articles[part][:, None])[:, 0].numpy()
        for part in (slice(start, start + SCORE_BATCH) for start in range(0, len(articles), SCORE_BATCH))
    ]
    scores = np.concatenate([np.empty(0), *parts])
    return candidates.select("query", "item", score=pl.Series(scores, dtype=pl.Float64))
