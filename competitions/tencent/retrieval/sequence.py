"""The sequence model: the next click from the order of what was seen, learned end to end.

A tower makes vectors of ads, an encoder makes a vector of a history, and their inner product is the log-odds that the
ad is clicked next. Learned by a sampled softmax from every click of the log. It knows no users: what is fitted on some
answers for others, and for an ad that nobody has seen there are its features and embeddings.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from common.engine.determinism import deterministic_torch
from common.engine.progress import track
from competitions.tencent.corpus import Bools, Catalogue, Floats, Halves, Int64s
from competitions.tencent.ids import CatalogueRows
from competitions.tencent.io import schema
from competitions.tencent.retrieval.channel import Channel, LogSize, Scorer, as_it_is
from competitions.tencent.retrieval.content import Content, map_tensor
from competitions.tencent.retrieval.encoder import CausalEncoder, HistoryEncoder, QueryTower
from competitions.tencent.retrieval.item_tower import ItemInputs, ItemTower
from competitions.tencent.retrieval.sampled_softmax import Frequencies, sample_negatives, sampled_softmax
from competitions.tencent.retrieval.sequence_settings import SequenceSettings
from competitions.tencent.sequences import Histories, Padded, blocks, pad

SEQUENCE = "sequence"
NEAR = 16  # batches whose histories are sorted by length, so that little is filled up
BETAS, WARMUP, CLIP = (0.9, 0.98), 0.05, 1.0  # of AdamW; the share of steps in which its rate rises; of the gradient
ITEM_BLOCK = 16_384
# On one thread of a Xeon, see LOG.md: 44 s for Amazon Beauty, 99 s for the simulated default.
TOKENS_PER_SECOND, ROWS_PER_SECOND, ADS_PER_SECOND = 30_000, 4_000_000, 60_000
GPU_SPEED = 10  # a guess: no GPU was measured

BuildEncoder = Callable[[SequenceSettings], HistoryEncoder]


@dataclass(frozen=True)
class SequenceTable:
    """What is left of a training: ``vectors`` float16 [rows of the catalogue, width], the tower's; the ``weights`` of
    the ``QueryTower`` by name; the mean ``losses`` of each pass.
    """

    vectors: Halves
    weights: dict[str, Floats]
    losses: tuple[float, ...]
    settings: SequenceSettings

    def prepare(self, candidates: CatalogueRows, width: float) -> Scorer:
        """See ``Table``. There is no kernel. Candidates are not encoded again: their vectors are stored."""
        tower = self.load(CausalEncoder(self.settings))
        ads = tower.encode_item(self.take(candidates)).T.contiguous()
        return lambda block: {SEQUENCE: (self.encode(tower, block.histories)[1] @ ads).numpy()}

    def load(self, encoder: HistoryEncoder) -> QueryTower:
        """The tower of histories around an ``encoder`` of the class that was trained, ready to answer."""
        tower = QueryTower(self.settings, encoder)
        tower.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in self.weights.items()})
        return tower.eval().requires_grad_(requires_grad=False)

    def take(self, rows: Int64s) -> Tensor:
        """The vectors of these ads (int64 of any shape), float32 [..., width]."""
        return torch.from_numpy(np.asarray(self.vectors[rows], np.float32))

    def encode(self, tower: QueryTower, histories: Histories) -> tuple[Tensor, Tensor]:
        """See ``QueryTower.encode_last``."""
        padded = pad(histories, self.settings.length)
        action, mask = torch.from_numpy(padded.action), torch.from_numpy(padded.mask)
        return tower.encode_last(self.take(padded.item), action, mask)


def fit(history: Histories, catalogue: Catalogue, contents: list[Content], seed: int) -> SequenceTable:
    """The channel's model."""
    return train(history, catalogue, contents, SequenceSettings(), CausalEncoder, seed)


@dataclass(frozen=True)
class Examples:
    """What is learned from: ``windows`` of histories, of ``length`` events at most, and how often ads stand there.
    Targets are clicks, ``every`` event where there are none.
    """

    windows: Histories
    length: int
    known: Frequencies
    every: bool

    @property
    def lengths(self) -> Int64s:
        """How many events each window has."""
        return np.minimum(self.windows.lengths, self.length)

    def mark_targets(self, padded: Padded) -> Bools:
        """Which events are, bool [windows, length]."""
        return np.asarray(padded.mask & (self.every | (padded.action >= schema.CLICK)))

    def pad(self, batch: Int64s) -> Padded:
        """The events of some windows."""
        return pad(self.windows.take(batch), self.length)


def train(
    history: Histories,
    catalogue: Catalogue,
    contents: list[Content],
    settings: SequenceSettings,
    build_encoder: BuildEncoder,
    seed: int,
) -> SequenceTable:
    """Learn to tell each click of the ``history`` from what stands before it."""
    device = choose_device()
    examples = choose_examples(history, len(catalogue.oid), settings)
    passes = count_passes(examples, settings)
    # What is read once cannot be overfitted.
    settings = replace(settings, passes=passes, dropout=settings.dropout * passes / settings.passes)
    with seeded(seed, device):
        inputs = take_inputs(catalogue, contents, examples.known, settings, device)
        ads, queries = ItemTower(settings, inputs).to(device), QueryTower(settings, build_encoder(settings)).to(device)
        losses = descend(examples, ads, queries, settings, seed)
        vectors = encode_ads(ads) if losses else np.zeros((len(catalogue.oid), settings.width), np.float16)
    weights = {name: value.cpu().numpy() for name, value in queries.state_dict().items()}
    return SequenceTable(vectors, weights, losses, settings)


def choose_device() -> torch.device:
    """A GPU where PyTorch has one (CUDA or ROCm)."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def seeded(seed: int, device: torch.device) -> contextlib.AbstractContextManager[None]:
    """Draws from ``seed``; on a CPU the same bytes again. A GPU adds up in any order."""
    if device.type == "cpu":
        return deterministic_torch(seed, torch.get_num_threads())
    torch.manual_seed(seed)
    return contextlib.nullcontext()


def choose_examples(history: Histories, ads: int, settings: SequenceSettings) -> Examples:
    """Windows with a target, the latest ones of a log that is larger than ``settings.tokens``."""
    windows, events = cut_windows(history, settings.length), history.events()
    clicked = history.sequences.action >= schema.CLICK
    every = not clicked[events].any()
    counts = np.concatenate([[0], np.cumsum(clicked | every)])
    begins = np.maximum(windows.starts, windows.ends - settings.length)
    windows = windows.take(np.flatnonzero(counts[windows.ends] > counts[begins]))
    lengths = np.minimum(windows.lengths, settings.length)
    if lengths.sum() > settings.tokens:
        latest = np.argsort(-history.sequences.time[windows.ends - 1], kind="stable")
        kept = latest[np.cumsum(lengths[latest]) <= settings.tokens]
        windows = windows.take(np.sort(kept))
    return Examples(windows, settings.length, Frequencies.count(history.sequences.item[events], ads), every)


def count_passes(examples: Examples, settings: SequenceSettings) -> int:
    """How often the windows are read."""
    return int(np.clip(round(settings.tokens / max(1, int(examples.lengths.sum()))), 1, settings.passes))


def cut_windows(history: Histories, length: int) -> Histories:
    """Each history in parts of ``length`` events, from its end on; one of ``Histories`` whose last events are meant."""
    parts = -(-history.lengths // length)
    number = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    ends = np.repeat(history.ends, parts) - number * length
    return Histories(history.sequences, np.repeat(history.users, parts), ends)


def take_inputs(
    catalogue: Catalogue, contents: list[Content], known: Frequencies, settings: SequenceSettings, device: torch.device
) -> ItemInputs:
    """What the tower of ads reads."""
    trained = torch.from_numpy(known.share > 0).to(device)
    if not settings.content:
        return ItemInputs(trained, trained.new_empty(0), (), ())
    vectors = tuple(map_tensor(content.vectors).to(device) for content in contents)
    filled = np.flatnonzero(catalogue.sizes)  # fields
    features = torch.from_numpy(np.asarray(catalogue.features)[:, filled]).to(device)
    return ItemInputs(trained, features, tuple(catalogue.sizes[field] for field in filled), vectors)


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
    parameters = [*ads.parameters(), *queries.parameters()]
    optimizer = torch.optim.AdamW(group_decay(parameters, settings.decay), settings.rate, BETAS, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.rate, total_steps=len(steps) + 1, pct_start=WARMUP, cycle_momentum=False
    )
    rng, losses = np.random.default_rng([seed, len(steps)]), []
    for batch in track(steps, "training"):
        loss = compute_loss(examples, batch, ads, queries, rng)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, CLIP)
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


def group_decay(parameters: list[nn.Parameter], decay: float) -> list[dict[str, object]]:
    """Decay on matrices and tables, none on vectors."""
    return [
        {"params": [part for part in parameters if part.ndim >= 2], "weight_decay": decay},
        {"params": [part for part in parameters if part.ndim < 2], "weight_decay": 0.0},
    ]


def compute_loss(
    examples: Examples, batch: Int64s, ads: ItemTower, queries: QueryTower, rng: np.random.Generator
) -> Tensor:
    """The mean loss of a batch's targets. Every ad of the batch and of the negatives goes through the tower once."""
    settings, device = queries.settings, ads.ids.weight.device
    padded = examples.pad(batch)
    negatives = sample_negatives(padded.item[padded.mask], examples.known, settings.negatives, settings.even_share, rng)
    rows, index = np.unique(np.concatenate([padded.item.ravel(), negatives.rows]), return_inverse=True)
    vectors = ads(torch.from_numpy(rows).to(device))
    item = torch.from_numpy(index[: padded.item.size].reshape(padded.item.shape)).to(device)
    action, mask = torch.from_numpy(padded.action).to(device), torch.from_numpy(padded.mask).to(device)
    hidden, learned = queries(functional.embedding(item, vectors), action, mask)
    wanted = torch.from_numpy(examples.mark_targets(padded)).to(device)
    chosen = (wanted & learned).flatten().nonzero().squeeze(1)
    encoded = queries.encode_query(functional.embedding(chosen, hidden[:, :-1].flatten(0, 1)))
    items = queries.encode_item(vectors)
    own = functional.embedding(item.flatten()[chosen], items)
    others = functional.embedding(torch.from_numpy(index[padded.item.size :]).to(device), items)
    # The seen positives of a position: all that its user has in the window.
    masked = torch.from_numpy(negatives.find(np.where(padded.mask, padded.item, -1))).to(device)
    masked = masked[chosen // mask.shape[1]]
    total = sampled_softmax(encoded, own, others, negatives.log_inclusion.to(device), masked)
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


def estimate_seconds(size: LogSize) -> float:
    """Seconds of a fit on one thread: events read, rows of ids that each step updates, ads encoded at the end."""
    settings = SequenceSettings()
    tokens = min(settings.tokens, settings.passes * size.events)
    rows = tokens / settings.batch * min(size.ads, settings.id_rows)
    seconds = tokens / TOKENS_PER_SECOND + rows / ROWS_PER_SECOND + size.ads / ADS_PER_SECOND
    return seconds / GPU_SPEED if size.gpu else seconds


CHANNEL = Channel(name=SEQUENCE, fit=fit, parts={SEQUENCE: as_it_is}, seconds=estimate_seconds)
