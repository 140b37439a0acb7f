"""The report of a run: one page with everything in it, which opens without a network.

It requests nothing and runs no script but the one that copies a command, which its own policy enforces: whatever a name
from outside might hold, it is text, since the templates escape every value.
"""

import base64
import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from common.day.hosts import find_basis
from common.day.report import cost_sections, model_sections, score_sections
from common.day.report import formatting as numbers
from common.day.report.advice import advise
from common.day.report.answer_sections import answers
from common.day.report.charts import NORMAL_95
from common.day.report.checks import check_record, explain_calm, name_validation
from common.day.report.record import Row, fill_record
from common.day.report.tables import make_table
from common.day.report.tuning_section import tuning
from common.io.submission import write_bytes

PAGE = "report.html"
# The one script of the page copies the run's command; by its digest the policy lets no other run.
COPY = """for (const button of document.querySelectorAll("button")) button.onclick = () => {
  getSelection().selectAllChildren(button.previousElementSibling);
  document.execCommand("copy");
  button.textContent = "copied";
};"""
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-"
    f"{base64.b64encode(hashlib.sha256(COPY.encode()).digest()).decode()}'"
)
CHECKED = frozenset({"folds", "features", "curves", "drift"})


@dataclass(frozen=True)
class Section:
    """A part of the page: the name that links lead to and that its template bears, its title, what the latter shows."""

    name: str
    title: str
    data: Any


def write_report(record: Row, out: Path, ladder: Row | None = None, studies: Sequence[Row] = ()) -> Path:
    """Write ``report.html`` into the folder ``out`` and return its path.

    ``record``: the run's, as in run.json; ``ladder``: that of ladder.json, ``studies``: those of tuning, both if there
    are any. A part that is missing is left out. Raises ``UserError`` when the folder cannot be written.
    """
    return write_bytes(out / PAGE, build_page(record, ladder, studies).encode(errors="replace"))


def build_page(record: Row, ladder: Row | None = None, studies: Sequence[Row] = ()) -> str:
    """The page as text; a section without data is left out."""
    record = fill_record(record)
    sections = [
        Section("folds", "Folds", score_sections.folds(record)),
        Section("slices", "Slices", score_sections.slices(record)),
        Section("answers", "Where right answers are lost", answers(record)),
        Section("models", "Models side by side", score_sections.models(record)),
        Section("board", "Rank on the leaderboard", score_sections.board(record)),
        Section("tables", "Tables", score_sections.tables(record)),
        Section("ladder", "Ladder", score_sections.ladder(ladder)),
        Section("features", "Features", model_sections.features(record)),
        Section("calibration", "Calibration", model_sections.calibration(record)),
        Section("curves", "Learning curves", model_sections.curves(record)),
        Section("drift", "Drift from train to test", model_sections.drift(record)),
        Section("tuning", "Tuning", tuning(studies)),
        Section("steps", "Time and memory", cost_sections.steps(record)),
        Section("notes", "Notes from reading", make_table(record["notes"])),
        Section("settings", "Settings", cost_sections.settings(record)),
        Section("run", "This run", cost_sections.run(record)),
    ]
    present = [section for section in sections if section.data]
    head = summarise(record) | {"next": advise(record)}
    template = load_templates().get_template("page.html.j2")
    return template.render(policy=POLICY, copy=COPY, record=record, head=head, sections=present, checked=CHECKED)


@functools.cache
def load_templates() -> Environment:
    """The templates beside this module, which escape every value and raise where one is missing."""
    environment = Environment(
        loader=PackageLoader("common.day.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {write.__name__: write for write in numbers.FILTERS}
    return environment


def summarise(record: Row) -> dict[str, Any]:
    """What a glance should show: the score, how sure it is, what carries it, what is suspicious."""
    cv, truth = record["cv"], record["truth"]
    score, error, reached, oracle = cv.get("score"), cv.get("error"), truth.get("score"), truth.get("oracle")
    known = numbers.is_number(score) and numbers.is_number(error)
    return {
        "score": numbers.score(score),
        "error": numbers.score(error),
        "queries": numbers.count(cv.get("queries")),
        "interval": (score - NORMAL_95 * error, score + NORMAL_95 * error) if known else None,
        "validation": name_validation(cv),
        "basis": str(find_basis(record["data"])),
        "standing": score_sections.standing(record),
        "before": record["before"],
        "of_oracle": reached / oracle if oracle and numbers.is_number(oracle) and numbers.is_number(reached) else None,
        "strongest": model_sections.name_strongest(record),
        "notes": check_record(record),
        "calm": explain_calm(record["insight"]["drift"]),
    }
