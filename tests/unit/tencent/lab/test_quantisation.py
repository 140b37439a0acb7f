"""Content of a few bits a number: rounded by half a step of a vector's own scale; what that costs and loses."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from competitions.tencent.corpus import CatalogueRows
from competitions.tencent.lab import plain_rules
from competitions.tencent.lab.quantisation import BITS, answer_in_bits, round_off
from competitions.tencent.retrieval.content import Content
from competitions.tencent.sequences import whole
from tests.unit.tencent.training_inputs import make_sequences

VECTORS = np.float32([[0.6, -0.8, 0.003], [5e-4, 9e-4, -1e-3], [300.0, 7.0, -2.6], [0, 0, 0]])


@pytest.mark.parametrize("bits", BITS.values())
def test_rounding_is_off_by_half_a_step_of_the_vectors_own_scale(bits: int) -> None:
    values, scale = round_off(VECTORS, 2 ** (bits - 1) - 1)
    steps = np.abs(values * scale - VECTORS) / scale
    assert 0.1 < steps.max() <= 0.5 + 1e-4


def test_few_bits_answer_nearly_as_float32_and_say_what_they_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_rules, "count_around", lambda *_: lambda block: torch.zeros(len(block), 200))
    rng, history = np.random.default_rng(0), whole(make_sequences([(1, 1, 0)], [(2, 1, 0), (3, 0, 1)]))
    vectors = rng.normal(size=(201, 8)).astype(np.float16)
    corpus: Any = SimpleNamespace(train=history.sequences)
    fold: Any = SimpleNamespace(queries=lambda log: history, candidates=CatalogueRows(np.arange(1, 201)))
    shares = []
    for bits in (8, 4, 2):
        top, columns = answer_in_bits(corpus, [Content("81", vectors)], fold, bits)
        assert columns["vectors MiB"] == pytest.approx((201 * 8 * bits / 8 + 201 * 4) / 2**20)
        assert top.rows.shape == (2, 10)
        shares.append(columns["share of float32's ten"])
    assert 1 >= shares[0] > shares[1] > shares[2] > 0.1
