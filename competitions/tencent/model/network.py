"""Tower, encoder and code head as one module, whose ``forward`` is the loss of a batch: what DDP wraps."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from competitions.tencent.config import ModelSettings, TrainSettings
from competitions.tencent.corpus import Int64s
from competitions.tencent.inference.beam_search import CodeHead
from competitions.tencent.model.encoder import Batch, Content, Encoder, ItemTower
from competitions.tencent.model.loss import cosine, sampled_softmax
from competitions.tencent.model.score_terms import Clock, Taste, unite


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
        self.popularity = nn.Linear(model.width, 1, bias=False)
        if model.times:
            self.clock = Clock()
        self.tastes = model.embeddings and bool(content.vectors)
        if self.tastes:
            self.taste = Taste(model.length)
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
        hidden = self.encoder(vectors[events], batch)
        asked = (weights > 0) & batch.there
        asked[:, 0] |= ~asked.any() & batch.there[:, 0]  # one at least, if only with a weight of 0
        tokens = functional.pad(asked, (0, 1))  # the last token is followed by nothing that is known
        answers = self.answer(vectors, rows)
        loss = sampled_softmax(
            self.ask(hidden, batch, tokens),
            answers[events[asked]],
            batch.item[asked],
            answers[place[batch.item.numel() :]],
            pool.rows,
            pool.log_pi,
            weights[asked],
            None if pool.remembered is None else self.speak(pool.remembered[asked[batch.there]]),
        )
        if self.head is not None:
            spelled = self.head.loss(hidden[tokens], self.words[batch.item[asked]])
            loss = loss + settings.word_weight * (spelled * weights[asked]).sum()
        return loss

    def ask(self, hidden: Tensor, batch: Batch, tokens: Tensor) -> Tensor:
        """What some ``tokens`` (bool [histories, length + 1]) look for, as vectors whose inner products with those of
        ads are scores: cosine / temperature, how many like an ad, its age at the time asked for, its content.
        """
        chosen = hidden[tokens]
        parts = [cosine(chosen) / self.train_settings.temperature, torch.ones_like(chosen[:, :1])]
        if self.model_settings.times:
            parts.append(self.clock.ask(batch.when[tokens]))
        if self.tastes:
            parts.append(self.taste(unite(self.tower.content.vectors, batch.item), batch)[tokens])
        return torch.cat(parts, 1)

    def answer(self, vectors: Tensor, rows: Tensor) -> Tensor:
        """The ``vectors`` of ads by the tower, as those that are looked for."""
        content = self.tower.content
        parts = [cosine(vectors), self.popularity(vectors).float()]
        if self.model_settings.times:
            parts.append(self.clock.answer(content.birth[rows]))
        if self.tastes:
            parts.append(unite(content.vectors, rows))
        return torch.cat(parts, 1)

    def embed(self, rows: Tensor) -> Tensor:
        """The vectors of these ads, to be compared with those of ``ask``."""
        return self.answer(self.tower(rows), rows)

    def read(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The hidden vector [histories, width] of each history's last token, and what it looks for."""
        items = self.tower(batch.item.reshape(-1)).view(*batch.item.shape, -1)
        hidden: Tensor = self.encoder(items, batch)
        last = batch.there.sum(1)
        tokens = torch.arange(hidden.shape[1], device=last.device) == last.unsqueeze(1)
        return hidden[tokens], self.ask(hidden, batch, tokens)

    def speak(self, remembered: Tensor) -> Tensor:
        """What counts add to the scores: their logarithm, so that odds are multiplied by a power of them."""
        return self.gain * torch.log(remembered + self.floor.exp())
