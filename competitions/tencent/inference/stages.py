"""The steps between a corpus and its answers: words, training, both ways to answer, and what they score."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from common.errors import UserError
from common.pipeline.step_key import Keys
from competitions.tencent import metrics
from competitions.tencent.config import HostSettings, MemorySettings, ModelSettings, RetrieveSettings, TrainSettings
from competitions.tencent.corpus import Corpus, Embedding, Int64s, Sequences, Users
from competitions.tencent.inference.beam_search import search_words
from competitions.tencent.inference.retrieval import (
    Seen,
    Top,
    find_seen,
    recall,
    search,
    search_approximately,
    search_scores,
)
from competitions.tencent.model import item_content, semantic_ids
from competitions.tencent.model.cooccurrence_term import Memory, fit_memory, remember
from competitions.tencent.model.network import Network
from competitions.tencent.sequences import Histories, blocks
from competitions.tencent.split import Fold
from competitions.tencent.training import distributed
from competitions.tencent.training.batches import to_batch
from competitions.tencent.training.checkpoint import restore
from competitions.tencent.training.trainer import (
    Lesson,
    Trained,
    build_network,
    choose_device,
    count_events,
    find_end,
    move,
)
from competitions.tencent.training.trainer import train as run_training

TOP = 10
READ_BLOCK = 256  # histories that go through the encoder at once when they are answered
EMBED_BLOCK = 65_536


@dataclass(frozen=True)
class Answer:
    """What was found for the queries of a fold: by vectors, by words (None without semantic ids), and by the
    approximate index (None unless asked for) with its ``recall`` of the exact answer.
    """

    vectors: Top
    words: Top | None
    approximate: Top | None
    recall: float | None


def spell(
    corpus: Corpus, embeddings: tuple[Embedding, ...], fold: Fold, levels: int, codes: int, seed: int
) -> Int64s | None:
    """The word of every ad from what the fold shows, see ``spelling.spell``; None where ``levels`` is 0."""
    if not levels:
        return None
    return item_content.spell(corpus.catalogue, embeddings, fold.history(corpus.train), levels, codes, seed)


def plan_lesson(
    corpus: Corpus,
    embeddings: tuple[Embedding, ...],
    fold: Fold,
    words: Int64s | None,
    memory: Memory | None,
    model: ModelSettings,
    train: TrainSettings,
    seed: int,
) -> Lesson:
    """What a training is given: nothing behind the fold's ends."""
    history = fold.history(corpus.train)
    if not history.lengths.any():
        raise UserError("No user has an event before the cut: nothing can be learned; set split.valid_share lower.")
    return Lesson(history, corpus.users, corpus.catalogue, embeddings, words, memory, model, train, seed)


def fit(
    corpus: Corpus,
    embeddings: tuple[Embedding, ...],
    fold: Fold,
    words: Int64s | None,
    memory: Memory | None,
    model: ModelSettings,
    train: TrainSettings,
    seed: int,
    start: Trained | None,
    folder: str,
) -> Trained:
    """Train on what the fold shows, from the weights of ``start`` where they are given. The checkpoint lies in
    ``folder`` until training is done.
    """
    lesson = plan_lesson(corpus, embeddings, fold, words, memory, model, train, seed)
    lesson = replace(lesson, start=None if start is None else start.weights)
    path = Path(folder) / f"{fingerprint(lesson, Path(folder))}.pt"
    trained = distributed.train_anywhere(lesson, path)
    path.unlink(missing_ok=True)
    return trained


def fingerprint(lesson: Lesson, folder: Path) -> str:
    """A name for a training by all that decides it, data, settings and code: a checkpoint of another is never taken."""
    told = hashlib.blake2b()
    history, catalogue = lesson.history, lesson.catalogue
    parts = [history.ends, history.sequences.offsets, history.sequences.item, history.sequences.action]
    parts += [history.sequences.time, catalogue.features, lesson.users.features]
    parts += [embedding.vectors for embedding in lesson.embeddings]
    parts += [] if lesson.words is None else [lesson.words]
    parts += [] if lesson.memory is None else [lesson.memory.part, lesson.memory.whole.neighbours.data]
    parts += [] if lesson.start is None else list(lesson.start.values())
    for part in parts:
        told.update(np.ascontiguousarray(part).data)
    settings = [lesson.model, lesson.train, lesson.seed, told.hexdigest()]
    return Keys(folder).key(run_training, settings)[:16]


@dataclass(frozen=True)
class Question:
    """The queries of a fold as a trained network sees them: ``hidden`` [queries, width]; ``queries`` and
    ``candidates``, whose inner products are scores; the candidates' ``rows`` of the catalogue; what was ``seen``.
    """

    network: Network
    memory: Memory | None
    histories: Histories
    rows: Int64s
    hidden: torch.Tensor
    queries: torch.Tensor
    candidates: torch.Tensor
    seen: Seen

    @torch.inference_mode()
    def score(self, block: Int64s) -> torch.Tensor:
        """What the whole model says of every candidate for a block of queries: float32 [block, candidates]."""
        device = self.queries.device
        scores = self.queries[torch.from_numpy(block).to(device)] @ self.candidates.T
        if self.memory is None:
            return scores
        memory = self.memory
        remembered = remember(memory.whole, memory.scale, self.histories.take(block), self.rows)
        return scores + self.network.speak(torch.from_numpy(remembered).to(device))


def pose(
    corpus: Corpus,
    embeddings: tuple[Embedding, ...],
    fold: Fold,
    words: Int64s | None,
    memory: Memory | None,
    trained: Trained,
    model: ModelSettings,
    train: TrainSettings,
    seed: int,
) -> Question:
    """Read every query and every candidate once."""
    network = rebuild(plan_lesson(corpus, embeddings, fold, words, memory, model, train, seed), trained)
    asked, users = choose_sequences(corpus, fold)
    histories, rows = fold.queries(asked), fold.candidates.rows.values
    reference = find_end(fold.history(corpus.train))
    hidden, queries = read_queries(network, histories, users, fold.condition, reference)
    seen = find_seen(histories, rows, len(corpus.catalogue.oid))
    return Question(network, memory, histories, rows, hidden, queries, embed_candidates(network, rows), seen)


def answer(
    corpus: Corpus,
    embeddings: tuple[Embedding, ...],
    fold: Fold,
    words: Int64s | None,
    memory: Memory | None,
    trained: Trained,
    model: ModelSettings,
    train: TrainSettings,
    settings: RetrieveSettings,
    seed: int,
) -> Answer:
    """The ten best candidates of every query, seen ads masked."""
    asked = pose(corpus, embeddings, fold, words, memory, trained, model, train, seed)
    queries, candidates, seen = asked.queries, asked.candidates, asked.seen
    if memory is None:
        exact = search(queries, candidates, seen, TOP, settings.query_block, settings.candidate_block)
    else:
        exact = search_scores(asked.score, len(queries), seen, TOP)
    approximate, share = None, None
    if settings.approximate:
        approximate = search_approximately(queries, candidates, seen, TOP, settings.lists, settings.probes)
        share = recall(approximate, exact)
    spelled = None
    if asked.network.head is not None and words is not None:
        trie = semantic_ids.build_trie(words[asked.rows])
        spelled = search_words(asked.network.head, asked.hidden, trie, seen, TOP, settings.beam)
    return Answer(exact, spelled, approximate, share)


def recollect(corpus: Corpus, fold: Fold, wanted: bool, settings: MemorySettings, seed: int) -> Memory | None:
    """The wide part from what the fold shows; None where it is not ``wanted``."""
    return fit_memory(fold.history(corpus.train), corpus.catalogue, settings, seed) if wanted else None


def rebuild(lesson: Lesson, trained: Trained) -> Network:
    """The trained network, ready to answer."""
    network = build_network(lesson, count_events(lesson))
    restore(trained.weights, network)
    device = choose_device()
    network.to(device).eval()
    network.tower.content = network.tower.content.to(device)
    return network


def choose_sequences(corpus: Corpus, fold: Fold) -> tuple[Sequences, Users]:
    """Where the queries of a fold stand."""
    return (corpus.asked, corpus.asked_users) if fold.target is None else (corpus.train, corpus.users)


@torch.inference_mode()
def read_queries(
    network: Network, histories: Histories, users: Users, condition: Int64s, reference: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The hidden vector of every query, and what it looks for; short histories are read together.

    ``reference``: the time for which is asked.
    """
    device, length = next(network.parameters()).device, network.model_settings.length
    order = np.argsort(np.minimum(histories.lengths, length), kind="stable")
    parts = []
    for block in blocks(len(order), READ_BLOCK):
        places = order[block]
        batch = to_batch(histories.take(places), users.features, length, condition[places], reference)
        parts.append(network.read(move(batch, device)))
    back = torch.from_numpy(np.argsort(order)).to(device)
    return tuple(torch.cat(column).float()[back] for column in zip(*parts, strict=True))  # type: ignore[return-value]


@torch.inference_mode()
def embed_candidates(network: Network, rows: Int64s) -> torch.Tensor:
    """The vector of every candidate, float32 [candidates, dimensions]."""
    device = next(network.parameters()).device
    parts = [network.embed(torch.from_numpy(rows[block]).to(device)) for block in blocks(len(rows), EMBED_BLOCK)]
    return torch.cat(parts)


def measure(fold: Fold, found: Top, host: HostSettings) -> dict[str, Any]:
    """The metrics of an answer on a fold with known targets; seen and unseen targets apart."""
    if fold.unseen is None or fold.reached is None:
        raise ValueError("the host has the answers")
    places = place_targets(fold, found)
    weights = np.array(host.weights)[np.maximum(fold.reached, 0)]
    scores: dict[str, Any] = metrics.score_places(places, weights)
    for name, part in (("seen", ~fold.unseen), ("unseen", fold.unseen)):
        scores[name] = metrics.score_places(places[part], weights[part])["score"] if part.any() else None
    scores["unseen_share"] = float(fold.unseen.mean())
    return scores


def place_targets(fold: Fold, found: Top) -> Int64s:
    """The place 1..10 of each query's target in its answer, 0 where it is missing. ``ValueError`` without targets."""
    if fold.target is None:
        raise ValueError("the host has the answers")
    columns = np.full(int(max(fold.candidates.rows.values.max(), fold.target.max())) + 1, -1)
    columns[fold.candidates.rows.values] = np.arange(len(fold.candidates.rows))
    return metrics.find_places(found.columns, columns[fold.target])
