"""Ads to vectors: the sum of an id's vector, of features and of embeddings."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from competitions.tencent.config import SequenceSettings

FIELD_WIDTH = 16  # of a feature's vector
FIELD_ROWS = 20_000  # of a feature's table: larger values begin again at its first row


@dataclass(frozen=True)
class ItemInputs:
    """What is known of ads, by row of the catalogue; held beside the parameters, on the device that trains.

    ``trained`` bool [rows]: the ads that training holds; the id of any other means nothing. ``features`` int32 [rows,
    fields], of which ``sizes`` gives the largest value that training can know, larger ones are missing. ``contents``:
    one float16 [rows, dimensions] an embedding, of length 1, or 0 for none.
    """

    trained: Tensor
    features: Tensor
    sizes: tuple[int, ...]
    contents: tuple[Tensor, ...]


class ItemTower(nn.Module):
    """``forward``: rows of the catalogue to vectors; all that ``inputs`` has goes in."""

    def __init__(self, settings: SequenceSettings, inputs: ItemInputs) -> None:
        """Tables and projections of what there is."""
        super().__init__()
        self.inputs, width = inputs, settings.width
        self.with_features = bool(inputs.sizes)
        has_content = self.with_features or bool(inputs.contents)
        self.index: Tensor  # of a trained ad's row in the table
        self.register_buffer("index", inputs.trained.cumsum(0) - inputs.trained.long(), persistent=False)
        # One more, so that there is a row in any case. A step's gradient is of the rows of its ads alone.
        self.ids = nn.Embedding(int(inputs.trained.sum()) + 1, width, sparse=True)
        # Beside content an id starts small: at first alike ads are alike.
        nn.init.normal_(self.ids.weight, std=(0.3 if has_content else 1.0) * width**-0.5)
        if self.with_features:
            self.known: Tensor
            self.register_buffer("known", torch.tensor(inputs.sizes), persistent=False)
            self.fields = FieldEmbeddings(inputs.sizes, FIELD_WIDTH, FIELD_ROWS)
            self.project_features = nn.Linear(len(inputs.sizes) * FIELD_WIDTH, width, bias=False)
        self.project_contents = nn.ModuleList(nn.Linear(part.shape[1], width, bias=False) for part in inputs.contents)

    def forward(self, rows: Tensor) -> Tensor:
        """Int64 [n] -> [n, width]; of any length: a popular ad may have a longer one."""
        inputs = self.inputs
        vectors: Tensor = self.ids(self.index[rows]) * inputs.trained[rows].unsqueeze(1)
        if self.with_features:
            values = inputs.features[rows].long()  # those that the indexer lacks are missing
            vectors = vectors + self.project_features(self.fields(values * (values <= self.known)))
        for project, content in zip(self.project_contents, inputs.contents, strict=True):
            vectors = vectors + project(content[rows].float())
        return vectors


class FieldEmbeddings(nn.Module):
    """Categorical fields as one vector each, side by side. Values above ``most`` share rows; 0 is missing."""

    def __init__(self, sizes: tuple[int, ...], width: int, most: int) -> None:
        """``sizes``: the largest value of each field."""
        super().__init__()
        rows = torch.tensor([min(size, most) + 1 for size in sizes])
        self.rows: Tensor
        self.offsets: Tensor
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("offsets", torch.cumsum(rows, 0) - rows, persistent=False)
        self.table = nn.Embedding(int(rows.sum()), width)
        nn.init.normal_(self.table.weight, std=width**-0.5)

    def forward(self, values: Tensor) -> Tensor:
        """Int64 [n, fields] -> [n, fields x width]; a missing value is a zero vector."""
        index = self.offsets + 1 + (values - 1) % (self.rows - 1)
        embedded: Tensor = self.table(index) * (values > 0).unsqueeze(-1)
        return embedded.flatten(1)
