"""Matrix factorisation of users x articles, as a channel of its own."""

import polars as pl

from common.learning.split import Fold
from common.retrieval.channels import list_channel
from common.retrieval.settings import FactorSettings

FACTORS = FactorSettings(size=48, ridge=1.0, alpha=20.0, rounds=12)


def list_by_factors(fold: Fold, top: int, seed: int) -> pl.DataFrame:
    """The ``top`` articles of each query by inner product, seen ones left out: query, item, score; best first."""
    return list_channel(fold, FACTORS, top, seed).drop("rank")
