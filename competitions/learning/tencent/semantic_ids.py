"""Generative retrieval: an ad as a short sequence of codes, its semantic ID, of which a network says the next.

Level 1 is the nearest of K centroids, level 2 the nearest centroid of what is left of the ad's vector, and so on
(residual quantisation; Rajput et al. 2023, "Recommender systems with generative retrieval", have it learned, k-means is
simpler and as good). Ads of equal codes differ by one more digit: their rank among them, the most frequent first. So
every ad, seen or not, has a semantic ID of its own, and like ads share its beginning.

The encoder of the sequence model stays as it is; a head learns the next code from the history's vector and the codes
before it. The answer is a beam search over the codes, along the trie of the candidates' own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import faiss
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from common.arrays import Singles
from common.determinism import deterministic_torch
from common.engine.progress import track
from competitions.learning.tencent.encoders import SEQUENCE_RUNGS, WITH_CONTENT
from competitions.tencent.corpus import CatalogueRows, Corpus, Int64s
from competitions.tencent.io.schema import TOP
from competitions.tencent.retrieval.sequence import SequenceTable
from competitions.tencent.retrieval.sequence_model.encoder import QueryTower
from competitions.tencent.retrieval.sequence_model.training import Examples, choose_examples
from competitions.tencent.sequences import Histories, blocks, pad
from competitions.tencent.split import Fold
from competitions.tencent.top_k import TopK

LEVELS, CODES = 3, 256
TRAIN_POINTS = 256  # vectors a centroid is fitted on at most
ROUNDS = 20
BATCH, EPOCHS, RATE, DROPOUT = 1_024, 8, 2e-3, 0.2
BLOCK = 256  # windows or queries at a time
BEAM = 32  # semantic IDs followed at a time


def answer_generatively(corpus: Corpus, fold: Fold, table: SequenceTable, seed: int) -> TopK:
    """The ten likeliest semantic IDs, among those of the candidates, by the encoder of ``WITH_CONTENT``."""
    history, rows, queries = fold.history(corpus.train), fold.candidates, fold.queries(corpus.train)
    examples = choose_examples(history, len(corpus.catalogue.oid), table.settings)
    tower = table.load(SEQUENCE_RUNGS[WITH_CONTENT].build(table.settings))
    vectors = functional.normalize(torch.from_numpy(table.vectors.astype(np.float32)), dim=1).numpy()
    tables = fit_codebooks(vectors[1:], LEVELS, CODES, seed)  # row 0: padding
    ids = add_tie_digit(encode(vectors, tables), examples.known.share)
    head = train_head(table, tower, examples, ids, seed)
    parts = [table.encode(tower, queries.take(block), fold.condition[block]) for block in blocks(len(queries), BLOCK)]
    return beam_search(head, torch.cat(parts), build_trie(ids[rows]), queries, rows)


def fit_codebooks(vectors: Singles, levels: int, codes: int, seed: int) -> list[Singles]:
    """Residual k-means on these vectors, one row an ad: a table of centroids [codes, dimensions] a level, float32."""
    tables = []
    residual = np.ascontiguousarray(vectors, np.float32)
    for level in range(levels):
        means = faiss.Kmeans(
            residual.shape[1],
            min(codes, len(residual)),
            niter=ROUNDS,
            seed=seed + level,
            max_points_per_centroid=TRAIN_POINTS,
            min_points_per_centroid=1,
        )
        means.train(residual)
        tables.append(np.array(means.centroids, np.float32))
        residual = residual - tables[-1][_nearest(residual, tables[-1])]
    return tables


def encode(vectors: Singles, tables: Sequence[Singles]) -> Int64s:
    """The codes of each vector by the ``tables`` of ``fit_codebooks``, int64 [rows, levels]."""
    residual = np.ascontiguousarray(vectors, np.float32)
    codes = np.empty((len(residual), len(tables)), np.int64)
    for level, table in enumerate(tables):
        codes[:, level] = _nearest(residual, table)
        residual = residual - table[codes[:, level]]
    return codes


def _nearest(vectors: Singles, table: Singles) -> Int64s:
    index = faiss.IndexFlatL2(table.shape[1])
    index.add(table)
    return np.asarray(index.search(vectors, 1)[1][:, 0])


def add_tie_digit(codes: Int64s, frequency: npt.NDArray[np.float64]) -> Int64s:
    """The codes with one more column: the rank among the rows of equal codes, the most frequent first."""
    order = np.lexsort((-frequency, *codes.T[::-1]))
    ordered = codes[order]
    first = np.ones(len(codes), bool)
    first[1:] = (ordered[1:] != ordered[:-1]).any(1)
    first_rows = np.flatnonzero(first)
    digit = np.empty(len(codes), np.int64)
    digit[order] = np.arange(len(codes)) - first_rows[np.cumsum(first) - 1]
    return np.column_stack([codes, digit])


@dataclass(frozen=True)
class Trie:
    """The semantic IDs of candidates as a tree. For each level: ``code`` of every node, and where its children begin in
    the next level, ``children`` int64 [nodes + 1]. The nodes of the last level are semantic IDs; ``candidate`` says
    whose.
    """

    code: tuple[Int64s, ...]
    children: tuple[Int64s, ...]
    candidate: Int64s


def build_trie(semantic_ids: Int64s) -> Trie:
    """The tree of distinct semantic IDs, int64 [candidates, levels]. Nodes of a level are sorted by it."""
    order = np.lexsort(semantic_ids.T[::-1])
    ordered = semantic_ids[order]
    levels = semantic_ids.shape[1]
    code, children, before = [], [], np.zeros(len(semantic_ids), np.int64)
    for level in range(levels):
        first = np.ones(len(semantic_ids), bool)
        first[1:] = (ordered[1:, : level + 1] != ordered[:-1, : level + 1]).any(1)
        node = np.cumsum(first) - 1
        code.append(ordered[first, level])
        parents = before[first]
        children.append(np.searchsorted(parents, np.arange(int(before[-1]) + 2)))
        before = node
    return Trie(tuple(code), tuple(children), order)


class SemanticIdHead(nn.Module):
    """The next code, from the vector of a history and the codes before it."""

    def __init__(self, width: int, sizes: tuple[int, ...]) -> None:
        """``sizes``: how many codes each level has."""
        super().__init__()
        self.sizes = sizes
        self.dropout = nn.Dropout(DROPOUT)
        self.code_embeddings = nn.ModuleList(nn.Embedding(size, width) for size in sizes[:-1])
        self.levels = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, size))
            for size in sizes
        )
        for table in self.code_embeddings:
            nn.init.normal_(table.weight, std=width**-0.5)  # type: ignore[arg-type]

    def state(self, hidden: Tensor, codes: Tensor) -> Tensor:
        """``hidden`` [n, width] with the ``codes`` so far, [n, levels so far]."""
        hidden = self.dropout(hidden)
        for level in range(codes.shape[1]):
            hidden = hidden + self.code_embeddings[level](codes[:, level])
        return hidden

    def loss(self, hidden: Tensor, semantic_ids: Tensor) -> Tensor:
        """The mean over levels of the cross-entropy of each semantic ID's codes, [n]."""
        losses = []
        for level in range(semantic_ids.shape[1]):
            logits = self.levels[level](self.state(hidden, semantic_ids[:, :level]))
            losses.append(functional.cross_entropy(logits, semantic_ids[:, level], reduction="none"))
        return torch.stack(losses).mean(0)

    def log_probabilities(self, hidden: Tensor, codes: Tensor) -> Tensor:
        """Of every code of the next level, [n, size]."""
        return functional.log_softmax(self.levels[codes.shape[1]](self.state(hidden, codes)), 1)


def train_head(
    table: SequenceTable, tower: QueryTower, examples: Examples, semantic_ids: Int64s, seed: int
) -> SemanticIdHead:
    """Learn the semantic ID of each target of the ``examples`` from the vector of what stands before it."""
    hidden, target = encode_targets(table, tower, examples)
    codes = torch.from_numpy(semantic_ids)[target]
    with deterministic_torch(seed, torch.get_num_threads()):
        head = SemanticIdHead(hidden.shape[1], tuple(int(most) + 1 for most in semantic_ids.max(0)))
        shuffled = [torch.randperm(len(target)) for _ in range(EPOCHS)]
        steps = [order[block] for order in shuffled for block in blocks(len(target), BATCH)]
        optimizer = torch.optim.AdamW(head.parameters(), RATE, fused=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, len(steps)))
        for block in track(steps, "training the head"):
            loss = head.loss(hidden[block], codes[block]).mean()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            schedule.step()
    return head.eval()


@torch.no_grad()
def encode_targets(table: SequenceTable, tower: QueryTower, examples: Examples) -> tuple[Tensor, Tensor]:
    """The vector of what stands before each target, float32 [targets, width], and the target's row [targets]."""
    hidden, target = [torch.empty(0, table.settings.width)], [torch.empty(0, dtype=torch.int64)]
    for block in track(list(blocks(len(examples.windows), BLOCK)), "encoding"):
        padded = examples.pad(block)
        outputs = tower.encode_targets(table.take(padded.item), padded)[0]
        chosen = torch.from_numpy(padded.clicked)
        hidden.append(outputs[chosen])
        target.append(torch.from_numpy(padded.item)[chosen])
    return torch.cat(hidden), torch.cat(target)


@torch.inference_mode()
def beam_search(
    head: SemanticIdHead, hidden: Tensor, trie: Trie, queries: Histories, candidates: CatalogueRows, beam: int = BEAM
) -> TopK:
    """The ten likeliest semantic IDs of each query among those of the ``candidates``, which the ``trie`` holds; seen
    ads are dropped at the last code.

    Memory: ``BLOCK`` x ``beam`` x codes floats.
    """
    best, longest = TopK.empty(len(hidden), TOP), int(queries.lengths.max(initial=1))
    for block in blocks(len(hidden), BLOCK):
        nodes, scores = _search_block(head, hidden[block[0] : block[-1] + 1], trie, beam)
        rows = candidates[trie.candidate[nodes]]
        seen = (rows[:, :, None] == pad(queries.take(block), longest).item[:, None]).any(2)
        best.put(block, CatalogueRows(rows), np.where(seen | (nodes < 0), -np.inf, scores))
    return best


def _search_block(head: SemanticIdHead, hidden: Tensor, trie: Trie, beam: int) -> tuple[Int64s, np.ndarray]:
    """The best nodes of the last level, [queries, beam], -1 where there are fewer, and their log probabilities."""
    queries = len(hidden)
    nodes = torch.zeros(queries, 1, dtype=torch.int64)  # the root
    scores = torch.zeros(queries, 1)
    codes = torch.zeros(queries, 1, 0, dtype=torch.int64)
    for level in range(len(trie.code)):
        width = nodes.shape[1]
        repeated = hidden.repeat_interleave(width, 0)
        log_p = head.log_probabilities(repeated, codes.flatten(0, 1).to(hidden.device)).cpu()
        log_p = log_p.view(queries, width, -1)
        first_child = torch.from_numpy(trie.children[level])
        first, last = first_child[nodes.clamp(min=0)], first_child[nodes.clamp(min=0) + 1]
        most = int((last - first).max())
        child = first.unsqueeze(2) + torch.arange(most)
        mask = (child < last.unsqueeze(2)) & (nodes >= 0).unsqueeze(2)
        child = torch.where(mask, child, 0)
        code = torch.from_numpy(trie.code[level])[child]
        extended = torch.where(mask, scores.unsqueeze(2) + log_p.gather(2, code), -torch.inf).flatten(1)
        best = extended.topk(min(beam, extended.shape[1]), 1)
        scores, parent = best.values, best.indices // most
        code = code.flatten(1).gather(1, best.indices)
        codes = torch.cat([codes.gather(1, parent.unsqueeze(2).expand(-1, -1, level)), code.unsqueeze(2)], 2)
        nodes = torch.where(torch.isfinite(scores), child.flatten(1).gather(1, best.indices), -1)
    return nodes.numpy(), scores.numpy()
