"""Fusion weights: those of a logit that was planted, from all candidates or from a draw; which channels stay."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from common.arrays import Singles
from competitions.tencent.corpus import Int64s
from competitions.tencent.features.popularity import ALWAYS
from competitions.tencent.retrieval import fusion as fusion_module
from competitions.tencent.retrieval.content import BETA, of_embedding
from competitions.tencent.retrieval.fusion import (
    LEAST_WEIGHT,
    POPULAR,
    ChannelScores,
    choose_channels,
    choose_width,
    draw_sample,
    fit_weights,
    log_likelihoods,
    weigh_evenly,
)
from competitions.tencent.retrieval.registry import name_channels
from tests.unit.tencent.training_inputs import CONFIG

QUERIES, POOL = 1_500, 400
LIVELY, HOUR, DAY = "events 24 h behind", "events 1 h before", "events 24 h before"
PLANTED = {"content": 1.5, "counts": 0.5, LIVELY: 1.0}


def draw_world(weights: dict[str, float], possible: float = 1.0) -> tuple[Singles, np.ndarray, Int64s]:
    """Normal evidence of all candidates, which of them are possible, and targets drawn from the softmax."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(QUERIES, POOL, len(weights))).astype(np.float32)
    allowed = rng.random((QUERIES, POOL)) < possible
    utility = np.where(allowed, values @ np.array(list(weights.values())), -np.inf)
    return values, allowed, (utility + rng.gumbel(size=utility.shape)).argmax(1)


def draw(weights: dict[str, float], possible: float = 1.0) -> ChannelScores:
    """The target put first; the others behind."""
    values, allowed, target = draw_world(weights, possible)
    each = np.arange(QUERIES)
    for part in (values, allowed):
        part[each, target], part[:, 0] = part[:, 0].copy(), part[each, target].copy()
    popular = tuple(name for name in weights if name.startswith("events"))
    return ChannelScores(tuple(weights), values, allowed.astype(np.float32), popular)


@pytest.mark.parametrize("possible", [1.0, 0.5])
def test_the_planted_weights_are_found_whatever_was_seen(possible: float) -> None:
    assert fit_weights(draw(PLANTED, possible)) == pytest.approx(list(PLANTED.values()), abs=0.1)


def test_what_is_popular_may_speak_against_an_ad_and_a_channel_may_not() -> None:
    """Targets are popular within the hour and were not a day ago: the sum of both windows says nothing of them."""
    planted = {"counts": -1.0, HOUR: 1.5, DAY: -1.0}
    fusion = choose_channels(draw(planted), {"counts": ("counts",)}, {}, 40, keep=False)
    assert fusion.channels == ()
    assert fusion.weights == pytest.approx({HOUR: 1.5, DAY: -1.0}, abs=0.1)


def test_a_draw_of_the_candidates_gives_the_weights_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that the even sum puts first stand for themselves, a few of the others for all of these."""
    monkeypatch.setattr(fusion_module, "FIRST", 40)
    monkeypatch.setattr(fusion_module, "DRAWN", 60)
    values, allowed, target = draw_world(PLANTED, possible=0.8)
    even = np.where(allowed, values.sum(2), -np.inf)
    positions, weights = draw_sample(even, target, np.random.default_rng(1).random((QUERIES, 60)))
    assert positions.shape[1] < POOL / 3
    part = np.take_along_axis(values, positions[:, :, None], 1)
    sampled = ChannelScores(tuple(PLANTED), part, weights, (LIVELY,))
    found = fit_weights(sampled)
    assert found == pytest.approx(list(PLANTED.values()), abs=0.1)
    assert found == pytest.approx(fit_weights(draw(PLANTED, 0.8)), abs=0.05)
    likely = log_likelihoods(draw(PLANTED, 0.8), found).mean()
    assert log_likelihoods(sampled, found).mean() == pytest.approx(likely, abs=0.02)
    within = [each.find_within(found, 20).mean() for each in (sampled, draw(PLANTED, 0.8))]
    assert within[0] == pytest.approx(within[1], abs=0.02)


def test_the_width_of_a_kernel_is_that_of_the_likeliest_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    channel = of_embedding("81")
    tables: Any = SimpleNamespace(tables={"81": None}, with_widths=lambda widths: widths["81"])
    queries: Any = SimpleNamespace(take=lambda rows: rows)
    monkeypatch.setattr(fusion_module, "replace", lambda own, **_: own)
    monkeypatch.setattr(fusion_module, "collect_scores", lambda width, *_: width)
    monkeypatch.setattr(fusion_module, "fit_weights", lambda *_: None)
    for likeliest in channel.widths:
        likely = lambda width, _, right=likeliest: np.array([-abs(width - right)])  # noqa: E731
        monkeypatch.setattr(fusion_module, "log_likelihoods", likely)
        settings, rng = CONFIG.ranker.features, np.random.default_rng(0)
        assert choose_width(tables, settings, channel, queries, np.arange(9), rng) == likeliest


def test_a_channel_leaves_by_what_a_deviation_of_it_weighs_beside_the_others() -> None:
    """Whatever the scale of its scores."""
    evidence = draw({"81": 1.2, "noise": 0.0, "counts of the ads": 1.0, LIVELY: 0.5})
    evidence.values[:] *= np.float32([1e-3, 1e3, 1.0, 1.0])
    members = {"81": ("81",), "noise": ("noise",), "counts": ("counts of the ads",)}
    widths = {"81": 8.0, "noise": 20.0}
    fusion = choose_channels(evidence, members, widths, 40, keep=False)
    assert fusion.channels == ("81", "counts")
    assert fusion.widths == {"81": 8.0}
    assert set(fusion.weights) == {"81", "counts of the ads", LIVELY}
    assert fusion.weights["81"] == pytest.approx(1_200, rel=0.1)
    rows = {str(row["channel"]): row for row in fusion.rows}
    assert [rows[name]["kept"] for name in members] == ["yes", "no", "yes"]
    together = fit_weights(evidence) * evidence.deviations()
    for name, expected in zip(members, together, strict=False):
        weight = rows[name]["weight x deviation"]
        assert weight == pytest.approx(expected, abs=1e-2)
        assert isinstance(weight, float)
        assert (weight >= LEAST_WEIGHT) == (name in fusion.channels)
    assert rows["81"]["recall with all"] > rows["81"]["recall alone"]  # type: ignore[operator]
    assert choose_channels(evidence, members, widths, 40, keep=True).channels == ("81", "noise", "counts")


def test_before_anything_is_learned_all_count_alike() -> None:
    even = weigh_evenly(name_channels(["counts", "content"], ["81", "82"]))
    assert even.channels == ("81", "82", "counts")
    assert set(even.weights.values()) == {1.0}
    assert {*POPULAR} <= {*even.weights}
    assert even.widths == {"81": BETA, "82": BETA}
    assert name_channels(["values"], ["81"]) == ("values",)


@pytest.mark.parametrize("keep", [False, True])
def test_parts_of_no_weight_stay_where_channels_are_set_and_windows_of_none_never(keep: bool) -> None:
    """A part of a channel that speaks against a target weighs 0; a channel weighs what its best part does."""
    evidence = draw({"values": 1.2, "values shown": -1.0, "against": -1.0, LIVELY: 0.5, ALWAYS: 0.0})
    evidence.values[:, :, -1] = 1.0
    members = {"values": ("values", "values shown"), "against": ("against",)}
    fusion = choose_channels(evidence, members, {}, 40, keep=keep)
    rows = {row["channel"]: row["weight x deviation"] for row in fusion.rows}
    assert rows["values"] == pytest.approx((fit_weights(evidence) * evidence.deviations())[0], abs=1e-2)
    assert rows["against"] == 0.0
    assert fusion.channels == (("values", "against") if keep else ("values",))
    none = dict.fromkeys(("values shown", "against"), 0.0) if keep else {}
    assert {name: weight for name, weight in fusion.weights.items() if name not in ("values", LIVELY)} == none


def test_a_column_that_does_not_vary_weighs_nothing() -> None:
    """In the next fold it may vary: whatever it weighs then decides."""
    scores = draw(PLANTED)
    flat = [np.full((*scores.stands_for.shape, 1), value, np.float32) for value in (0.0, 1.0, -1.2)]
    flat[2][::7] += np.float32(1e-6)
    names = (*scores.names, "unseen", "100 within a day", "rounded")
    weights = fit_weights(dataclasses.replace(scores, names=names, values=np.concatenate([scores.values, *flat], 2)))
    assert weights[-3:].tolist() == [0.0, 0.0, 0.0]
    assert weights[:-3] == pytest.approx(fit_weights(scores), abs=0.03)
