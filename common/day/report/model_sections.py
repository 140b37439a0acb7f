"""The parts of a report about what carries the score and what may break it: features, calibration, curves, drift."""

from collections.abc import Sequence
from typing import Any

from common.day.report import formatting as numbers
from common.day.report.charts import (
    NORMAL_95,
    Column,
    Dot,
    Line,
    Mark,
    MarkTable,
    Scale,
    make_plot,
    make_scale,
    shares,
    thin,
)
from common.day.report.checks import follows_from_calendar, is_calm, is_chance
from common.day.report.record import Row

FEATURES_SHOWN = 30
DRIFT_SHOWN = 20
STRONGEST = 3
MOST_DOTS = 40
APART = 5.0  # times the next: off the scale
AXES = ("predicted", "observed")  # of a calibration
SAME_METRICS = {"QuerySoftMax": "likelihood"}  # one thing under the names of two libraries


def features(record: Row) -> dict[str, Any] | None:
    """Features by gain, with what is lost without each; by that where a model knows no gain; and the names of all."""
    rows, names = record["insight"]["importance"], record["features"]
    if not rows and not names:
        return None
    key, ranked = rank_features(rows)
    by_gain, shown, lost = key == "gain", ranked[:FEATURES_SHOWN], str(record["insight"]["features"]["lost"])
    # A model that draws its inputs apart may name more of them there than the run lists.
    names = list(dict.fromkeys([*names, *(str(row.get("feature", "")) for row in rows)])) if names else []
    columns = [shares("gain", [row.get("gain") for row in shown])] if by_gain else []
    permuted = any(numbers.is_number(row.get("permutation")) for row in shown)
    if permuted:
        columns.append(Column(f"drop in {lost}", _losses(shown), reference=0.0))
    return {
        "marks": MarkTable("feature", [str(row.get("feature", "")) for row in shown], columns) if rows else None,
        "by_gain": by_gain,
        "lost": lost,
        "permuted": permuted,
        "unused": sum(not row.get("gain") for row in rows) if by_gain else 0,
        "total": len(rows),
        "names": names,
    }


def rank_features(rows: Sequence[Row]) -> tuple[str, list[Row]]:
    """What the features are sorted by, gain or where no model knows it the loss without each; and those with any."""
    key = "gain" if any(row.get("gain") for row in rows) else "permutation"
    useful = [row for row in rows if row.get("gain") or row.get("permutation")]
    return key, sorted(useful, key=lambda row: -float(row.get(key) or 0.0))


def name_strongest(record: Row) -> dict[str, str] | None:
    """The first rows of the features' table in words, by the same measure."""
    key, ranked = rank_features(record["insight"]["importance"])
    write = numbers.share if key == "gain" else numbers.score
    named = [f"{row.get('feature')} ({write(row[key])})" for row in ranked[:STRONGEST] if row.get(key)]
    return {"key": key, "features": ", ".join(named)} if named else None


def _losses(rows: Sequence[Row]) -> list[Mark]:
    """What is lost without each; the largest does not stretch the scale where it would flatten all others."""
    largest, second = sorted([0.0, 0.0, *(float(row.get("permutation") or 0.0) for row in rows)])[:-3:-1]
    beyond = largest if largest > APART * second > 0 else None
    return [_loss(row, row.get("permutation") == beyond) for row in rows]


def _loss(row: Row, beyond: bool) -> Mark:
    value, error = row.get("permutation"), row.get("error")
    sure = numbers.is_number(value) and numbers.is_number(error) and abs(value) > NORMAL_95 * error
    return Mark(value, error, numbers.with_error(value, error), pale=not sure, beyond=beyond)


def calibration(record: Row) -> list[dict[str, Any]]:
    """What was predicted against what came, one plot for each kind of prediction, with its numbers."""
    drawn = []
    for kind in record["insight"]["calibration"]:
        bins = [one for one in kind.get("bins") or [] if all(map(numbers.is_number, map(one.get, AXES)))]
        drawn += [_calibration(str(kind.get("title", "")), bins)] if bins else []
    return drawn


def _calibration(title: str, bins: Sequence[Row]) -> dict[str, Any]:
    points = [(float(one["predicted"]), float(one["observed"])) for one in bins]
    counts = [int(one.get("count") or 0) for one in bins]
    dots = [
        Dot(x, y, f"predicted {numbers.score(x)}, observed {numbers.score(y)}, {numbers.count(one.get('count'))} rows")
        for (x, y), one in zip(points, bins, strict=True)
    ]
    low, high = min(map(min, points)), max(map(max, points))
    whole = sum(rows * x for rows, (x, _) in zip(counts, points, strict=True))
    gap = sum(rows * abs(x - y) for rows, (x, y) in zip(counts, points, strict=True)) / whole if whole else None
    return {
        "title": title,
        "plot": make_plot([Line([(low, low), (high, high)], "guide"), Line(points, "thin")], dots, equal=True),
        "gap": gap,
        "rows": sum(counts),
    }


def curves(record: Row) -> list[dict[str, Any]]:
    """A small plot for each model: its metric on validation round by round, and where it was stopped.

    Those of one metric have one scale.
    """
    drawn: dict[str, list[tuple[Row, list[float]]]] = {}
    for one in record["insight"]["curves"]:
        values = [float(value) for value in one.get("values") or [] if numbers.is_number(value)]
        if len(values) > 1:
            metric = str(one.get("metric", ""))
            drawn.setdefault(SAME_METRICS.get(metric, metric), []).append((one, values))
    figures = []
    for metric, fits in drawn.items():
        scale = make_scale([value for _, values in fits for value in values])
        figures += [_curve(metric, one, values, scale) for one, values in fits]
    return figures


def _curve(metric: str, one: Row, values: Sequence[float], scale: Scale) -> dict[str, Any]:
    last = len(values)
    if one.get("falls"):  # a loss in training: nothing was stopped by it, so no round is marked
        caption = f"{metric} {numbers.score(values[0])} at round 1, {numbers.score(values[-1])} at round {last}"
        points = thin(values, last)
        dots = [Dot(x, y, f"round {x:.0f}: {numbers.score(y)}") for x, y in points[:MOST_DOTS]]
    else:
        best = min(max(int(one.get("best") or last), 1), last)
        caption = f"{metric} {numbers.score(values[best - 1])} at round {best} of {last}"
        late = values[best - 1] - values[best // 2]
        points = thin(values, best)
        dots = [Dot(float(best), values[best - 1], caption, "best")]
        caption += f", {numbers.score(late)} gained in the second half" if best > 1 else ""
    return {
        "name": str(one.get("name", "")),
        "metric": metric,
        "caption": caption,
        "plot": make_plot([Line(points)], dots, upward=scale),
    }


def drift(record: Row) -> dict[str, Any] | None:
    """How far train and test rows differ, and by which features, but for what any two times differ by."""
    drift = record["insight"]["drift"]
    if not numbers.is_number(drift.get("auc")):
        return None
    rows = (
        []
        if is_calm(drift)
        else [row for row in drift.get("features") or [] if not follows_from_calendar(row)][:DRIFT_SHOWN]
    )
    alone = [Mark(row.get("auc"), text=numbers.score(row.get("auc"), 3)) for row in rows]
    columns = [Column("AUC alone", alone, reference=0.5)]
    for part in ("train", "test"):
        means = [Mark(text=numbers.significant(row.get(part)) or "none") for row in rows]
        columns.append(Column(f"{part} mean", means, "plain"))
    if any(row.get("train_missing") or row.get("test_missing") for row in rows):
        for part in ("train", "test"):
            missing = [Mark(text=numbers.share(row.get(f"{part}_missing"))) for row in rows]
            columns.append(Column(f"{part} missing", missing, "plain"))
    return {
        "auc": float(drift["auc"]),
        "rows": drift.get("rows"),
        "marks": MarkTable("feature", [str(row.get("feature", "")) for row in rows], columns) if rows else None,
        "reference": drift.get("reference"),
        "between": drift.get("between"),
        "chance": drift.get("queries") if is_chance(drift) else None,
        "calendar": follows_from_calendar(drift),
    }
