"""Every competition: a run is exported, and the export answers the test as the run's own submission does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from common.pipeline.run import Run
from common.serving.benchmark import answer_all, share_equal
from competitions.flight import competition as flight
from competitions.flight.serving import export as flight_export
from competitions.flight.serving import service as flight_serve
from competitions.flight.simulator import simulate as flight_simulation
from competitions.mgtv import competition as mgtv
from competitions.mgtv.serving import export as mgtv_export
from competitions.mgtv.serving import service as mgtv_serve
from competitions.mgtv.simulator import simulate as mgtv_simulation
from competitions.news import competition as news
from competitions.news.serving import export as news_export
from competitions.news.serving import service as news_serve
from competitions.news.simulator import simulate as news_simulation
from competitions.tencent import competition as tencent
from competitions.tencent.serving import export as tencent_export
from competitions.tencent.serving import service as tencent_serve
from competitions.tencent.simulator import simulate as tencent_simulation
from tests.golden import measure

REQUESTS = 30


class Tried(NamedTuple):
    """A competition: its modules, the size of its simulation and settings."""

    command: Any
    export: Any
    serve: Any
    simulate: Callable[[Path, float, int], object]
    scale: float
    settings: tuple[str, ...]


TRIED = {
    "news": Tried(
        news, news_export, news_serve, news_simulation.simulate, 0.003,
        (*measure.NEWS_SETTINGS, "rank.rounds=10", 'rank.models=["lightgbm_lambdarank", "xgboost"]'),
    ),
    "flight": Tried(
        flight, flight_export, flight_serve, flight_simulation.simulate, 0.006,
        (*measure.FLIGHT_SETTINGS, "rank.rounds=10", "readings.splits=[]"),
    ),
    "mgtv": Tried(
        mgtv, mgtv_export, mgtv_serve, mgtv_simulation.simulate, 0.002,
        (*measure.MGTV_SETTINGS, "watch.rounds=10", "completion.rounds=6"),
    ),
    "tencent": Tried(
        tencent, tencent_export, tencent_serve, tencent_simulation.simulate, 0.001,
        (*measure.TENCENT_SETTINGS, "train.epochs=1"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TRIED)
def test_an_export_answers_as_the_run_does(name: str, tmp_path: Path) -> None:
    tried = TRIED[name]
    tried.simulate(tmp_path / "raw", tried.scale, 1)
    config = tried.command.load_config([*tried.settings], False)
    files = tried.command.locate(tmp_path / "raw", config)
    tried.command.solve(files, config, Run(tmp_path / "run", tmp_path / "cache", quiet=True))
    again = Run(tmp_path / "again", tmp_path / "cache", quiet=True)
    made = tried.export.export(files, config, again, tmp_path / "out", REQUESTS)
    done = [step.name for step in again.timings if not step.kept and "half" not in step.name]
    assert done == []  # the run had kept everything that its export needs
    requests = tried.serve.read_requests(made.requests)
    assert len(requests) == len(made.expected) == REQUESTS
    service = tried.serve.load(made.folder, made.variants[0].folder)
    assert share_equal(answer_all(service, requests, batch=1), made.expected) >= 1 - 1 / REQUESTS  # but for a tie
    assert len({variant.folder for variant in made.variants}) == len(made.variants)
    for variant in made.variants:
        assert 0 <= variant.score <= 1
        assert answer_all(tried.serve.load(made.folder, variant.folder), requests[:3])
