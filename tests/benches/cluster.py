"""The same run with its boosted trees fitted in this process, and on single-threaded workers of a Dask cluster here.

    OMP_NUM_THREADS=1 python -m tests.benches.cluster --name flight --scale 0.05

Both start from the same features; seconds of every fit, and the scores on the simulated truth. On one machine the
cluster can win nothing but the second thread: what it costs is what there is to see.
"""

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from common.competition import Competition
from common.day.cluster import connect
from common.engine.console import print_table, wide_console
from common.engine.run import Run
from competitions.flight import competition as flight
from competitions.flight import pipeline as flight_pipeline
from competitions.mgtv import competition as mgtv
from competitions.mgtv import pipeline as mgtv_pipeline
from tests.dask_loopback import start_cluster

PIPELINES: dict[str, tuple[Competition, Any]] = {
    "flight": (flight.COMPETITION, flight_pipeline),
    "mgtv": (mgtv.COMPETITION, mgtv_pipeline),
}
# The models that a cluster takes.
SETTINGS = {
    "flight": ['rank.models=["lightgbm_softmax"]'],
    "mgtv": [],
}


def main() -> None:
    """The command line of this bench."""
    parser = argparse.ArgumentParser(prog="python -m tests.benches.cluster", description=__doc__)
    parser.add_argument("--name", choices=list(PIPELINES), required=True)
    parser.add_argument("--scale", type=float, default=0.02, help="size of the simulated data; 1.0 is the host's")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--set", dest="settings", action="append", default=[], help="override a setting, as for run")
    options = parser.parse_args()
    competition, pipeline = PIPELINES[options.name]
    with tempfile.TemporaryDirectory() as name:
        build = Path(name)
        raw = competition.choose_raw(None, options.scale, 0, build)
        config = competition.load_config(["seed=0", *SETTINGS[options.name], *options.settings])
        files = competition.locate(raw, config)
        pipeline.prepare(files, config, Run(build / "run", build / "cache"))
        rows = []
        with start_cluster(build, options.workers) as started:
            for label, address in (("here", None), (f"{options.workers} workers", started.address)):
                shutil.copytree(build / "cache", build / label, copy_function=os.link)
                run, begun = Run(build / f"run of {label}", build / label), time.perf_counter()
                with connect.use(address):
                    outcome = pipeline.solve(files, config, run)
                seconds = time.perf_counter() - begun
                truth = competition.score_truth(outcome, raw)
                fits = sum(step.seconds for step in run.timings if "fit" in step.name and "completion" not in step.name)
                rows.append({"place": label, "fits, s": fits, "all, s": seconds, **truth.scores})
                print({step.name: round(step.seconds, 1) for step in run.timings if "fit" in step.name})
                print([row for _, table in truth.tables for row in table])
        print_table(wide_console(), f"{options.name}, scale {options.scale}, load {os.getloadavg()[0]:.1f}", rows)


if __name__ == "__main__":
    main()
