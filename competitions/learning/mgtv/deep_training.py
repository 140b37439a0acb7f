"""What the networks read, their training on whole lists, and the scores of a day.

Beside the numeric features a network reads ids of the video and of the device, and what the device watched last. An id
becomes the index of a vector. Fields with more values than ``MOST`` share vectors by a hash (Weinberger et al. 2009):
the tables stay small at any size of the log.

The loss is the same as the boosted trees': minus the log of the softmax of the answer within its list. A fit takes a
fixed number of passes with a falling learning rate; the day that is scored afterwards is never looked at before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from common.arrays import Floats, join
from common.determinism import deterministic_torch
from common.engine.progress import track
from common.learning.conditional_logit import Standardiser, fit_standardiser
from common.learning.dataset import RankingDataset, gather, pick_queries, take_columns
from common.learning.listwise_softmax import find_starts
from competitions.learning.mgtv.clicks import list_recent
from competitions.learning.mgtv.deep_networks import NETWORKS, Batch, Shape
from competitions.mgtv.features.profile import NAMES
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.split import Slates

CLIP = 4.0
Ids = NDArray[np.int64]
MOST = 16_384  # vectors of one field
ITEM_FIELDS = ("video", "collection", "channel", "type", "stype")


@dataclass(frozen=True)
class Fields:
    """Ids by field of all ``videos`` and of all ``devices`` (n, fields): 0 is none or unknown, row 0 is none, row c + 1
    that of code c. ``sizes``: how many ids each field of the videos has, and of the devices.
    """

    videos: Ids
    devices: Ids
    sizes: tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Inputs:
    """A day as the networks see it, slates in the order of its ``DayFeatures``.

    ``video`` (rows,) and ``device`` (slates,): rows of the ``Fields``. ``watched`` (slates, most): those of the last
    clicked videos, latest first; ``completions``: their completion rates, -1 where unknown.
    """

    video: Ids
    device: Ids
    watched: Ids
    completions: NDArray[np.float32]


@dataclass(frozen=True)
class NetworkDay:
    """A day's numeric features and labels, and its ids."""

    features: DayFeatures
    inputs: Inputs


def code_fields(videos: pl.DataFrame, profiles: pl.DataFrame) -> Fields:
    """The ids of the videos' fields, and of the profile columns that are names.

    Rows of ``profiles`` may stand in any order, and devices may lack.
    """
    chosen = [name for name in NAMES if name in profiles.columns]
    coded = profiles.select("device", *(pl.col(name).rank("dense").cast(pl.Int32) for name in chosen))
    height = int(profiles["device"].max() or 0) + 1 if profiles.height else 0  # type: ignore[arg-type]
    every = pl.DataFrame({"device": pl.int_range(height, dtype=pl.Int32, eager=True)})
    devices = every.join(coded, on="device", how="left", maintain_order="left").drop("device")
    video_ids, device_ids = _hash_codes(videos.select(ITEM_FIELDS)), _hash_codes(devices)
    of_videos, of_devices = (tuple(int(column.max()) + 1 for column in ids.T) for ids in (video_ids, device_ids))
    return Fields(video_ids, device_ids, (of_videos, of_devices))


def _hash_codes(frame: pl.DataFrame) -> Ids:
    """Codes (from 0, null none) as ids from 1, hashed where they are many, behind a row of zeros."""
    columns = [frame[name].cast(pl.Int64).fill_null(-1).to_numpy() for name in frame.columns]
    ids = [np.append(0, np.where(code < 0, 0, code % MOST + 1)) for code in columns]
    return np.column_stack(ids) if ids else np.zeros((frame.height + 1, 0), np.int64)


def look_up(log: pl.DataFrame, slates: Slates, fields: Fields, most: int) -> Inputs:
    """The inputs of a day from the log before it."""
    recent = list_recent(log, slates, most)
    queries = slates.queries.height
    watched, completions = np.zeros((queries, most), np.int64), np.full((queries, most), -1.0, np.float32)
    at = recent["query"].to_numpy(), recent["back"].to_numpy()
    watched[at] = recent["video"].to_numpy() + 1
    completions[at] = recent["t"].fill_null(-1.0).to_numpy().clip(-1.0, 2.0)
    shown = slates.rows["query"].unique(maintain_order=True).to_numpy()  # a query without rows is no slate
    device = slates.queries["device"].to_numpy()[shown].astype(np.int64) + 1
    device = np.where(device < len(fields.devices), device, 0)
    return Inputs(slates.rows["video"].to_numpy().astype(np.int64) + 1, device, watched[shown], completions[shown])


class DeepSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``size`` of a vector, ``hidden`` layers, ``dropout``; ``passes`` over the lists in batches of ``lists``, at a
    ``learning_rate`` that falls to 0, with weight ``decay``; ``watched``: the last videos that are attended to.
    """

    size: int = 8
    hidden: tuple[int, ...] = (64, 32)
    dropout: float = 0.2
    passes: int = 4
    lists: int = 256
    learning_rate: float = 0.003
    decay: float = 0.01
    watched: int = 20
    threads: int = 2


@dataclass(frozen=True)
class Network:
    """A trained network: its weights by name, and all that it takes to score."""

    kind: str
    shape: Shape
    weights: dict[str, NDArray[Any]]
    scale: Standardiser
    names: tuple[str, ...]
    blocks: tuple[str, ...]


@dataclass(frozen=True)
class _Data:
    """Slates one after the other: ``rows`` and, as indices into the ``fields``, what ``Inputs`` has."""

    rows: RankingDataset
    inputs: Inputs
    fields: Fields
    scale: Standardiser

    def batch(self, slates: Ids) -> tuple[Batch, Ids]:
        """Some slates as tensors, and the index of each slate's answer among the batch's rows."""
        sizes = self.rows.group_sizes[slates].astype(np.int64)
        starts = np.cumsum(self.rows.group_sizes, dtype=np.int64)[slates] - sizes
        firsts = np.cumsum(sizes) - sizes
        rows = np.repeat(starts - firsts, sizes) + np.arange(sizes.sum())
        owner = np.repeat(np.arange(len(slates)), sizes)
        watched, videos, devices = self.inputs.watched[slates], self.fields.videos, self.fields.devices
        batch = Batch(
            numbers=torch.from_numpy(self.scale.standardise(self.rows.features[rows], CLIP)),
            video=torch.from_numpy(videos[self.inputs.video[rows]]),
            device=torch.from_numpy(devices[self.inputs.device[slates]][owner]),
            owner=torch.from_numpy(owner),
            watched=torch.from_numpy(videos[watched]),
            completions=torch.from_numpy(self.inputs.completions[slates]),
            mask=torch.from_numpy((watched > 0).astype(np.float32)),
        )
        return batch, np.flatnonzero(self.rows.labels[rows] > 0)


def fit_network(
    train: Sequence[NetworkDay], fields: Fields, kind: str, blocks: Sequence[str], settings: DeepSettings, seed: int
) -> Network:
    """Train on the slates with an answer and two videos or more; the numbers are the features of ``blocks``."""
    data = _gather(train, fields, blocks)
    columns = len(data.scale.valued) + len(data.scale.flagged)
    shape = Shape(columns, *fields.sizes, settings.size, settings.hidden, settings.dropout)
    with deterministic_torch(seed, settings.threads):
        network = NETWORKS[kind](shape)
        _train(network, data, settings, seed, kind)
    weights = {name: value.numpy().copy() for name, value in network.state_dict().items()}
    return Network(kind, shape, weights, data.scale, data.rows.names, tuple(blocks))


@torch.inference_mode()
def score_network(day: NetworkDay, fields: Fields, network: Network, settings: DeepSettings) -> Floats:
    """Scores of the day's rows, (rows,); batches of slates, so that memory does not grow with the day."""
    rows = day.features.rows
    features = take_columns(rows.names, rows.features, network.names, network.blocks, "What the network is to score")
    data = _Data(replace(rows, names=network.names, features=features), day.inputs, fields, network.scale)
    with deterministic_torch(0, settings.threads):
        model = NETWORKS[network.kind](network.shape)
        model.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in network.weights.items()})
        model.eval()
        count = len(rows.group_sizes)
        batches = np.array_split(np.arange(count), count // settings.lists + 1)
        parts = [model(data.batch(slates)[0]).numpy() for slates in batches if len(slates)]
    return np.concatenate([np.empty(0), *parts]).astype(np.float64)


def _train(network: nn.Module, data: _Data, settings: DeepSettings, seed: int, name: str) -> None:
    """The passes over the slates."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=settings.decay)
    rng, count = np.random.default_rng(seed), len(data.rows.group_sizes)
    orders = [rng.permutation(count) for _ in range(settings.passes)]
    size = settings.lists
    batches = [order[start : start + size] for order in orders for start in range(0, count, size)]
    network.train()
    for step, slates in enumerate(track(batches, name)):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * min(1.0, 2.0 * (1 - step / len(batches)))  # falls in the second half
        batch, answers = data.batch(slates)
        loss = choice_loss(network(batch), batch.owner, torch.from_numpy(answers))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()


def choice_loss(scores: Tensor, owner: Tensor, answers: Tensor) -> Tensor:
    """Mean of -log softmax of the answers within their lists; ``answers``: rows, one a list in the lists' order.

    Scores are laid out in a table of lists, filled up with -inf, so that nothing is shared between lists.
    """
    slates = len(answers)
    sizes = torch.bincount(owner, minlength=slates)
    position = torch.arange(len(owner)) - (sizes.cumsum(0) - sizes)[owner]
    table = scores.new_full((slates, int(sizes.max())), -torch.inf)
    table = table.index_put((owner, position), scores)
    return (torch.logsumexp(table, 1) - scores[answers]).mean()


def _gather(days: Sequence[NetworkDay], fields: Fields, blocks: Sequence[str]) -> _Data:
    """The slates of all days from which something can be learned."""
    rows: list[RankingDataset] = []
    inputs: list[Inputs] = []
    for day in days:
        data, own = gather([day.features.rows], blocks), day.inputs
        useful = (data.group_sizes > 1) & (np.add.reduceat(data.labels, find_starts(data.group_sizes)) == 1)
        kept = np.repeat(useful, data.group_sizes)
        rows.append(pick_queries(data, useful))
        inputs.append(Inputs(own.video[kept], own.device[useful], own.watched[useful], own.completions[useful]))
    whole = gather(rows)
    return _Data(whole, join(inputs), fields, fit_standardiser(whole.features))
