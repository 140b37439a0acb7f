"""A run's record with every part that the report reads, so that a section tests for emptiness only."""

from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]
EMPTY: dict[str, Any] = {
    "name": "run",
    "run": "",
    "metric": "score",
    "meaning": "",
    "started": "",
    "data": {},
    "code": {},
    "config": {},
    "overrides": [],
    "tuned": False,
    "cv": {"folds": [], "slices": []},
    "behind": {"slices": []},
    "expected": {},
    "rivals": [],
    "fits": [],
    "ranking": [],
    "truth": {"scores": {}},
    "before": {},
    "leaderboard": [],
    "board": {"mark": []},
    "notes": [],
    "tables": [],
    "features": [],
    "ablation": [],
    "insight": {
        "importance": [],
        "features": {"lost": "score", "given": []},  # what a record of before it was named measured, as a rule
        "calibration": [],
        "curves": [],
        "drift": {},
        "answers": {"funnel": []},
    },
    "steps": [],
    "submission": {"paths": []},
}


def fill_record(record: Row, empty: Row = EMPTY) -> dict[str, Any]:
    """The record with an empty part wherever one is absent or None."""
    filled = dict(record)
    for key, default in empty.items():
        value = record.get(key) or default
        filled[key] = fill_record(value, default) if isinstance(default, dict) else value
    return filled
