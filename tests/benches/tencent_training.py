"""Training at the size of the 1M release: tokens a second of HSTU beside a Transformer of the same size.

    python -m tests.benches.tencent_training --scale 1.0

4,783,154 ads with thirteen features and embedding 81, histories of 100 events, the default's settings with hashed ids:
twelve steps each, the first two of which are not timed. ``gflops`` counts the products of encoder, tower and loss,
three times each (forward, and backward twice).
"""

import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from competitions.tencent.competition import COMPETITION
from competitions.tencent.corpus import Catalogue, Embedding, Sequences, Users
from competitions.tencent.io import schema
from competitions.tencent.sequences import whole
from competitions.tencent.training.batches import order_batches
from competitions.tencent.training.inputs import TrainingInputs, event_shares
from competitions.tencent.training.optimizers import build_optimizers
from competitions.tencent.training.trainer import Trainer, build_network, choose_device, move_network, take_step
from tests.benches.side_by_side import Ready, main

ADS, USERS, LENGTH, STEPS, WARM = 4_783_154, 5_000, 100, 12, 2
SIZES = (6, 51, 90_709, 30, 20, 691, 18, 497, 1_426, 4_191, 3_392, 2_135_891, 90_919)
USER_SIZES = (86, 2, 7, 14, 19, 4, 3, 2)


def prepare(folder: Path, scale: float) -> str:
    """Random ads, features and histories of the release's cardinalities; ads by Zipf's law."""
    ads = max(round(ADS * scale), 1_000)
    rng = np.random.default_rng(0)
    features = np.column_stack([rng.integers(0, max(round(size * scale), 2), ads + 1) for size in SIZES])
    np.save(folder / "features.npy", features.astype(np.int32))
    np.save(folder / "vectors.npy", rng.standard_normal((ads + 1, 32), np.float32).astype(np.float16))
    np.save(folder / "items.npy", (ads * rng.random(USERS * LENGTH) ** 3).astype(np.int32) + 1)
    return f"{ads:,} ads, batches of {COMPETITION.load_config([]).train.batch} histories of {LENGTH} events"


def build(folder: Path, **model: Any) -> TrainingInputs:
    """The training inputs of the default's settings."""
    config = COMPETITION.load_config([])
    features, vectors, items = (np.load(folder / f"{name}.npy") for name in ("features", "vectors", "items"))
    rng = np.random.default_rng(1)
    time_s = 1_747_000_000 + np.cumsum(rng.integers(0, 20_000, (USERS, LENGTH)), axis=1)
    action = (rng.random(len(items)) < 0.1).astype(np.int8)
    sequences = Sequences(np.arange(0, len(items) + 1, LENGTH), items, action, time_s.reshape(-1))
    width = sum(schema.USER_FEATURES.values())
    users = Users(np.array([b"u"] * USERS), rng.integers(0, 3, (USERS, width)).astype(np.int32), USER_SIZES)
    catalogue = Catalogue(np.arange(len(features)), features, len(features) - 1, tuple(int(n) for n in features.max(0)))
    settings = msgspec.structs.replace(config.model, length=LENGTH, **model)
    return TrainingInputs(
        history=whole(sequences),
        users=users,
        catalogue=catalogue,
        embeddings=(Embedding("81", vectors),),
        semantic_ids=None,
        cooccurrence=None,
        model=settings,
        train=config.train,
        seed=0,
    )


def ready(inputs: TrainingInputs) -> Ready:
    """Twelve steps; returns the seconds of those behind the warm-up."""

    def run() -> float:
        device = choose_device()
        network = move_network(build_network(inputs), device)
        optimizers = build_optimizers(network, inputs.train)
        trainer = Trainer(inputs, network, optimizers, torch.from_numpy(event_shares(inputs)), device)
        batches = order_batches(inputs.history, LENGTH, inputs.train.batch, 0, 0)
        begun = 0.0
        for step in range(STEPS):
            if step == WARM:
                begun = time.perf_counter()
            take_step(trainer, step, batches[step], batches[step])
        if device.type == "cuda":
            torch.cuda.synchronize()
        return (STEPS - WARM) * inputs.train.batch * LENGTH / (time.perf_counter() - begun)

    return run


def hstu(folder: Path) -> Ready:
    """Gated attention with biases by steps and by time."""
    return ready(build(folder, encoder="hstu"))


def hstu_without_times(folder: Path) -> Ready:
    """The same without the bias by time."""
    return ready(build(folder, encoder="hstu", times=False))


def transformer(folder: Path) -> Ready:
    """Torch's own causal attention."""
    return ready(build(folder, encoder="transformer"))


def describe(rate: float, _: float) -> dict[str, Any]:
    """Tokens a second, and what of the processor's products that is."""
    config = COMPETITION.load_config([])
    model, loss = config.model, config.train
    encoder = model.blocks * (2 * 5 * model.width**2 + 4 * (LENGTH + 1) * model.width)
    tower = 2 * model.width * (len(SIZES) * model.field_width + 32 + 4 * model.width)
    token = 3 * (encoder + 2 * tower + 2 * loss.negatives * model.width)
    return {"tokens_per_second": round(rate), "gflops": round(token * rate / 1e9, 1)}


WAYS = {"hstu": hstu, "hstu, no time bias": hstu_without_times, "transformer": transformer}

if __name__ == "__main__":
    main("tests.benches.tencent_training", __doc__.splitlines()[0], WAYS, prepare, describe)
