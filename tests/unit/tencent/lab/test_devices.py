"""Training and answering on a device that is not the CPU: no tensor is forgotten there, and the numbers are the same.

No GPU is needed: ``other_device`` refuses what a GPU refuses.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from competitions.tencent.corpus import Candidates, Corpus
from competitions.tencent.ids import Rows
from competitions.tencent.lab import steps
from competitions.tencent.lab.config import NetworkSettings
from competitions.tencent.lab.model import network
from competitions.tencent.lab.training import trainer
from competitions.tencent.lab.training.inputs import ModelInputs, TrainingInputs
from competitions.tencent.retrieval.top_k import FoldAnswers
from competitions.tencent.split import Fold
from tests.unit.tencent.lab.other_device import other_device
from tests.unit.tencent.training_inputs import make_forecast, make_training_inputs

# Together they go through every line of the network: each encoder, each term of the score, both losses.
RECIPES = {
    "hstu": {"encoder": "hstu", "kernel": True, "negatives": 6, "id_dropout": 0.3, "feature_dropout": 0.2},
    "transformer": {"encoder": "transformer", "exposure_share": 0.5, "dropout": 0.2},
    "bert4rec": {"encoder": "bert4rec", "id_buckets": 4, "feature_buckets": 2},
    "two towers": {"encoder": "two_tower", "deep_tower": False},
    "SASRec": {"encoder": "transformer", "score": "dot", "loss": "one_negative", "negatives": 6},
}


def make_inputs(recipe: str) -> TrainingInputs:
    inputs = make_training_inputs(users=9, epochs=1, **RECIPES[recipe])  # type: ignore[arg-type]
    rows = len(inputs.catalogue.oid)
    semantic_ids = np.column_stack([np.arange(rows) % 3, np.arange(rows) // 3])
    return dataclasses.replace(inputs, semantic_ids=semantic_ids, forecast=make_forecast(rows - 1))


def answer(inputs: TrainingInputs, trained: trainer.Trained) -> FoldAnswers:
    """The last ad of every history but what stands before it, from all ads."""
    sequences, users = inputs.history.sequences, inputs.history.users
    candidates = Candidates(Rows(np.arange(1, len(inputs.catalogue.oid))))
    ends = inputs.history.ends
    condition = np.ones(len(users), np.int64)
    fold = Fold(ends, users, ends - 1, candidates, condition, sequences.item[ends - 1].astype(np.int64), None, None)
    corpus = Corpus(inputs.catalogue, sequences, inputs.users, sequences, inputs.users, candidates, None, ())
    whole = ModelInputs(corpus, inputs.embeddings, fold, inputs.semantic_ids, inputs.forecast)
    return steps.answer(whole, trained, NetworkSettings(inputs.model, inputs.train), inputs.seed)


@pytest.mark.filterwarnings("ignore:.*which is a no-op:UserWarning")  # PyTorch takes the name of the device at its word
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_step_runs_on_another_device_and_gives_the_same(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = make_inputs(recipe)
    here = trainer.train(inputs, tmp_path / "here.pt")
    answers = answer(inputs, here)
    with other_device() as device:
        monkeypatch.setattr(trainer, "choose_device", lambda: device)
        there = trainer.train(inputs, tmp_path / "there.pt", 0.0)  # with a checkpoint a step
        again = trainer.train(inputs, tmp_path / "there.pt")  # from the last of them
        remote = answer(inputs, here)
    for name, value in here.weights.items():
        np.testing.assert_allclose(there.weights[name], value, atol=1e-3, err_msg=name)  # Adam makes steps of rounding
        np.testing.assert_array_equal(again.weights[name], there.weights[name])
    assert there.losses == pytest.approx(here.losses, rel=1e-4)
    assert list(remote.ways) == list(answers.ways) == ["vectors", "words"]
    for way, top in answers.ways.items():
        np.testing.assert_allclose(remote.ways[way].scores, top.scores, rtol=1e-5, err_msg=way)


@pytest.mark.parametrize("recipe", RECIPES)
def test_half_precision_goes_through_the_encoder_alone(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU, by the autocast of the CPU."""
    inputs, widths = make_inputs(recipe), set[torch.dtype]()
    exact = trainer.train(inputs, tmp_path / "exact.pt")
    loss = network.sampled_softmax if inputs.train.loss == "sampled_softmax" else network.one_negative

    def spy(*tensors: Any) -> torch.Tensor:
        widths.update(tensor.dtype for tensor in (*tensors[:4:3], tensors[1]))
        return loss(*tensors)

    monkeypatch.setattr(network, "autocast", lambda device: torch.autocast("cpu", torch.bfloat16))
    monkeypatch.setattr(network, inputs.train.loss, spy)
    half = trainer.train(inputs, tmp_path / "half.pt")
    assert widths == {torch.float32}
    assert half.losses == pytest.approx(exact.losses, rel=0.02)
    assert half.losses != exact.losses


def test_the_other_device_refuses_what_a_gpu_refuses() -> None:
    with other_device() as device:
        there, here = torch.arange(3.0).to(device), torch.arange(3.0)
        assert there.device == device
        for mix in (lambda: there + here, lambda: here[there.long()], lambda: torch.cat([here, there]), there.numpy):
            with pytest.raises((RuntimeError, TypeError)):
                mix()
        assert there[torch.tensor([2, 0])].cpu().tolist() == [2.0, 0.0]  # an index may lie on the CPU
        assert float((there + torch.tensor(1.0)).sum()) == 6.0  # as may a number
