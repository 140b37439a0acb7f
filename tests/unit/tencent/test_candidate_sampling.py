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
from competitions.tencent.corpus import Sequences
from competitions.tencent.ids import CatalogueRows
from competitions.tencent.sequences import Histories, whole
from tests.unit.tencent.training_inputs import make_sequences

HOUR, NOW = 3_600, 1_000 * 3_600
ALIVE, DEAD, LATER = np.arange(1, 101), np.arange(101, 1_001), np.arange(1_001, 1_201)


def world() -> tuple[Sequences, Histories, npt.NDArray[np.bool_]]:
    """A hundred ads of the last hour and 900 of a month before, one event each; 200 are first seen afterwards."""
    before = [(int(ad), 0, NOW - 700 * HOUR) for ad in DEAD] + [(int(ad), 1, NOW - 1) for ad in ALIVE]
    sequences = make_sequences([*before, *((int(ad), 0, NOW + HOUR) for ad in LATER)])
    behind = sequences.time >= NOW
    return sequences, Histories(sequences, np.array([0]), np.array([len(before)])), behind


def draw(mix: CandidateMix, targets: list[int], share: float = 0.0, most: int = 0) -> set[int]:
    _, history, behind = world()
    drawn = sample_candidates(history, np.array(targets), behind, mix, share, most, np.random.default_rng(0))
    assert len(set(drawn.tolist())) == len(drawn)
    return set(drawn.tolist())


def mix_of(count: int, **shares: float) -> CandidateMix:
    """``alive`` and ``dead`` of the candidates that the log has seen."""
    share = np.zeros(CLASSES)
    share[0], share[CLASSES - 1] = shares.get("alive", 0.0), shares.get("dead", 0.0)
    return CandidateMix(count, 1_201, share)


def test_how_alive_an_ad_is_by_hand() -> None:
    """The log ends at 101 h: ads 1 and 2 have one and four events in the last day, 3 one 25 and 4 one 60 hours old."""
    events = [
        (4, 0, 41 * HOUR),
        (3, 0, 76 * HOUR),
        (2, 0, 77 * HOUR),
        *[(2, 1, 100 * HOUR)] * 3,
        (1, 0, 101 * HOUR - 1),
    ]
    classes = classify_ads(whole(make_sequences(events)), 6)
    assert classes.tolist() == [NEVER, 0, 2, LIVELY, LIVELY + 1, NEVER]
    often = classify_ads(whole(make_sequences([(1, 0, HOUR)] * 5_000)), 2)
    assert often.tolist() == [NEVER, LIVELY - 1]
    assert classify_ads(whole(make_sequences([(1, 0, 0), (2, 0, 2_000 * HOUR)])), 3)[1] == CLASSES - 1


def test_the_mix_is_that_of_the_candidates_which_the_log_has_seen() -> None:
    sequences, history, _ = world()
    mix = measure_mix(CatalogueRows(np.concatenate([ALIVE[:30], DEAD[:10], LATER[:5]])), history)
    assert (mix.count, mix.rows) == (45, 1_201)
    assert (mix.share[0], mix.share[CLASSES - 1], mix.share.sum()) == (0.75, 0.25, 1.0)
    assert len(sequences) == 1


def test_rivals_are_as_alive_as_the_hosts() -> None:
    """Nine tenths of the log's ads are dead; of the host's candidates a quarter are, so of those drawn as well."""
    drawn = draw(mix_of(100, alive=0.75, dead=0.25), [1, 2, 101])
    assert {1, 2, 101} <= drawn
    assert (len(drawn & set(ALIVE)), len(drawn & set(DEAD))) == (75, 25)  # the targets among them
    fresh = draw(mix_of(100, alive=0.75, dead=0.25), [1, 2, 101, 1_001], share=0.2)
    assert [len(fresh & set(part)) for part in (ALIVE, DEAD, LATER)] == [60, 20, 20]
