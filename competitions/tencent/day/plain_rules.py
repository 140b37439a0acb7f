"""Plain rungs of the ladder on content: an ad's content against the history's, and how often it is shown."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from competitions.tencent.corpus import Corpus, Embedding, Int64s
from competitions.tencent.inference.retrieval import TopK, find_seen, search_scores
from competitions.tencent.io import schema
from competitions.tencent.io.schema import TOP
from competitions.tencent.model.sparse_history import Floats
from competitions.tencent.ranking.histories import RECENT, gather_past
from competitions.tencent.ranking.search import score_kernel, stack_content
from competitions.tencent.sequences import Histories, blocks, pad
from competitions.tencent.split import HOUR_S, Fold, end_time

NEAREST, MEAN, KERNEL = "nearest by content", "mean content x faded popularity", "kernel x faded popularity"
CONTENT_RUNGS = (NEAREST, MEAN, KERNEL)
EVENTS = 100  # of a history, the last
CLICKED = 5.0  # a click, in events that were shown only, in the mean of a history
MEAN_GAIN = 15.0  # of the cosine to that mean, beside the logarithm of an ad's events
WINDOW_H, WINDOW_FLOOR = 12.0, 0.3
FADE_H, FADE_FLOOR = 8.4, 0.2  # an event counts exp(-age / fade)
BLOCK = 8  # queries whose kernels are held at once: events x candidates each


def answer_by_content(corpus: Corpus, embeddings: Sequence[Embedding], fold: Fold, name: str) -> TopK:
    """The answer of the rung of this ``name``. ``embeddings``: at least one."""
    content = stack_content(embeddings)
    assert content is not None
    queries, rows = fold.queries(corpus.train), fold.candidates.rows.values
    seen = find_seen(queries, rows, len(corpus.catalogue.oid))
    score = plan_content_scores(content, fold.history(corpus.train), queries, rows, name)
    return search_scores(lambda block: torch.from_numpy(score(block)), len(queries), seen, TOP)


def plan_content_scores(
    content: Tensor, history: Histories, queries: Histories, rows: Int64s, name: str
) -> Callable[[Int64s], Floats]:
    """A function from indices of queries to the scores of the candidates, float32 [block, candidates].

    ``content`` float32 [rows of the catalogue, dimensions], of length 1 or 0; ``rows``: the candidates.
    """
    if name == NEAREST:
        return lambda block: score_mean(content, queries.take(block), rows).numpy()
    if name == MEAN:
        recent = count_events(history, len(content), lambda age: age < WINDOW_H)[rows]
        popular = torch.from_numpy(np.log(recent + WINDOW_FLOOR))
        return lambda block: (MEAN_GAIN * score_mean(content, queries.take(block), rows) + popular).numpy()
    if name == KERNEL:
        faded = count_events(history, len(content), lambda age: np.exp(-age / FADE_H))[rows]
        popular = torch.from_numpy(np.log(faded + FADE_FLOOR))
        return lambda block: (score_interests(content, queries.take(block), rows) + popular).numpy()
    raise ValueError(f"no rung {name!r}")


def score_mean(content: Tensor, queries: Histories, rows: Int64s) -> Tensor:
    """The cosine of each candidate and the mean of a history: an event weighs ``RECENT`` for each event behind it, a
    click ``CLICKED`` times as much. 0 where either has no content.
    """
    padded = pad(queries, EVENTS)
    back = np.maximum(padded.mask.sum(1)[:, None] - 1 - np.arange(padded.mask.shape[1]), 0)
    weights = RECENT**back * np.where(padded.action >= schema.CLICK, CLICKED, 1.0) * padded.mask
    seen = content[torch.from_numpy(padded.item)]
    mean = torch.einsum("qe,qed->qd", torch.from_numpy(weights.astype(np.float32)), seen)
    return functional.normalize(mean, dim=1) @ content[torch.from_numpy(rows)].T


def score_interests(content: Tensor, queries: Histories, rows: Int64s) -> Tensor:
    """The kernel over the whole history, see ``score_kernel``, in blocks of queries."""
    parts, candidates = [], content[torch.from_numpy(rows)]
    for block in blocks(len(queries), BLOCK):
        past = gather_past(queries.take(block), EVENTS)
        history = content[torch.from_numpy(past.item.reshape(-1))]
        parts.append(score_kernel(history, past.weights[:, 0].numpy(), candidates))
    return torch.cat(parts)


def count_events(
    history: Histories, rows: int, weigh: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.generic]]
) -> Floats:
    """The events of every row of the catalogue, each counting what ``weigh`` makes of its age in hours at the second
    behind the last of them; float32 [rows].
    """
    events = history.events()
    age = np.maximum(end_time(history) - history.sequences.time[events], 0) / HOUR_S
    return np.bincount(history.sequences.item[events], weigh(age), rows).astype(np.float32)
