"""Similarity of the candidate to what the device watched last.

Videos get vectors from the log before the day: the positive pointwise mutual information of two videos watched by the
same device, factorised (Levy and Goldberg 2014, "Neural word embedding as implicit matrix factorization"). Attention is
that of DIN (Zhou et al. 2018) without its learned part: each watched video counts exp(sharpness * cosine) towards how
much of the candidate the device is likely to watch.
"""

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from competitions.mgtv.features.device_history import DeviceHistory
from competitions.mgtv.features.target_encoding import before_day, log_rate
from competitions.mgtv.split import Slates

SLICE_ROWS = 50_000
DEVICE_VIDEOS = 40  # of a device's last clicked videos count towards the vectors
VECTOR_SIZE = 32
LAST_VIDEOS = 10  # of a device, that a candidate is compared with
SHARPNESS = 4.0  # of the attention: a watched video weighs exp(SHARPNESS * cosine)
Vectors = NDArray[np.float32]


def describe_similarity(
    history: DeviceHistory, log: pl.DataFrame, slates: Slates, videos: pl.DataFrame, seed: int
) -> pl.DataFrame:
    """The block: vectors from the log before the day, and what they say of each row."""
    return describe_sequences(history, slates, fit_video_vectors(log, slates, videos.height, seed))


def fit_video_vectors(log: pl.DataFrame, slates: Slates, videos: int, seed: int) -> Vectors:
    """A unit vector (videos, size) for every video that two devices clicked before the day, 0 for the others."""
    clicked = before_day(log, slates).filter("clicked").select("device", "video", "day").collect()
    pairs = clicked.sort("device", "day", "video").unique(["device", "video"], keep="last", maintain_order=True)
    pairs = pairs.group_by("device", maintain_order=True).tail(DEVICE_VIDEOS)
    pairs = pairs.filter(pl.len().over("device") > 1).select(pl.col("device").rle_id(), "video")
    size = min(VECTOR_SIZE, videos - 1)
    vectors = np.zeros((videos, VECTOR_SIZE), np.float32)
    if pairs.height < 2 or size < 1:
        return vectors
    device, video = pairs["device"].to_numpy(), pairs["video"].to_numpy()
    clicks = sp.csr_matrix((np.ones(pairs.height, np.float32), (device, video)), (int(device[-1]) + 1, videos))
    both = (clicks.T @ clicks).tocoo()
    off = (both.row != both.col) & (both.data > 1)
    row, column, times = both.row[off], both.col[off], both.data[off].astype(np.float64)
    if not len(times):
        return vectors
    total = np.bincount(row, times, videos)
    information = np.log(times * times.sum() / (total[row] * total[column]))
    kept = information > 0
    matrix = sp.csr_matrix((information[kept].astype(np.float32), (row[kept], column[kept])), (videos, videos))
    with threadpool_limits(1, "blas"):  # LAPACK rounds by its number of threads
        left, strength, _ = randomized_svd(matrix, size, n_iter=4, random_state=seed)
    vectors[:, :size] = left * np.sqrt(strength)
    vectors[np.bincount(row[kept], minlength=videos) == 0] = 0.0  # rounding, where there is nothing to factorise
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 1e-6))


def describe_sequences(history: DeviceHistory, slates: Slates, vectors: Vectors) -> pl.DataFrame:
    """One row per row of the slates, in order: similarity to the device's last clicked videos, and their rates."""
    watched, rates = _last_videos(history, slates, LAST_VIDEOS)
    query, video = slates.rows["query"].to_numpy(), slates.rows["video"].to_numpy()
    names = ("nearest", "mean", "faded", "attended_log_t", "liked")
    matrix = np.empty((len(query), len(names)), np.float32)
    for start in range(0, len(query), SLICE_ROWS):
        part = slice(start, start + SLICE_ROWS)
        own = query[part]
        matrix[part] = _attend(vectors, video[part], watched[own], rates[own])
    return pl.DataFrame(matrix, [f"sequence_{name}" for name in names]).fill_nan(None)


def _last_videos(history: DeviceHistory, slates: Slates, most: int) -> tuple[NDArray[np.int32], Vectors]:
    """The last clicked videos (queries, most), latest first, -1 where there are fewer, and their log t, NaN unknown."""
    clicked = history.log.lazy().filter("clicked").select("device", "video", log_t=log_rate())
    back = (
        clicked.reverse()
        .with_columns(back=pl.int_range(pl.len()).over("device"))
        .filter(pl.col("back") < most)
        .join(slates.queries.lazy(), on="device")
        .collect()
    )
    videos = np.full((slates.queries.height, most), -1, np.int32)
    rates = np.full((slates.queries.height, most), np.nan, np.float32)
    at = back["query"].to_numpy(), back["back"].to_numpy()
    videos[at] = back["video"].to_numpy()
    rates[at] = back["log_t"].to_numpy()
    return videos, rates


def _attend(vectors: Vectors, video: NDArray[np.int32], watched: NDArray[np.int32], rates: Vectors) -> Vectors:
    cosine, mask = np.einsum("nd,nkd->nk", vectors[video], vectors[watched]), watched >= 0
    cosine = np.where(mask, cosine, 0.0)
    recency = mask * 0.7 ** np.arange(watched.shape[1])
    rated = np.isfinite(rates)
    known, weight = np.where(rated, rates, 0.0), np.where(rated, np.exp(SHARPNESS * cosine), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        columns = [
            np.where(mask, cosine, -1.0).max(axis=1),
            cosine.sum(axis=1) / mask.sum(axis=1),
            (recency * cosine).sum(axis=1) / recency.sum(axis=1),
            (weight * known).sum(axis=1) / weight.sum(axis=1),
            (cosine * np.where(rated, np.exp(np.minimum(known, 0.0)), 0.0)).sum(axis=1) / mask.sum(axis=1),
        ]
    features = np.stack(columns, axis=1).astype(np.float32)
    features[~mask.any(axis=1)] = np.nan
    return features
