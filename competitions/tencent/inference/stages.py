"""The steps between a corpus and its recommendations: semantic IDs, training, both ways to answer, their scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from common.engine.step_key import Keys
from competitions.tencent import metrics
from competitions.tencent.config import HostSettings, RetrieveSettings
from competitions.tencent.corpus import Corpus, Embedding, Int64s, Users
from competitions.tencent.inference.beam_search import beam_search
from competitions.tencent.inference.kernel import gather_content, kernel_scores
from competitions.tencent.inference.retrieval import Seen, TopK, find_seen, search, search_scores
from competitions.tencent.io.schema import TOP
from competitions.tencent.model import item_content
from competitions.tencent.model.network import Network
from competitions.tencent.model.semantic_ids import build_trie
from competitions.tencent.sequences import Histories, blocks
from competitions.tencent.split import Fold, target_columns
from competitions.tencent.training import distributed
from competitions.tencent.training.batches import make_batch
from competitions.tencent.training.inputs import ModelInputs, NetworkSettings, build_training_inputs, hash_inputs
from competitions.tencent.training.trainer import Trained, load_network, train

QUERY_BLOCK = 256  # histories that go through the encoder at once
ITEM_BLOCK = 65_536


@dataclass(frozen=True)
class Answer:
    """The top ten of a fold's queries: by ``vectors``, and ``generative`` (None without semantic IDs)."""

    vectors: TopK
    generative: TopK | None


def build_semantic_ids(
    corpus: Corpus, embeddings: Sequence[Embedding], fold: Fold, levels: int, codes: int, seed: int
) -> Int64s | None:
    """The semantic ID of every ad from what the fold shows, see ``item_content``; None where ``levels`` is 0."""
    if not levels:
        return None
    history = fold.history(corpus.train)
    return item_content.build_semantic_ids(corpus.catalogue, embeddings, history, levels, codes, seed)


def fit(inputs: ModelInputs, settings: NetworkSettings, folder: str) -> Trained:
    """Train on what the fold shows. The checkpoint lies in ``folder`` until training is done.

    It is named by all that decides the training, data, settings and code: that of another is never taken.
    """
    training = build_training_inputs(inputs, settings)
    key = Keys(Path(folder)).key(train, [settings, hash_inputs(training)])
    path = Path(folder) / f"{key[:16]}.pt"
    trained = distributed.train_anywhere(training, path)
    path.unlink(missing_ok=True)
    return trained


@dataclass(frozen=True)
class EncodedQueries:
    """The queries of a fold as a trained network sees them: ``hidden`` [queries, width]; ``queries`` and
    ``candidates``, whose inner products are scores; the candidates' ``rows`` of the catalogue and ``content`` (None
    where there is no kernel over it); what was ``seen``.
    """

    network: Network
    histories: Histories
    rows: Int64s
    hidden: torch.Tensor
    queries: torch.Tensor
    candidates: torch.Tensor
    content: torch.Tensor | None
    seen: Seen

    @torch.inference_mode()
    def score(self, block: Int64s) -> torch.Tensor:
        """The whole model's scores of every candidate for a block of queries: float32 [block, candidates]."""
        device = self.queries.device
        scores = self.queries[torch.from_numpy(block).to(device)] @ self.candidates.T
        if self.content is not None:
            scores += kernel_scores(self.network, self.histories.take(block), self.content).to(device)
        return scores

    def search(self, query_block: int = 1024, candidate_block: int = 16_384) -> TopK:
        """The ten best candidates of every query, seen ads masked, exactly."""
        if self.content is None:
            return search(self.queries, self.candidates, self.seen, TOP, query_block, candidate_block)
        return search_scores(self.score, len(self.queries), self.seen, TOP)


def encode_fold(inputs: ModelInputs, trained: Trained, settings: NetworkSettings) -> EncodedQueries:
    """Encode every query and every candidate of a fold once."""
    network, fold = load_network(build_training_inputs(inputs, settings), trained), inputs.fold
    sequences, users = inputs.query_source
    histories, rows = fold.queries(sequences), fold.candidates.rows.values
    hidden, queries = encode_queries(network, histories, users, fold.condition, inputs.query_time)
    return EncodedQueries(
        network=network,
        histories=histories,
        rows=rows,
        hidden=hidden,
        queries=queries,
        candidates=encode_candidates(network, rows),
        content=gather_content(network, rows),
        seen=find_seen(histories, rows, len(inputs.corpus.catalogue.oid)),
    )


def answer(inputs: ModelInputs, trained: Trained, settings: NetworkSettings, retrieve: RetrieveSettings) -> Answer:
    """The ten best candidates of every query, seen ads masked."""
    encoded = encode_fold(inputs, trained, settings)
    exact = encoded.search(retrieve.query_block, retrieve.candidate_block)
    generative, head = None, encoded.network.head
    if head is not None and inputs.semantic_ids is not None:
        trie = build_trie(inputs.semantic_ids[encoded.rows])
        generative = beam_search(head, encoded.hidden, trie, encoded.seen, TOP, retrieve.beam)
    return Answer(exact, generative)


@torch.inference_mode()
def encode_queries(
    network: Network, histories: Histories, users: Users, condition: Int64s, query_time: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The hidden vector and the query vector of every history; short histories are encoded together."""
    device, length = next(network.parameters()).device, network.model_settings.length
    order = np.argsort(np.minimum(histories.lengths, length), kind="stable")
    parts = []
    for block in blocks(len(order), QUERY_BLOCK):
        rows = order[block]
        batch = make_batch(histories.take(rows), users.features, length, condition[rows], query_time)
        parts.append(network.encode_histories(batch.to(device)))
    back = torch.from_numpy(np.argsort(order)).to(device)
    hidden, queries = (torch.cat(column).float()[back] for column in zip(*parts, strict=True))
    return hidden, queries


@torch.inference_mode()
def encode_candidates(network: Network, rows: Int64s) -> torch.Tensor:
    """The vector of every candidate, float32 [candidates, dimensions]."""
    device = next(network.parameters()).device
    parts = [network.encode_rows(torch.from_numpy(rows[block]).to(device)) for block in blocks(len(rows), ITEM_BLOCK)]
    return torch.cat(parts)


def evaluate(fold: Fold, top: TopK, host: HostSettings) -> dict[str, Any]:
    """The metrics of an answer on a fold with known targets; seen and unseen targets apart."""
    if fold.unseen is None or fold.target_action is None:
        raise ValueError("the host has the answers")
    ranks = rank_targets(fold, top)
    weights = np.array(host.weights)[np.maximum(fold.target_action, 0)]
    scores: dict[str, Any] = metrics.mean_scores(ranks, weights)
    for name, part in (("seen", ~fold.unseen), ("unseen", fold.unseen)):
        scores[name] = metrics.mean_scores(ranks[part], weights[part])["score"] if part.any() else None
    scores["unseen_share"] = float(fold.unseen.mean())
    return scores


def evaluate_answers(fold: Fold, answer: Answer, host: HostSettings) -> dict[str, dict[str, Any]]:
    """The scores of each way to answer."""
    ways = {"vectors": answer.vectors, "words": answer.generative}
    return {name: evaluate(fold, top, host) for name, top in ways.items() if top is not None}


def rank_targets(fold: Fold, top: TopK) -> Int64s:
    """The rank 1..10 of each query's target in its answer, 0 where it is missing. ``ValueError`` without targets."""
    return metrics.target_ranks(top.columns, target_columns(fold))
