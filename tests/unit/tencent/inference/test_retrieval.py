import numpy as np
import pytest
import torch

from common.engine.errors import UserError
from competitions.tencent.inference.retrieval import find_seen, search
from competitions.tencent.sequences import Histories, whole
from tests.unit.tencent.training_inputs import make_sequences

CANDIDATES = np.arange(1, 401)


@pytest.fixture(scope="module")
def encoded() -> tuple[torch.Tensor, torch.Tensor, Histories]:
    rng = np.random.default_rng(0)
    histories = [[(int(item), 0, 0) for item in rng.integers(1, 450, rng.integers(0, 60))] for _ in range(37)]
    generator = torch.Generator().manual_seed(0)
    queries, candidates = torch.randn(37, 8, generator=generator), torch.randn(400, 8, generator=generator)
    return queries, candidates, whole(make_sequences(*histories))


def brute_force(queries: torch.Tensor, candidates: torch.Tensor, histories: Histories, top: int) -> np.ndarray:
    scores = (queries @ candidates.T).numpy()
    best = []
    for query, score in enumerate(scores):
        start, stop = histories.starts[query], histories.ends[query]
        seen = set(histories.sequences.item[start:stop].tolist())
        allowed = [column for column in range(len(score)) if CANDIDATES[column] not in seen]
        best.append(sorted(allowed, key=lambda column, score=score: -score[column])[:top])
    return np.array(best)


@pytest.mark.parametrize(("rows", "columns"), [(1024, 16_384), (5, 400), (37, 128), (1, 64), (8, 100), (3, 7)])
def test_blocks_of_any_size_give_the_answer_of_brute_force(
    encoded: tuple[torch.Tensor, torch.Tensor, Histories], rows: int, columns: int
) -> None:
    queries, candidates, histories = encoded
    best = search(queries, candidates, find_seen(histories, CANDIDATES, 500), 10, rows, columns)
    np.testing.assert_array_equal(best.columns, brute_force(queries, candidates, histories, 10))
    own = (queries @ candidates.T).numpy()
    np.testing.assert_allclose(best.scores, np.take_along_axis(own, best.columns, 1), rtol=1e-5)


def test_who_has_seen_nearly_all_is_given_the_rest_and_then_nothing() -> None:
    histories = whole(make_sequences([(row, 0, 0) for row in (1, 2, 3, 5)], []))
    seen = find_seen(histories, np.array([5, 4, 3, 2, 1]), 6)
    best = search(torch.ones(2, 1), torch.arange(5.0).unsqueeze(1), seen, 3)
    assert best.columns.tolist() == [[1, -1, -1], [4, 3, 2]]
    assert best.scores[0, 1:].tolist() == [-np.inf, -np.inf]


def test_fewer_candidates_than_ten_leave_the_end_empty() -> None:
    seen = find_seen(whole(make_sequences([])), np.array([1, 2]), 3)
    assert search(torch.ones(1, 1), torch.tensor([[1.0], [2.0]]), seen, 4).columns.tolist() == [[1, 0, -1, -1]]


def test_no_numbers_are_refused() -> None:
    seen = find_seen(whole(make_sequences([])), np.array([1, 2]), 3)
    for broken in (float("nan"), float("inf")):
        with pytest.raises(UserError, match="no numbers"):
            search(torch.ones(1, 1), torch.tensor([[1.0], [broken]]), seen, 2)
