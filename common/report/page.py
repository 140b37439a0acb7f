"""The report of a run: one page with everything in it, which opens without a network.

It runs no script and asks for nothing, which its own policy enforces: whatever a name from outside might hold, it is
text.
"""

import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.pipeline.result_store import writing
from common.report import cost_sections, model_sections, score_sections, tuning_section
from common.report import formatting as numbers
from common.report.html import Html, Section, pairs, tag
from common.report.style import STYLE
from common.report.warnings import Finding, find

Row = Mapping[str, Any]
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
CARRIERS = 3
CHECKED = frozenset({"folds", "features", "curves", "drift"})
NORMAL_95 = 1.96


def write_report(record: Row, out: Path, ladder: Row | None = None, study: Sequence[Row] = ()) -> Path:
    """Write ``report.html`` into the folder ``out`` and return its path.

    ``record``: the run's, as in run.json; ``ladder``: that of ladder.json, ``study``: the studies of tuning, both if
    there are any. A part that is missing is left out. Raises ``UserError`` when the folder cannot be written.
    """
    page = build_page(record, ladder, study)
    path = out / "report.html"
    temporary = out / f".report-{uuid.uuid4().hex}.html"
    with writing(out):
        try:
            temporary.write_text(page, encoding="utf-8", errors="replace")
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    return path


def build_page(record: Row, ladder: Row | None = None, study: Sequence[Row] = ()) -> str:
    """The page as text."""
    sections = [
        score_sections.folds(record),
        score_sections.slices(record),
        score_sections.models(record),
        score_sections.truth(record),
        score_sections.leaderboard(record),
        score_sections.tables(record),
        score_sections.ladder(ladder),
        model_sections.features(record),
        model_sections.calibration(record),
        model_sections.learning(record),
        model_sections.drift(record),
        tuning_section.studies(study),
        cost_sections.steps(record),
        cost_sections.notes(record),
        cost_sections.settings(record),
    ]
    present = [one for one in sections if one is not None]
    title = f"{record.get('name', 'run')} {record.get('run', '')}".strip()
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Html(STYLE)),
    )
    body = tag("body", tag("main", _head(record, present), *(one.body for one in present)))
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _head(record: Row, present: Sequence[Section]) -> Html:
    """What a glance should tell: the score, how sure it is, what carries it, what is suspicious."""
    cv = record.get("cv") or {}
    metric, error = str(record.get("metric", "score")), cv.get("error")
    big = tag("span", numbers.score(cv.get("score")) or "no score", class_="score")
    sure = tag("span", f" ± {numbers.score(error)}", class_="error") if numbers.is_number(error) else None
    queries = f" on {numbers.count(cv.get('queries'))} queries" if numbers.is_number(cv.get("queries")) else ""
    kind = "simulated data" if (record.get("data") or {}).get("simulated") else "the host's files"
    found = find(record)
    return tag(
        "header",
        tag("h1", str(record.get("name", "run")), " ", tag("span", str(record.get("run", "")), class_="faint")),
        tag("p", big, sure, class_="headline"),
        tag("p", f"{metric} in cross-validation{queries}, {kind}.{_interval(cv)}"),
        score_sections.standing(record),
        _carried(record),
        _look_at(found, present),
        _facts(record),
        _contents(present),
    )


def _interval(cv: Row) -> str:
    if not (numbers.is_number(cv.get("score")) and numbers.is_number(cv.get("error"))):
        return ""
    reach = NORMAL_95 * float(cv["error"])
    low, high = float(cv["score"]) - reach, float(cv["score"]) + reach
    return f" 95 % interval {numbers.score(low)} to {numbers.score(high)}, for the chance of the queries alone."


def _carried(record: Row) -> Html | None:
    """Sentences on the ceiling, the best model and the strongest features."""
    said = []
    truth = record.get("truth") or {}
    if numbers.is_number(truth.get("score")) and numbers.is_number(truth.get("oracle")) and truth["oracle"]:
        said.append(
            f"On the simulated truth it reaches {numbers.share(truth['score'] / truth['oracle'])} of the oracle."
        )
    ranked = [row for row in record.get("ranking") or [] if numbers.is_number(row.get("score"))]
    if len(ranked) > 1:
        best = max(ranked, key=lambda row: float(row["score"]))
        said.append(
            f"Best of the models: {best.get('model')} with {numbers.with_error(best['score'], best.get('error'))}."
        )
    rows = model_sections.insight(record, "importance") or []
    grown = [row for row in rows if row.get("gain")]
    lost = [row for row in rows if not grown and row.get("permutation")]
    for title, judged, key, write in (
        ("Most gain", grown, "gain", numbers.share),
        ("Missed most", lost, "permutation", numbers.score),
    ):
        strongest = sorted(judged, key=lambda row: -float(row[key]))[:CARRIERS]
        if strongest:
            named = ", ".join(f"{row.get('feature')} ({write(row[key])})" for row in strongest)
            said.append(f"{title}: {named}.")
    return tag("p", " ".join(said)) if said else None


def _look_at(found: Sequence[Finding], present: Sequence[Section]) -> Html | None:
    ids = {one.name for one in present}
    if not found:
        calm = tag("p", "Nothing stands out that would need a second look.", class_="calm")
        return calm if ids & CHECKED else None
    items = [tag("li", finding.says, *_link(finding.place if finding.place in ids else None)) for finding in found]
    return tag("div", tag("h2", "Look at this"), tag("ul", *items), class_="look")


def _link(place: str | None) -> tuple[Html, ...]:
    return (Html(" "), tag("a", "See there", href=f"#{place}")) if place else ()


def _facts(record: Row) -> Html:
    data, code, sent = record.get("data") or {}, record.get("code") or {}, record.get("submission") or {}
    files = (
        f"{numbers.count(data.get('files'))} files, {numbers.file_bytes(data.get('bytes'))}"
        if data.get("files")
        else ""
    )
    revision = str(code.get("revision") or "")
    return pairs(
        [
            ("started", str(record.get("started") or "").replace("T", " ")[:16]),
            ("wall time", numbers.duration(record.get("wall_seconds"))),
            ("peak memory", numbers.mebibytes(record.get("peak_mib"))),
            ("seed", numbers.count(record.get("seed", (record.get("config") or {}).get("seed")))),
            ("data", ", ".join(part for part in (str(data.get("folder") or ""), files) if part)),
            ("data digest", str(data.get("digest") or "")[:12]),
            ("code", f"{revision}, changed" if revision and code.get("changed") else revision),
            ("submission", _submission(sent)),
        ]
    )


def _submission(sent: Row) -> str:
    names = ", ".join(Path(str(path)).name for path in sent.get("paths") or [])
    return f"{names}, {numbers.count(sent.get('rows'))} rows" if names and sent.get("rows") is not None else names


def _contents(present: Sequence[Section]) -> Html | None:
    links = [tag("a", one.title, href=f"#{one.name}") for one in present]
    return tag("nav", *links, aria_label="Contents") if links else None
