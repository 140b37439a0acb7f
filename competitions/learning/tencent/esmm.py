"""Several objectives: P(click) x P(conversion | click), which is what an advertiser pays for.

``BIASED`` is one head for the conversion that learns from clicked rows alone and is taken for the conversion of every
impression: sample selection bias. ``CLICKED`` is what ESMM (Ma et al. 2018, "Entire space multi-task model") argues
against: the same head times a second model's P(click); clicked rows are few. ESMM learns both as two heads over one
table of vectors from every impression: the click, and the product of the heads as the conversion. ``ONE`` does without
the click: a single head for the conversion, learned from every impression.

    python -m competitions.learning.tencent --raw build/tencent/simulated/...    (LAW=round2, where conversions are)

Impressions of the last tenth of the time are judged by models of the nine before it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy as cross_entropy

from common.arrays import Singles, take
from common.determinism import deterministic_torch
from common.engine.progress import track
from competitions.tencent.corpus import Corpus, Int64s
from competitions.tencent.io import schema

ONE, BIASED, CLICKED, ESMM = "one head", "one head, clicked rows", "two models", "ESMM"
KINDS = (ONE, BIASED, CLICKED, ESMM)
Loss: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]  # of the heads' probabilities, clicked, converted
SIZE, HIDDEN = 8, 32  # of a value's vector; of the layer below the heads
STEPS, RATE, EPOCHS, MOST_ROWS = 400, 0.003, 2, 400_000  # as many steps an epoch, however few rows are clicked
PRIOR = 20.0  # events with the mean rate that stand before a user's own
JUDGED = 0.1  # of the time


@dataclass(frozen=True)
class Impressions:
    """A row per event. ``codes`` int64 [rows, fields], each field's values apart from all others'; ``rates`` float32
    [rows, 2]: how often the user clicked and converted before; ``user`` int64; ``clicked``, ``converted`` float32, 0 or
    1.
    """

    codes: Int64s
    rates: Singles
    user: Int64s
    clicked: Singles
    converted: Singles


def list_impressions(corpus: Corpus) -> tuple[Impressions, Impressions]:
    """The earlier nine tenths of the time of train, at most ``MOST_ROWS`` of the latest, and the last tenth."""
    train, catalogue = corpus.train, corpus.catalogue
    user = np.repeat(np.arange(len(train)), np.diff(train.offsets))
    fields = catalogue.features[train.item].astype(np.int64)
    fields += np.cumsum([0, *(fields.max(0) + 1)[:-1]])
    clicked, converted = (train.action >= schema.CLICK), (train.action == schema.CONVERSION)
    rates = np.stack([rate_before(each, train.offsets, user) for each in (clicked, converted)], 1)
    labels = clicked.astype(np.float32), converted.astype(np.float32)
    rows = Impressions(fields, rates.astype(np.float32), user, *labels)
    # Behind the organiser's reference time histories hold exposures alone: there no click is no choice of the user.
    known = train.time <= train.time[clicked].max(initial=train.time.min(initial=0))
    later = known & (train.time >= np.quantile(train.time[known], 1.0 - JUDGED))
    earlier = np.flatnonzero(known & ~later)
    order = np.argsort(train.time[earlier], kind="stable")[-MOST_ROWS:]
    return take(rows, earlier[order]), take(rows, later)


def rate_before(happened: NDArray[np.bool_], offsets: Int64s, user: Int64s) -> NDArray[np.float64]:
    """The logit of each event's share of what ``happened`` to its user before it, drawn towards the mean of all.

    >>> rate_before(np.array([True, True, False]), np.array([0, 2, 3]), np.array([0, 0, 1])).round(3).tolist()
    [0.693, 0.765, 0.693]
    """
    total = np.concatenate([[0], np.cumsum(happened)])
    starts = offsets[user]
    mean = np.clip(happened.mean(), 1e-6, 1 - 1e-6)
    events = np.arange(len(happened))
    share = (total[events] - total[starts] + PRIOR * mean) / (events - starts + PRIOR)
    return np.asarray(np.log(share / (1 - share)))


class Heads(nn.Module):
    """Vectors of all values, one layer, and two heads: P(click), P(conversion | click)."""

    def __init__(self, values: int, fields: int) -> None:
        """``values``: codes of all ``fields`` together."""
        super().__init__()
        self.vectors = nn.Embedding(values, SIZE)
        nn.init.normal_(self.vectors.weight, std=0.05)
        self.layer = nn.Sequential(nn.Linear(fields * SIZE + 2, HIDDEN), nn.ReLU())
        self.heads = nn.Linear(HIDDEN, 2)

    def forward(self, codes: Tensor, rates: Tensor) -> Tensor:
        """[rows, 2] probabilities."""
        hidden = self.layer(torch.cat([self.vectors(codes).flatten(1), rates], 1))
        return torch.sigmoid(self.heads(hidden))


def head_loss(head: int) -> Loss:
    """Of one head alone: 0 for the click, 1 for the conversion, given a click where the rows are clicked ones."""
    return lambda chances, *labels: cross_entropy(chances[:, head], labels[head])


def joint_loss(chances: Tensor, clicked: Tensor, converted: Tensor) -> Tensor:
    """ESMM's: of the click, and of the product of the heads as the conversion."""
    return cross_entropy(chances[:, 0], clicked) + cross_entropy(chances.prod(1), converted)


def predict_conversions(train: Impressions, judged: Impressions, kind: str, seed: int) -> NDArray[np.float64]:
    """P(click and conversion) of the judged rows by models of the others; ``kind``: one of ``KINDS``."""
    if kind == ESMM:
        return np.asarray(fit_heads(train, judged, joint_loss, seed).prod(1))
    if kind == ONE:
        return fit_heads(train, judged, head_loss(1), seed)[:, 1]
    clicked = take(train, train.clicked > 0)
    conversions = fit_heads(clicked, judged, head_loss(1), seed)[:, 1]
    return conversions if kind == BIASED else fit_heads(train, judged, head_loss(0), seed)[:, 0] * conversions


def fit_heads(train: Impressions, judged: Impressions, loss: Loss, seed: int) -> NDArray[np.float64]:
    """What heads that ``loss`` was minimised of say of the judged rows, [rows, 2]."""
    values = int(max(train.codes.max(), judged.codes.max())) + 1
    rng = np.random.default_rng(seed)
    with deterministic_torch(seed, 1):
        model = Heads(values, train.codes.shape[1])
        optimizer = torch.optim.Adam(model.parameters(), RATE)
        order = np.concatenate([rng.permutation(len(train.user)) for _ in range(EPOCHS)])
        for rows in track(np.array_split(order, EPOCHS * min(STEPS, len(train.user))), "training"):
            part = take(train, rows)
            codes, rates, clicked, converted = (
                torch.from_numpy(np.ascontiguousarray(each))
                for each in (part.codes, part.rates, part.clicked, part.converted)
            )
            optimizer.zero_grad()
            loss(model(codes, rates), clicked, converted).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        with torch.inference_mode():
            chances = model(torch.from_numpy(judged.codes), torch.from_numpy(judged.rates))
    return np.asarray(chances.numpy(), np.float64)
