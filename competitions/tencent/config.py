"""The settings of the Tencent pipeline. ``config.toml`` gives every value; this describes each one."""

from typing import Annotated, Literal

import msgspec

from common.engine.config import Seed

Count = Annotated[int, msgspec.Meta(ge=1)]
NotNegativeInt = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, lt=1)]
Decay = Annotated[float, msgspec.Meta(gt=0, lt=1)]
DecayOrOne = Annotated[float, msgspec.Meta(gt=0, le=1)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen group of settings that refuses unknown keys."""


class HostSettings(Settings, frozen=True):
    """What is scored. ``target``: what is asked for: the first "click" (or more), the first "conversion", or
    "conversion_or_click", round 2's: the first conversion where there is one, else the first click; "auto": as the
    files are of round 1 or 2. ``actions``: whether each query says the action of its target; "auto": where
    user_action_type.json does.
    ``weights``: what a hit is worth by the action of the target: exposure, click, conversion. ``embeddings``: the
    multimodal embeddings that are read where they are there, by number and width.
    """

    target: Literal["auto", "click", "conversion", "conversion_or_click"]
    actions: Literal["auto"] | bool
    weights: tuple[NotNegative, NotNegative, NotNegative]
    embeddings: tuple[str, ...]


class SplitSettings(Settings, frozen=True):
    """Validation. ``kind``: "time" hides everything from a cut on, "last" the last event of each user, for sets whose
    times say nothing; "auto": as the times are. ``valid_share``: the share of all clicks that lie behind the cut.
    ``queries``: at most so many. ``earlier``: how many times the same question is asked before, of ``earlier_queries``
    at most, for the ranker to learn from.
    ``horizon_hours``: how long after the cut a click may come. ``unseen_share``: the share of candidates that training
    has not seen; ``candidates``: how many there are at most, 0 for as many as the host gives.
    """

    kind: Literal["auto", "time", "last"]
    valid_share: Share
    horizon_hours: Positive
    queries: Count
    earlier: Literal["auto"] | Count
    earlier_queries: Count
    unseen_share: Share
    candidates: NotNegativeInt


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


class ActionWeights(Settings, frozen=True):
    """What an event of each action counts; ``null``: where the host gave none."""

    exposure: NotNegative
    click: NotNegative
    conversion: NotNegative
    null: NotNegative

    def __post_init__(self) -> None:
        """Refuse weights that leave nothing (``ValueError``)."""
        if not (self.exposure or self.click or self.conversion or self.null):
            raise ValueError("the weights of all actions are 0: no event counts")


class AttributeSettings(Settings, frozen=True):
    """An attribute that c ads have weighs c^-``power``. Features of more than ``most_values`` values are left out."""

    power: NotNegative
    most_values: Count


class CountSettings(Settings, frozen=True):
    """Pairs of ads in one history, at most ``reach`` events apart.

    A pair ``g`` events apart adds (g + ``gap_shift``)^-``gap_decay``, times ``backward`` where the neighbour stood
    before the ad; the sum is divided by events(ad)^``source_power`` and events(neighbour)^``target_power`` and raised
    to ``concavity``; the ``top`` neighbours of each ad are kept. A history is the sum of its last ``history`` events (0
    for all), an event with ``a`` events behind it weighing ``fade``^a * (1 + a)^-``recency``. ``from_attributes`` adds
    the counts of all ads that share attributes with those of the history, ``to_attributes`` lets scores spread to ads
    that share attributes. ``most_pairs``: more are refused.
    """

    reach: Count
    gap_decay: NotNegative
    gap_shift: NotNegative
    backward: NotNegative
    source_power: NotNegative
    target_power: NotNegative
    concavity: Positive
    top: Count
    history: NotNegativeInt
    recency: NotNegative
    fade: DecayOrOne
    from_attributes: NotNegative
    to_attributes: NotNegative
    weights: ActionWeights
    most_pairs: Count


class LinearSettings(Settings, frozen=True):
    """A regression of the future on the past, at every position of every history.

    An event ``a`` steps back weighs ``past_decay``^a, one ``b`` steps behind the next ``future_decay``^b; pairs more
    than ``reach`` events apart are left out. ``ridge``: the penalty on coefficients. ``prior``: how far ads that share
    attributes are held to have like coefficients, 0 for not at all. An ad's score is divided by its
    events^``target_power``. ``history``, ``recency``, ``fade``, ``to_attributes``: as in the counts. ``most_items``: a
    catalogue of more is refused, a matrix of items x items being inverted.
    """

    reach: Count
    past_decay: Decay
    future_decay: Decay
    ridge: Positive
    prior: NotNegative
    target_power: NotNegative
    history: NotNegativeInt
    recency: NotNegative
    fade: DecayOrOne
    to_attributes: NotNegative
    weights: ActionWeights
    most_items: Count


class TrainSettings(Settings, frozen=True):
    """Training. ``batch`` histories a step, ``epochs`` over all of them. ``rate``: the peak of AdamW's learning rate,
    after ``warmup`` (share of all steps), falling to 0 by a cosine; ``decay`` of weights, ``clip`` of the gradient.

    ``loss``: sampled softmax, or the binary cross-entropy of the target and "one_negative" a position. ``temperature``
    of the cosine. ``negatives``: a share ``even_share`` of them drawn evenly, the others ads of the batch; 0 for every
    ad that was seen. ``click_weight``: of a click in the loss; any other event has ``exposure_weight``, and is a
    target in a share ``exposure_share`` of the steps only. ``word_weight``: of the
    loss of semantic ids, of ``levels`` with ``codes`` values each; 0 levels for none.
    ``processes``: of torchrun, 0 for one a GPU. ``checkpoint_s``: seconds between checkpoints.
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
    processes: NotNegativeInt
    checkpoint_s: Positive


class RetrieveSettings(Settings, frozen=True):
    """``query_block`` x ``candidate_block`` scores are held at once. ``beam``: semantic IDs followed at a time."""

    query_block: Count
    candidate_block: Count
    beam: Count


class ForecastSettings(Settings, frozen=True):
    """Boosted trees: ``rounds`` at a learning ``rate``, of so many ``leaves`` with ``least`` ads (rows) each."""

    rounds: Count
    rate: Positive
    leaves: Annotated[int, msgspec.Meta(ge=2)]
    least: Count


class FeatureSettings(Settings, frozen=True):
    """What the first search looks at and the ranker is told. ``pool``: at most so many candidates are searched, the
    most promising by forecast. ``history``: the last events seen; the search takes the ``search_events`` of them that
    weigh most. ``blocks`` of features, see ranking/pair_features.py.
    """

    pool: Count
    history: Count
    search_events: Count
    blocks: tuple[Literal["search", "content", "shares", "follows", "actions", "popularity"], ...]
    attributes: AttributeSettings
    counts: CountSettings
    linear: LinearSettings


class FitSettings(Settings, frozen=True):
    """The ranker's network: ``hidden`` units, 0 for a conditional logit; ``epochs``, ``batch`` lists a step, the peak
    ``rate`` and the ``decay`` of weights.
    """

    hidden: NotNegativeInt
    epochs: Count
    batch: Count
    rate: Positive
    decay: NotNegative


class RankerSettings(Settings, frozen=True):
    """The ranker, see ranking/. ``channels``: what the first search looks by, "auto" for what the files allow.
    ``list_length``: how many candidates it finds, which are then ranked; "auto": by how many there are.
    """

    channels: Literal["auto"] | tuple[Literal["content", "counts", "linear"], ...]
    list_length: Literal["auto"] | Count
    features: FeatureSettings
    fit: FitSettings
    forecast: ForecastSettings


class TencentConfig(Settings, frozen=True):
    """All settings."""

    seed: Seed
    keep_gib: Positive
    method: Literal["ranker", "network"]
    host: HostSettings
    split: SplitSettings
    ranker: RankerSettings
    model: ModelSettings
    train: TrainSettings
    retrieve: RetrieveSettings

    def __post_init__(self) -> None:
        """Refuse what does not go together (``ValueError``)."""
        if not self.ranker.features.blocks:
            raise ValueError("ranker.features.blocks is empty: the ranker has no feature")
        if self.model.width % self.model.heads:
            raise ValueError(f"model.width = {self.model.width} is no multiple of model.heads = {self.model.heads}")
        if not (self.model.ids or self.model.features or self.model.embeddings):
            raise ValueError("model.ids, model.features and model.embeddings are all false: an ad has no vector")
        if not (self.train.click_weight or self.train.exposure_weight):
            raise ValueError("train.click_weight and train.exposure_weight are both 0: nothing is learned")
        if self.model.kernel and self.train.loss == "one_negative":
            raise ValueError('train.loss = "one_negative" needs model.kernel = false')
