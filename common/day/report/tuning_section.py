"""The part of a report about the search for settings: its history, which settings matter, the best trials."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from statistics import median
from typing import Any

from common.day.report import formatting as numbers
from common.day.report.charts import Dot, Line, MarkTable, Plot, make_plot, shares
from common.day.report.record import Row
from common.day.report.tables import make_table

TRIALS_SHOWN = 10
DEPTH = 4  # how far below the best the plot goes, in distances from the best to the median


def tuning(studies: Sequence[Row]) -> list[dict[str, Any]]:
    """Every study that has trials, one after the other."""
    return [_study(study, study["trials"]) for study in studies if study.get("trials")]


def _study(study: Row, trials: Sequence[Row]) -> dict[str, Any]:
    trials = [{**trial, "state": str(trial.get("state") or "complete").lower()} for trial in trials]
    valued = sorted((trial for trial in trials if numbers.is_number(trial.get("value"))), key=lambda one: one["number"])
    complete = [trial for trial in valued if trial["state"] == "complete"]
    metric, current = str(study.get("metric", "value")), study.get("current")
    states = sorted(Counter(trial["state"] for trial in trials).items())
    floor = _find_floor([trial["value"] for trial in valued]) if valued else 0.0
    return {
        "name": str(study.get("study", "")),
        "metric": metric,
        "total": len(trials),
        "states": ", ".join(f"{number} {state}" for state, number in states),
        "workers": len({trial["worker"] for trial in trials if trial.get("worker") is not None}),
        "best": max((trial["value"] for trial in complete), default=None),
        "current": current if numbers.is_number(current) else None,
        "below": sum(trial["value"] < floor for trial in valued),
        "plot": _history(valued, complete, current, metric, floor) if len(valued) > 1 else None,
        "importance": _importance(study.get("importance") or {}),
        "best_trials": _best_trials(complete),
    }


def _find_floor(values: Sequence[float]) -> float:
    """Trials far below the rest stand on the floor of the plot: one that failed badly would flatten all others."""
    best, middle = max(values), median(values)
    return max(min(values), best - DEPTH * (best - middle)) if best > middle else min(values)


def _history(valued: Sequence[Row], complete: Sequence[Row], current: Any, metric: str, floor: float) -> Plot:
    first, last = valued[0]["number"], valued[-1]["number"]
    best_so_far = list(accumulate((trial["value"] for trial in complete), max, initial=floor))[1:]
    lines = []
    if complete:
        points = zip((trial["number"] for trial in complete), best_so_far, strict=True)
        lines.append(Line([*points, (last, best_so_far[-1])], "step"))
    if numbers.is_number(current):
        level = max(float(current), floor)
        lines.append(Line([(first, level), (last, level)], "guide"))
    dots = [
        Dot(
            trial["number"],
            max(trial["value"], floor),
            f"trial {trial['number']}: {metric} {numbers.score(trial['value'])}, {trial['state']}",
            "dot" if trial["state"] == "complete" else "pale-dot",
        )
        for trial in valued
    ]
    return make_plot(lines, dots)


def _importance(importance: Mapping[str, Any]) -> MarkTable | None:
    known = {name: value for name, value in importance.items() if numbers.is_number(value)}
    ranked = sorted(known, key=known.__getitem__, reverse=True)
    return MarkTable("setting", ranked, [shares("importance", [known[name] for name in ranked])]) if ranked else None


def _best_trials(complete: Sequence[Row]) -> dict[str, Any]:
    best = sorted(complete, key=lambda trial: trial["value"], reverse=True)[:TRIALS_SHOWN]
    rows = [
        {"trial": str(trial["number"]), "value": trial["value"], "seconds": trial.get("seconds")}
        | dict(trial.get("params") or {})
        for trial in best
    ]
    return {"total": len(rows), "table": make_table(rows, tints=False)}
