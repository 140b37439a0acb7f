"""Tower, encoder and code head as one module, whose ``forward`` is the loss of a batch: what DDP wraps."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from competitions.tencent.config import ModelSettings, TrainSettings
from competitions.tencent.data import Int64s
from competitions.tencent.generate import CodeHead
from competitions.tencent.loss import cosine, sampled_softmax
from competitions.tencent.model import Batch, Clock, Content, Encoder, ItemTower


@dataclass(frozen=True)
class Pool:
    """The negatives of a batch: ``rows`` int64 [negatives], ``log_pi`` float [negatives]; see ``loss.draw_pool``.

    ``remembered`` float [events of the batch, negatives]: what the wide part counts, None without it.
    """

    rows: Tensor
    log_pi: Tensor
    remembered: Tensor | None = None


class Network(nn.Module):
    """Everything that is trained."""

    def __init__(self, model: ModelSettings, train: TrainSettings, content: Content, words: Int64s | None) -> None:
        """``words``: the semantic id of every row, int64 [rows, levels]; None for no generative head."""
        super().__init__()
        self.model_settings, self.train_settings = model, train
        self.tower = ItemTower(model, content)
        self.encoder = Encoder(model, content)
        if model.times:
            self.clock = Clock()
        if model.memory:
            self.gain, self.floor = nn.Parameter(torch.tensor(0.5)), nn.Parameter(torch.tensor(math.log(0.1)))
        self.head = None
        if words is not None:
            self.head = CodeHead(model.width, tuple(int(most) + 1 for most in words.max(0)))
            self.words: Tensor
            self.register_buffer("words", torch.from_numpy(np.array(words)), persistent=False)

    def forward(self, batch: Batch, pool: Pool, weights: Tensor) -> Tensor:
        """The weighted sum of the losses of a batch's positions. ``weights`` float [histories, length].

        Every ad of the batch and of the pool goes through the tower once.
        """
        settings = self.train_settings
        rows, place = torch.unique(torch.cat([batch.item.reshape(-1), pool.rows]), return_inverse=True)
        vectors = self.tower(rows)
        events = place[: batch.item.numel()].view(batch.item.shape)
        hidden = self.encoder(vectors[events], batch)[:, :-1]
        asked = (weights > 0) & batch.there
        asked[:, 0] |= ~asked.any() & batch.there[:, 0]  # one at least, if only with a weight of 0
        hidden = hidden[asked]
        answers = self.answer(vectors, rows)
        weights = weights[asked]
        loss = sampled_softmax(
            self.ask(hidden, batch.when[:, :-1][asked]),
            answers[events[asked]],
            batch.item[asked],
            answers[place[batch.item.numel() :]],
            pool.rows,
            pool.log_pi,
            weights,
            None if pool.remembered is None else self.speak(pool.remembered[asked[batch.there]]),
        )
        if self.head is not None:
            spelled = self.head.loss(hidden, self.words[batch.item[asked]])
            loss = loss + settings.word_weight * (spelled * weights).sum()
        return loss

    def speak(self, remembered: Tensor) -> Tensor:
        """What counts add to the scores: their logarithm, so that odds are multiplied by a power of them."""
        return self.gain * torch.log(remembered + self.floor.exp())

    def ask(self, hidden: Tensor, when: Tensor) -> Tensor:
        """What is looked for, as a vector whose inner product with an ad's is the score: cosine / temperature, and what
        the ad's age at the time ``when`` [n] says.
        """
        asked = cosine(hidden) / self.train_settings.temperature
        return torch.cat([asked, self.clock.ask(when)], 1) if self.model_settings.times else asked

    def answer(self, vectors: Tensor, rows: Tensor) -> Tensor:
        """The vectors of ads to be looked for: of length 1, and of their births."""
        found = cosine(vectors)
        if not self.model_settings.times:
            return found
        return torch.cat([found, self.clock.answer(self.tower.content.birth[rows])], 1)

    def embed(self, rows: Tensor) -> Tensor:
        """The vectors of these ads, to be compared with those of ``ask``."""
        return self.answer(self.tower(rows), rows)

    def read(self, batch: Batch) -> Tensor:
        """What is looked for after each history: the hidden vector of its last token, [histories, width]."""
        items = self.tower(batch.item.reshape(-1)).view(*batch.item.shape, -1)
        last = batch.there.sum(1)
        hidden: Tensor = self.encoder(items, batch)
        return hidden[torch.arange(len(last), device=last.device), last]
