"""Tiny sequences, settings and training inputs for the tests of the Tencent pipeline."""

import numpy as np

from competitions.tencent.corpus import Catalogue, Embedding, Sequences, Users
from competitions.tencent.io import schema
from competitions.tencent.lab.config import ModelSettings, load_network
from competitions.tencent.lab.forecast_table import ForecastTable
from competitions.tencent.lab.training.inputs import TrainingInputs
from competitions.tencent.sequences import whole

# Small, without dropout, and every event a target of the same weight.
MODEL = {"width": 16, "length": 8, "field_width": 4, "feature_buckets": 100, "id_buckets": 0, "kernel": False}
MODEL |= {"id_dropout": 0.0, "feature_dropout": 0.0, "dropout": 0.0}
TRAIN = {"batch": 8, "epochs": 3, "decay": 0.0, "warmup": 0.1, "temperature": 0.1, "negatives": 0}
TRAIN |= {"click_weight": 1.0, "exposure_weight": 1.0, "exposure_share": 1.0, "word_weight": 0.5, "levels": 0}
TRAIN |= {"codes": 4, "checkpoint_s": 1e9}


def make_sequences(*histories: list[tuple[int, int, int]]) -> Sequences:
    """Users with events (item, action, time)."""
    events = [event for history in histories for event in history]
    columns = np.array(events, np.int64).reshape(-1, 3)
    offsets = np.concatenate([[0], np.cumsum([len(history) for history in histories])])
    return Sequences(
        offsets, columns[:, 0].astype(np.int32), columns[:, 1].astype(np.int8), columns[:, 2].astype(np.int64)
    )


def make_catalogue(items: int, unseen: int = 0, seed: int = 0) -> Catalogue:
    """Items with random features; the last ``unseen`` are not in the indexer."""
    rng = np.random.default_rng(seed)
    rows = items + unseen + 1
    features = rng.integers(0, 4, (rows, len(schema.ITEM_FEATURES))).astype(np.int32)
    features[0] = 0
    oid = np.concatenate([[0], 20_000_000_000 + rng.permutation(rows - 1)])
    return Catalogue(oid, features, items, (3,) * len(schema.ITEM_FEATURES))


def make_users(count: int, seed: int = 0) -> Users:
    """Users with random features."""
    rng = np.random.default_rng(seed)
    width = sum(schema.USER_FEATURES.values())
    names = np.array([f"user_{number:08d}" for number in range(count)], "S13")
    return Users(names, rng.integers(0, 3, (count, width)).astype(np.int32), (2,) * len(schema.USER_FEATURES))


def make_training_inputs(users: int = 24, items: int = 10, seed: int = 0, **settings: object) -> TrainingInputs:
    """Users who go round the items in a circle, from a random start: the next item follows from the last.

    ``settings`` go to the model or the training, whichever has the name.
    """
    rng = np.random.default_rng(seed)
    histories = []
    for start in rng.integers(0, items, users):
        count = int(rng.integers(3, 9))
        histories.append(
            [(1 + (start + step) % items, int(rng.integers(0, 2)), 1_000_000 + 600 * step) for step in range(count)]
        )
    catalogue = make_catalogue(items)
    vectors = rng.standard_normal((items + 1, 4)).astype(np.float16)
    vectors[0] = 0
    model = {name: value for name, value in settings.items() if name in ModelSettings.__struct_fields__}
    train = {name: value for name, value in settings.items() if name not in model}
    network = load_network({"model": MODEL | model, "train": TRAIN | train})
    return TrainingInputs(
        history=whole(make_sequences(*histories)),
        users=make_users(users),
        catalogue=catalogue,
        embeddings=(Embedding("81", vectors),),
        semantic_ids=None,
        model=network.model,
        train=network.train,
        seed=seed,
    )


def make_forecast(items: int, seed: int = 0) -> ForecastTable:
    """Random forecasts at the start of the users' histories, within and behind them."""
    table = np.random.default_rng(seed).standard_normal((3, items + 1)).astype(np.float16)
    return ForecastTable(np.array([1_000_000, 1_002_000, 1_004_000]), table)
