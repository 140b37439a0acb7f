import msgspec
import numpy as np
import pytest

from common.engine.errors import UserError
from competitions.tencent.competition import COMPETITION
from competitions.tencent.config import MemorySettings
from competitions.tencent.model.cooccurrence_term import (
    CooccurrenceTerm,
    cooccurrence_scores,
    fit_cooccurrence,
    list_prefixes,
)
from competitions.tencent.sequences import Histories, whole
from tests.unit.tencent.training_inputs import make_catalogue, make_sequences

PAIRS = 40


def settings(**changes: object) -> MemorySettings:
    return msgspec.structs.replace(COMPETITION.load_config([]).memory, **changes)


def make_memory() -> tuple[CooccurrenceTerm, Histories]:
    """Forty users go from 1 to 2 and on to 3; one alone goes from 4 to 5."""
    histories = whole(make_sequences(*[[(1, 1, 0), (2, 1, 1), (3, 1, 2)]] * PAIRS, [(4, 1, 0), (5, 1, 1)]))
    return fit_cooccurrence(histories, make_catalogue(6), settings(), 0), histories


def test_the_whole_remembers_every_pair_and_a_part_not_its_own() -> None:
    memory, histories = make_memory()
    alone = histories.take(np.array([PAIRS]))
    before = Histories(alone.sequences, alone.users, alone.ends - 1)
    columns = np.arange(1, 7)
    assert cooccurrence_scores(memory.whole, memory.scale, before, columns)[0, 4] > 0
    own, others = memory.part[PAIRS], [part for part in range(4) if part != memory.part[PAIRS]]
    assert cooccurrence_scores(memory.without[own], memory.scale, before, columns)[0, 4] == 0
    assert all(cooccurrence_scores(memory.without[part], memory.scale, before, columns)[0, 4] > 0 for part in others)


def test_what_others_do_is_remembered_in_every_part() -> None:
    memory, histories = make_memory()
    first = Histories(histories.sequences, np.array([0]), np.array([1]))
    for counts in (memory.whole, *memory.without):
        prefixes = cooccurrence_scores(counts, memory.scale, first, np.arange(1, 7))[0]
        assert prefixes.argmax() == 1
        assert prefixes[1] > prefixes[2] > 0


def test_parts_hold_every_history_once_and_are_about_equal() -> None:
    memory, _ = make_memory()
    sizes = np.bincount(memory.part, minlength=4)
    assert sizes.sum() == PAIRS + 1
    assert sizes.min() >= 4


def test_positions_are_what_stands_before_each_of_the_last_events() -> None:
    histories = whole(make_sequences([(1, 0, 0), (2, 0, 1), (3, 0, 2)], [], [(4, 0, 0)]))
    prefixes = list_prefixes(histories, 2)
    assert prefixes.users.tolist() == [0, 0, 2]
    assert prefixes.lengths.tolist() == [1, 2, 0]


def test_a_catalogue_that_is_too_large_is_refused() -> None:
    with pytest.raises(UserError, match=r"memory\.most_items"):
        fit_cooccurrence(whole(make_sequences([(1, 0, 0)])), make_catalogue(6), settings(most_items=3), 0)
