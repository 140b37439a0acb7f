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
    valued = sorted((trial for trial in trials if numbers.is_number(trial.get("value"))), key=_number)
    complete = [trial for trial in valued if _state(trial) == "complete"]
    metric, current = str(study.get("metric", "value")), study.get("current")
    floor = _find_floor([_value(trial) for trial in valued]) if valued else 0.0
    return {
        "name": str(study.get("study", "")),
        "metric": metric,
        "total": len(trials),
        "states": ", ".join(f"{number} {state}" for state, number in sorted(Counter(map(_state, trials)).items())),
        "workers": len({trial["worker"] for trial in trials if trial.get("worker") is not None}),
        "best": max(map(_value, complete), default=None),
        "current": current if numbers.is_number(current) else None,
        "below": sum(_value(trial) < floor for trial in valued),
        "plot": _history(valued, complete, current, metric, floor) if len(valued) > 1 else None,
        "importance": _importance(study.get("importance") or {}),
        "best_trials": _best_trials(complete),
    }


def _find_floor(values: Sequence[float]) -> float:
    """Trials far below the rest stand on the floor of the plot: one that failed badly would flatten all others."""
    best, middle = max(values), median(values)
    return max(min(values), best - DEPTH * (best - middle)) if best > middle else min(values)


def _history(valued: Sequence[Row], complete: Sequence[Row], current: Any, metric: str, floor: float) -> Plot:
    first, last = _number(valued[0]), _number(valued[-1])
    best_so_far = list(accumulate(map(_value, complete), max, initial=floor))[1:]
    lines = []
    if complete:
        lines.append(Line([*zip(map(_number, complete), best_so_far, strict=True), (last, best_so_far[-1])], "step"))
    if numbers.is_number(current):
        level = max(float(current), floor)
        lines.append(Line([(first, level), (last, level)], "guide"))
    dots = [
        Dot(
            _number(trial),
            max(_value(trial), floor),
            f"trial {trial.get('number')}: {metric} {numbers.score(_value(trial))}, {_state(trial)}",
            "dot" if _state(trial) == "complete" else "pale-dot",
        )
        for trial in valued
    ]
    return make_plot(lines, dots)


def _importance(importance: Mapping[str, Any]) -> MarkTable | None:
    known = {name: value for name, value in importance.items() if numbers.is_number(value)}
    ranked = sorted(known, key=known.__getitem__, reverse=True)
    return MarkTable("setting", ranked, [shares("importance", [known[name] for name in ranked])]) if ranked else None


def _best_trials(complete: Sequence[Row]) -> dict[str, Any]:
    best = sorted(complete, key=_value, reverse=True)[:TRIALS_SHOWN]
    rows = [
        {"trial": str(trial.get("number")), "value": trial["value"], "seconds": trial.get("seconds")}
        | dict(trial.get("params") or {})
        for trial in best
    ]
    return {"total": len(rows), "table": make_table(rows, tints=False)}


def _state(trial: Row) -> str:
    return str(trial.get("state") or "complete").lower()


def _number(trial: Row) -> float:
    return float(trial.get("number") or 0)


def _value(trial: Row) -> float:
    return float(trial["value"])
