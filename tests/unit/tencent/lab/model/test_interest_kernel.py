"""The kernel over the history: by hand, nothing of later events, and the same in training as in answering."""

import dataclasses

import numpy as np
import torch

from competitions.tencent.io.schema import CLICK
from competitions.tencent.lab.model.encoder import Batch
from competitions.tencent.lab.model.interest_kernel import InterestKernel
from competitions.tencent.lab.model.network import Network
from competitions.tencent.lab.model.score_terms import content_vectors
from competitions.tencent.lab.steps import gather_content, kernel_scores
from competitions.tencent.lab.training.batches import make_batch
from competitions.tencent.lab.training.trainer import build_network
from tests.unit.tencent.training_inputs import make_training_inputs

INPUTS = make_training_inputs(kernel=True)
ADS = np.arange(1, 11)


def make() -> tuple[Network, Batch, torch.Tensor, torch.Tensor]:
    """A network, a batch, and the content of its events and of all ads."""
    network = build_network(INPUTS).eval()
    batch = make_batch(INPUTS.history, INPUTS.users.features, 8, CLICK, 2_000_000)
    vectors = network.tower.content.vectors
    return network, batch, content_vectors(vectors, batch.item), content_vectors(vectors, torch.from_numpy(ADS))


def test_a_position_by_hand() -> None:
    _, batch, history, ads = make()
    user = int(batch.mask.sum(1).argmax())
    at = 4
    targets = torch.zeros_like(batch.mask)
    targets[user, at] = True
    with torch.no_grad():
        own, others = InterestKernel()(history, ads, batch, targets)
    weights = [0.9 ** (at - 1 - k) * (60.0 if batch.action[user, k] == CLICK else 1.0) for k in range(at)]
    near = np.exp(12 * (history[user, :at].numpy() @ ads.numpy().T - 1))
    np.testing.assert_allclose(others[0].numpy(), np.log(np.array(weights) @ near), rtol=1e-4)
    torch.testing.assert_close(own[0], others[0, int(batch.item[user, at]) - 1])


def test_an_answer_has_the_term_of_the_position_behind_the_last_event() -> None:
    network, batch, history, ads = make()
    lengths = INPUTS.history.lengths
    rows = np.flatnonzero(lengths > 3)
    targets = torch.zeros_like(batch.mask)
    targets[rows, 3] = True
    with torch.no_grad():
        expected = network.interests(history, ads, batch, targets)[1]
    first = INPUTS.history.take(rows)
    shorter = dataclasses.replace(first, ends=first.starts + 3)
    content = gather_content(network, ADS)
    assert content is not None
    torch.testing.assert_close(kernel_scores(network, shorter, content), expected, rtol=1e-4, atol=1e-4)
