"""The report of a run: one page with everything in it, which opens without a network.

It requests nothing and runs no script, which its own policy enforces: whatever a name from outside might hold, it is
text, since the templates escape every value.
"""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from common.day.compare import Change, find_change
from common.day.record_schema import NORMAL_95, RECORD, RunRecord, read_record
from common.day.registry import NotedScore, read_leaderboard
from common.day.report import formatting as numbers
from common.day.report import model_sections, score_sections
from common.day.report.findings import find_next_steps, find_problems, name_validation
from common.io.submission import write_bytes

REPORT_PAGE = "report.html"
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def write_report(folder: Path) -> Path:
    """Write ``report.html`` of the run in ``folder`` from its record and what lies beside it, and return its path.
    ``UserError`` when it cannot be written.
    """
    page = build_page(read_record(folder / RECORD), find_change(folder), read_leaderboard(folder))
    return write_bytes(folder / REPORT_PAGE, page.encode(errors="replace"))


def build_page(record: RunRecord, change: Change | None = None, noted: Sequence[NotedScore] = ()) -> str:
    """The page as text; a section without data is left out. Beside the record stand what the run changed against an
    earlier one, and the scores that were noted for it.
    """
    cv, insight = record.cv, record.insight
    sections: dict[str, tuple[str, Any]] = {  # by the name that links lead to and that a template bears
        "folds": ("Folds", score_sections.draw_parts("fold", cv.folds, cv.score) if len(cv.folds) > 1 else None),
        "slices": ("Slices", score_sections.draw_parts("slice", cv.slices, cv.score) if cv.slices else None),
        "answers": ("Where right answers are lost", score_sections.answers(insight.answers)),
        "models": ("Models side by side", score_sections.models(record)),
        "tables": ("Tables", record.tables),
        "features": ("Features", model_sections.features(record)),
        "calibration": ("Calibration", model_sections.calibration(insight.calibration)),
        "curves": ("Learning curves", model_sections.curves(insight.curves)),
        "steps": ("Time and memory", score_sections.steps(record.steps)),
        "notes": ("Notes from reading", record.notes),
        "run": ("This run and its settings", score_sections.run(record)),
    }
    present = {name: section for name, section in sections.items() if section[1]}
    template = load_templates().get_template("page.html.j2")
    return template.render(policy=POLICY, record=record, head=describe_head(record, change, noted), sections=present)


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


def describe_head(record: RunRecord, change: Change | None, noted: Sequence[NotedScore]) -> dict[str, Any]:
    """What a glance should show: the score, how sure it is, what carries it, what is suspicious, what to try next."""
    cv, truth, reach = record.cv, record.truth, NORMAL_95 * record.cv.error
    return {
        "interval": (cv.score - reach, cv.score + reach),
        "validation": name_validation(cv),
        "standing": score_sections.standing(record, change, noted),
        "change": change.sentence if change else None,
        "of_oracle": truth.score / truth.oracle if truth and truth.oracle else None,
        "strongest": model_sections.name_strongest(record.insight.importance),
        "next": find_next_steps(record),
        "problems": find_problems(record, noted),
    }
