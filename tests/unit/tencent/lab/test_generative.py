"""Semantic ids and the generative answer: codebooks on planted clusters, equal codes told apart, the trie, the beam."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from competitions.tencent.corpus import Int64s
from competitions.tencent.lab import generative
from competitions.tencent.lab.beam_search import beam_search
from competitions.tencent.lab.exhaustive import Seen
from competitions.tencent.lab.generative import SemanticIdHead, train_head
from competitions.tencent.lab.semantic_ids import Codebooks, add_tie_digit, build_trie, encode, fit_codebooks
from competitions.tencent.retrieval import sequence
from competitions.tencent.retrieval.sequence_model.encoder import CausalEncoder
from competitions.tencent.retrieval.sequence_model.training import choose_examples
from tests.unit.tencent.retrieval.test_sequence import ADS, SMALL, make_circle
from tests.unit.tencent.training_inputs import make_catalogue

WIDTH, SIZES = 6, (4, 3, 5)


@pytest.fixture(scope="module")
def clusters() -> np.ndarray:
    """Four far clusters of three near ones each, five vectors a near one."""
    rng = np.random.default_rng(0)
    far = 100 * np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    near = 10 * np.array([[1, 0, 0, -1], [0, 1, -1, 0], [-1, -1, 1, 1]])
    centres = (far[:, None] + near).reshape(-1, 4).repeat(5, axis=0)
    vectors: np.ndarray = (centres + rng.normal(0, 0.1, centres.shape)).astype(np.float32)
    return vectors


def test_the_first_level_tells_far_clusters_and_the_second_near_ones(clusters: np.ndarray) -> None:
    """More codes than clusters, since k-means may split one of them and leave two others together."""
    books = fit_codebooks(clusters, 2, 8, 0)
    codes = encode(clusters, books)
    far = np.repeat(np.arange(4), 15)
    assert all(len(set(far[codes[:, 0] == code].tolist())) == 1 for code in set(codes[:, 0].tolist()))
    first = books.tables[0][codes[:, 0]]
    errors = [
        np.linalg.norm(clusters - expected, axis=1).mean() for expected in (first, first + books.tables[1][codes[:, 1]])
    ]
    assert errors[1] < errors[0] / 3 < 20 / 3  # near clusters are 10 to 20 apart


def test_codes_are_the_nearest_centroids_of_what_is_left() -> None:
    first = np.array([[0, 0], [10, 0]], np.float32)
    second = np.array([[1, 1], [-1, -1]], np.float32)
    vectors = np.array([[0.9, 0.8], [9.2, -0.7], [-1, -1]], np.float32)
    assert encode(vectors, Codebooks((first, second))).tolist() == [[0, 0], [1, 1], [0, 1]]
    assert encode(vectors, Codebooks((first,))).tolist() == [[0], [1], [0]]


def test_equal_codes_are_told_apart_by_frequency() -> None:
    codes = np.array([[1, 2], [0, 5], [1, 2], [1, 2], [0, 4], [0, 5]])
    top = add_tie_digit(codes, np.array([1.0, 3.0, 9.0, 1.0, 0.0, 3.0]))
    assert top[:, :2].tolist() == codes.tolist()
    assert top[:, 2].tolist() == [1, 0, 0, 2, 0, 1]  # ties as they stand
    assert len({tuple(semantic_id) for semantic_id in top.tolist()}) == len(codes)


def test_the_tree_by_hand() -> None:
    semantic_ids = np.array([[2, 0, 1], [0, 3, 0], [2, 0, 0], [0, 1, 2]])
    trie = build_trie(semantic_ids)
    assert [level.tolist() for level in trie.code] == [[0, 2], [1, 3, 0], [2, 0, 0, 1]]
    assert [level.tolist() for level in trie.children] == [[0, 2], [0, 2, 3], [0, 1, 2, 4]]
    assert trie.candidate.tolist() == [3, 1, 2, 0]
    with pytest.raises(ValueError, match="the same semantic ID"):
        build_trie(semantic_ids[[0, 1, 0]])


def draw_semantic_ids(count: int, seed: int) -> Int64s:
    """Distinct semantic ids in any order."""
    every = np.array(list(itertools.product(*map(range, SIZES))))
    return np.random.default_rng(seed).permutation(every)[:count]


@pytest.fixture(scope="module")
def head() -> SemanticIdHead:
    torch.manual_seed(0)
    return SemanticIdHead(WIDTH, SIZES).eval()


@pytest.fixture(scope="module")
def hidden() -> torch.Tensor:
    return 3 * torch.randn(7, WIDTH, generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
def log_probabilities(head: SemanticIdHead, hidden: torch.Tensor, semantic_ids: Int64s) -> np.ndarray:
    """The log probability of every semantic id, one code after the other: [queries, ids]."""
    top = np.zeros((len(hidden), len(semantic_ids)))
    for column, semantic_id in enumerate(semantic_ids.tolist()):
        for level, code in enumerate(semantic_id):
            codes = torch.tensor([semantic_id[:level]] * len(hidden), dtype=torch.int64).reshape(len(hidden), level)
            top[:, column] += head.log_probabilities(hidden, codes)[:, code].numpy()
    return top


def test_the_loss_is_the_mean_over_levels_of_the_log_probability(head: SemanticIdHead, hidden: torch.Tensor) -> None:
    semantic_ids = draw_semantic_ids(7, 4)
    with torch.inference_mode():
        losses = head.loss(hidden, torch.from_numpy(semantic_ids)).numpy()
    every = log_probabilities(head, hidden, semantic_ids)
    np.testing.assert_allclose(losses, -np.diag(every) / 3, rtol=1e-5)


@pytest.mark.parametrize("block", [3, 256])
@pytest.mark.parametrize("counts", [(0,) * 7, (0, 5, 20, 33, 1, 12, 30)])
def test_a_beam_of_all_ids_is_the_exact_ranking_without_what_was_seen(
    head: SemanticIdHead, hidden: torch.Tensor, counts: tuple[int, ...], block: int
) -> None:
    semantic_ids, rng = draw_semantic_ids(33, 2), np.random.default_rng(3)
    seen = [np.sort(rng.choice(33, count, replace=False)) for count in counts]
    scores = log_probabilities(head, hidden, semantic_ids)
    for query, columns in enumerate(seen):
        scores[query, columns] = -np.inf
    known = Seen(np.cumsum([0, *counts]), np.concatenate(seen))
    top = beam_search(head, hidden, build_trie(semantic_ids), known, 10, len(semantic_ids), block)
    order = np.argsort(-scores, axis=1)[:, :10]
    best = np.take_along_axis(scores, order, 1)
    np.testing.assert_array_equal(top.columns, np.where(np.isfinite(best), order, -1))
    np.testing.assert_allclose(top.scores, best, rtol=1e-5)


def test_the_head_learns_the_next_ad_of_a_circle(monkeypatch: pytest.MonkeyPatch) -> None:
    """From a trained encoder: the successor is the first of the beam for most."""
    monkeypatch.setattr(generative, "EPOCHS", 200)
    history, catalogue = make_circle(), make_catalogue(ADS)
    settings = dataclasses.replace(SMALL, content=False)
    table = sequence.train(history, catalogue, [], settings, CausalEncoder, 0)
    tower, examples = table.load(CausalEncoder(settings)), choose_examples(history, ADS + 1, settings)
    rows = np.arange(ADS + 1)
    semantic_ids = np.column_stack([rows % 3, rows // 3])
    head = train_head(table, tower, examples, semantic_ids, 0)
    queries = make_circle(seed=1)
    hidden = table.encode(tower, queries)
    top = beam_search(
        head, hidden, build_trie(semantic_ids[1:]), Seen(np.zeros(65, np.int64), np.empty(0, np.int64)), 3
    )
    last = queries.sequences.item[queries.ends - 1]
    assert (top.columns[:, 0] + 1 == last % ADS + 1).mean() > 0.8
