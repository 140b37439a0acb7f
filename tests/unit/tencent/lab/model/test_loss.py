import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from competitions.tencent.lab.model import loss
from competitions.tencent.lab.model.loss import (
    Added,
    Negatives,
    cosine,
    one_negative,
    sample_negatives,
    sampled_softmax,
)


def vectors(rows: int, width: int = 6, seed: int = 0) -> torch.Tensor:
    return cosine(torch.randn(rows, width, generator=torch.Generator().manual_seed(seed)))


def test_its_gradients_are_those_of_the_plain_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss, "POSITIONS", 4)  # several blocks, the last one short
    generator = torch.Generator().manual_seed(5)
    leaves = [
        torch.randn(shape, generator=generator, requires_grad=True) for shape in ((10, 6), (10, 6), (7, 6), (10, 7))
    ]
    hidden, target_vectors, negative_vectors, added = leaves
    rows, targets = torch.arange(0, 14, 2), torch.randint(0, 7, (10,), generator=generator) * 2
    log_pi, weights = torch.randn(7, generator=generator) - 1, torch.rand(10, generator=generator)

    def plain() -> torch.Tensor:
        scores = hidden @ negative_vectors.T / 0.3 - log_pi + added
        column = targets // 2
        own = (hidden * target_vectors).sum(1) / 0.3 + added.gather(1, column[:, None])[:, 0]
        scores = scores.masked_fill(torch.arange(7) == column[:, None], -torch.inf)
        return (weights * (torch.logsumexp(torch.cat([own[:, None], scores], 1), 1) - own)).sum()

    expected = torch.autograd.grad(3 * plain(), leaves)
    negatives = Negatives(rows, log_pi)
    both = Added(added.gather(1, (targets // 2)[:, None])[:, 0], added)
    value = sampled_softmax(hidden / 0.3, target_vectors, targets, negative_vectors, negatives, weights, both)
    torch.testing.assert_close(value, plain())
    for gradient, plain_gradient in zip(torch.autograd.grad(3 * value, leaves), expected, strict=True):
        torch.testing.assert_close(gradient, plain_gradient)


def test_the_pool_estimates_the_sum_over_all_ads_without_bias() -> None:
    rng = np.random.default_rng(0)
    share = rng.dirichlet(np.full(40, 0.3))
    share[share < 1e-3] = 0.0
    share /= share.sum()
    frequency, value = torch.from_numpy(share), torch.from_numpy(rng.exponential(size=40))
    events = rng.choice(40, 4000, p=share)
    estimates = []
    for _ in range(3000):
        batch = rng.choice(events, 64)
        negatives = sample_negatives(batch, frequency, 16, rng)
        assert (frequency[negatives.rows] > 0).all()
        estimates.append(float((value[negatives.rows] / negatives.log_inclusion.exp()).sum()))
    truth = float(value[frequency > 0].sum())
    error = np.std(estimates) / len(estimates) ** 0.5
    assert abs(np.mean(estimates) - truth) < 4 * error + 0.02 * truth


def test_zero_negatives_are_every_ad_that_was_seen() -> None:
    frequency = torch.tensor([0.0, 0.5, 0.0, 0.5])
    negatives = sample_negatives(np.array([1, 3]), frequency, 0, np.random.default_rng(0))
    assert negatives.rows.tolist() == [1, 3]
    assert negatives.log_inclusion.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("even_share", "in_batch"), [(1.0, False), (0.0, True)])
def test_negatives_come_all_from_one_source_where_the_share_says_so(even_share: float, in_batch: bool) -> None:
    shares = torch.full((1000,), 1e-3)
    events = np.array([3, 5, 7])
    for _ in range(20):
        rows = sample_negatives(events, shares, 3, np.random.default_rng(0), even_share=even_share).rows
        assert in_batch == np.isin(rows.numpy(), events).all()


def test_the_loss_of_one_negative_is_that_of_telling_the_target_from_it() -> None:
    """A pool of one ad leaves one draw: the plain binary cross-entropy of two logits, by hand."""
    ads, hidden, targets = vectors(4), vectors(2, seed=1), torch.tensor([0, 2])
    negatives = Negatives(torch.tensor([3]), torch.zeros(1))
    value = one_negative(hidden, ads[targets], targets, ads[3:], negatives, torch.tensor([1.0, 2.0]))
    right, wrong = (hidden * ads[targets]).sum(1), hidden @ ads[3]
    expected = -torch.log(torch.sigmoid(right)) - torch.log(1 - torch.sigmoid(wrong))
    torch.testing.assert_close(value, expected[0] + 2 * expected[1])


def test_a_negative_that_is_the_target_counts_nothing() -> None:
    ads, hidden, targets = vectors(4), vectors(1, seed=1), torch.tensor([3])
    value = one_negative(hidden, ads[targets], targets, ads[3:], Negatives(targets, torch.zeros(1)), torch.ones(1))
    torch.testing.assert_close(value, functional.softplus(-(hidden @ ads[3])).sum())


@pytest.mark.parametrize("rows", [[1, 2], [0, 1, 2]])
def test_a_target_outside_the_pool_counts_once_and_one_inside_no_more_often(rows: list[int]) -> None:
    ads, hidden = vectors(4), vectors(1, seed=1) / 0.5
    negatives = Negatives(torch.tensor(rows), torch.full((len(rows),), math.log(0.5)))
    value = sampled_softmax(hidden, ads[:1], torch.tensor([0]), ads[rows], negatives, torch.ones(1))
    own, *others = (hidden @ ads.T)[0].tolist()
    assert float(value) == pytest.approx(
        math.log(math.exp(own) + 2 * math.exp(others[0]) + 2 * math.exp(others[1])) - own
    )
