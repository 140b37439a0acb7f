"""A run's record, written as soon as there is a score, and again with every part that explains it.

Each part may fail alone: that is one sentence in the record and on the console, and a traceback in the run's folder.
"""

import contextlib
import time
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
from msgspec import structs

from common.day.blend import Blending, write_lists
from common.day.evidence import describe_answers
from common.day.judged import Judged
from common.day.record_schema import RECORD, Diagnostics, Row, RunRecord, RunStart, read_record
from common.day.run_record import (
    CANDIDATES,
    FEATURES,
    QUERIES,
    TRUTH_QUERIES,
    SimulatedTruth,
    average_fits,
    describe_queries,
)
from common.engine.errors import UserError, is_stop
from common.engine.run import Run
from common.io.submission import write_bytes, write_whole

TRUTH_FIGURES = ("score", "error", "oracle", "scores")
REASON = 300  # letters of an error that are shown
UNFINISHED = "This run was ended before its report was whole; run it again to have the rest."


class RecordWriter:
    """Writes run.json into the folder of ``run``. ``record``: as it stands there, None before there is a score.

    ``failed``: the sentences of the parts that failed. ``finished``: whether no further part comes.
    """

    def __init__(self, run: Run, *, checked: bool, began: float) -> None:
        """``checked``: whether the run has a submission by now. ``began``: by ``time.perf_counter``."""
        self.run, self.checked, self.began = run, checked, began
        self.record: RunRecord | None = None
        self.failed: list[str] = []
        self.finished = False
        self._content: Row = {}

    @contextlib.contextmanager
    def part(self, key: str, title: str) -> Iterator[None]:
        """Run the block; where it fails, note that and go on: what is checked, or has its score, stays. Ctrl-C stops,
        and so does what fails before there is anything to keep.
        """
        try:
            yield
        except BaseException as error:  # a panic of polars is no Exception
            if is_stop(error) or not (self.checked or self.record):
                raise
            self._note_failure(key, title, error)

    def _note_failure(self, key: str, title: str, error: BaseException) -> None:
        first = "".join(filter(str.isprintable, next(iter(str(error).strip().splitlines()), "")))
        reason = first if isinstance(error, UserError) else f"{type(error).__name__}: {first}"
        kept = "the submission is checked and kept" if self.checked else "the score is kept"
        sentence = f"{title} failed: {reason[:REASON].rstrip('.: ')}; {kept}."
        path = self.run.folder / f"failed-{key}.txt"
        with contextlib.suppress(UserError):  # the disk may be full
            write_bytes(path, "".join(traceback.format_exception(error)).encode(errors="replace"))
            sentence += f" Details: {path}"
        self.failed.append(sentence)
        if self.record:
            with contextlib.suppress(UserError):
                self.add()

    def add(self, **fields: Any) -> None:
        """Write the record anew, with these fields of it."""
        content = self._content | fields
        timings = self.run.timings
        ending = {
            "failed": [*self.failed, *([] if self.finished else [UNFINISHED])],
            "steps": timings,
            "wall_seconds": time.perf_counter() - self.began,
            "peak_mib": max((step.peak_mib for step in timings), default=0.0),
        }
        self.record = read_record(self.run.write_json(RECORD, content | ending))
        self._content = content

    def explain(self, **fields: Any) -> None:
        """The same, of the record's insight."""
        self.add(insight=self._content["insight"] | fields)

    def finish(self) -> None:
        """Write the record without the sentence that it is not whole; later parts can only fail."""
        self.finished = True
        self.add()

    def add_scores(self, judged: Judged) -> None:
        """The scores, with queries.parquet beside them."""
        write_whole(self.run.folder / QUERIES, judged.queries.write_parquet)
        cv = describe_queries(judged.queries)
        if judged.error is not None:
            cv.error, cv.why = judged.error, judged.why
        self.add(cv=cv, ranking=judged.ranking, fits=average_fits(judged.queries))

    def begin(self, start: RunStart, judged: Judged) -> None:
        """The first record: what the run was, its score, its submission."""
        files = judged.submissions
        self._content = {
            **structs.asdict(start),
            "metric": judged.metric,
            "meaning": judged.meaning,
            "submission": {"paths": [str(file.path) for file in files], "rows": files[0].rows if files else 0},
            "notes": [note.as_row() for note in self.run.notes],
            "insight": structs.asdict(Diagnostics(given=list(judged.given))),
            **{"truth": None, "rivals": [], "tables": [], "features": [], "summary": {}},  # until known
        }
        self.add_scores(judged)

    def add_truth(self, truth: SimulatedTruth) -> None:
        """The scores on the simulated truth, with truth.parquet beside them."""
        queries = truth.queries.with_columns(fold=pl.lit("truth"))
        write_whole(self.run.folder / TRUTH_QUERIES, queries.write_parquet)
        tables = [*self._content["tables"], *list_tables(truth.tables)]
        self.add(truth={name: getattr(truth, name) for name in TRUTH_FIGURES}, tables=tables)

    def add_evidence(self, judged: Judged) -> None:
        """All that explains the score, part by part; its frames are written beside the record."""
        run, evidence = self.run, None
        with self.part("details", "The tables of the competition"):
            self.add_details(judged)
        with self.part("evidence", "The table of candidates"):
            if judged.evidence:
                evidence = judged.evidence()
                self.add(rivals=list(evidence.rivals))
                write_whole(run.folder / CANDIDATES, evidence.candidates.write_parquet)
                write_whole(run.folder / FEATURES, evidence.take_features().write_parquet)
            else:  # a run without candidates is loaded as any other
                for name in (CANDIDATES, FEATURES):
                    write_whole(run.folder / name, pl.DataFrame().write_parquet)
        with self.part("answers", "The account of right answers"):
            if evidence and self.checked:  # of a whole run alone
                self.explain(answers=describe_answers(evidence))
        with self.part("importance", "The importance of features"):
            if judged.importance:
                self.explain(importance=run.step(*judged.importance, name="insight.importance").value)
        with self.part("curves", "The learning curves"):
            self.explain(curves=list(judged.curves()))
        with self.part("calibration", "The calibration"):
            self.explain(calibration=list(judged.calibration()))

    def add_lists(self, blending: Blending | None, outcome: object) -> None:
        """What a later blend reads of a whole run is written beside the record."""
        if blending and self.checked:
            with self.part("lists", "The table of the test's candidates"):
                write_lists(blending, outcome, self.run.folder)

    def add_details(self, judged: Judged) -> None:
        """The tables of the competition, with the settings that the data decided."""
        plan = [{"setting": each.setting, "value": each.value, "why": each.reason} for each in judged.plan()]
        self.add(
            features=list(judged.features()),
            summary={"plan": plan, **judged.summary()},
            notes=[*self._content["notes"], *(note.as_row() for note in judged.notes())],
            tables=list_tables([("Settings decided from the data", plan), *judged.tables()]) + self._content["tables"],
        )


def list_tables(tables: Sequence[tuple[str, Sequence[Row]]]) -> list[Row]:
    """The tables that have rows."""
    return [{"title": title, "rows": rows} for title, rows in tables if rows]
