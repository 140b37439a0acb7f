"""The simplest ways to pick a video out of a list: by its place, by what was watched together, by factors.

Each gives one score a row, (rows, 1); what a score is worth in probability is found by ``watch.mix_across``.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.retrieval.als import FactorSettings, count_matrix, factorise, find_users
from common.retrieval.cooccurrence import CovisitSettings, count_covisits
from competitions.mgtv.features.recent_clicks import list_clicks, list_recent
from competitions.mgtv.labels import Floats
from competitions.mgtv.models.dataset import Served
from competitions.mgtv.split import Asked

NEVER_FADES = 1e9  # hours
REACH, NEIGHBOURS, LAST, FADE = 10, 200, 20, 0.9
FACTORS = FactorSettings(size=32, ridge=10.0, alpha=10.0, rounds=12)


def score_random(day: Served, seed: int) -> Floats:
    """Drawn numbers."""
    return np.random.default_rng([seed, day.day]).random((len(day.rates), 1))


def score_places(before: Sequence[Served], day: Served, prior: float = 100.0) -> Floats:
    """The log of how often the row's place in the list was the answer on served days ``before`` this one.

    A place beyond those seen counts as nearly never; ``prior`` rows of the mean share stand behind each place.
    """
    places = [_places(other) for other in before]
    labels = np.concatenate([other.rows.labels for other in before])
    width = max(int(own.max(initial=0)) for own in [*places, _places(day)]) + 1
    shown = np.bincount(np.concatenate(places), minlength=width)
    answered = np.bincount(np.concatenate(places), labels, minlength=width)
    share = (answered + prior * labels.mean()) / (shown + prior)
    return np.asarray(np.log(share[_places(day)]))[:, None]


def _places(day: Served) -> NDArray[np.int64]:
    """The place of each row in its list, from 0."""
    starts = np.cumsum(day.rows.group_sizes) - day.rows.group_sizes
    return np.arange(len(day.rates)) - np.repeat(starts, day.rows.group_sizes)


def score_neighbours(log: pl.DataFrame, asked: Asked) -> Floats:
    """Item-based collaborative filtering: how often the video was clicked near the device's last ones, by any device.

    The cosine of two videos over the devices that clicked both at most ``REACH`` clicks apart (Sarwar et al. 2001),
    summed over the last ``LAST`` clicks of the device, each ``FADE`` times as much as the one after it.
    """
    settings = CovisitSettings(
        reach=REACH, forward=1.0, reverse=1.0, decay=FADE, half_life_hours=NEVER_FADES, power=0.5, top=NEIGHBOURS
    )
    table = count_covisits(list_clicks(log, asked), settings)
    recent = list_recent(log, asked, LAST).select("query", item="video", trust=FADE ** pl.col("back"))
    rows = asked.rows.select("query", neighbour="video").with_row_index("row")
    met = rows.lazy().join(recent.lazy(), on="query").join(table.lazy(), on=["item", "neighbour"])
    found = met.select("row", worth=pl.col("weight").cast(pl.Float64) * pl.col("trust")).sort("row", "worth").collect()
    # Added up one after the other in a fixed order, so that the last bit does not depend on threads.
    scores = np.bincount(found["row"].to_numpy(), found["worth"].to_numpy(), asked.rows.height)
    return np.asarray(np.log1p(scores))[:, None]


def score_factors(log: pl.DataFrame, asked: Asked, videos: int, seed: int) -> Floats:
    """Matrix factorisation of devices x ``videos``: the inner product of the device's vector and the video's."""
    clicks = list_clicks(log, asked)
    known, device = np.unique(clicks["user"].to_numpy(), return_inverse=True)
    weights = count_matrix(device, clicks["item"].to_numpy(), (len(known), videos))
    items = factorise(weights, FACTORS, seed)
    own = asked.queries.join(pl.DataFrame({"device": known}).with_row_index("place"), on="device", how="left")
    place = own.sort("query")["place"].to_numpy().astype(np.float64)
    asks = np.isfinite(place)
    users = np.zeros((asked.queries.height, FACTORS.size), np.float32)
    users[asks] = find_users(weights[place[asks].astype(np.int64)], items, FACTORS)
    query, video = asked.rows["query"].to_numpy(), asked.rows["video"].to_numpy()
    return np.asarray(np.einsum("nd,nd->n", users[query], items[video], dtype=np.float64))[:, None]
