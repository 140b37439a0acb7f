"""The loss by hand and against autograd; the estimate over negatives; seen positives."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from competitions.tencent.retrieval.sequence_model import sampled_softmax as module
from competitions.tencent.retrieval.sequence_model.sampled_softmax import (
    Frequencies,
    sample_negatives,
    sampled_softmax,
)


def test_its_gradients_are_those_of_the_plain_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POSITIONS", 4)  # several blocks, the last one short
    generator = torch.Generator().manual_seed(5)
    leaves = [torch.randn(shape, generator=generator, requires_grad=True) for shape in ((10, 6), (10, 6), (7, 6))]
    queries, targets, negatives = leaves
    log_pi = torch.randn(7, generator=generator) - 1
    masked = torch.randint(0, 8, (10, 3), generator=generator)  # 7 stands for nothing

    def plain() -> torch.Tensor:
        hidden = functional.one_hot(masked, 8).any(1)[:, :7]
        scores = (queries @ negatives.T - log_pi).masked_fill(hidden, -torch.inf)
        own = (queries * targets).sum(1)
        return (torch.logsumexp(torch.cat([own[:, None], scores], 1), 1) - own).sum()

    expected = torch.autograd.grad(3 * plain(), leaves)
    value = sampled_softmax(queries, targets, negatives, log_pi, masked)
    torch.testing.assert_close(value, plain())
    for gradient, plain_gradient in zip(torch.autograd.grad(3 * value, leaves), expected, strict=True):
        torch.testing.assert_close(gradient, plain_gradient)


def test_negatives_estimate_the_sum_over_all_ads_without_bias() -> None:
    rng = np.random.default_rng(0)
    share = rng.dirichlet(np.full(40, 0.3))
    share[share < 1e-3] = 0.0
    share /= share.sum()
    known, value = Frequencies(np.flatnonzero(share), share), rng.exponential(size=40)
    events = rng.choice(40, 4000, p=share)
    estimates = []
    for _ in range(3000):
        drawn, log_inclusion = sample_negatives(rng.choice(events, 64), known, 16, rng)
        assert (share[drawn] > 0).all()
        estimates.append(float((value[drawn] / np.exp(log_inclusion.numpy())).sum()))
    truth = float(value[share > 0].sum())
    error = np.std(estimates) / len(estimates) ** 0.5
    assert abs(np.mean(estimates) - truth) < 4 * error + 0.02 * truth
