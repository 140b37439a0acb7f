"""Search: a query of words finds an item by its title; by equal words, by a query tower and an item tower, by both.

    python -m competitions.learning.tencent.search [--titles titles.tsv]

No log of the four contests has a query that a person typed, so both kinds of queries here are made up, and say so. The
simulated shop sells items of a kind, a brand and two traits; sellers and buyers often have different words for a kind,
as "hair dryer" and "blow drier". ``--titles``: real titles, a query is two words of one (a known-item query, Azzopardi,
de Rijke and Balog 2007, "Building simulated queries for known-item topics"): it has the title's words by construction,
and nothing else.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, embedding_bag

from common.arrays import Ints, Singles
from common.day.stamp import Figure, keep_table, make_stamp
from common.determinism import deterministic_torch
from common.engine.console import print_table, wide_console
from common.engine.errors import UserError
from common.engine.progress import track
from common.learning.metrics import average

COMMAND = "python -m competitions.learning.tencent.search"
KINDS, BRANDS, TRAITS, ITEMS = 120, 100, 50, 3_000  # of the simulated shop
OWN_WORD, BRAND, TRAIT = 0.6, 0.2, 0.4  # how often a buyer has an own word for the kind; names the brand; each trait
QUERIES, JUDGED, COLD = 22_000, 2_000, 0.1  # queries, the last of which are judged; items that no other query takes
WIDTH, BATCH, EPOCHS, RATE, SHARP = 64, 256, 6, 0.01, 10.0  # of the towers; what a cosine is multiplied with
FREQUENT, LENGTH = 1.2, 0.75  # k1 and b of BM25, as most systems have them
TOP, CONSTANT = 10, 60.0  # how many are judged; of the fusion by ranks
SEED = 0


@dataclass(frozen=True)
class Shop:
    """``titles`` [items, words] and ``queries`` [queries, words], 1 where a word is in; ``taken`` int64 [queries]: the
    item that answers; the first ``train`` of the queries are learned from.
    """

    titles: sp.csr_array
    queries: sp.csr_array
    taken: Ints
    train: int


def count_words(rows: Ints, words: Ints, shape: tuple[int, int]) -> sp.csr_array:
    """1 where a row has a word, however often.

    >>> count_words(np.array([0, 0, 1]), np.array([2, 2, 0]), (2, 3)).toarray().tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    table = sp.csr_array((np.ones(len(rows)), (rows, words)), shape=shape)
    table.data[:] = 1.0
    return table


def draw_shop(seed: int) -> Shop:
    """A shop whose buyers have words that no title has; items are asked for as often as 1 / rank."""
    rng = np.random.default_rng(seed)
    kind, brand, traits = (
        rng.integers(count, size=(ITEMS, many)) for count, many in ((KINDS, 1), (BRANDS, 1), (TRAITS, 2))
    )
    first = np.cumsum([0, KINDS, KINDS, BRANDS])  # sellers' words for a kind, buyers', brands, traits
    words = np.hstack([kind, brand + first[2], traits + first[3]])
    taken = draw_items(rng)
    asked = words[taken].copy()
    asked[:, :1] = kind[taken] + first[1] * (rng.random((QUERIES, 1)) < OWN_WORD)
    said = np.hstack([np.ones((QUERIES, 1), bool), rng.random((QUERIES, 3)) < [BRAND, TRAIT, TRAIT]])
    shape = first[3] + TRAITS
    titles = count_words(np.repeat(np.arange(ITEMS), 4), words.ravel(), (ITEMS, shape))
    return Shop(titles, count_words(np.nonzero(said)[0], asked[said], (QUERIES, shape)), taken, QUERIES - JUDGED)


def draw_items(rng: np.random.Generator) -> Ints:
    """What each query takes; a share ``COLD`` of the items by queries that are judged alone."""
    chance = 1 / np.arange(1.0, ITEMS + 1)
    warm = chance * (rng.random(ITEMS) >= COLD)
    parts = [rng.choice(ITEMS, size, p=one / one.sum()) for one, size in ((warm, QUERIES - JUDGED), (chance, JUDGED))]
    return np.concatenate(parts).astype(np.int64)


def read_shop(path: Path, seed: int) -> Shop:
    """The titles of a file, in its column "text" or its last one; a query is two different words of a title."""
    try:
        lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as a table of titles: {error}.") from None
    texts = [sorted({*line[-1].lower().split()}) for line in lines]
    texts = [words for words in texts if len(words) > 2]
    if len(texts) < 2:
        raise UserError(f"{path} has no two titles of three words: a line an item, the title behind its last tab.")
    known = {word: number for number, word in enumerate(sorted({word for words in texts for word in words}))}
    rng = np.random.default_rng(seed)
    taken = rng.integers(len(texts), size=QUERIES)
    asked = np.array([rng.choice([known[word] for word in texts[item]], 2, replace=False) for item in taken])
    rows = np.repeat(np.arange(len(texts)), [len(words) for words in texts])
    titles = count_words(rows, np.array([known[word] for words in texts for word in words]), (len(texts), len(known)))
    queries = count_words(np.repeat(np.arange(QUERIES), 2), asked.ravel(), (QUERIES, len(known)))
    return Shop(titles, queries, taken, QUERIES - JUDGED)


# --- by words ---


def weigh_words(titles: sp.csr_array) -> sp.csr_array:
    """BM25's weight of each word of a title (Robertson and Zaragoza 2009): a rare word counts more, in a short title
    more. The score of a query is the sum over its words.

    >>> titles = count_words(np.array([0, 0, 1]), np.array([0, 1, 1]), (2, 2))  # "red comb", "comb"
    >>> weigh_words(titles).toarray().round(2).tolist()  # comb is in both, and the second says nothing else
    [[0.61, 0.16], [0.0, 0.21]]
    """
    count = titles.sum(axis=0)
    rarity = np.log1p((titles.shape[0] - count + 0.5) / (count + 0.5))
    length = titles.sum(axis=1)
    norm = FREQUENT * (1 - LENGTH + LENGTH * length / length.mean())
    weighted = titles.multiply(rarity[None, :]).multiply(((FREQUENT + 1) / (1 + norm))[:, None])
    return sp.csr_array(weighted)


# --- by vectors ---


def read_tower(words: sp.csr_array, table: Tensor) -> Tensor:
    """[rows, width]: the mean of the words' vectors, of length 1."""
    indices, offsets = (torch.from_numpy(part.astype(np.int64)) for part in (words.indices, words.indptr[:-1]))
    return torch.nn.functional.normalize(embedding_bag(indices, table, offsets, mode="mean"), dim=1)


def fit_towers(shop: Shop, seed: int) -> tuple[Tensor, Tensor]:
    """The vectors of words in a query and in a title: the item that was taken among those of the batch, by a softmax
    that is corrected for how often an item is in a batch (logQ: Yi et al. 2019).
    """
    rng, words = np.random.default_rng(seed), shop.titles.shape[1]
    often = torch.from_numpy(np.bincount(shop.taken[: shop.train], minlength=shop.titles.shape[0]) / shop.train).log()
    with deterministic_torch(seed, 1):
        start = (
            torch.randn(words, WIDTH) * WIDTH**-0.5
        )  # equal in both: a word is like itself before anything is learned
        tables = [torch.nn.Parameter(start.clone()) for _ in range(2)]
        optimizer = torch.optim.Adam(tables, RATE)
        order = np.concatenate([rng.permutation(shop.train) for _ in range(EPOCHS)])
        for rows in track(np.array_split(order, len(order) // BATCH), "training"):
            items = shop.taken[rows]
            query, item = read_tower(shop.queries[rows], tables[0]), read_tower(shop.titles[items], tables[1])
            same = torch.from_numpy(
                (items[:, None] == items) & ~np.eye(len(items), dtype=bool)
            )  # no negative of itself
            scores = (SHARP * query @ item.T - often[items].float()).masked_fill(same, -torch.inf)
            optimizer.zero_grad()
            cross_entropy(scores, torch.arange(len(items))).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return tables[0].detach(), tables[1].detach()


# --- judged ---


def rank_taken(scores: Singles, taken: Ints) -> Ints:
    """The rank of each query's item, from 1; equal scores of others stand before it.

    >>> rank_taken(np.array([[0.5, 0.9, 0.5]], np.float32), np.array([0])).tolist()
    [3]
    """
    return np.asarray((scores >= np.take_along_axis(scores, taken[:, None], 1)).sum(axis=1))


def judge(shop: Shop, seed: int) -> list[dict[str, str | float]]:
    """Of each method recall@10 and MRR@10 of the judged queries with their errors, the MRR minus that of BM25, paired,
    and recall where no query to learn from took the item.
    """
    queries, taken = shop.queries[shop.train :], shop.taken[shop.train :]
    often = np.bincount(shop.taken[: shop.train], minlength=shop.titles.shape[0])
    by_query, by_title = fit_towers(shop, seed)
    words = (queries @ weigh_words(shop.titles).T).toarray().astype(np.float32)
    towers = (read_tower(queries, by_query) @ read_tower(shop.titles, by_title).T).numpy()
    scores = {
        "popularity": np.broadcast_to(often, words.shape).astype(np.float32),
        "BM25": words,
        "towers": towers,
        "both, by ranks": fuse(words, towers),
    }
    ranks = {name: rank_taken(each, taken) for name, each in scores.items()}
    reciprocal = {name: np.where(rank <= TOP, 1 / rank, 0.0) for name, rank in ranks.items()}
    cold = often[taken] == 0
    rows: list[dict[str, str | float]] = []
    for name, rank in ranks.items():
        recall, error = average((rank <= TOP).astype(np.float64))
        mrr, its_error = average(reciprocal[name])
        apart, of_apart = average(reciprocal[name] - reciprocal["BM25"])
        row: dict[str, str | float] = {"method": name, "recall@10": recall, "recall@10 error": error}
        row |= {"mrr@10": mrr, "mrr@10 error": its_error, "minus BM25": apart, "minus BM25 error": of_apart}
        rows.append(row | ({"recall@10 of cold items": float((rank[cold] <= TOP).mean())} if cold.any() else {}))
    return rows


def fuse(*scores: Singles) -> Singles:
    """Reciprocal ranks, added.

    >>> fuse(np.array([[3.0, 1.0, 2.0]]), np.array([[9.0, 8.0, 7.0]])).argsort(axis=1)[:, ::-1].tolist()
    [[0, 2, 1]]
    """
    ranks = [(-each).argsort(axis=1, kind="stable").argsort(axis=1, kind="stable") + 1 for each in scores]
    return np.asarray(sum(1 / (CONSTANT + rank) for rank in ranks), np.float32)


def main(words: list[str]) -> None:
    """Draw or read the shop, fit, print and keep a line each."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--titles", type=Path, help="item, tab, title; default a simulated shop")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(words)
    stamp = make_stamp()
    shop = draw_shop(options.seed) if options.titles is None else read_shop(options.titles, options.seed)
    key, more = ("search", "") if options.titles is None else ("search titles", " --titles FILE")
    table = judge(shop, options.seed)
    keep_table("tencent", key, Figure(COMMAND + more, stamp, None, table))
    print_table(wide_console(), "Search: the item that a query took", table)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(f"error: {error}")
