"""What ads have in common: their feature values as a sparse matrix, through which scores are smoothed from ad to ad."""

import numpy as np
import scipy.sparse as sp

from common.arrays import Singles
from competitions.tencent.corpus import Catalogue, Field, Int64s
from competitions.tencent.retrieval.sparse_history import Sparse

POWER = 0.5
MOST_VALUES = 20_000  # a feature of more names nearly one ad each


def attribute_matrix(catalogue: Catalogue, most_values: int = MOST_VALUES) -> Sparse:
    """Attributes of every row of the catalogue, csr float32 [rows, values].

    A value (of one feature) that c ads have weighs c^-``POWER``, so that sharing what is common says little: at 0.5 the
    product with its transpose is the share of each attribute's ads. Missing and cold values are no attributes, and
    features of more than ``most_values`` values are left out.
    """
    parts = [one_feature(field) for field in catalogue.fields if field.size <= most_values]
    if not parts:
        return sp.csr_array((len(catalogue.oid), 0), dtype=np.float32)
    return sp.hstack(parts, format="csr", dtype=np.float32)


def one_feature(field: Field) -> Sparse:
    """The attributes of one feature, csr float32 [rows, its values]."""
    rows = np.flatnonzero((field.codes > 0) & (field.codes <= field.size))
    values = field.codes[rows] - 1
    weight = np.maximum(np.bincount(values, minlength=field.size), 1.0) ** -POWER
    return sp.csr_array((weight[values].astype(np.float32), (rows, values)), (len(field.codes), field.size))


def smooth_scores(
    scores: Sparse | Singles,
    ads: Int64s,
    attributes: Sparse,
    weight: float,
    candidates: Int64s,
    shared: Sparse | None = None,
) -> Singles:
    """Scores (sparse or dense [users, ads]) of ``candidates``, rows of the catalogue, float32 [users, candidates],
    smoothed through attributes. ``ads``: the rows that are scored, ascending. ``shared``: ``attributes[candidates]`` of
    a caller that has it, since picking 60,000 rows takes as long as a block of queries.

    s' = s + weight * s A A': an ad gains from what all ads with its attributes were given, an unseen one too.
    ``scores`` may be overwritten.

    >>> shared = sp.csr_array(np.float32([[0, 0], [1, 0], [0, 1], [1, 0]]))  # ads 1 and 3 have the first attribute
    >>> smooth_scores(np.float32([[8, 4, 0]]), np.array([1, 2, 3]), shared, 0.5, np.array([1, 2, 3])).tolist()
    [[12.0, 6.0, 4.0]]
    """
    own = _take(scores, ads, candidates)
    if not weight or not attributes.shape[1]:
        return own
    by_value = as_dense(scores @ attributes[ads])
    own += np.float32(weight) * ((attributes[candidates] if shared is None else shared) @ by_value.T).T
    return own


def _take(scores: Sparse | Singles, ads: Int64s, candidates: Int64s) -> Singles:
    """A dense matrix of these candidates, 0 where one is not among the ads; the ``scores`` where all are."""
    if np.array_equal(ads, candidates):  # as a fold's own pool has it
        return as_dense(scores)
    at = np.searchsorted(ads, candidates)
    known = np.flatnonzero(at < len(ads))
    known = known[ads[at[known]] == candidates[known]]
    own = np.zeros((scores.shape[0], len(candidates)), np.float32)
    own[:, known] = as_dense(scores[:, at[known]])
    return own


def as_dense(table: Sparse | Singles) -> Singles:
    """As a dense matrix."""
    return table if isinstance(table, np.ndarray) else np.asarray(table.toarray())
