"""BERT4Rec fills in from both sides, never from itself; two towers know a mean."""

import pytest
import torch

from competitions.learning.tencent import encoders
from competitions.learning.tencent.encoders import HIDDEN, LAST_ONLY, Bert4Rec, draw_hidden
from competitions.tencent.config import SequenceSettings
from tests.unit.tencent.retrieval.test_encoder import draw

MASK = torch.arange(5) < torch.tensor([[5], [3]])


@pytest.mark.parametrize(("slot", "shows"), [(0, True), (1, False), (2, True)])
def test_a_hidden_event_is_filled_in_from_both_sides_and_never_from_itself(
    slot: int, shows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoders, "draw_hidden", lambda mask: torch.arange(mask.shape[1]).expand(mask.shape) == 1)
    model = Bert4Rec(SequenceSettings(width=8, length=6, dropout=0.0)).train()
    events, other = draw(2, 5, 8), draw(2, 5, 8)
    other[:, slot, 0] += 1.0  # one number: a layer's norm takes away what all have in common
    (before, learned), (after, _) = model(events, MASK), model(other, MASK)
    moved = (after != before).any(2)
    assert moved[:, 1].all() == moved[:, 1].any() == shows
    assert learned.tolist() == [[False, True, False, False, False]] * 2


def test_a_share_of_the_events_is_hidden_or_the_last_alone_and_never_what_is_none() -> None:
    torch.manual_seed(0)
    mask = torch.arange(11) < torch.tensor([7, 10]).repeat(20_000)[:, None]
    hidden = draw_hidden(mask)
    assert not (hidden & ~mask).any()
    each = (1 - LAST_ONLY) * HIDDEN
    for length in (7, 10):
        shares = hidden[mask.sum(1) == length].float().mean(0)
        torch.testing.assert_close(shares[: length - 1], torch.full((length - 1,), each), atol=0.015, rtol=0)
        torch.testing.assert_close(shares[length - 1], torch.tensor(each + LAST_ONLY), atol=0.015, rtol=0)
