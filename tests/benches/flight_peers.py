"""Flights beside plain LightGBM, XGBoost and CatBoost: ``python -m tests.benches.flight_peers [--scale 0.2]``.

The models of the public notebooks on what these learn from (``competitions.flight.lab.peers``), fitted on all train
sessions. On real choices, against stronger peers: ``tests.benches.flight_folds``.
"""

from functools import partial
from pathlib import Path

from competitions.flight import submission
from competitions.flight.io.reader import learn_codes, locate, read_searches
from competitions.flight.lab import peers
from competitions.flight.ranking.blending import Blend, rank_test
from tests.benches.flight_public import build_test, build_train
from tests.benches.peers import Peer, race

ALONE = Blend((1.0,), (1.0,))


def answer(peer: peers.Peer, raw: Path, path: Path) -> None:
    """Raw files to a submission."""
    files = locate(raw)
    codes = learn_codes(files.train)
    train, test = read_searches(files.train, codes, True), read_searches(files.test, codes, False)
    scores = peer.score(build_train(train), build_test(test), 0)
    ranks = rank_test(test, scores.astype("float32")[:, None], ALONE)
    submission.write_submission(ranks, files.test, path.parent)


WAYS: dict[str, Peer] = {peer.title: partial(answer, peer) for peer in peers.PEERS if peer.blocks == peers.PUBLIC}

if __name__ == "__main__":
    race("tests.benches.flight_peers", "flight", WAYS, submission.score_queries)
