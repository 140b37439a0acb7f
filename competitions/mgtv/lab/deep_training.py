"""Train a network on whole lists, and score a day with it.

The loss is the same as the boosted trees': minus the log of the softmax of the answer within its list. A fit takes a
fixed number of passes with a falling rate; the day that is scored afterwards is never looked at before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from common.arrays import Floats
from common.engine.progress import track
from common.learning.dataset import Matrix, RankingDataset, join_datasets, pick_queries, take_blocks
from common.learning.determinism import deterministic_torch
from common.learning.listwise_softmax import find_starts
from competitions.mgtv.lab.deep_inputs import FieldTables, Ids, Inputs, NetworkDay
from competitions.mgtv.lab.deep_networks import NETWORKS, Batch, Shape

CLIP = 4.0


class DeepSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``size`` of a vector, ``hidden`` layers, ``dropout``; ``passes`` over the lists in batches of ``lists``, at a
    ``rate`` that falls to 0, with weight ``decay``; ``watched``: how many of a device's last videos are attended to.
    """

    size: int = 8
    hidden: tuple[int, ...] = (64, 32)
    dropout: float = 0.2
    passes: int = 4
    lists: int = 256
    rate: float = 0.003
    decay: float = 0.01
    watched: int = 20
    threads: int = 2


@dataclass(frozen=True)
class Scale:
    """How numbers enter: less ``centre``, by ``spread``, clipped to +-4; missing is 0, and 1 in an own column for each
    of ``flagged``, the features that were missing anywhere in training.
    """

    centre: Matrix
    spread: Matrix
    flagged: NDArray[np.int64]

    def apply(self, features: Matrix) -> Matrix:
        """Rows (n, d) as numbers (n, d + flagged)."""
        known = np.isfinite(features)
        with np.errstate(over="ignore", invalid="ignore"):
            standard = np.clip((features - self.centre) / self.spread, -CLIP, CLIP)
        standard = np.where(known, standard, np.float32(0))
        return np.hstack([standard, (~known[:, self.flagged]).astype(np.float32)]).astype(np.float32)


@dataclass(frozen=True)
class Network:
    """A trained network: its weights by name, and all that it takes to score. ``losses``: the mean of each pass."""

    kind: str
    shape: Shape
    weights: dict[str, NDArray[Any]]
    scale: Scale
    names: tuple[str, ...]
    losses: tuple[float, ...]


@dataclass(frozen=True)
class _Data:
    """Slates one after the other: ``rows`` and, as indices into the ``fields``, what ``Inputs`` has."""

    rows: RankingDataset
    inputs: Inputs
    fields: FieldTables
    scale: Scale

    def batch(self, slates: Ids) -> tuple[Batch, Ids]:
        """Some slates as tensors, and the index of each slate's answer among the batch's rows."""
        sizes = self.rows.group_sizes[slates].astype(np.int64)
        starts = np.cumsum(self.rows.group_sizes, dtype=np.int64)[slates] - sizes
        firsts = np.cumsum(sizes) - sizes
        rows = np.repeat(starts - firsts, sizes) + np.arange(sizes.sum())
        owner = np.repeat(np.arange(len(slates)), sizes)
        watched, videos, devices = self.inputs.watched[slates], self.fields.videos.ids, self.fields.devices.ids
        batch = Batch(
            numbers=torch.from_numpy(self.scale.apply(self.rows.features[rows])),
            video=torch.from_numpy(videos[self.inputs.video[rows]]),
            device=torch.from_numpy(devices[self.inputs.device[slates]][owner]),
            owner=torch.from_numpy(owner),
            watched=torch.from_numpy(videos[watched]),
            rates=torch.from_numpy(self.inputs.rates[slates]),
            mask=torch.from_numpy((watched > 0).astype(np.float32)),
        )
        return batch, np.flatnonzero(self.rows.labels[rows] > 0)


def fit_network(
    train: Sequence[NetworkDay],
    fields: FieldTables,
    kind: str,
    blocks: Sequence[str],
    settings: DeepSettings,
    seed: int,
) -> Network:
    """Train on the slates with an answer and two videos or more; the numbers are the features of ``blocks``."""
    data = _gather(train, fields, blocks)
    columns, sizes = data.rows.features.shape[1] + len(data.scale.flagged), (fields.videos.sizes, fields.devices.sizes)
    shape = Shape(columns, sizes[0], sizes[1], settings.size, settings.hidden, settings.dropout)
    with deterministic_torch(seed, settings.threads):
        network = NETWORKS[kind](shape)
        losses = _train(network, data, settings, seed, kind)
    weights = {name: value.numpy().copy() for name, value in network.state_dict().items()}
    return Network(kind, shape, weights, data.scale, data.rows.names, tuple(losses))


@torch.inference_mode()
def score_network(day: NetworkDay, fields: FieldTables, network: Network, settings: DeepSettings) -> Floats:
    """Scores of the day's rows, (rows, 1); batches of slates, so that memory does not grow with the day."""
    rows = day.features.rows
    columns = [rows.names.index(name) for name in network.names]
    data = _Data(
        replace(rows, names=network.names, features=rows.features[:, columns]), day.inputs, fields, network.scale
    )
    with deterministic_torch(0, settings.threads):
        model = NETWORKS[network.kind](network.shape)
        model.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in network.weights.items()})
        model.eval()
        count = len(rows.group_sizes)
        batches = np.array_split(np.arange(count), count // settings.lists + 1)
        parts = [model(data.batch(slates)[0]).numpy() for slates in batches if len(slates)]
    return np.concatenate([np.empty(0), *parts]).astype(np.float64)[:, None]


def _train(network: nn.Module, data: _Data, settings: DeepSettings, seed: int, name: str) -> list[float]:
    """The passes; returns the mean loss of each."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=settings.decay)
    rng, count = np.random.default_rng(seed), len(data.rows.group_sizes)
    orders = [rng.permutation(count) for _ in range(settings.passes)]
    size = settings.lists
    batches = [order[start : start + size] for order in orders for start in range(0, count, size)]
    losses = []
    network.train()
    for step, slates in enumerate(track(batches, name)):
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * min(1.0, 2.0 * (1 - step / len(batches)))  # falls in the second half
        batch, answers = data.batch(slates)
        loss = choice_loss(network(batch), batch.owner, torch.from_numpy(answers))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    return [float(np.mean(part)) for part in np.array_split(losses, settings.passes)]


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


def _gather(days: Sequence[NetworkDay], fields: FieldTables, blocks: Sequence[str]) -> _Data:
    """The slates of all days from which something can be learned."""
    rows: list[RankingDataset] = []
    inputs: list[Inputs] = []
    for day in days:
        data, own = take_blocks(day.features.rows, blocks), day.inputs
        useful = (data.group_sizes > 1) & (np.add.reduceat(data.labels, find_starts(data.group_sizes)) == 1)
        kept = np.repeat(useful, data.group_sizes)
        rows.append(pick_queries(data, useful))
        inputs.append(Inputs(own.video[kept], own.device[useful], own.watched[useful], own.rates[useful]))
    joined = {name: np.concatenate([getattr(part, name) for part in inputs]) for name in Inputs.__annotations__}
    whole = join_datasets(rows)
    return _Data(whole, Inputs(**joined), fields, measure_scale(whole.features))


def measure_scale(features: Matrix) -> Scale:
    """Mean and deviation of the finite values of each column."""
    centre, spread = np.zeros(features.shape[1], np.float32), np.ones(features.shape[1], np.float32)
    flagged = []
    for column in range(features.shape[1]):
        known = np.isfinite(features[:, column])
        if not known.all():
            flagged.append(column)
        if known.any():
            values = features[known, column].astype(np.float64)
            centre[column] = values.mean()
            spread[column] = values.std() or 1.0
    return Scale(centre, spread, np.array(flagged, np.int64))
