"""Training: the loop, on one device or on each of several processes, with checkpoints that resume exactly.

With P processes each takes every P-th history of a batch, the pool of negatives is the whole batch's (all processes can
read all histories, so that none is sent), and the gradients add up to those of one process.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from common.pipeline.progress import track
from competitions.tencent.config import ModelSettings, TrainSettings
from competitions.tencent.corpus import Catalogue, Embedding, Int64s, Users
from competitions.tencent.io import schema
from competitions.tencent.model.cooccurrence_term import Memory, list_positions, remember
from competitions.tencent.model.encoder import Batch, Content
from competitions.tencent.model.loss import draw_pool
from competitions.tencent.model.network import Network, Pool
from competitions.tencent.sequences import Histories, pad
from competitions.tencent.training import checkpoint
from competitions.tencent.training.batches import deal, order, to_batch
from competitions.tencent.training.optimizers import make_optimizers, set_rate


@dataclass(frozen=True)
class Course:
    """How a training went: ``losses`` by epoch, ``tokens`` seen and ``seconds`` (of this process, since its start)."""

    losses: tuple[float, ...]
    tokens: int
    seconds: float


@dataclass(frozen=True)
class Trained:
    """The weights by name (arrays), and the course."""

    weights: dict[str, np.ndarray]
    course: Course


@dataclass(frozen=True)
class Lesson:
    """Everything that a training is given; ``start``: the weights that it goes on from, None to begin anew."""

    history: Histories
    users: Users
    catalogue: Catalogue
    embeddings: tuple[Embedding, ...]
    words: Int64s | None
    memory: Memory | None
    model: ModelSettings
    train: TrainSettings
    seed: int
    start: dict[str, np.ndarray] | None = None


def choose_device() -> torch.device:
    """A GPU where there is one; under torchrun, the one of this process."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(dist.get_rank() % torch.cuda.device_count()) if dist.is_initialized() else 0)
    return torch.device("cpu")


def count_events(lesson: Lesson) -> np.ndarray:
    """The share of all training events by row of the catalogue, float64 [rows]."""
    events = lesson.history.sequences.item[lesson.history.events()]
    counted = np.bincount(events, minlength=len(lesson.catalogue.oid)).astype(np.float64)
    share: np.ndarray = counted / max(1, counted.sum())
    return share


def find_births(history: Histories, rows: int) -> Int64s:
    """Seconds of each ad's first event; of an ad without one, of the end of the log: it may be shown from there on."""
    events = history.events()
    birth = np.full(rows, find_end(history))
    np.minimum.at(birth, history.sequences.item[events], history.sequences.time[events])
    return birth


def find_end(history: Histories) -> int:
    """The time for which a question is put: just behind everything that is shown, in seconds."""
    filled = history.ends[history.lengths > 0]
    return int(history.sequences.time[filled - 1].max(initial=0)) + 1


def build_network(lesson: Lesson, frequency: np.ndarray) -> Network:
    """The untrained network, the same for the same seed."""
    torch.manual_seed(lesson.seed)
    content = Content(
        torch.from_numpy(np.array(lesson.catalogue.features)),  # copies: the arrays are mapped from disk, read-only
        tuple(torch.from_numpy(np.array(embedding.vectors)) for embedding in lesson.embeddings),
        torch.from_numpy(frequency > 0),
        torch.from_numpy(find_births(lesson.history, len(frequency))),
        tuple(size + 1 for size in lesson.catalogue.sizes),
        list_user_sizes(lesson.users),
    )
    return Network(lesson.model, lesson.train, content, lesson.words)


def list_user_sizes(users: Users) -> tuple[int, ...]:
    """The largest value of each column of the users' features."""
    widths = schema.USER_FEATURES.values()
    return tuple(size + 1 for size, width in zip(users.sizes, widths, strict=True) for _ in range(width))


def train(lesson: Lesson, path: Path, every_s: float = 60.0) -> Trained:
    """Train from the checkpoint at ``path``, or from the start; a checkpoint is written every so many seconds."""
    frequency = count_events(lesson)
    network = build_network(lesson, frequency)
    device = choose_device()
    if lesson.start is not None:
        checkpoint.restore(lesson.start, network)
    network.to(device)
    network.tower.content = network.tower.content.to(device)
    optimizers = make_optimizers(network, lesson.train)
    progress = checkpoint.load(path, network, optimizers) or {"step": 0, "losses": [], "sum": 0.0, "weight": 0.0}
    rank, ranks = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    wrapped: nn.Module = network
    if ranks > 1:
        wrapped = DistributedDataParallel(network, broadcast_buffers=False)
    network.train()
    steps = count_steps(lesson)
    started, saved, tokens = time.perf_counter(), time.perf_counter(), 0
    shares = torch.from_numpy(frequency)
    for step, places, mine, last in track(list_steps(lesson, progress["step"], rank, ranks), "training"):
        set_rate(optimizers, step, steps, lesson.train.warmup)
        loss, weight = take_step(wrapped, optimizers, lesson, shares, step, places, mine, device, ranks)
        tokens += int(np.minimum(lesson.history.take(mine).lengths, lesson.model.length).sum())
        progress["sum"] += loss
        progress["weight"] += weight
        progress["step"] = step + 1
        if last:
            progress["losses"].append(progress["sum"] / max(progress["weight"], 1e-9))
            progress["sum"] = progress["weight"] = 0.0
        if rank == 0 and time.perf_counter() - saved > every_s:
            checkpoint.save(path, network, optimizers, progress)
            saved = time.perf_counter()
    seconds = time.perf_counter() - started
    weights = {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
    return Trained(weights, Course(tuple(progress["losses"]), tokens * ranks, seconds))


def count_steps(lesson: Lesson) -> int:
    """Over all epochs."""
    return lesson.train.epochs * len(order_epoch(lesson, 0))


def order_epoch(lesson: Lesson, epoch: int) -> list[Int64s]:
    """The histories of each batch of an epoch; with a memory, those of one part together, which share a table."""
    length, batch, seed = lesson.model.length, lesson.train.batch, lesson.seed
    if lesson.memory is None:
        return order(lesson.history, length, batch, seed, epoch)
    batches = []
    for part in range(len(lesson.memory.without)):
        members = np.flatnonzero(lesson.memory.part == part)
        batches += [members[own] for own in order(lesson.history.take(members), length, batch, seed + part, epoch)]
    return [batches[place] for place in np.random.default_rng([seed, epoch, 3]).permutation(len(batches))]


def list_steps(lesson: Lesson, start: int, rank: int, ranks: int) -> Iterator[tuple[int, Int64s, Int64s, bool]]:
    """From step ``start`` on: its number, its histories, those of this process, whether it ends an epoch."""
    settings = lesson.train
    each = count_steps(lesson) // settings.epochs
    for epoch in range(start // each if each else settings.epochs, settings.epochs):
        batches = order_epoch(lesson, epoch)
        for number, places, mine in deal(batches, max(0, start - epoch * each), rank, ranks):
            yield epoch * each + number, places, mine, number == each - 1


def take_step(
    wrapped: nn.Module,
    optimizers: list[torch.optim.Optimizer],
    lesson: Lesson,
    shares: Tensor,
    step: int,
    places: Int64s,
    mine: Int64s,
    device: torch.device,
    ranks: int,
) -> tuple[float, float]:
    """One update; returns the weighted sum of the batch's losses and the sum of the weights, of all processes."""
    settings, length = lesson.train, lesson.model.length
    rng = np.random.default_rng([lesson.seed, step, 2])
    torch.manual_seed(int(rng.integers(2**62)))  # dropout: the step decides, not what ran before
    everyone, remembers = pad(lesson.history.take(places), length), lesson.memory is not None
    rows, log_pi = draw_pool(everyone.item[everyone.there], shares, settings.negatives, rng, whole_batch=remembers)
    weight = float(weigh(torch.from_numpy(everyone.action), torch.from_numpy(everyone.there), settings).sum())
    own = mine if len(mine) else places[:1]  # every process takes part in every step, if only with a weight of 0
    batch = move(to_batch(lesson.history.take(own), lesson.users.features, length, schema.CLICK, 0), device)
    weights = draw_asked(weigh(batch.action, batch.there, settings), batch.action, settings) * bool(len(mine))
    pool = Pool(rows.to(device), log_pi.to(device), recall(lesson, own, rows, device))
    with autocast(device, settings):
        loss = wrapped(batch, pool, weights)
    (loss * ranks / max(weight, 1e-9)).backward()  # DDP takes the mean over processes
    total = loss.detach().float().cpu().reshape(1)
    nn.utils.clip_grad_norm_(
        [p for group in optimizers for g in group.param_groups for p in g["params"]], settings.clip
    )
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    if ranks > 1:
        shared = total.to(device)
        dist.all_reduce(shared)
        total = shared.cpu()
    return float(total), weight


def recall(lesson: Lesson, places: Int64s, rows: Tensor, device: torch.device) -> Tensor | None:
    """What the wide part says at each event of these histories, all of one part, about these rows."""
    if lesson.memory is None:
        return None
    counts = lesson.memory.without[int(lesson.memory.part[places[0]])]
    positions = list_positions(lesson.history.take(places), lesson.model.length)
    return torch.from_numpy(remember(counts, lesson.memory.scale, positions, rows.numpy())).to(device)


def weigh(action: Tensor, there: Tensor, settings: TrainSettings) -> Tensor:
    """What each position counts for, by what the user did with the ad that is to be predicted."""
    clicked = (action >= schema.CLICK).float()
    return (clicked * settings.click_weight + (1 - clicked) * settings.exposure_weight) * there


def draw_asked(weights: Tensor, action: Tensor, settings: TrainSettings) -> Tensor:
    """Some exposures weigh 0 in this step and the others as much more: the sum is the same in the mean."""
    if settings.exposure_share == 1:
        return weights
    drawn = (torch.rand(action.shape) < settings.exposure_share).to(action.device) / settings.exposure_share
    return torch.where(action >= schema.CLICK, weights, weights * drawn)


def move(batch: Batch, device: torch.device) -> Batch:
    """A batch on another device."""
    return Batch(*(getattr(batch, name).to(device, non_blocking=True) for name in Batch.__dataclass_fields__))


def autocast(device: torch.device, settings: TrainSettings) -> contextlib.AbstractContextManager[object]:
    """bf16 for the products where it is asked for, or helps; weights and losses stay in float32."""
    if settings.precision == "bf16" or (settings.precision == "auto" and device.type == "cuda"):
        return torch.autocast(device.type, torch.bfloat16)
    return contextlib.nullcontext()
