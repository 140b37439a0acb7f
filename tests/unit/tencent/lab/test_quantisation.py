"""Content of a few bits a number: rounded by half a step of a vector's own scale, and a rung beside the kernel's."""

import numpy as np
import pytest
import torch

from competitions.tencent.lab.plain_rules import score_interests
from competitions.tencent.lab.quantisation import BITS, multiply_whole, round_off, score_history
from competitions.tencent.sequences import whole
from tests.unit.tencent.lab.test_plain_rules import CONTENT, LOG, ROWS

VECTORS = np.float32([[0.6, -0.8, 0.003], [5e-4, 9e-4, -1e-3], [300.0, 7.0, -2.6], [0, 0, 0]])


@pytest.mark.parametrize("bits", BITS.values())
def test_rounding_is_off_by_half_a_step_of_the_vectors_own_scale(bits: int) -> None:
    whole_numbers, scale = round_off(VECTORS, 2 ** (bits - 1) - 1)
    rounded, rows = whole_numbers * scale, torch.arange(len(VECTORS))
    steps = np.abs(rounded - VECTORS) / scale
    assert 0.1 < steps.max() <= 0.5 + 1e-4
    products = multiply_whole(torch.from_numpy(VECTORS), bits)(rows, rows)
    np.testing.assert_allclose(products, rounded @ rounded.T, rtol=1e-5)


def test_the_scores_are_the_kernels_but_for_the_rounding() -> None:
    history = whole(LOG)
    exact = score_interests(CONTENT, history, ROWS)
    same = score_history(lambda left, right: CONTENT[left] @ CONTENT[right].T, history, ROWS)
    np.testing.assert_allclose(same, exact, atol=1e-4)
    np.testing.assert_allclose(score_history(multiply_whole(CONTENT, 8), history, ROWS), exact, atol=0.1)
