"""Videos beside one LightGBM and the public baseline's design: ``python -m tests.benches.mgtv_peers [--scale 0.2]``.

Both read the pipeline's features: the one learns clicks from the blocks video, device and profile and answers 1, the
other adds popularity and answers the mean, see ``tests.benches.mgtv_public_baseline``.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from common.engine.run import Run
from common.io.submission import write_csv
from competitions.mgtv import submission
from competitions.mgtv.competition import COMPETITION
from competitions.mgtv.io import reader
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.models.decision import find_fallback, pick
from competitions.mgtv.pipeline import build_day, prepare
from competitions.mgtv.split import hide_outcome
from tests.benches.mgtv_public_baseline import choose_plainly, predict
from tests.benches.peers import Peer, race

Chosen = tuple[np.ndarray, np.ndarray]  # the row picked of each list; the rate answered for each row
Choose = Callable[[list[DayFeatures], DayFeatures], Chosen]


def answer(choose: Choose, blocks: str, raw: Path, path: Path) -> None:
    """Raw files to a submission."""
    shared = [f"{part}.blocks={blocks}" for part in ("features", "watch", "completion")]
    config = COMPETITION.load_config(shared, tuned=False)
    with TemporaryDirectory(dir=path.parent) as folder:
        run = Run(Path(folder) / "run", Path(folder) / "cache", quiet=True)
        ready = prepare(reader.locate(raw, config.host), config, run)
        slates, videos = ready.test_slates, ready.tables.videos.value.frame
        outcome = run.step(hide_outcome, slates, name="test.outcome")
        day = build_day(run, "test", ready.sources, slates, outcome, ready.config).value
        rows, rates = choose([labelled.value for labelled in ready.labelled.values()], day)
        chosen = slates.value.rows[rows].select("query", "video", rate=pl.Series(rates[rows]))
        fallback = find_fallback(ready.sources.value.log, videos)
        frame = submission.build_submission(slates.value.queries, chosen, fallback, ready.tables.codes.value)
    write_csv(frame, path)


def choose_by_clicks(before: list[DayFeatures], day: DayFeatures) -> Chosen:
    """The likeliest click of each list, and 1."""
    return pick(predict(before, day, "binary", 0), day.rows.group_sizes), np.ones(len(day.rates))


def choose_publicly(before: list[DayFeatures], day: DayFeatures) -> Chosen:
    """As the public baseline chooses."""
    return choose_plainly(before, day, "14d", 0)


WAYS: dict[str, Peer] = {
    "one LightGBM": partial(answer, choose_by_clicks, "video,device,profile"),
    "the public baseline's design": partial(answer, choose_publicly, "video,device,pair,profile"),
}

if __name__ == "__main__":
    race("tests.benches.mgtv_peers", "mgtv", WAYS, submission.score_queries)
