"""The sequence model: the next click from the order of what was seen, learned end to end.

A tower makes vectors of ads, an encoder makes a vector of a history, and their inner product is the log-odds that the
ad is clicked next. Learned by a sampled softmax from every click of the log. It knows no users: what is fitted on some
answers for others, and for an ad that nobody has seen there are its features and embeddings.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec
import numpy as np
import torch
from torch import Tensor

from common.arrays import Singles
from competitions.tencent.config import SequenceSettings
from competitions.tencent.corpus import Catalogue, CatalogueRows, Halves, Int64s
from competitions.tencent.retrieval.channel import Channel, Columns, Queries, Scorer
from competitions.tencent.retrieval.content import Content
from competitions.tencent.retrieval.sequence_model import training
from competitions.tencent.retrieval.sequence_model.encoder import CausalEncoder, HistoryEncoder, QueryTower
from competitions.tencent.retrieval.sequence_model.item_tower import ItemTower
from competitions.tencent.sequences import Histories, pad

SEQUENCE = "sequence"
# On one thread of a Xeon, see LOG.md: 32 s for Amazon Beauty, 79 s for the simulated default.
TOKENS_PER_SECOND, ADS_PER_SECOND = 40_000, 60_000

BuildEncoder = Callable[[SequenceSettings], HistoryEncoder]


@dataclass(frozen=True)
class SequenceTable:
    """What is left of a training: ``vectors`` float16 [rows of the catalogue, width], the tower's; the ``weights`` of
    the ``QueryTower`` by name; the mean ``losses`` of each pass. ``others``: of networks by further seeds, whose scores
    are averaged with these.
    """

    vectors: Halves
    weights: dict[str, Singles]
    losses: tuple[float, ...]
    settings: SequenceSettings
    others: tuple["SequenceTable", ...] = ()

    def prepare(self, candidates: CatalogueRows, width: float) -> Scorer:
        """See ``Table``. There is no kernel. Candidates are not encoded again: their vectors are stored."""
        tables = self, *self.others
        towers = [table.load(CausalEncoder(table.settings)) for table in tables]
        # The mean of inner products is one of vectors side by side.
        ads = torch.cat([table.take(candidates) for table in tables], 1).T.contiguous() / len(tables)

        def score(queries: Queries) -> Columns:
            each = zip(tables, towers, strict=True)
            own = [table.encode(tower, queries.histories, queries.action) for table, tower in each]
            return {SEQUENCE: (torch.cat(own, 1) @ ads).numpy()}

        return score

    def load(self, encoder: HistoryEncoder) -> QueryTower:
        """The tower of histories around an ``encoder`` of the class that was trained, ready to answer."""
        tower = QueryTower(self.settings, encoder)
        tower.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in self.weights.items()})
        return tower.eval().requires_grad_(requires_grad=False)

    def take(self, rows: Int64s) -> Tensor:
        """The vectors of these ads (int64 of any shape), float32 [..., width]."""
        return torch.from_numpy(np.asarray(self.vectors[rows], np.float32))

    def encode(self, tower: QueryTower, histories: Histories, action: Int64s) -> Tensor:
        """See ``QueryTower.encode_last``; ``action`` int64 [histories]: of the event to predict."""
        # One less than a window: behind the last event of one nothing is predicted, so that output is never trained.
        events = pad(histories, self.settings.length - 1)
        return tower.encode_last(self.take(events.item), events, torch.from_numpy(action))


def fit(
    history: Histories,
    catalogue: Catalogue,
    contents: list[Content],
    settings: SequenceSettings,
    seed: int,
    build_encoder: BuildEncoder = CausalEncoder,
) -> SequenceTable:
    """Learn to tell each click of the ``history`` from what stands before it; ``settings.seeds`` times."""
    assert isinstance(settings.seeds, int), "the plan decides"
    device = training.choose_device()
    examples = training.choose_examples(history, len(catalogue.oid), settings)
    inputs = training.take_inputs(catalogue, contents, examples.known, device)
    passes = int(np.clip(round(settings.tokens / max(1, int(examples.lengths.sum()))), 1, settings.passes))
    # What is read once cannot be overfitted.
    own = msgspec.structs.replace(settings, passes=passes, dropout=settings.dropout * passes / settings.passes)

    def fit_network(seed: int) -> SequenceTable:
        with training.seeded(seed, device):
            ads, queries = ItemTower(own, inputs).to(device), QueryTower(own, build_encoder(own)).to(device)
            losses = training.descend(examples, ads, queries, own, seed)
            vectors = training.encode_ads(ads) if losses else np.zeros((len(catalogue.oid), own.width), np.float16)
        weights = {name: value.cpu().numpy() for name, value in queries.state_dict().items()}
        return SequenceTable(vectors, weights, losses, own)

    first, *others = [fit_network(seed + number) for number in range(settings.seeds)]
    return replace(first, others=tuple(others))


def estimate_seconds(events: int, ads: int, settings: SequenceSettings) -> float:
    """Seconds of a fit on one thread: ``events`` of the log read, ``ads`` of the catalogue encoded at the end; 0 with a
    GPU, which was not measured.
    """
    if training.choose_device().type != "cpu":
        return 0.0
    return min(settings.tokens, settings.passes * events) / TOKENS_PER_SECOND + ads / ADS_PER_SECOND


TAKES = ("history", "catalogue", "contents", "settings", "seed")
CHANNEL = Channel(SEQUENCE, fit, TAKES, (SEQUENCE,))
