"""The parts of a report about what carries the score and what may break it: features, calibration, curves, drift."""

from collections.abc import Mapping, Sequence
from typing import Any

from common.report import formatting as numbers
from common.report.dot_plots import Column, Mark, marks, shares
from common.report.html import Html, Section, caption, folded, paragraph, section, table, tag
from common.report.line_plots import Dot, Line, plot, thin

Row = Mapping[str, Any]
FEATURES_SHOWN = 30
DRIFT_SHOWN = 20
CUT_PER_CENT = 10  # of the rounds: the first climb would flatten what matters
DRIFT_SAYS = (
    (0.55, "Train and test rows can hardly be told apart: validation should carry over."),
    (0.70, "Train and test rows differ somewhat."),
    (0.85, "Train and test rows differ clearly: validation may promise more than the test gives."),
    (1.01, "Train and test rows are two different worlds: trust the validation score only as far as these features."),
)


def insight(record: Row, name: str) -> Any:
    """A part of the record's insight, None where there is none."""
    return (record.get("insight") or {}).get(name)


def features(record: Row) -> Section | None:
    """Features by gain, with what is lost without each; by that where a model knows no gain; and the names of all."""
    rows = insight(record, "importance") or []
    names = record.get("features") or []
    listed = folded(f"All {len(names)} features", tag("p", ", ".join(names), class_="names")) if names else None
    if not rows:
        return section("features", "Features", listed)
    useful = [row for row in rows if row.get("gain") or row.get("permutation")]
    grown = any(row.get("gain") for row in rows)
    key = "gain" if grown else "permutation"
    shown = sorted(useful, key=lambda row: -float(row.get(key) or 0.0))[:FEATURES_SHOWN]
    columns = [shares("gain", [row.get("gain") for row in shown])] if grown else []
    note = "Gain: its share of what all splits gave in training, the mean over the models." if grown else ""
    if any(numbers.is_number(row.get("permutation")) for row in shown):
        losses = [_loss(row) for row in shown]
        columns.append(Column("lost", losses, reference=0.0))
        note += (
            " Lost: the score lost on validation queries when the feature's values change places, with one "
            "standard error (pale within two); features that say the same cover for each other."
        )
    unused = sum(1 for row in rows if not row.get("gain")) if grown else 0
    rest = f" {numbers.count(unused)} of {numbers.count(len(rows))} features have no gain at all." if unused else ""
    drawn = marks([str(row.get("feature", "")) for row in shown], columns, "feature")
    return section("features", "Features", drawn, caption((note + rest).strip()), listed)


def _loss(row: Row) -> Mark:
    value, error = row.get("permutation"), row.get("error")
    unsure = numbers.is_number(value) and numbers.is_number(error) and abs(float(value or 0)) < 2 * float(error or 0)
    return Mark(value, error, numbers.with_error(value, error), pale=unsure)


def calibration(record: Row) -> Section | None:
    """What was predicted against what came, one plot for each kind of prediction, with its numbers."""
    parts = []
    for one in insight(record, "calibration") or []:
        bins = [found for found in one.get("bins") or [] if _is_whole(found)]
        if bins:
            parts.append(_calibration(str(one.get("title", "")), bins))
    grid = tag("div", *parts, class_="grid") if parts else None
    note = caption("Each dot is a bin of equally many rows; on the dashed line predictions come true on average.")
    return section("calibration", "Calibration", grid, note) if grid else None


def _is_whole(found: Row) -> bool:
    return numbers.is_number(found.get("predicted")) and numbers.is_number(found.get("observed"))


def _calibration(title: str, bins: Sequence[Row]) -> Html:
    points = [(float(one["predicted"]), float(one["observed"])) for one in bins]
    dots = [
        Dot(x, y, f"predicted {numbers.score(x)}, came {numbers.score(y)}, {numbers.count(one.get('count'))} rows")
        for (x, y), one in zip(points, bins, strict=True)
    ]
    ends = [edge for point in points for edge in point]
    guide = Line([(min(ends), min(ends)), (max(ends), max(ends))], "guide")
    total = sum(int(one.get("count") or 0) for one in bins) or 1
    gap = sum(int(one.get("count") or 0) * abs(x - y) for (x, y), one in zip(points, bins, strict=True)) / total
    drawn = plot(
        [guide, Line(points, "thin")],
        dots,
        x_title="predicted",
        y_title="observed",
        says=f"{title}: observed against predicted, {len(bins)} bins",
        square=True,
        equal=True,
    )
    says = tag("p", f"Off by {numbers.score(gap)} on average over {numbers.count(total)} rows.", class_="small")
    return tag("figure", tag("figcaption", title), drawn, says, folded("Numbers", table(bins, tints=False)))


def learning(record: Row) -> Section | None:
    """A small plot for each model: its metric on validation round by round, and where it was stopped."""
    drawn = [figure for one in insight(record, "curves") or [] if (figure := _curve(one))]
    note = caption(
        "Each on its own scale, higher is better; the dot is the round that was kept. The first tenth of the rounds is "
        "not shown where it lies below the rest."
    )
    return section("curves", "Learning curves", tag("div", *drawn, class_="grid"), note) if drawn else None


def _curve(one: Row) -> Html | None:
    values = [float(value) for value in one.get("values") or [] if numbers.is_number(value)]
    if len(values) < 2:
        return None
    best = min(max(int(one.get("best") or len(values)), 1), len(values))
    name, metric, reached = str(one.get("name", "")), str(one.get("metric", "")), values[best - 1]
    says = f"{metric} {numbers.score(reached)} at round {best} of {len(values)}"
    points = thin(values, best)
    start = len(values) * CUT_PER_CENT // 100
    points = [(number, value) for number, value in points if number > start or value >= values[start]]
    drawn = plot(
        [Line(points)],
        [Dot(float(best), reached, says, "best")],
        x_title="round",
        y_title=metric,
        says=f"{name}: {says}",
    )
    return tag("figure", tag("figcaption", name), tag("p", says, class_="small"), drawn)


def drift(record: Row) -> Section | None:
    """How far train and test rows can be told apart, what that means, and by which features."""
    found = insight(record, "drift")
    if not found or not numbers.is_number(found.get("auc")):
        return None
    auc = float(found["auc"])
    meaning = next(says for limit, says in DRIFT_SAYS if auc < limit)
    lead = tag(
        "p",
        tag("strong", f"AUC {numbers.score(auc, 3)}"),
        f" of a classifier that guesses whether a row is from train or from test ({numbers.count(found.get('rows'))}"
        f" rows; .5 is chance, 1 is certainty). {meaning}",
    )
    rows = list(found.get("features") or [])[:DRIFT_SHOWN]
    if not rows:
        return section("drift", "Drift from train to test", lead)
    columns = [
        Column("AUC alone", [_auc(row) for row in rows], reference=0.5),
        *(_plain(title, rows, key) for title, key in (("train mean", "train"), ("test mean", "test"))),
    ]
    if any(row.get("train_missing") or row.get("test_missing") for row in rows):
        columns += [
            Column(title, [Mark(None, text=numbers.share(row.get(key))) for row in rows], "plain")
            for title, key in (("train missing", "train_missing"), ("test missing", "test_missing"))
        ]
    drawn = marks([str(row.get("feature", "")) for row in rows], columns, "feature")
    note = paragraph("The features that differ most, each on its own:")
    return section("drift", "Drift from train to test", lead, note, drawn)


def _auc(row: Row) -> Mark:
    return Mark(row.get("auc"), text=numbers.score(row.get("auc"), 3))


def _plain(title: str, rows: Sequence[Row], key: str) -> Column:
    texts = [numbers.significant(row.get(key)) for row in rows]
    return Column(title, [Mark(None, text=text or "none") for text in texts], "plain")
