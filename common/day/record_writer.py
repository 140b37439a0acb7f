"""A run's record, written as soon as there is a score, and again with every part that explains it.

Each part may fail alone: that is one sentence in the record and on the console, and a traceback in the run's folder.
"""

import contextlib
import time
import traceback
from collections.abc import Iterator
from typing import Any

import polars as pl
from msgspec import structs

from common.day.judged import CANDIDATES, LIKELIHOOD, LOST, Judged, label_items
from common.day.record_diagnostics import Diagnostics, Shuffled
from common.day.record_schema import RECORD, Row, RunRecord, RunStart, read_record
from common.day.run_record import QUERIES, TRUTH, SimulatedTruth, describe_queries
from common.day.validation import describe_answers, list_lost
from common.engine.errors import UserError, find_stop
from common.engine.run import Run
from common.io.submission import write_csv, write_parquet, write_text

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
            if find_stop(error) or not (self.checked or self.record):
                raise
            self._note_failure(key, title, error)

    def _note_failure(self, key: str, title: str, error: BaseException) -> None:
        first = "".join(filter(str.isprintable, next(iter(str(error).strip().splitlines()), "")))
        reason = first if isinstance(error, UserError) else f"{type(error).__name__}: {first}"
        kept = "the submission is checked and kept" if self.checked else "the score is kept"
        sentence = f"{title} failed: {reason[:REASON].rstrip('.: ')}; {kept}."
        path = self.run.folder / f"failed-{key}.txt"
        with contextlib.suppress(UserError):  # the disk may be full
            write_text(path, "".join(traceback.format_exception(error)))
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
        write_parquet(judged.queries, self.run.folder / QUERIES)
        cv, expected = describe_queries(judged.queries), judged.expected
        if expected:
            cv.error, cv.why = expected["error"], expected["why"]
        self.add(cv=cv, ranking=judged.ranking, fits=list(judged.fits))

    def begin(self, start: RunStart, judged: Judged) -> None:
        """The first record: what the run was, its score, its submission."""
        files, insight = judged.submissions, judged.insight
        features = Shuffled(LIKELIHOOD, list(insight.given)) if insight else Shuffled()
        self._content = {
            **structs.asdict(start),
            "metric": judged.metric,
            "meaning": judged.meaning,
            "submission": {"paths": [str(file.path) for file in files], "rows": files[0].rows if files else 0},
            "notes": [note.as_row() for note in self.run.notes],
            "insight": structs.asdict(Diagnostics(features=features)),
            **{"truth": None, "behind": None, "rivals": [], "tables": [], "features": [], "summary": {}},  # until known
        }
        self.add_scores(judged)

    def add_truth(self, truth: SimulatedTruth) -> None:
        """The scores on the simulated truth, with truth.parquet beside them."""
        write_parquet(truth.queries.with_columns(fold=pl.lit("truth")), self.run.folder / TRUTH)
        tables = [*self._content["tables"], *list_tables(truth)]
        self.add(truth={name: getattr(truth, name) for name in TRUTH_FIGURES}, tables=tables)

    def add_evidence(self, judged: Judged) -> None:
        """All that explains the score, part by part; candidates.parquet and lost.csv are written beside the record."""
        run, insight, candidates, lost = self.run, judged.insight, None, pl.DataFrame()
        with self.part("details", "The tables of the competition"):
            details = judged.details()
            notes = [*self._content["notes"], *(note.as_row() for note in details.notes)]
            content = {"features": list(details.features), "summary": details.summary, "notes": notes}
            self.add(**content, tables=[*list_tables(details), *self._content["tables"]])
        with self.part("rivals", "The plain orders beside the score"):
            self.add(rivals=list(judged.rivals()))
            if judged.behind is not None:
                known = judged.queries.with_columns(score=judged.behind.fill_nan(None))
                self.add(behind=describe_queries(known.drop_nulls("score")))
        with self.part("candidates", "The table of candidates"):
            if judged.candidates:
                candidates = judged.candidates()
                write_parquet(label_items(candidates), run.folder / CANDIDATES)
        if insight is None:
            return
        with self.part("answers", "The account of right answers"):
            lost = list_lost(candidates, judged.cutoff, judged.queries["query"]) if candidates else lost
            if lost.height:
                write_csv(lost, run.folder / LOST)
            self.explain(answers=describe_answers(judged, lost.height))
        with self.part("importance", "The importance of features"):
            if insight.importance:
                self.explain(importance=run.step(*insight.importance, name="insight.importance").value)
        with self.part("drift", "The drift from train to test"):
            self.explain(drift=run.step(*insight.drift, name="insight.drift").value)
        with self.part("curves", "The learning curves"):
            self.explain(curves=list(insight.curves()))
        with self.part("calibration", "The calibration"):
            self.explain(calibration=list(insight.calibration()))


def list_tables(source: Any) -> list[Row]:
    """The tables of a ``Details`` or a ``SimulatedTruth`` that have rows."""
    return [{"title": title, "rows": rows} for title, rows in source.tables if rows]
