"""The best candidates of each query, by brute force: whatever the blocks, seen ads are no answer."""

import numpy as np
import pytest
import torch

from common.engine.errors import UserError
from competitions.tencent.corpus import CatalogueRows
from competitions.tencent.lab.exhaustive import rank_all
from competitions.tencent.sequences import Histories, whole
from competitions.tencent.top_k import TopK
from tests.unit.tencent.training_inputs import make_sequences

CANDIDATES = CatalogueRows(np.arange(1, 401))


@pytest.fixture(scope="module")
def histories() -> Histories:
    rng = np.random.default_rng(0)
    drawn = [[(int(item), 0, 0) for item in rng.integers(1, 450, rng.integers(0, 60))] for _ in range(37)]
    return whole(make_sequences(*drawn))


def rank(scores: torch.Tensor, histories: Histories, candidates: np.ndarray, top: int, block: int = 512) -> TopK:
    score = lambda queries: scores[torch.from_numpy(queries)].clone()  # noqa: E731
    return rank_all(score, histories, CatalogueRows(candidates), top, block)


@pytest.mark.parametrize("block", [512, 5, 37, 1])
def test_blocks_of_any_size_give_the_answer_of_brute_force(histories: Histories, block: int) -> None:
    scores = torch.randn(37, 400, generator=torch.Generator().manual_seed(0))
    best = rank(scores, histories, CANDIDATES, 10, block)
    for query, own in enumerate(scores.numpy()):
        seen = set(histories.sequences.item[histories.starts[query] : histories.ends[query]].tolist())
        allowed = [column for column in range(400) if CANDIDATES[column] not in seen]
        expected = sorted(allowed, key=lambda column, own=own: -own[column])[:10]
        assert best.rows[query].tolist() == CANDIDATES[expected].tolist()
        np.testing.assert_allclose(best.scores[query], own[expected], rtol=1e-5)


def test_who_has_seen_nearly_all_is_given_the_rest_and_then_nothing() -> None:
    seen = whole(make_sequences([(row, 0, 0) for row in (1, 2, 3, 5)], []))
    best = rank(torch.arange(5.0).repeat(2, 1), seen, np.array([1, 2, 3, 4, 5]), 3)
    assert best.rows.tolist() == [[4, 0, 0], [5, 4, 3]]
    assert best.scores[0, 1:].tolist() == [-np.inf, -np.inf]


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_no_numbers_are_refused(broken: float) -> None:
    with pytest.raises(UserError, match="not finite"):
        rank(torch.tensor([[1.0, broken]]), whole(make_sequences([])), np.array([1, 2]), 2)


def test_fewer_candidates_than_ten_leave_the_end_empty() -> None:
    best = rank(torch.tensor([[1.0, 2.0]]), whole(make_sequences([])), np.array([1, 2]), 4)
    assert best.rows.tolist() == [[2, 1, 0, 0]]
