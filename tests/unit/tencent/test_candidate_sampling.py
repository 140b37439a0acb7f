"""The candidates of a hold-out: as alive as the host's, by hand and drawn from a log where most ads are dead."""

import numpy as np
import numpy.typing as npt

from competitions.tencent.candidate_sampling import (
    CLASSES,
    LIVELY,
    NEVER,
    CandidateMix,
    classify_ads,
    measure_mix,
    sample_candidates,
)
from competitions.tencent.corpus import CatalogueRows
from competitions.tencent.sequences import Histories, whole
from tests.unit.tencent.training_inputs import make_sequences

HOUR, NOW = 3_600, 1_000 * 3_600
ALIVE, DEAD, LATER = np.arange(1, 101), np.arange(101, 1_001), np.arange(1_001, 1_201)


def world() -> tuple[Histories, npt.NDArray[np.bool_]]:
    """A hundred ads of the last hour and 900 of a month before, one event each; 200 are first seen afterwards."""
    before = [(int(ad), 0, NOW - 700 * HOUR) for ad in DEAD] + [(int(ad), 1, NOW - 1) for ad in ALIVE]
    sequences = make_sequences([*before, *((int(ad), 0, NOW + HOUR) for ad in LATER)])
    return Histories(sequences, np.array([0]), np.array([len(before)])), sequences.time >= NOW


def draw(mix: CandidateMix, targets: list[int]) -> set[int]:
    history, behind = world()
    drawn = sample_candidates(history, np.array(targets), behind, mix, NOW, np.random.default_rng(0))
    assert drawn.tolist() == sorted(set(drawn.tolist()))
    return set(drawn.tolist())


def mix_of(count: int, unseen: float = 0.0) -> CandidateMix:
    """Three of four of the candidates that the log has seen are alive, the others dead."""
    share = np.zeros(CLASSES)
    share[0], share[CLASSES - 1] = 0.75, 0.25
    return CandidateMix(count, unseen, 1_201, share)


def test_how_alive_an_ad_is_by_hand() -> None:
    """Around 101 h: ads 1 and 2 have one and four events within a day, on either side; the nearest of 3 is 25 hours
    before, that of 4 60 hours behind, and ad 6 has none within weeks.
    """
    at = 101 * HOUR
    events = [(3, 0, at - 25 * HOUR), (2, 0, at - 24 * HOUR), (1, 0, at), *[(2, 1, at + 24 * HOUR)] * 3]
    events += [(3, 0, at + 26 * HOUR), (4, 0, at + 60 * HOUR), (6, 0, at + 2_000 * HOUR)]
    classes = classify_ads(whole(make_sequences(events)), 7, at)
    assert classes.tolist() == [NEVER, 0, 2, LIVELY, LIVELY + 1, NEVER, CLASSES - 1]
    often = classify_ads(whole(make_sequences([(1, 0, HOUR)] * 5_000)), 2, HOUR)
    assert often.tolist() == [NEVER, LIVELY - 1]


def test_the_mix_is_that_of_the_candidates_and_how_many_nobody_has_seen() -> None:
    history, _ = world()
    mix = measure_mix(CatalogueRows(np.concatenate([ALIVE[:30], DEAD[:10], LATER[:10]])), history, NOW)
    assert (mix.count, mix.unseen, mix.rows) == (50, 0.2, 1_201)
    assert (mix.share[0], mix.share[CLASSES - 1], mix.share.sum()) == (0.75, 0.25, 1.0)
    nobody = measure_mix(CatalogueRows(np.empty(0, np.int64)), history, NOW)
    assert (nobody.count, nobody.unseen, nobody.share.sum()) == (0, 0.0, 0.0)


def test_rivals_are_as_alive_as_the_hosts_and_as_many_of_them_are_new() -> None:
    """Nine tenths of the log's ads are dead; of the host's candidates a quarter are, so of those drawn as well."""
    drawn = draw(mix_of(100), [1, 2, 101])
    assert {1, 2, 101} <= drawn
    assert (len(drawn & set(ALIVE)), len(drawn & set(DEAD))) == (75, 25)  # the targets among them
    fresh = draw(mix_of(100, unseen=0.2), [1, 2, 101, 1_001])
    assert {1, 2, 101, 1_001} <= fresh
    assert [len(fresh & set(part)) for part in (ALIVE, DEAD, LATER)] == [60, 20, 20]
    assert draw(mix_of(3), [1, 2, 101, 102]) == {1, 2, 101, 102}  # all targets, whatever there is room for
