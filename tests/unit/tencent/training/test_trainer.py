import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from common.errors import UserError
from competitions.tencent.inference.stages import rebuild
from competitions.tencent.training import checkpoint, trainer
from competitions.tencent.training.batches import deal, order
from competitions.tencent.training.distributed import train_anywhere
from competitions.tencent.training.optimizers import make_optimizers, set_rate
from competitions.tencent.training.trainer import Lesson, Trained, build_network, count_events
from tests.unit.tencent.tencent_lessons import make_lesson


def assert_equal(one: Trained, other: Trained) -> None:
    assert one.weights.keys() == other.weights.keys()
    for name, value in one.weights.items():
        np.testing.assert_array_equal(value, other.weights[name], err_msg=name)


def with_words(lesson: Lesson) -> Lesson:
    rows = len(lesson.catalogue.oid)
    return dataclasses.replace(lesson, words=np.column_stack([np.arange(rows) % 3, np.arange(rows) // 3]))


def test_it_learns_which_ad_follows_which(tmp_path: Path) -> None:
    lesson = make_lesson(users=64, epochs=25)
    trained = trainer.train(lesson, tmp_path / "point.pt")
    losses = trained.course.losses
    assert len(losses) == 25
    assert losses[-1] < 0.5 * losses[0]
    assert trained.course.tokens == 25 * int(lesson.history.lengths.sum())
    from competitions.tencent.training.batches import to_batch

    network = rebuild(lesson, trained)
    batch = to_batch(lesson.history, lesson.users.features, 8, 1, trainer.find_end(lesson.history))
    with torch.inference_mode():
        found = network.read(batch)[1] @ network.embed(torch.arange(1, 11)).T
    last = lesson.history.sequences.item[lesson.history.ends - 1]
    assert ((found.argmax(1).numpy() + 1) == (last % 10) + 1).mean() > 0.9


def test_the_same_seed_gives_the_same_weights_and_another_does_not(tmp_path: Path) -> None:
    lesson = make_lesson(dropout=0.3, id_dropout=0.2, negatives=6)
    first, second = (trainer.train(lesson, tmp_path / name) for name in "ab")
    assert_equal(first, second)
    other = trainer.train(dataclasses.replace(lesson, seed=1), tmp_path / "c")
    assert (first.weights["encoder.user.weight"] != other.weights["encoder.user.weight"]).any()


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("stop", [1, 4, 7])
def test_a_killed_training_goes_on_to_the_same_weights(
    optimizer: str, stop: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesson = with_words(make_lesson(optimizer=optimizer, dropout=0.3, id_dropout=0.2, negatives=6, batch=8))
    whole = trainer.train(lesson, tmp_path / "whole.pt")
    taken = []

    def take_step(*args: object) -> tuple[float, float]:
        if len(taken) == stop:
            raise KeyboardInterrupt
        taken.append(args)
        return original(*args)  # type: ignore[arg-type]

    original = trainer.take_step
    monkeypatch.setattr(trainer, "take_step", take_step)
    with pytest.raises(KeyboardInterrupt):
        trainer.train(lesson, tmp_path / "point.pt", 0.0)
    monkeypatch.setattr(trainer, "take_step", original)
    counted = []
    monkeypatch.setattr(trainer, "set_rate", lambda *args: counted.append(args) or set_rate(*args))  # type: ignore[func-returns-value]
    resumed = trainer.train(lesson, tmp_path / "point.pt", 0.0)
    assert len(counted) == trainer.count_steps(lesson) - stop
    assert_equal(resumed, whole)
    assert resumed.course.losses == pytest.approx(whole.course.losses)


def test_a_damaged_checkpoint_is_a_new_beginning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lesson = make_lesson()
    path = tmp_path / "point.pt"
    whole = trainer.train(lesson, path, 0.0)
    path.write_bytes(path.read_bytes()[:500])
    assert_equal(trainer.train(lesson, path), whole)
    assert "begins anew" in capsys.readouterr().err


def test_a_checkpoint_holds_plain_data_only(tmp_path: Path) -> None:
    lesson = make_lesson()
    trainer.train(lesson, tmp_path / "point.pt", 0.0)
    state = torch.load(tmp_path / "point.pt", weights_only=True)
    assert state["progress"]["step"] == trainer.count_steps(lesson)


def test_weights_of_another_model_are_refused() -> None:
    lesson = make_lesson()
    network = build_network(lesson, count_events(lesson))
    with pytest.raises(UserError, match="another model"):
        checkpoint.restore({"nothing": np.zeros(1)}, network)


def test_two_processes_learn_what_one_learns(tmp_path: Path) -> None:
    lesson = with_words(
        make_lesson(users=21, epochs=2, negatives=6, batch=8)
    )  # the last batch leaves one process 2 of 5
    one = train_anywhere(lesson, tmp_path / "one.pt")
    both = dataclasses.replace(lesson, train=_with(lesson, processes=2))
    two = train_anywhere(both, tmp_path / "two.pt")
    for name, value in one.weights.items():
        np.testing.assert_allclose(two.weights[name], value, atol=1e-3, err_msg=name)  # Adam makes steps of rounding
    assert two.course.losses == pytest.approx(one.course.losses, rel=1e-4)


def test_a_failure_in_the_processes_is_one_sentence(tmp_path: Path) -> None:
    lesson = make_lesson(epochs=1)
    broken = dataclasses.replace(
        lesson, train=_with(lesson, processes=2), catalogue=dataclasses.replace(lesson.catalogue, sizes=(3,) * 12)
    )
    with pytest.raises(UserError, match="2 processes failed"):
        train_anywhere(broken, tmp_path / "two.pt")


def _with(lesson: Lesson, **changes: object):  # type: ignore[no-untyped-def]
    import msgspec

    return msgspec.structs.replace(lesson.train, **changes)


def test_bf16_learns_as_well(tmp_path: Path) -> None:
    exact, rough = (
        trainer.train(make_lesson(users=64, epochs=12, precision=kind), tmp_path / kind) for kind in ("fp32", "bf16")
    )
    assert rough.course.losses[-1] == pytest.approx(exact.course.losses[-1], abs=0.25)
    assert all(value.dtype == np.float32 for name, value in rough.weights.items())


def test_clicks_count_as_much_as_they_are_told_to(tmp_path: Path) -> None:
    lesson = make_lesson(exposure_weight=0.0)
    action = torch.tensor([[0, 1, 2, -1]])
    there = torch.tensor([[True, True, True, False]])
    assert trainer.weigh(action, there, lesson.train).tolist() == [[0.0, 1.0, 1.0, 0.0]]
    assert trainer.weigh(action, there, _with(lesson, exposure_weight=0.25)).tolist() == [[0.25, 1.0, 1.0, 0.0]]


def test_an_epoch_deals_every_history_once_and_near_lengths_together() -> None:
    lesson = make_lesson(users=200)
    batches = order(lesson.history, 8, 16, 0, 0)
    assert sorted(np.concatenate(batches).tolist()) == list(range(200))
    spreads = [np.ptp(lesson.history.lengths[batch]) for batch in batches]
    assert np.mean(spreads) < 1.5
    assert [b.tolist() for b in order(lesson.history, 8, 16, 0, 0)] == [b.tolist() for b in batches]
    assert [b.tolist() for b in order(lesson.history, 8, 16, 0, 1)] != [b.tolist() for b in batches]
    assert [b.tolist() for b in order(lesson.history, 8, 16, 1, 0)] != [b.tolist() for b in batches]


def test_processes_share_a_batch_out() -> None:
    batches = [np.arange(5), np.arange(5, 8)]
    first, second = (list(deal(batches, 1, rank, 2)) for rank in (0, 1))
    assert [step[0] for step in first] == [1]
    assert first[0][2].tolist() == [5, 7]
    assert second[0][2].tolist() == [6]


def test_muon_takes_the_matrices_inside_and_no_table() -> None:
    lesson = make_lesson(optimizer="muon")
    network = build_network(lesson, count_events(lesson))
    adam, muon = make_optimizers(network, lesson.train)
    names = {id(part): name for name, part in network.named_parameters()}
    inner = {names[id(part)] for group in muon.param_groups for part in group["params"]}
    assert inner == {f"encoder.blocks.{block}.{part}.weight" for block in (0, 1) for part in ("into", "out")}
    outer = [names[id(part)] for group in adam.param_groups for part in group["params"]]
    assert sorted([*inner, *outer]) == sorted(names.values())
    assert all(part.ndim >= 2 for part in adam.param_groups[0]["params"])
    assert adam.param_groups[1]["weight_decay"] == 0.0


def test_the_rate_rises_and_falls() -> None:
    lesson = make_lesson()
    optimizers = make_optimizers(build_network(lesson, count_events(lesson)), lesson.train)
    rates = []
    for step in range(100):
        set_rate(optimizers, step, 100, 0.1)
        rates.append(optimizers[0].param_groups[0]["lr"])
    assert np.argmax(rates) == 10
    assert rates[10] == pytest.approx(lesson.train.rate)
    assert rates[5] == pytest.approx(lesson.train.rate / 2)
    assert rates[55] == pytest.approx(lesson.train.rate / 2)
    assert rates[99] < 0.01 * lesson.train.rate
