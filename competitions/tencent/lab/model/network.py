"""Item tower, encoder and semantic-ID head as one module, whose ``forward`` is the loss of a batch: what DDP wraps."""

import contextlib

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from competitions.tencent.corpus import Int64s
from competitions.tencent.lab.config import ModelSettings, TrainSettings
from competitions.tencent.lab.model.bert4rec import Bert4Rec, draw_hidden
from competitions.tencent.lab.model.encoder import Batch, Encoder, ItemContent, ItemTower
from competitions.tencent.lab.model.interest_kernel import InterestKernel
from competitions.tencent.lab.model.loss import Added, Negatives, cosine, one_negative, sampled_softmax
from competitions.tencent.lab.model.score_terms import AgeEncoding, ContentProfile, ForecastTerm, content_vectors
from competitions.tencent.lab.model.semantic_ids import SemanticIdHead
from competitions.tencent.lab.model.two_tower import TwoTower

ENCODERS = {"hstu": Encoder, "transformer": Encoder, "bert4rec": Bert4Rec, "two_tower": TwoTower}


class Network(nn.Module):
    """Everything that is trained."""

    def __init__(
        self, model: ModelSettings, train: TrainSettings, content: ItemContent, semantic_ids: Int64s | None
    ) -> None:
        """``semantic_ids`` of every row, int64 [rows, levels]; None for no generative head."""
        super().__init__()
        self.model_settings, self.train_settings = model, train
        self.tower = ItemTower(model, content)
        self.encoder = ENCODERS[model.encoder](model, content)
        self.plain = model.score == "dot"
        self.uses_age = model.times and not self.plain
        has_content = model.embeddings and bool(content.vectors) and not self.plain
        self.uses_kernel, self.uses_profile = has_content and model.kernel, has_content and not model.kernel
        if not self.plain:
            self.popularity = nn.Linear(model.width, 1, bias=False)
        if self.uses_age:
            self.age = AgeEncoding()
        self.uses_forecast = model.forecast and len(content.forecast_times) > 0 and not self.plain
        if self.uses_forecast:
            self.forecast = ForecastTerm()
        if self.uses_profile:
            self.content_profile = ContentProfile(model.length)
        if self.uses_kernel:
            self.interests = InterestKernel()
        self.head = None
        if semantic_ids is not None:
            self.head = SemanticIdHead(model.width, tuple(int(most) + 1 for most in semantic_ids.max(0)))
            self.semantic_ids: Tensor
            self.register_buffer("semantic_ids", torch.from_numpy(np.array(semantic_ids)), persistent=False)

    def forward(self, batch: Batch, negatives: Negatives, weights: Tensor) -> Tensor:
        """The weighted sum of the losses of a batch's positions. ``weights`` float [histories, length].

        Every ad of the batch and of the negatives goes through the tower once.
        """
        rows, index = torch.unique(torch.cat([batch.item.reshape(-1), negatives.rows]), return_inverse=True)
        events = index[: batch.item.numel()].view(batch.item.shape)
        with autocast(rows.device):
            vectors = self.tower(rows)
            hidden, weights = self.encode_events(vectors[events], batch, weights)
        targets = (weights > 0) & batch.mask
        targets[:, 0] |= ~targets.any() & batch.mask[:, 0]  # one at least, if only with a weight of 0
        tokens = functional.pad(targets, (0, 1))  # the last token is followed by nothing that is known
        items = self.encode_item(vectors, rows)
        queries = self.encode_query(hidden, batch, tokens)
        own, others = items[events[targets]], items[index[batch.item.numel() :]]
        if self.train_settings.loss == "one_negative":
            loss = one_negative(queries, own, batch.item[targets], others, negatives, weights[targets])
        else:
            added = self.add_terms(batch, targets, negatives)
            loss = sampled_softmax(queries, own, batch.item[targets], others, negatives, weights[targets], added)
        if self.head is not None:
            generative = self.head.loss(hidden[tokens], self.semantic_ids[batch.item[targets]])
            loss = loss + self.train_settings.word_weight * (generative * weights[targets]).sum()
        return loss

    def add_terms(self, batch: Batch, targets: Tensor, negatives: Negatives) -> Added | None:
        """The term of the scores that is no inner product: the kernel over the history."""
        if not self.uses_kernel:
            return None
        vectors = self.tower.content.vectors
        history, ads = content_vectors(vectors, batch.item), content_vectors(vectors, negatives.rows)
        return Added(*self.interests(history, ads, batch, targets))

    def encode_events(self, items: Tensor, batch: Batch, weights: Tensor) -> tuple[Tensor, Tensor]:
        """The hidden vectors of the batch's tokens, and the weights of what they are to predict: BERT4Rec learns from
        the events that are hidden, which weigh as much more.
        """
        if not isinstance(self.encoder, Bert4Rec):
            return self.encoder(items, batch), weights
        hidden = draw_hidden(batch.mask)
        weights = weights * hidden[:, :-1] * (batch.mask.sum() / hidden.sum().clamp(min=1))
        return self.encoder(items, batch, hidden), weights

    def encode_query(self, hidden: Tensor, batch: Batch, tokens: Tensor) -> Tensor:
        """Query vectors of some ``tokens`` (bool [histories, length + 1]). Inner products with ``encode_item`` are the
        scores, but for ``add_terms``: cosine / temperature, plus an ad's popularity, its age and forecast at the
        query's time, its content.
        """
        chosen = hidden[tokens]
        if self.plain:
            return chosen.float()
        parts = [cosine(chosen) / self.train_settings.temperature, torch.ones_like(chosen[:, :1])]
        if self.uses_age:
            parts.append(self.age.encode_query(batch.query_time[tokens]))
        if self.uses_forecast:
            parts.append(self.forecast.encode_query(batch.query_time[tokens], self.tower.content))
        if self.uses_profile:
            parts.append(self.content_profile(content_vectors(self.tower.content.vectors, batch.item), batch)[tokens])
        return torch.cat(parts, 1)

    def encode_item(self, vectors: Tensor, rows: Tensor) -> Tensor:
        """Item vectors in the space of ``encode_query``, from the tower's ``vectors`` of these ads."""
        if self.plain:
            return vectors.float()
        content = self.tower.content
        parts = [cosine(vectors), self.popularity(vectors).float()]
        if self.uses_age:
            parts.append(self.age.encode_item(content.birth[rows]))
        if self.uses_forecast:
            parts.append(self.forecast.encode_item(rows, content))
        if self.uses_profile:
            parts.append(content_vectors(content.vectors, rows))
        return torch.cat(parts, 1)

    def encode_rows(self, rows: Tensor) -> Tensor:
        """The item vectors of these rows of the catalogue, through the tower."""
        return self.encode_item(self.tower(rows), rows)

    def encode_histories(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The hidden vector [histories, width] of each history's last token, and its query vector."""
        items = self.tower(batch.item.reshape(-1)).view(*batch.item.shape, -1)
        hidden: Tensor = self.encoder(items, batch)
        last = batch.mask.sum(1)
        tokens = torch.arange(hidden.shape[1], device=last.device) == last.unsqueeze(1)
        return hidden[tokens], self.encode_query(hidden, batch, tokens)


def autocast(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """bf16 for the products of tower and encoder on a GPU. Scores and losses stay in float32: at a cosine of 1 over a
    temperature of .05 bf16 has steps of an eighth.
    """
    return torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else contextlib.nullcontext()
