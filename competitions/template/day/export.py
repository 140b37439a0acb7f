"""A run as files that a service loads, with requests and the run's own answers to them."""

from pathlib import Path

import msgspec
import numpy as np

from common.day.serving.benchmark import Export, Variant, spread
from common.day.serving.model_files import write_models
from common.engine.run import Run
from common.learning.dataset import to_matrix
from competitions.template.config import TemplateConfig
from competitions.template.day.ladder import measure
from competitions.template.day.service import TABLE
from competitions.template.io.reader import RawFiles
from competitions.template.pipeline import solve
from competitions.template.ranking import count_rows


def export(files: RawFiles, config: TemplateConfig, run: Run, folder: Path, requests: int) -> Export:
    """Write the run's model and its users' candidates into ``folder``."""
    outcome = solve(files, config, run)
    test, lists = outcome.test, outcome.lists.value
    out = folder / "export"
    write_models([outcome.final.value], out / "whole")
    candidates, features = test.candidates.value, test.features.value
    starts = np.concatenate([[0], np.cumsum(count_rows(candidates))])
    items, names = candidates["item"].to_numpy(), np.array(features.columns)
    np.savez(out / TABLE, starts=starts, items=items, features=to_matrix(features), names=names)
    asked = spread(lists.height, requests)
    path = folder / "requests.json"
    path.write_bytes(msgspec.json.encode(asked.tolist()))
    expected = [[float(item) for item in row[1:]] for row in lists[asked].iter_rows()]
    score, error = measure(outcome.scores.value)
    return Export(
        module="competitions.template.day.service",
        folder=out,
        requests=path,
        variants=[Variant("whole", "whole", score, error)],
        expected=expected,
        notes={
            "a request": "a user's number",
            "made at export": "candidates and features of every user",
            "in the request": "scores and their order",
        },
    )
