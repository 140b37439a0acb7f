"""The service of ``method = "network"``: a user's events -> the ten ads that the user will most likely click.

The vectors of all candidates were computed at export. A request's own ads go through the tower, the history through the
encoder, and the result against every candidate: exactly in float32, or over faiss's codes of fewer bits.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faiss
import msgspec
import numpy as np
import torch
from torch import nn

from common.day.serving.benchmark import Answer, Mark
from common.day.serving.feature_tables import read_array, read_struct
from common.engine.errors import UserError
from competitions.tencent.config import ModelSettings, TrainSettings
from competitions.tencent.corpus import Int64s
from competitions.tencent.day.ranker_service import RankerService, holds_ranker
from competitions.tencent.day.requests import Request, join_histories, read_requests
from competitions.tencent.inference.kernel import gather_content, kernel_scores
from competitions.tencent.io.schema import TOP
from competitions.tencent.model.encoder import ItemContent
from competitions.tencent.model.network import Network
from competitions.tencent.sequences import Histories
from competitions.tencent.training.batches import make_batch

SETTINGS, MODEL, WEIGHTS, VECTORS, INDEX = "settings.json", "model.json", "weights.pt", "candidates.npy", "index.faiss"
FEATURES, TRAINED, BIRTH, FORECAST = "features.npy", "trained.npy", "birth.npy", "forecast.npy"
ROWS = "rows.npy"
__all__ = ["TencentService", "load", "read_requests"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What all variants share: the time of the queries, the largest values of features, the number of embeddings."""

    reference: int
    sizes: tuple[int, ...]
    user_sizes: tuple[int, ...]
    embeddings: int


class NetworkVariant(msgspec.Struct, frozen=True, kw_only=True):
    """How a variant's network is built. ``int8``: its linear layers have weights of 8 bits."""

    model: ModelSettings
    train: TrainSettings
    int8: bool = False


class TencentService:
    """Network, candidates and the content of all ads."""

    def __init__(self, export: Path, variant: str) -> None:
        """Load what one variant needs."""
        self.settings, rows = read_struct(export / SETTINGS, Settings), read_array(export / ROWS)
        content = read_content(export, self.settings)
        self.network = read_network(export / variant, content)
        self.column_of_row = np.full(len(content.trained), -1)
        self.column_of_row[rows] = np.arange(len(rows))
        self.content = gather_content(self.network, rows)
        exact = (export / variant / VECTORS).exists()
        self.candidates = torch.from_numpy(np.array(read_array(export / variant / VECTORS))) if exact else None
        self.index: Any = None if exact else read_index(export / variant / INDEX)

    @torch.inference_mode()
    def answer(self, requests: Sequence[Request], mark: Mark) -> list[Answer]:
        """For each history the columns of ten candidates, best first; -1 where none is left."""
        histories = join_histories(requests)
        features = np.stack([request.features for request in requests])
        condition = np.array([request.condition for request in requests])
        batch = make_batch(histories, features, self.network.model_settings.length, condition, self.settings.reference)
        mark("batch")
        _, queries = self.network.encode_histories(batch)
        mark("encoder")
        columns = [self.column_of_row[request.item] for request in requests]
        seen = [column[column >= 0] for column in columns]
        if self.index is None:
            best = self.search_exact(queries.float(), seen, histories)
        else:
            best = self.search_index(queries.float(), seen)
        answers: list[Answer] = best.astype(float).tolist()
        mark("search")
        return answers

    def search_exact(self, queries: torch.Tensor, seen: Sequence[Int64s], histories: Histories) -> Int64s:
        """The best of all candidates but those ``seen``, exactly: int64 [queries, ten]."""
        assert self.candidates is not None
        scores = queries @ self.candidates.T
        if self.content is not None:
            scores += kernel_scores(self.network, histories, self.content)
        for row, columns in enumerate(seen):
            scores[row, torch.from_numpy(columns)] = -torch.inf
        best = scores.topk(min(TOP, scores.shape[1]), 1)
        return np.asarray(torch.where(torch.isfinite(best.values), best.indices, -1))

    def search_index(self, queries: torch.Tensor, seen: Sequence[Int64s]) -> Int64s:
        """The same over faiss's codes; seen ads are dropped afterwards, so that as many more are fetched."""
        fetched = min(TOP + max(len(columns) for columns in seen), self.index.ntotal)
        padded = np.zeros((len(queries), self.index.d), np.float32)
        padded[:, : queries.shape[1]] = queries.numpy()
        _, ranked = self.index.search(padded, fetched)
        top = np.full((len(queries), TOP), -1)
        for row, columns in enumerate(seen):
            kept = ranked[row][~np.isin(ranked[row], columns) & (ranked[row] >= 0)][:TOP]
            top[row, : len(kept)] = kept
        return top


def load(export: Path, variant: str) -> TencentService | RankerService:
    """The service of a variant of an export, of the network or of the ranker: the folder says which."""
    return RankerService(export, variant) if holds_ranker(export) else TencentService(export, variant)


def read_content(export: Path, settings: Settings) -> ItemContent:
    """The tower's inputs, mapped where they are large."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the mapped arrays are read-only, and nothing here writes
        names = (FEATURES, TRAINED, BIRTH, FORECAST)
        features, trained, birth, forecast = (torch.from_numpy(read_array(export / name)) for name in names)
        vectors = [torch.from_numpy(read_array(export / name_vectors(at))) for at in range(settings.embeddings)]
    times = torch.full((len(forecast),), settings.reference)
    return ItemContent(features, tuple(vectors), trained, birth, settings.sizes, settings.user_sizes, times, forecast)


def name_vectors(index: int) -> str:
    """The file of an embedding."""
    return f"embedding-{index}.npy"


def narrow(network: Network) -> Any:
    """The network with linear layers of 8-bit weights; activations are scaled as they come (dynamic quantisation)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torchao is to take over; plain torch has it still
        warnings.simplefilter("ignore", UserWarning)
        return torch.ao.quantization.quantize_dynamic(  # type: ignore[no-untyped-call]
            network, {nn.Linear}, dtype=torch.qint8
        )


def read_network(folder: Path, content: ItemContent) -> Any:
    """The network of a variant. Weights are read as plain tensors, no code among them."""
    built = read_struct(folder / MODEL, NetworkVariant)
    network: Any = Network(built.model, built.train, content, None).eval()  # the generative head is not served
    network = narrow(network) if built.int8 else network
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of typed storage, in the int8 tensors' own loader
            weights = torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True)
            network.load_state_dict(weights)
    except Exception as error:  # torch raises its own for each kind of damage
        reason = str(error).splitlines()[0]
        raise UserError(f"{folder / WEIGHTS} cannot be read: {reason}; export the run again.") from error
    return network


def read_index(path: Path) -> Any:
    """An index of faiss."""
    try:
        return faiss.read_index(str(path))
    except RuntimeError as error:
        raise UserError(f"{path} cannot be read: {str(error).splitlines()[0]}; export the run again.") from error
