"""One vector of content an ad, for its semantic ID: embeddings and features; collaborative without embeddings."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from competitions.tencent.corpus import Catalogue, Embedding, Int64s
from competitions.tencent.lab.model.semantic_ids import add_tie_digit, encode, fit_codebooks
from competitions.tencent.sequences import Histories

Floats = npt.NDArray[np.float32]
FEATURE_WIDTH, COLLABORATIVE_WIDTH = 32, 64
FEATURE_SHARE = 0.3  # of the length of the whole vector: features order what embeddings leave equal


def build_semantic_ids(
    catalogue: Catalogue, embeddings: Sequence[Embedding], history: Histories, levels: int, codes: int, seed: int
) -> Int64s:
    """The semantic ID of every ad, int64 [rows, levels + 1]: ``levels`` codes of its content, and the digit that tells
    it from the others of these codes. Row 0 is padding.
    """
    vectors = content_vectors(catalogue, embeddings, history, seed)
    books = fit_codebooks(vectors[1:], levels, codes, seed)
    counts = np.bincount(history.sequences.item[history.events()], minlength=len(vectors)).astype(np.float64)
    return add_tie_digit(encode(vectors, books), counts)


def content_vectors(catalogue: Catalogue, embeddings: Sequence[Embedding], history: Histories, seed: int) -> Floats:
    """Float32 [rows, dimensions]; row 0, padding, is zero. Holds one such array beside the inputs."""
    parts = [normalise(np.asarray(embedding.vectors, np.float32)) for embedding in embeddings]
    if not parts:
        parts = [normalise(collaborative_vectors(history, len(catalogue.oid), seed))]
    features = normalise(project_features(catalogue, seed)) * np.float32(FEATURE_SHARE)
    return np.concatenate([*parts, features], axis=1)


def project_features(catalogue: Catalogue, seed: int) -> Floats:
    """Features as a sum of random directions, one a value, rare values longer (inverse document frequency)."""
    projected = np.zeros((len(catalogue.oid), FEATURE_WIDTH), np.float32)
    for feature, size in enumerate(catalogue.sizes):
        codes = np.asarray(catalogue.features[:, feature])
        counts = np.bincount(codes, minlength=size + 2)
        weight = np.log(len(codes) / np.maximum(counts, 1)).astype(np.float32)
        weight[0] = 0.0  # missing
        directions = np.random.default_rng([seed, feature]).standard_normal((size + 2, FEATURE_WIDTH), np.float32)
        projected += (directions * weight[:, None])[codes]
    return projected


def collaborative_vectors(history: Histories, rows: int, seed: int) -> Floats:
    """The left singular vectors of the table ads x users, so that ads of the same users are near each other."""
    lengths = history.lengths
    users = np.repeat(np.arange(len(history)), lengths)
    weight = np.repeat(1 / np.sqrt(np.maximum(lengths, 1)), lengths)
    items = history.sequences.item[history.events()]
    weight = weight / np.sqrt(np.bincount(items, minlength=rows)[items])
    table = sparse.csr_matrix((weight, (items, users)), shape=(rows, len(history)))
    left, values, _ = randomized_svd(table, min(COLLABORATIVE_WIDTH, min(table.shape) - 1), random_state=seed)
    return np.asarray((left * values).astype(np.float32))


def normalise(vectors: Floats) -> Floats:
    """Rows of length 1; a zero row stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.float32(1e-12)))
