"""The model, in plain PyTorch: a tower that makes vectors of ads, and a causal encoder that makes vectors of histories.

One token an event, and before them one token for the user, which carries no time. The token of event i is the ad's
vector, what the user did with it, the time (hour, weekday, gap to the event before), and what the user will do with the
NEXT ad: with that condition, one model learns from exposures and answers about clicks. Its hidden vector is compared by
cosine with the vectors of ads; ads that nobody has seen have one, from their features and embeddings alone.

Two encoders are here: ``hstu``, gated attention without softmax, with a bias by distance in steps and by distance in
time (Zhai et al. 2024, "Actions speak louder than words"), and ``transformer``, the causal Transformer of SASRec (Kang
and McAuley 2018) with learned positions. bert4rec.py and two_tower.py have two older ones.
"""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from competitions.tencent.lab.config import ModelSettings
from competitions.tencent.lab.model.attention import (
    GAP_BUCKETS,
    AttentionBias,
    GatedAttention,
    TransformerBlock,
    bucket_seconds,
)

ACTIONS = 4  # exposure, click, conversion, and -1 (null) laid on 3
HOUR_S, DAY_S = 3_600, 86_400


@dataclass(frozen=True)
class ItemContent:
    """What is known of ads besides who saw them, by row of the catalogue; stays in memory beside the model.

    ``features`` int32 [rows, fields]; ``vectors`` one float16 [rows, dimensions] an embedding; ``trained`` bool [rows]:
    the ads that training histories hold; the id of any other means nothing. ``birth`` int64 [rows]: seconds of an ad's
    first event, of an ad without one the end of the log. ``sizes``, ``user_sizes``: the largest value of each field.
    ``forecast`` float16 [times, rows]: the logarithm of an ad's expected events from each of ``forecast_times`` (int64,
    ascending, seconds) on; no times where there is no forecast.
    """

    features: Tensor
    vectors: tuple[Tensor, ...]
    trained: Tensor
    birth: Tensor
    sizes: tuple[int, ...]
    user_sizes: tuple[int, ...]
    forecast_times: Tensor
    forecast: Tensor

    def at_end(self) -> "ItemContent":
        """The same with the last forecast alone: what answers need."""
        return replace(self, forecast_times=self.forecast_times[-1:], forecast=self.forecast[-1:])

    def to(self, device: torch.device) -> "ItemContent":
        """The same on another device."""
        return replace(
            self,
            features=self.features.to(device),
            vectors=tuple(vector.to(device) for vector in self.vectors),
            trained=self.trained.to(device),
            birth=self.birth.to(device),
            forecast_times=self.forecast_times.to(device),
            forecast=self.forecast.to(device),
        )


@dataclass(frozen=True)
class Batch:
    """Histories as tensors: ``item``, ``action``, ``time`` int64 [histories, length], ``mask`` bool, zeros at the end.

    ``next_action`` int64 [histories, length + 1]: the action of the ad that each token is to predict; ``query_time``:
    the time of that prediction. ``users`` int64 [histories, columns]: the users' features.
    """

    item: Tensor
    action: Tensor
    time: Tensor
    mask: Tensor
    next_action: Tensor
    query_time: Tensor
    users: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The same on another device."""
        return Batch(**{field.name: getattr(self, field.name).to(device, non_blocking=True) for field in fields(self)})


class FieldEmbeddings(nn.Module):
    """Categorical fields as one vector each, side by side. Values above ``cap`` are hashed into it; 0 is missing."""

    def __init__(self, sizes: tuple[int, ...], width: int, cap: int) -> None:
        """``sizes``: the largest value of each field."""
        super().__init__()
        cardinalities = torch.tensor([min(size, cap) + 1 for size in sizes])
        self.cardinalities: Tensor
        self.offsets: Tensor
        self.register_buffer("cardinalities", cardinalities, persistent=False)
        self.register_buffer("offsets", torch.cumsum(cardinalities, 0) - cardinalities, persistent=False)
        self.table = nn.Embedding(int(cardinalities.sum()), width)
        nn.init.normal_(self.table.weight, std=width**-0.5)

    def forward(self, values: Tensor) -> Tensor:
        """int [n, fields] -> [n, fields x width]; a missing value is a zero vector."""
        hashed = torch.where(
            values < self.cardinalities, values, 1 + hash_ids(values, 0) % (self.cardinalities - 1).clamp(min=1)
        )
        embedded: Tensor = self.table(hashed + self.offsets) * (values > 0).unsqueeze(-1)
        return embedded.flatten(1)


class ItemTower(nn.Module):
    """Ads to vectors: the id (its own row of a table, or the sum of two hashed rows), features and embeddings."""

    def __init__(self, settings: ModelSettings, content: ItemContent) -> None:
        """``content`` is held outside the parameters."""
        super().__init__()
        self.settings, self.content = settings, content
        width = settings.width
        self.hashed = 0 < settings.id_buckets < len(content.trained)
        if settings.ids:
            self.ids = nn.Embedding(settings.id_buckets if self.hashed else len(content.trained), width)
            nn.init.normal_(self.ids.weight, std=(0.3 if settings.features or settings.embeddings else 1) * width**-0.5)
        if settings.features:
            self.cold: Tensor
            self.register_buffer("cold", torch.tensor(content.sizes), persistent=False)
            self.fields = FieldEmbeddings(content.sizes, settings.field_width, settings.feature_buckets)
            self.project_features = nn.Linear(len(content.sizes) * settings.field_width, width, bias=False)
        if settings.embeddings:
            self.project_embeddings = nn.ModuleList(
                nn.Linear(vector.shape[1], width, bias=False) for vector in content.vectors
            )
        if settings.deep_tower:
            wide = nn.Linear(width, 2 * width)
            self.hidden_layer = nn.Sequential(nn.LayerNorm(width), wide, nn.SiLU(), nn.Linear(2 * width, width))
        self.norm = nn.LayerNorm(width) if settings.score == "cosine" else nn.Identity()

    def forward(self, rows: Tensor) -> Tensor:
        """Rows of the catalogue, int64 [n] -> the sum of id, feature and embedding vectors, [n, width]; normalised, but
        for a dot product, where its length is how popular an ad is.
        """
        settings, content = self.settings, self.content
        vectors = torch.zeros(len(rows), settings.width, device=rows.device)
        if settings.ids:
            keep = content.trained[rows]
            if self.training and settings.id_dropout:  # ID dropout, so that cold items are in distribution
                keep = keep & (torch.rand(len(rows), device=rows.device) >= settings.id_dropout)
            vectors = vectors + self.embed_ids(rows) * keep.unsqueeze(1)
        if settings.features:
            vectors = vectors + self.project_features(self.fields(self.drop_features(content.features[rows].long())))
        if settings.embeddings:
            for project, embedding in zip(self.project_embeddings, content.vectors, strict=True):
                vectors = vectors + project(functional.normalize(embedding[rows].float(), dim=1))
        if settings.deep_tower:
            vectors = vectors + self.hidden_layer(vectors)
        normal: Tensor = self.norm(vectors)
        return normal

    def drop_features(self, values: Tensor) -> Tensor:
        """Feature values; one that the indexer lacks is missing. In training others are: so that is in distribution."""
        values = values * (values < self.cold)
        if self.training and self.settings.feature_dropout:
            values = values * (torch.rand(values.shape, device=values.device) >= self.settings.feature_dropout)
        return values

    def embed_ids(self, rows: Tensor) -> Tensor:
        """The vectors of ids."""
        buckets = self.settings.id_buckets
        if self.hashed:
            vectors: Tensor = self.ids(hash_ids(rows, 1) % buckets) + self.ids(hash_ids(rows, 2) % buckets)
        else:
            vectors = self.ids(rows)
        return vectors


def hash_ids(values: Tensor, salt: int) -> Tensor:
    """A hash of non-negative integers (multiply and shift), the same on every device."""
    mixed = (values.long() + salt * 7_919) * 2_654_435_761 % 2**32
    mixed = (mixed ^ (mixed >> 15)) * 2_246_822_519 % 2**32
    return mixed ^ (mixed >> 13)


class Encoder(nn.Module):
    """Histories to hidden vectors, one a token, each from what stands before it."""

    def __init__(self, settings: ModelSettings, content: ItemContent) -> None:
        """The user's token and ``length`` events at most."""
        super().__init__()
        self.settings = settings
        width, tokens = settings.width, settings.length + 1
        self.users = FieldEmbeddings(content.user_sizes, settings.field_width, settings.feature_buckets)
        self.user = nn.Linear(len(content.user_sizes) * settings.field_width, width)
        if settings.actions:
            self.action = small_embedding(ACTIONS, width)
        if settings.condition:
            self.next_action = small_embedding(ACTIONS, width)
        if settings.times:
            self.hour, self.weekday, self.gap = (small_embedding(n, width) for n in (24, 7, GAP_BUCKETS))
        if settings.encoder == "hstu":
            self.bias = AttentionBias(settings, tokens)
            self.blocks = nn.ModuleList(GatedAttention(settings) for _ in range(settings.blocks))
        else:
            self.positions = small_embedding(tokens, width)
            self.blocks = nn.ModuleList(TransformerBlock(settings) for _ in range(settings.blocks))
        self.dropout = nn.Dropout(settings.dropout)
        self.norm = nn.LayerNorm(width)

    def forward(self, items: Tensor, batch: Batch) -> Tensor:
        """``items`` [histories, length, width], the ads' vectors -> [histories, length + 1, width]."""
        settings = self.settings
        tokens = torch.cat([self.embed_users(batch), self.embed_events(items, batch)], 1)
        if settings.condition:
            tokens = tokens + self.next_action(batch.next_action % ACTIONS)
        if settings.encoder == "hstu":
            bias = self.bias(batch.time)
            tokens = self.dropout(tokens)
            for block, block_bias in zip(self.blocks, bias.unbind(1), strict=True):
                tokens = block(tokens, block_bias)
        else:
            tokens = self.dropout(tokens + self.positions.weight[: tokens.shape[1]])
            for block in self.blocks:
                tokens = block(tokens)
        hidden: Tensor = self.norm(tokens)
        return hidden

    def embed_users(self, batch: Batch) -> Tensor:
        """The users' tokens, [histories, 1, width]."""
        embedded: Tensor = self.user(self.users(batch.users)).unsqueeze(1)
        return embedded

    def embed_events(self, items: Tensor, batch: Batch) -> Tensor:
        """The ads' vectors, what the user did with them, and when: [histories, length, width]."""
        settings, events = self.settings, items
        if settings.actions:
            events = events + self.action(batch.action % ACTIONS)
        if settings.times:
            gaps = batch.time.diff(dim=1, prepend=batch.time[:, :1])
            events = events + self.hour(batch.time // HOUR_S % 24) + self.weekday(batch.time // DAY_S % 7)
            events = events + self.gap(bucket_seconds(gaps))
        return events


def small_embedding(rows: int, width: int) -> nn.Embedding:
    """Vectors that are added to those of ads, small at first so that those dominate."""
    table = nn.Embedding(rows, width)
    nn.init.normal_(table.weight, std=0.1 * width**-0.5)
    return table
