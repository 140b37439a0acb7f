"""The settings of the sequence model. ``config.toml`` beside this file gives every value; the tables ``network`` of a
run's own settings change them: ``--set network.model.blocks=4``, or ``--set @.../lab/settings/leave_one_out.toml``.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from common.engine.config import Count, NotNegative, NotNegativeInt, Positive, load
from competitions.tencent.config import Settings, Share

FILE = Path(__file__).parent / "config.toml"


class ModelSettings(Settings, frozen=True):
    """The network. ``width`` of a token; ``blocks`` and ``heads`` of the encoder; ``length``: the last events seen.

    Inputs: ``ids`` with ``id_buckets`` (0: a row for every ad; else two hashed rows) and ``id_dropout``, the share of
    ids hidden in training; ``features``, each hidden in a share ``feature_dropout``; ``embeddings``; ``actions``,
    ``condition`` (the action of the next step), ``times``, ``forecast`` (of an ad's popularity, where there are times),
    ``kernel`` (over the history, by content, in place of its mean; scores are then no inner products).
    ``field_width``: of a feature's vector; ``feature_buckets``: features of more values are hashed.

    ``score``: the "cosine" of hidden vector and ad's vector, with the ad's popularity, age and content beside it; or
    their "dot" product and nothing else, as SASRec has it. ``deep_tower``: a hidden layer behind an ad's vector.
    ``dropout`` in the encoder.
    """

    encoder: Literal["hstu", "transformer", "bert4rec", "two_tower"]
    score: Literal["cosine", "dot"]
    width: Count
    blocks: Count
    heads: Count
    length: Count
    ids: bool
    id_buckets: NotNegativeInt
    id_dropout: Share
    features: bool
    feature_dropout: Share
    field_width: Count
    feature_buckets: Count
    embeddings: bool
    actions: bool
    condition: bool
    times: bool
    forecast: bool
    kernel: bool
    deep_tower: bool
    dropout: Share


class TrainSettings(Settings, frozen=True):
    """Training. ``batch`` histories a step, ``epochs`` over all of them. ``rate``: the peak of AdamW's learning rate,
    after ``warmup`` (share of all steps), falling to 0 by a cosine; ``decay`` of weights, ``clip`` of the gradient.

    ``loss``: sampled softmax, or the binary cross-entropy of the target and "one_negative" a position. ``temperature``
    of the cosine. ``negatives``: a share ``even_share`` of them drawn evenly, the others ads of the batch; 0 for every
    ad that was seen. ``click_weight``: of a click in the loss; any other event has ``exposure_weight``, and is a
    target in a share ``exposure_share`` of the steps only. ``word_weight``: of the
    loss of semantic ids, of ``levels`` with ``codes`` values each; 0 levels for none.
    ``checkpoint_s``: seconds between checkpoints.
    """

    batch: Count
    epochs: Count
    rate: Positive
    decay: NotNegative
    warmup: Share
    clip: Positive
    loss: Literal["sampled_softmax", "one_negative"]
    temperature: Positive
    negatives: NotNegativeInt
    even_share: Annotated[float, msgspec.Meta(ge=0, le=1)]
    click_weight: NotNegative
    exposure_weight: NotNegative
    exposure_share: Annotated[float, msgspec.Meta(gt=0, le=1)]
    word_weight: NotNegative
    levels: NotNegativeInt
    codes: Count
    checkpoint_s: Positive


class NetworkSettings(Settings, frozen=True):
    """All settings of the network."""

    model: ModelSettings
    train: TrainSettings

    def __post_init__(self) -> None:
        """Refuse what does not go together (``ValueError``)."""
        if self.model.width % self.model.heads:
            raise ValueError(f"model.width = {self.model.width} is no multiple of model.heads = {self.model.heads}")
        if not (self.model.ids or self.model.features or self.model.embeddings):
            raise ValueError("model.ids, model.features and model.embeddings are all false: an ad has no vector")
        if not (self.train.click_weight or self.train.exposure_weight):
            raise ValueError("train.click_weight and train.exposure_weight are both 0: nothing is learned")
        if self.model.kernel and self.train.loss == "one_negative":
            raise ValueError('train.loss = "one_negative" needs model.kernel = false')


class _File(Settings, frozen=True):
    network: NetworkSettings


def load_network(changes: Mapping[str, Any]) -> NetworkSettings:
    """The settings of config.toml with the ``changes`` of a run's own tables. ``UserError`` for one that cannot be."""
    return load(_File, [FILE], [f"network.{key}={json.dumps(value)}" for key, value in _flatten(changes)]).network


def _flatten(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of tables in tables."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from ((f"{key}.{inner}", own) for inner, own in _flatten(value))
        else:
            yield key, value
