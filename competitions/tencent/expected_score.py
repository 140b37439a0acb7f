"""The Score to expect of the truth: how far it may lie from the hold-out's for reasons the queries do not show.

Users who click the same ad are answered alike, so that a Score hangs on few popular ads of one day: its error
is taken by ad. And where times say nothing, the truth is one event further on than the hold-out: from one event to the
next a rule of counts, fitted anew for each, moved by 11 % (Amazon Beauty) and 10 % (Last.fm), in no lasting direction.
"""

import math

import numpy as np

from common.engine.progress import say
from common.learning.metrics import cluster_error
from competitions.tencent import metrics
from competitions.tencent.config import HostSettings
from competitions.tencent.split import Fold
from competitions.tencent.top_k import TopK

EVENT_STEP = 0.11  # of a Score, from one event to the next


def expect_score(fold: Fold, top: TopK, host: HostSettings, times: bool) -> dict[str, float]:
    """The Score that the truth is expected to have, and the error of that, by ad; without ``times`` also of one event
    more. Zeros where nobody was asked.
    """
    assert fold.target is not None
    scores = metrics.score_queries(fold, top, host)
    if not len(scores):
        return {"score": 0.0, "error": 0.0, "error by ad": 0.0}
    score, by_ad = float(scores.mean()), cluster_error(scores, np.ones(len(scores)), fold.target)
    further = EVENT_STEP * score if not times else 0.0
    return {"score": score, "error": math.hypot(by_ad, further), "error by ad": by_ad}


def say_expected(expected: dict[str, float]) -> None:
    """One line for the console."""
    by_ad = expected["error by ad"]
    say(f"  expected Score on the truth: {expected['score']:.4f} ± {expected['error']:.4f} (by ad ± {by_ad:.4f})")
