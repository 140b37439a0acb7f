"""Training: the loop, on one device, with checkpoints that resume exactly."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from common.engine.progress import say, track
from competitions.tencent.corpus import Int64s
from competitions.tencent.io import schema
from competitions.tencent.lab.config import TrainSettings
from competitions.tencent.lab.model.encoder import ItemContent
from competitions.tencent.lab.model.loss import Negatives, sample_negatives
from competitions.tencent.lab.model.network import Network
from competitions.tencent.lab.training import checkpoint
from competitions.tencent.lab.training.batches import make_batch, order_batches
from competitions.tencent.lab.training.inputs import TrainingInputs, event_shares, first_event_times
from competitions.tencent.lab.training.optimizers import build_optimizer, set_rate
from competitions.tencent.sequences import pad


@dataclass(frozen=True)
class TrainingHistory:
    """How a training went: ``losses`` by epoch, ``tokens`` seen and ``seconds``."""

    losses: tuple[float, ...]
    tokens: int
    seconds: float


@dataclass(frozen=True)
class Trained:
    """The weights by name (arrays), and how the training went."""

    weights: dict[str, np.ndarray]
    history: TrainingHistory

    @property
    def losses(self) -> tuple[float, ...]:
        """The training loss of each epoch."""
        return self.history.losses

    def summarise(self) -> dict[str, Any]:
        """How the training went."""
        history = self.history
        return {
            "losses": list(history.losses),
            "tokens": history.tokens,
            "seconds": history.seconds,
            "tokens_per_second": history.tokens / max(history.seconds, 1e-9),
            "parameters": sum(int(value.size) for value in self.weights.values()),
        }


@dataclass(frozen=True)
class Trainer:
    """What every step of a training uses; ``shares`` of events."""

    inputs: TrainingInputs
    network: nn.Module
    optimizer: torch.optim.Optimizer
    shares: Tensor
    device: torch.device


def choose_device() -> torch.device:
    """A GPU where PyTorch has one (CUDA or ROCm)."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def describe_device() -> str:
    """Where a training runs, and how precisely."""
    if torch.cuda.is_available():
        return f"a GPU ({torch.cuda.get_device_name(0)}); tower and encoder in bf16, scores and losses in float32"
    return f"the CPU, {torch.get_num_threads()} threads; float32"


def build_network(inputs: TrainingInputs) -> Network:
    """The untrained network around the content of all ads (features, embeddings), the same for the same seed."""
    torch.manual_seed(inputs.seed)
    shares, widths, table = event_shares(inputs), schema.USER_FEATURES.values(), inputs.forecast
    content = ItemContent(
        features=torch.from_numpy(np.array(inputs.catalogue.features)),  # copies: mapped from disk, read-only
        vectors=tuple(torch.from_numpy(np.array(embedding.vectors)) for embedding in inputs.embeddings),
        trained=torch.from_numpy(shares > 0),
        birth=torch.from_numpy(first_event_times(inputs.history, len(shares))),
        sizes=tuple(size + 1 for size in inputs.catalogue.sizes),
        user_sizes=tuple((np.repeat(inputs.users.sizes, list(widths)) + 1).tolist()),
        forecast_times=torch.from_numpy(np.array(table.times if table else [], np.int64)),
        forecast=torch.from_numpy(np.array(table.log_rate if table else np.empty((0, len(shares))), np.float16)),
    )
    return Network(inputs.model, inputs.train, content, inputs.semantic_ids)


def load_network(inputs: TrainingInputs, trained: Trained) -> Network:
    """The trained network on its device, ready to answer."""
    network = build_network(inputs)
    checkpoint.restore(trained.weights, network)
    network.tower.content = network.tower.content.at_end()
    return move_network(network, choose_device()).eval()


def move_network(network: Network, device: torch.device) -> Network:
    """The network and the content of ads beside it, on another device."""
    network.to(device)
    network.tower.content = network.tower.content.to(device)
    return network


def train(inputs: TrainingInputs, path: Path, every_s: float = 60.0) -> Trained:
    """Train from the checkpoint at ``path``, or from the start; a checkpoint is written every so many seconds."""
    network = build_network(inputs)
    device = choose_device()
    optimizer = build_optimizer(move_network(network, device), inputs.train)
    progress = checkpoint.load(path, network, optimizer) or {"step": 0, "losses": [], "sum": 0.0, "weight": 0.0}
    trainer = Trainer(inputs, network, optimizer, torch.from_numpy(event_shares(inputs)), device)
    say(f"  training on {describe_device()}")
    network.train()
    steps = count_steps(inputs)
    started, saved, tokens = time.perf_counter(), time.perf_counter(), 0
    for step, histories, last in track(list_steps(inputs, progress["step"]), "training"):
        set_rate(optimizer, step, steps, inputs.train)
        loss, weight = take_step(trainer, step, histories)
        tokens += int(np.minimum(inputs.history.take(histories).lengths, inputs.model.length).sum())
        progress["sum"] += loss
        progress["weight"] += weight
        progress["step"] = step + 1
        if last:
            progress["losses"].append(progress["sum"] / max(progress["weight"], 1e-9))
            progress["sum"] = progress["weight"] = 0.0
        if time.perf_counter() - saved > every_s:
            checkpoint.save(path, network, optimizer, progress)
            saved = time.perf_counter()
    seconds = time.perf_counter() - started
    weights = {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
    return Trained(weights, TrainingHistory(tuple(progress["losses"]), tokens, seconds))


def count_steps(inputs: TrainingInputs) -> int:
    """Over all epochs."""
    return inputs.train.epochs * len(order_epoch(inputs, 0))


def order_epoch(inputs: TrainingInputs, epoch: int) -> list[Int64s]:
    """The histories of each batch of an epoch."""
    return order_batches(inputs.history, inputs.model.length, inputs.train.batch, inputs.seed, epoch)


def list_steps(inputs: TrainingInputs, start: int) -> Iterator[tuple[int, Int64s, bool]]:
    """From step ``start`` on: its number, its histories, whether it ends an epoch."""
    epochs = inputs.train.epochs
    each = count_steps(inputs) // epochs
    for epoch in range(start // each if each else epochs, epochs):
        batches = order_epoch(inputs, epoch)
        for number in range(max(0, start - epoch * each), len(batches)):
            yield epoch * each + number, batches[number], number == each - 1


def take_step(trainer: Trainer, step: int, histories: Int64s) -> tuple[float, float]:
    """One update; returns the weighted sum of the batch's losses and the sum of the weights."""
    inputs, device = trainer.inputs, trainer.device
    settings, length = inputs.train, inputs.model.length
    rng = np.random.default_rng([inputs.seed, step, 2])
    torch.manual_seed(int(rng.integers(2**62)))  # dropout: the step decides, not what ran before
    padded = pad(inputs.history.take(histories), length)
    events, share = padded.item[padded.mask], settings.even_share
    negatives = sample_negatives(events, trainer.shares, settings.negatives, rng, even_share=share)
    total_weight = weight_positions(torch.from_numpy(padded.action), torch.from_numpy(padded.mask), settings).sum()
    weight = float(total_weight)
    batch = make_batch(inputs.history.take(histories), inputs.users.features, length, schema.CLICK, 0).to(device)
    weights = weight_positions(batch.action, batch.mask, settings)
    weights = sample_exposures(weights, batch.action, settings)
    negatives = Negatives(negatives.rows.to(device), negatives.log_inclusion.to(device))
    loss = trainer.network(batch, negatives, weights)
    (loss / max(weight, 1e-9)).backward()
    groups = trainer.optimizer.param_groups
    nn.utils.clip_grad_norm_([parameter for group in groups for parameter in group["params"]], settings.clip)
    trainer.optimizer.step()
    trainer.optimizer.zero_grad(set_to_none=True)
    return float(loss.detach()), weight


def weight_positions(action: Tensor, mask: Tensor, settings: TrainSettings) -> Tensor:
    """The weight of each position in the loss, by what the user did with the ad that is to be predicted."""
    clicked = (action >= schema.CLICK).float()
    return (clicked * settings.click_weight + (1 - clicked) * settings.exposure_weight) * mask


def sample_exposures(weights: Tensor, action: Tensor, settings: TrainSettings) -> Tensor:
    """Some exposures weigh 0 in this step and the others as much more: the sum is the same in the mean."""
    if settings.exposure_share == 1:
        return weights
    drawn = (torch.rand(action.shape) < settings.exposure_share).to(action.device) / settings.exposure_share
    return torch.where(action >= schema.CLICK, weights, weights * drawn)
