"""Terms of the score by hand: the ad's age, its forecast, the content of the history, the kernel over it."""

import dataclasses

import numpy as np
import torch

from competitions.tencent.io.schema import CLICK
from competitions.tencent.lab.model.encoder import DAY_S, Batch
from competitions.tencent.lab.model.interest_kernel import InterestKernel
from competitions.tencent.lab.model.network import Network
from competitions.tencent.lab.model.score_terms import AgeEncoding, ContentProfile, ForecastTerm, content_vectors
from competitions.tencent.lab.steps import gather_content, kernel_scores
from competitions.tencent.lab.training.batches import make_batch
from competitions.tencent.lab.training.trainer import build_network
from tests.unit.tencent.lab.model.test_encoder import make_network
from tests.unit.tencent.training_inputs import make_forecast, make_training_inputs

INPUTS = make_training_inputs(kernel=True)
ADS = np.arange(1, 11)


def test_the_age_encoding_by_hand() -> None:
    age = AgeEncoding()
    with torch.no_grad():
        age.amplitudes[0] = torch.tensor([2.0, 3.0])  # period two days: half a day is a quarter turn
        queries = age.encode_query(torch.tensor([DAY_S // 2, DAY_S, 0]))
        scores = queries @ age.encode_item(torch.tensor([0, DAY_S // 2])).T
    torch.testing.assert_close(scores, torch.tensor([[3.0, 2.0], [-2.0, 3.0], [2.0, -3.0]]), atol=1e-5, rtol=0)


def test_a_query_takes_the_latest_forecast_before_it_and_an_answer_the_last() -> None:
    """One before all of them takes the first: it knows nothing of later ones that matter, it is far away."""
    forecast = make_forecast(10)
    content = build_network(dataclasses.replace(make_training_inputs(), forecast=forecast)).tower.content
    term, rows = ForecastTerm(), torch.tensor([3, 7])
    times = torch.tensor([999_999, 1_000_000, 1_001_999, 1_002_000, 9_000_000])
    with torch.no_grad():
        scores = term.encode_query(times, content) @ term.encode_item(rows, content).T
        last = term.encode_query(times[-1:], content.at_end()) @ term.encode_item(rows, content.at_end()).T
    expected = 0.9 * torch.from_numpy(forecast.log_rate).float()[[0, 0, 0, 1, 2]][:, rows]
    torch.testing.assert_close(scores, expected)
    torch.testing.assert_close(last, expected[-1:])


def test_the_profile_is_the_decayed_mean_with_clicks_counted_more() -> None:
    _, batch = make_network()
    profile = ContentProfile(8)
    content = torch.eye(8)[: batch.item.shape[1]].expand(len(batch.item), -1, -1)
    with torch.no_grad():
        profiles = profile(content, batch)
    assert (profiles[:, 0] == 0).all()
    history = int(batch.mask.sum(1).argmax())
    weights = np.array([0.9 ** (2 - step) for step in range(3)]) * np.where(batch.action[history, :3] == 1, 5.0, 1.0)
    expected = 5.0 * weights / np.linalg.norm(weights)
    np.testing.assert_allclose(profiles[history, 3, :3], expected, rtol=1e-5)
    assert (profiles[history, 3, 3:] == 0).all()


def test_embeddings_side_by_side_are_of_length_one_and_a_missing_one_is_zero() -> None:
    vectors = (torch.tensor([[0.0, 0.0], [3.0, 4.0]]).half(), torch.tensor([[0.0], [-2.0]]).half())
    content = content_vectors(vectors, torch.tensor([1, 0]))
    expected = torch.tensor([[0.6, 0.8, -1.0], [0.0, 0.0, 0.0]]) / 2**0.5
    torch.testing.assert_close(content, expected, atol=1e-3, rtol=1e-3)


def make_kernel() -> tuple[Network, Batch, torch.Tensor, torch.Tensor]:
    """A network, a batch, and the content of its events and of all ads."""
    network = build_network(INPUTS).eval()
    batch = make_batch(INPUTS.history, INPUTS.users.features, 8, CLICK, 2_000_000)
    vectors = network.tower.content.vectors
    return network, batch, content_vectors(vectors, batch.item), content_vectors(vectors, torch.from_numpy(ADS))


def test_the_kernel_at_a_position_by_hand() -> None:
    _, batch, history, ads = make_kernel()
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


def test_an_answer_has_the_kernel_of_the_position_behind_the_last_event() -> None:
    network, batch, history, ads = make_kernel()
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
