import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from common.engine.errors import UserError
from competitions.tencent.lab.training import checkpoint, trainer
from competitions.tencent.lab.training.batches import make_batch, order_batches
from competitions.tencent.lab.training.inputs import TrainingInputs, end_time
from competitions.tencent.lab.training.optimizers import build_optimizer, set_rate
from competitions.tencent.lab.training.trainer import Trained, build_network, describe_device, load_network
from tests.unit.tencent.training_inputs import make_training_inputs

ROOT = Path(__file__).resolve().parents[5]


def assert_equal(one: Trained, other: Trained) -> None:
    assert one.weights.keys() == other.weights.keys()
    for name, value in one.weights.items():
        np.testing.assert_array_equal(value, other.weights[name], err_msg=name)


def with_semantic_ids(inputs: TrainingInputs) -> TrainingInputs:
    rows = len(inputs.catalogue.oid)
    return dataclasses.replace(inputs, semantic_ids=np.column_stack([np.arange(rows) % 3, np.arange(rows) // 3]))


@pytest.mark.parametrize("encoder", ["hstu", "bert4rec"])
def test_the_same_seed_gives_the_same_weights_and_another_does_not(encoder: str, tmp_path: Path) -> None:
    inputs = make_training_inputs(encoder=encoder, dropout=0.3, id_dropout=0.2, negatives=6)
    first, second = (trainer.train(inputs, tmp_path / name) for name in "ab")
    assert_equal(first, second)
    other = trainer.train(dataclasses.replace(inputs, seed=1), tmp_path / "c")
    assert (first.weights["encoder.user.weight"] != other.weights["encoder.user.weight"]).any()


def test_it_learns_which_ad_follows_which(tmp_path: Path) -> None:
    inputs = make_training_inputs(users=64, epochs=25)
    trained = trainer.train(inputs, tmp_path / "point.pt")
    losses = trained.history.losses
    assert len(losses) == 25
    assert losses[-1] < 0.5 * losses[0]
    assert trained.history.tokens == 25 * int(inputs.history.lengths.sum())
    network = load_network(inputs, trained)
    batch = make_batch(inputs.history, inputs.users.features, 8, 1, end_time(inputs.history))
    with torch.inference_mode():
        scores = network.encode_histories(batch)[1] @ network.encode_rows(torch.arange(1, 11)).T
    last = inputs.history.sequences.item[inputs.history.ends - 1]
    assert ((scores.argmax(1).numpy() + 1) == (last % 10) + 1).mean() > 0.9


def test_a_damaged_checkpoint_is_a_new_beginning_and_weights_of_another_model_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs, path = make_training_inputs(), tmp_path / "point.pt"
    whole = trainer.train(inputs, path, 0.0)
    path.write_bytes(path.read_bytes()[:500])
    assert_equal(trainer.train(inputs, path), whole)
    assert "begins anew" in capsys.readouterr().err
    with pytest.raises(UserError, match="another model"):
        checkpoint.restore({"nothing": np.zeros(1)}, build_network(inputs))


def test_where_a_training_runs_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert describe_device() == "the CPU, 2 threads; float32"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "H100")
    assert describe_device() == "a GPU (H100); tower and encoder in bf16, scores and losses in float32"


@pytest.mark.parametrize("weight", [0.0, 0.25])
def test_clicks_weigh_what_the_settings_say(weight: float) -> None:
    action, mask = torch.tensor([[0, 1, 2, -1]]), torch.tensor([[True, True, True, False]])
    settings = make_training_inputs(exposure_weight=weight).train
    assert trainer.weight_positions(action, mask, settings).tolist() == [[weight, 1.0, 1.0, 0.0]]


def test_an_epoch_has_every_history_once_and_near_lengths_together() -> None:
    history = make_training_inputs(users=200).history
    batches, again, epoch, seed = (order_batches(history, 8, 16, *at) for at in ((0, 0), (0, 0), (0, 1), (1, 0)))
    assert sorted(np.concatenate(batches).tolist()) == list(range(200))
    assert np.mean([np.ptp(history.lengths[batch]) for batch in batches]) < 1.5
    assert [np.concatenate(other).tolist() == np.concatenate(batches).tolist() for other in (again, epoch, seed)] == [
        True,
        False,
        False,
    ]


def test_the_rate_rises_and_falls() -> None:
    inputs = make_training_inputs()
    optimizer, rates = build_optimizer(build_network(inputs), inputs.train), {}
    for step in (5, 10, 55, 99):
        set_rate(optimizer, step, 100, inputs.train)
        rates[step] = optimizer.param_groups[0]["lr"] / inputs.train.rate
    assert rates == pytest.approx({5: 0.5, 10: 1.0, 55: 0.5, 99: 0.0}, abs=0.01)
