"""The steps of the sequence model: semantic IDs, training, both ways to answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from common.engine.step_key import Keys
from competitions.tencent.corpus import Corpus, Embedding, Int64s, Users
from competitions.tencent.io.schema import TOP
from competitions.tencent.lab.beam_search import beam_search
from competitions.tencent.lab.config import NetworkSettings
from competitions.tencent.lab.model import item_content
from competitions.tencent.lab.model.network import Network
from competitions.tencent.lab.model.score_terms import content_vectors
from competitions.tencent.lab.model.semantic_ids import build_trie
from competitions.tencent.lab.training.batches import make_batch
from competitions.tencent.lab.training.inputs import ModelInputs, build_training_inputs, hash_inputs
from competitions.tencent.lab.training.trainer import Trained, load_network, train
from competitions.tencent.retrieval.kernel import score_kernel
from competitions.tencent.retrieval.top_k import FoldAnswers, Seen, TopK, find_seen, rank_all
from competitions.tencent.sequences import Histories, blocks, pad
from competitions.tencent.split import Fold

QUERY_BLOCK = 256  # histories that go through the encoder at once
ITEM_BLOCK = 65_536


def build_semantic_ids(
    corpus: Corpus, embeddings: Sequence[Embedding], fold: Fold, levels: int, codes: int, seed: int
) -> Int64s | None:
    """The semantic ID of every ad from what the fold shows, see ``item_content``; None where ``levels`` is 0."""
    if not levels:
        return None
    history = fold.history(corpus.train)
    return item_content.build_semantic_ids(corpus.catalogue, embeddings, history, levels, codes, seed)


def fit(inputs: ModelInputs, settings: NetworkSettings, seed: int, folder: str) -> Trained:
    """Train on what the fold shows. The checkpoint lies in ``folder`` until training is done.

    It is named by all that decides the training, data, settings and code: that of another is never taken.
    """
    training = build_training_inputs(inputs, settings, seed)
    key = Keys(Path(folder)).key(train, [settings, seed, hash_inputs(training)])
    path = Path(folder) / f"{key[:16]}.pt"
    trained = train(training, path, settings.train.checkpoint_s)
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

    def rank(self) -> TopK:
        """The ten best candidates of every query, seen ads masked, exactly."""
        return rank_all(self.score, len(self.queries), self.seen, TOP, QUERY_BLOCK)


def encode_fold(inputs: ModelInputs, trained: Trained, settings: NetworkSettings, seed: int) -> EncodedQueries:
    """Encode every query and every candidate of a fold once."""
    network, fold = load_network(build_training_inputs(inputs, settings, seed), trained), inputs.fold
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


def answer(inputs: ModelInputs, trained: Trained, settings: NetworkSettings, seed: int) -> FoldAnswers:
    """The ten best candidates of every query, seen ads masked: by ``vectors``, and by ``words``, the generative answer,
    where there are semantic IDs.
    """
    encoded = encode_fold(inputs, trained, settings, seed)
    ways, head = {"vectors": encoded.rank()}, encoded.network.head
    if head is not None and inputs.semantic_ids is not None:
        trie = build_trie(inputs.semantic_ids[encoded.rows])
        ways["words"] = beam_search(head, encoded.hidden, trie, encoded.seen, TOP)
    return FoldAnswers(ways)


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


def gather_content(network: Network, rows: Int64s) -> torch.Tensor | None:
    """The content of the candidates on the CPU, [candidates, dimensions]; None for a network without a kernel."""
    if not network.uses_kernel:
        return None
    return content_vectors(network.tower.content.vectors, torch.from_numpy(np.array(rows))).cpu()


@torch.inference_mode()
def kernel_scores(network: Network, histories: Histories, content: torch.Tensor) -> torch.Tensor:
    """What the kernel over the history adds to the scores, float32 [histories, candidates], on the CPU.

    ``content`` of the candidates: [candidates, dimensions].
    """
    kernel, padded = network.interests, pad(histories, network.model_settings.length)
    device = kernel.power.device
    action, mask, item = (torch.from_numpy(part).to(device) for part in (padded.action, padded.mask, padded.item))
    history = content_vectors(network.tower.content.vectors, item.reshape(-1)).cpu()
    weights = kernel.weigh_all(action, mask).cpu().numpy()
    return float(kernel.power) * score_kernel(history, weights, content, float(kernel.log_beta.exp()))
