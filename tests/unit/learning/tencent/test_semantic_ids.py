"""The generative answer: the trie and the beam. What the head learns stands in test_rungs.py."""

import itertools

import numpy as np
import pytest
import torch

from competitions.learning.tencent.semantic_ids import SemanticIdHead, beam_search, build_trie
from competitions.tencent.corpus import CatalogueRows, Int64s
from competitions.tencent.sequences import whole
from tests.unit.tencent.training_inputs import make_sequences

WIDTH, SIZES = 6, (4, 3, 5)


@torch.inference_mode()
def log_probabilities(head: SemanticIdHead, hidden: torch.Tensor, semantic_ids: Int64s) -> np.ndarray:
    """The log probability of every semantic id, one code after the other: [queries, ids]."""
    top = np.zeros((len(hidden), len(semantic_ids)))
    for column, semantic_id in enumerate(semantic_ids.tolist()):
        for level, code in enumerate(semantic_id):
            codes = torch.tensor([semantic_id[:level]] * len(hidden), dtype=torch.int64).reshape(len(hidden), level)
            top[:, column] += head.log_probabilities(hidden, codes)[:, code].numpy()
    return top


@pytest.mark.parametrize("block", [3, 256])
def test_a_beam_of_all_ids_is_the_exact_ranking_without_what_was_seen(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("competitions.learning.tencent.semantic_ids.BLOCK", block)
    torch.manual_seed(0)
    head, hidden = SemanticIdHead(WIDTH, SIZES).eval(), 3 * torch.randn(7, WIDTH)
    rng = np.random.default_rng(3)
    semantic_ids = rng.permutation(np.array(list(itertools.product(*map(range, SIZES)))))[:33]  # distinct, in any order
    seen = [np.sort(rng.choice(33, count, replace=False)) for count in (0, 5, 20, 33, 1, 12, 30)]
    scores = log_probabilities(head, hidden, semantic_ids)
    for query, positions in enumerate(seen):
        scores[query, positions] = -np.inf
    queries = whole(make_sequences(*[[(int(at) + 1, 0, 0) for at in positions] for positions in seen]))
    rows = CatalogueRows(np.arange(33) + 1)
    top = beam_search(head, hidden, build_trie(semantic_ids), queries, rows, len(semantic_ids))
    order = np.argsort(-scores, axis=1)[:, :10]
    best = np.take_along_axis(scores, order, 1)
    np.testing.assert_array_equal(top.rows, np.where(np.isfinite(best), order + 1, 0))
    np.testing.assert_allclose(top.scores, best, rtol=1e-5)
