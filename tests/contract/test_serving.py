"""Every competition: a run is exported, and the export answers the test as the run's own submission does."""

from pathlib import Path

import pytest

from common.day.serving.benchmark import answer_all, share_equal
from common.engine.run import Run
from competitions import find_competition, find_room
from tests.golden import measure

REQUESTS = 30
EXACT = {"news"}  # one query and all of them go through the same functions, whose sums do not depend on the others


# The size of each simulation, and settings for a run that is short.
SMALL = [
    pytest.param(
        "news",
        0.003,
        (*measure.NEWS_SETTINGS, "rank.rounds=10", 'rank.models=["lightgbm_lambdarank", "xgboost"]'),
        id="news",
    ),
    pytest.param(
        "flight",
        0.006,
        (*measure.FLIGHT_SETTINGS, "rank.rounds=10", "rank.seeds=2", "baseline.fit=false"),
        id="flight",
    ),
    pytest.param("mgtv", 0.002, (*measure.MGTV_SETTINGS, "watch.rounds=10", "completion.rounds=6"), id="mgtv"),
    pytest.param(
        "tencent",
        0.001,
        ("seed=1", "split.valid_share=0.2", "ranker.forecast.rounds=50", "ranker.fit.epochs=3"),
        id="tencent",
    ),
]


@pytest.mark.parametrize(("name", "scale", "settings"), SMALL)
def test_an_export_answers_as_the_run_does(name: str, scale: float, settings: tuple[str, ...], tmp_path: Path) -> None:
    competition = find_competition(name)
    competition.host.write(tmp_path / "raw", scale, 1)
    config = competition.load_config(settings, tuned=False)
    files = competition.locate(tmp_path / "raw", config)
    competition.solve(files, config, Run(tmp_path / "run", tmp_path / "cache", quiet=True))
    again = Run(tmp_path / "again", tmp_path / "cache", quiet=True)
    export = find_room(name, "day.export").export(files, config, again, tmp_path / "out", REQUESTS)
    computed = [step.name for step in again.timings if not step.kept and "half" not in step.name]
    assert computed == []  # the run had kept everything that its export needs
    service_code = find_room(name, "day.service")
    requests = service_code.read_requests(export.requests)
    assert len(requests) == len(export.expected) == REQUESTS
    service = service_code.load(export.folder, export.variants[0].folder)
    but_for_a_tie = 0 if name in EXACT else 1 / REQUESTS
    assert share_equal(answer_all(service, requests, batch=1), export.expected) >= 1 - but_for_a_tie
    assert len({variant.folder for variant in export.variants}) == len(export.variants)
    for variant in export.variants:
        assert 0 <= variant.score <= 1
        assert answer_all(service_code.load(export.folder, variant.folder), requests[:3])
