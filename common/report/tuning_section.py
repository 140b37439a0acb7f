"""The part of a report about the search for settings: its history, which settings matter, the best trials."""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from common.report import formatting as numbers
from common.report.dot_plots import marks, shares
from common.report.html import Html, Section, caption, folded, join, paragraph, section, table, tag
from common.report.line_plots import Dot, Line, plot

Row = Mapping[str, Any]
TRIALS_SHOWN = 10
DEPTH = 4  # how far below the best the plot goes, in distances from the best to the median


def studies(found: Sequence[Row]) -> Section | None:
    """Every study, one after the other."""
    return section("tuning", "Search for settings", *(_study(one) for one in found))


def _study(one: Row) -> Html | None:
    trials = list(one.get("trials") or [])
    if not trials:
        return None
    valued = sorted((t for t in trials if numbers.is_number(t.get("value"))), key=_number)
    complete = [trial for trial in valued if _state(trial) == "complete"]
    return join(
        tag("h3", str(one.get("study", ""))),
        paragraph(_sum_up(one, trials, complete)),
        _history(one, valued, complete) if len(valued) > 1 else None,
        _parameters(one.get("importance") or {}),
        _best_trials(complete),
    )


def _sum_up(one: Row, trials: Sequence[Row], complete: Sequence[Row]) -> str:
    metric, current = str(one.get("metric", "value")), one.get("current")
    states = ", ".join(f"{number} {state}" for state, number in sorted(Counter(map(_state, trials)).items()))
    said = f"{numbers.count(len(trials))} trials ({states})"
    workers = len({trial["worker"] for trial in trials if trial.get("worker") is not None})
    if workers > 1:
        said += f" by {workers} workers"
    if complete:
        said += f"; best {metric} {numbers.score(max(map(_value, complete)))}"
    if numbers.is_number(current):
        said += f", current settings {numbers.score(current)}"
    return said + "."


def _history(one: Row, valued: Sequence[Row], complete: Sequence[Row]) -> Html:
    """Trials far below the rest stand on the floor of the plot: one that failed badly would flatten all others."""
    metric, current = str(one.get("metric", "value")), one.get("current")
    values = [_value(trial) for trial in valued]
    best, middle = max(values), median(values)
    floor = max(min(values), best - DEPTH * (best - middle)) if best > middle else min(values)
    reached, climb = -float("inf"), []
    for trial in complete:
        reached = max(reached, _value(trial))
        climb.append((_number(trial), max(reached, floor)))
    first, last = _number(valued[0]), _number(valued[-1])
    lines = [Line([*climb, (last, climb[-1][1])], "step")] if climb else []
    said = "Dots are trials, pale where they were cut short; the line is the best so far"
    if numbers.is_number(current):
        level = max(float(current or 0.0), floor)
        lines.append(Line([(first, level), (last, level)], "guide"))
        said += "; dashed: the current settings"
    below = sum(value < floor for value in values)
    if below:
        said += f"; {below} far below the rest on the floor of the plot"
    dots = [_dot(trial, metric, floor) for trial in valued]
    drawn = plot(lines, dots, x_title="trial", y_title=metric, says=f"{metric} of each trial and the best so far")
    return join(tag("figure", drawn), caption(said + "."))


def _dot(trial: Row, metric: str, floor: float) -> Dot:
    says = f"trial {trial.get('number')}: {metric} {numbers.score(_value(trial))}, {_state(trial)}"
    style = "dot" if _state(trial) == "complete" else "pale-dot"
    return Dot(_number(trial), max(_value(trial), floor), says, style)


def _parameters(importance: Mapping[str, Any]) -> Html | None:
    ranked = sorted(((k, v) for k, v in importance.items() if numbers.is_number(v)), key=lambda pair: -pair[1])
    if not ranked:
        return None
    return marks([name for name, _ in ranked], [shares("importance", [value for _, value in ranked])], "setting")


def _best_trials(complete: Sequence[Row]) -> Html | None:
    best = sorted(complete, key=lambda trial: -_value(trial))[:TRIALS_SHOWN]
    rows = [
        {"trial": str(trial.get("number")), "value": trial["value"], "seconds": trial.get("seconds")}
        | dict(trial.get("params") or {})
        for trial in best
    ]
    return folded(f"The best {len(rows)} trials", table(rows, tints=False)) if rows else None


def _state(trial: Row) -> str:
    return str(trial.get("state") or "complete").lower()


def _number(trial: Row) -> float:
    return float(trial.get("number") or 0)


def _value(trial: Row) -> float:
    return float(trial["value"])
