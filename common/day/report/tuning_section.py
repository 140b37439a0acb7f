"""The part of a page about the search for settings: its history, and which settings matter."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from statistics import median
from typing import Any

from common.day.record_schema import Row
from common.day.report import formatting as numbers
from common.day.report.charts import Dot, Line, MarkTable, Plot, make_plot, shares

DEPTH = 4  # how far below the best the plot goes, in distances from the best to the median


def tuning(studies: Sequence[Row]) -> list[dict[str, Any]]:
    """Every study that has trials, one after the other."""
    return [_study(study) for study in studies if study.get("trials")]


def _study(study: Row) -> dict[str, Any]:
    trials = [{**trial, "state": str(trial.get("state") or "complete").lower()} for trial in study["trials"]]
    valued = sorted((trial for trial in trials if numbers.is_number(trial.get("value"))), key=lambda one: one["number"])
    complete = [trial for trial in valued if trial["state"] == "complete"]
    current, floor = study.get("current"), _find_floor([trial["value"] for trial in valued])
    states = sorted(Counter(trial["state"] for trial in trials).items())
    return {
        "name": str(study.get("study", "")),
        "metric": str(study.get("metric", "value")),
        "total": len(trials),
        "states": ", ".join(f"{number} {state}" for state, number in states),
        "workers": len({trial["worker"] for trial in trials if trial.get("worker") is not None}),
        "best": max(complete, key=lambda trial: float(trial["value"]), default=None),
        "current": current if numbers.is_number(current) else None,
        "below": sum(trial["value"] < floor for trial in valued),
        "plot": _history(valued, complete, current, floor) if len(valued) > 1 else None,
        "importance": _importance(study.get("importance") or {}),
    }


def _find_floor(values: Sequence[float]) -> float:
    """Trials far below the rest stand on the floor of the plot: one that failed badly would flatten all others."""
    best, middle, least = max(values, default=0.0), median(values or [0.0]), min(values, default=0.0)
    return max(least, best - DEPTH * (best - middle)) if best > middle else least


def _history(valued: Sequence[Row], complete: Sequence[Row], current: Any, floor: float) -> Plot:
    first, last = valued[0]["number"], valued[-1]["number"]
    best_so_far = list(accumulate((trial["value"] for trial in complete), max, initial=floor))[1:]
    lines = []
    if complete:
        points = zip((trial["number"] for trial in complete), best_so_far, strict=True)
        lines.append(Line([*points, (last, best_so_far[-1])], "step"))
    if numbers.is_number(current):
        level = max(float(current), floor)
        lines.append(Line([(first, level), (last, level)], "guide"))
    return make_plot(lines, [_dot(trial, floor) for trial in valued])


def _dot(trial: Row, floor: float) -> Dot:
    settings = "".join(f", {name} {numbers.alone(value)}" for name, value in (trial.get("params") or {}).items())
    text = f"trial {trial['number']}: {numbers.score(trial['value'])}, {trial['state']}{settings}"
    return Dot(trial["number"], max(trial["value"], floor), text, "dot" if trial["state"] == "complete" else "pale-dot")


def _importance(importance: Mapping[str, Any]) -> MarkTable | None:
    known = {name: value for name, value in importance.items() if numbers.is_number(value)}
    ranked = sorted(known, key=known.__getitem__, reverse=True)
    return MarkTable("setting", ranked, [shares("importance", [known[name] for name in ranked])]) if ranked else None
