"""The same-flight rerank: an option loses a little for every better fare of the very same flights."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def rerank(scores: Floats, flights: NDArray[np.uint64], sizes: NDArray[np.int32], penalty: float) -> Floats:
    """``score - penalty * (best score on the same flights - score)``, within each session.

    ``flights`` (n,): a number that a session's options on the same flights share (the four leg times and the first
    flight of each leg). The best fare of an itinerary keeps its score, its siblings fall: three ranks are better
    spent on three itineraries than on three fares of one. The rule is that of the competition's public notebooks.
    """
    if penalty == 0 or not len(scores):
        return scores
    session = np.repeat(np.arange(len(sizes)), sizes)
    frame = pl.DataFrame({"score": scores, "flights": flights, "session": session})
    best = frame.select(pl.col("score").max().over("session", "flights")).to_series().to_numpy()
    return np.asarray(scores - penalty * (best - scores))
