"""Training of both towers: what is learned from, the batches, the loss of each."""

import contextlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR

from common.arrays import expand_spans, lookup_rows
from common.determinism import deterministic_torch
from common.engine.progress import track
from competitions.tencent.config import SequenceSettings
from competitions.tencent.corpus import Catalogue, Halves, Int64s
from competitions.tencent.io import schema
from competitions.tencent.retrieval.content import Content, map_tensor
from competitions.tencent.retrieval.sequence_model.encoder import QueryTower
from competitions.tencent.retrieval.sequence_model.item_tower import ItemInputs, ItemTower
from competitions.tencent.retrieval.sequence_model.sampled_softmax import Frequencies, sample_negatives, sampled_softmax
from competitions.tencent.sequences import Histories, Padded, blocks, pad

NEAR = 16  # batches whose histories are sorted by length, so that little is filled up
BETAS, WARMUP, CLIP = (0.9, 0.98), 0.05, 1.0  # of Adam; the share of steps in which its rate rises; of the gradient
ID_RATE = 3.0  # times the rate: the momentum of a row that no step has stands still, where Adam's goes on for a while
ITEM_BLOCK = 16_384


@dataclass(frozen=True)
class Examples:
    """What is learned from: ``windows`` of histories, of ``length`` events at most; ``known``: how often ads stand in
    these, which draws the negatives and says which ids are trained. Targets are clicks.
    """

    windows: Histories
    length: int
    known: Frequencies

    @property
    def lengths(self) -> Int64s:
        """How many events each window has."""
        return np.minimum(self.windows.lengths, self.length)

    def query_times(self) -> Int64s:
        """Seconds of all events; none where times say the order alone, every step alike: the end of such a history is
        a time that no target has before it.
        """
        time, ends, lengths = self.windows.sequences.time, self.windows.ends, self.lengths
        steps = ((time[ends - 1] - time[ends - lengths]) / np.maximum(lengths - 1, 1))[lengths > 1]
        timed = len(steps) and np.ptp(steps) > 0
        return np.asarray(time[index_events(self.windows, self.length)] if timed else time[:0])

    def pad(self, batch: Int64s) -> Padded:
        """The events of some windows."""
        return pad(self.windows.take(batch), self.length)


def choose_device() -> torch.device:
    """A GPU where PyTorch has one (CUDA or ROCm)."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def seeded(seed: int, device: torch.device) -> contextlib.AbstractContextManager[None]:
    """Draws from ``seed``; on a CPU the same bytes again. A GPU adds up in any order."""
    if device.type == "cpu":
        return deterministic_torch(seed, threads=1)  # two add up in another order than one
    torch.manual_seed(seed)
    return contextlib.nullcontext()


def choose_examples(history: Histories, ads: int, settings: SequenceSettings) -> Examples:
    """Windows with a target, the latest ones of a log that is larger than ``settings.tokens``."""
    windows = cut_windows(history, settings.length)
    counts = np.concatenate([[0], np.cumsum(history.sequences.action >= schema.CLICK)])
    begins = np.maximum(windows.starts, windows.ends - settings.length)
    windows = windows.take(np.flatnonzero(counts[windows.ends] > counts[begins]))
    lengths = np.minimum(windows.lengths, settings.length)
    if lengths.sum() > settings.tokens:
        latest = np.argsort(-history.sequences.time[windows.ends - 1], kind="stable")
        kept = latest[np.cumsum(lengths[latest]) <= settings.tokens]
        windows = windows.take(np.sort(kept))
    # Not of the whole history: an ad that no window holds is never trained, and in no batch.
    known = Frequencies.count(history.sequences.item[index_events(windows, settings.length)], ads)
    return Examples(windows, settings.length, known)


def index_events(windows: Histories, length: int) -> Int64s:
    """The index in the sequences of the last ``length`` events of each window, one after the other."""
    kept = np.minimum(windows.lengths, length)
    return expand_spans(windows.ends - kept, kept)[0]


def cut_windows(history: Histories, length: int) -> Histories:
    """Each history in parts of ``length`` events, from its end on; one of ``Histories`` whose last events are meant."""
    parts = -(-history.lengths // length)
    number, row = expand_spans(np.zeros_like(parts), parts)
    return Histories(history.sequences, history.users[row], history.ends[row] - number * length)


def take_inputs(catalogue: Catalogue, contents: list[Content], known: Frequencies, device: torch.device) -> ItemInputs:
    """What the tower of ads reads."""
    trained = torch.from_numpy(known.share > 0).to(device)
    vectors = tuple(map_tensor(content.vectors).to(device) for content in contents)
    kept = [at for at, size in enumerate(catalogue.sizes) if size]
    features = torch.from_numpy(np.asarray(catalogue.features)[:, kept]).to(device)
    return ItemInputs(trained, features, tuple(catalogue.sizes[at] for at in kept), vectors)


def descend(
    examples: Examples, ads: ItemTower, queries: QueryTower, settings: SequenceSettings, seed: int
) -> tuple[float, ...]:
    """Train both towers; the mean loss of each pass over the windows."""
    lengths, passes = examples.lengths, settings.passes
    if not len(lengths):
        return ()
    steps = [
        batch
        for number in range(passes)
        for batch in order_batches(lengths, settings, np.random.default_rng([seed, number]))
    ]
    queries.query_time.set_knots(examples.query_times())
    others = [part for part in (*ads.parameters(), *queries.parameters()) if part is not ads.ids.weight]
    optimizers = build_optimizers(ads.ids.weight, others, settings.rate, len(steps))
    rng, losses = np.random.default_rng([seed, len(steps)]), []
    for batch in track(steps, "training"):
        loss = compute_loss(examples, batch, ads, queries, rng)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(others, CLIP)
        for optimizer, schedule in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            schedule.step()
        losses.append(float(loss.detach()))
    return tuple(float(part.mean()) for part in np.array_split(losses, passes))


def order_batches(lengths: Int64s, settings: SequenceSettings, rng: np.random.Generator) -> list[Int64s]:
    """The windows of each batch of a pass: shuffled, those of about one length put together, then shuffled. A batch has
    about so many events whatever their length, so that each event counts alike.
    """
    size = max(1, round(settings.batch / float(lengths.mean())))
    shuffled = rng.permutation(len(lengths))
    batches = []
    for start in range(0, len(shuffled), NEAR * size):
        near = shuffled[start : start + NEAR * size]
        near = near[np.argsort(lengths[near], kind="stable")]
        turn = (np.cumsum(lengths[near]) - 1) // settings.batch
        batches += np.split(near, np.flatnonzero(np.diff(turn)) + 1)
    return [batches[index] for index in rng.permutation(len(batches))]


def build_optimizers(
    ids: Tensor, others: list[nn.Parameter], rate: float, steps: int
) -> list[tuple[Optimizer, OneCycleLR]]:
    """Adam, and for the table of ids Adam that moves the rows of a step's ads alone: to move 100,000 rows took longer
    than all else. Each with the schedule of its rate.
    """
    dense, sparse = torch.optim.Adam(others, betas=BETAS, fused=True), torch.optim.SparseAdam([ids], betas=BETAS)
    return [
        (optimizer, OneCycleLR(optimizer, peak, total_steps=steps + 1, pct_start=WARMUP, cycle_momentum=False))
        for optimizer, peak in ((dense, rate), (sparse, ID_RATE * rate))
    ]


def compute_loss(
    examples: Examples, batch: Int64s, ads: ItemTower, queries: QueryTower, rng: np.random.Generator
) -> Tensor:
    """The mean loss of a batch's targets. Every ad of the batch and of the negatives goes through the tower once."""
    settings, device = queries.settings, ads.ids.weight.device
    padded = examples.pad(batch)
    drawn, log_inclusion = sample_negatives(padded.item[padded.mask], examples.known, settings.negatives, rng)
    rows, index = np.unique(np.concatenate([padded.item.ravel(), drawn]), return_inverse=True)
    vectors = ads(torch.from_numpy(rows).to(device))
    item = torch.from_numpy(index[: padded.item.size].reshape(padded.item.shape)).to(device)
    hidden, learned = queries.encode_targets(functional.embedding(item, vectors), padded)
    wanted = torch.from_numpy(padded.clicked).to(device)
    chosen = (wanted & learned).flatten().nonzero().squeeze(1)
    encoded = functional.embedding(chosen, hidden.flatten(0, 1))
    own = functional.embedding(item.flatten()[chosen], vectors)
    others = functional.embedding(torch.from_numpy(index[padded.item.size :]).to(device), vectors)
    # The seen positives of a position: all that its user has in the window.
    owned = lookup_rows(drawn, np.where(padded.mask, padded.item, -1), missing=len(drawn))
    masked = torch.from_numpy(owned).to(device)[chosen // item.shape[1]]
    total = sampled_softmax(encoded, own, others, log_inclusion.to(device), masked)
    return total / max(1, len(chosen))


@torch.inference_mode()
def encode_ads(ads: ItemTower) -> Halves:
    """The vectors of the whole catalogue, float16 [rows, width]."""
    ads.eval()
    device, rows = ads.ids.weight.device, len(ads.inputs.trained)
    parts = [
        ads(torch.from_numpy(block).to(device)).cpu().numpy().astype(np.float16) for block in blocks(rows, ITEM_BLOCK)
    ]
    return np.concatenate(parts)
