"""The files that runs and ladders leave, in their types: run.json is a ``RunRecord``, written, read and shown by its
attributes; the table of a ladder is read as plain rows.

This code wrote them; what is damaged, of another make or of an earlier version is refused here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from common.day.hosts import Basis, find_basis
from common.engine.errors import UserError
from common.engine.stored_entry import StepRecord
from common.learning.diagnostics import Calibration, Curve, Importance

Row = dict[str, Any]

NORMAL_95 = 1.959964  # standard errors of a score, each way, of its 95 % interval
RECORD, SCORES = "run.json", "scores.json"  # of a run; of its submission, by ``score``
# Optional columns of queries: how much one counts in every mean; which rise and fall together (a shared item, a user);
# the score by each single fit, a list; which of them the same fits scored, where each fit scored a part.
WEIGHT, CLUSTER, FITS, PART = "weight", "cluster", "fits", "part"
# And of the kind ``rows``, a query a row: its label, 0 or 1, and its predicted probability, by which slices are scored.
LABEL, PREDICTED = "label", "predicted"


class Scored(msgspec.Struct):
    """The mean over ``queries`` with its standard error, of a fold, a slice, a model or a plain order by its ``name``;
    None where that is not known.
    """

    name: str
    score: float | None = None
    error: float | None = None
    queries: int | None = None


class QueryScores(msgspec.Struct, kw_only=True):
    """Of all queries of a split, and of its parts. ``digest``: of which queries they are. ``why``: in words, where the
    error is another than that of these queries.
    """

    score: float
    error: float
    queries: int
    digest: str = ""
    folds: list[Scored] = []
    slices: list[Scored] = []
    why: str | None = None


# --- why the score is what it is ---


class Stage(msgspec.Struct):
    """A stage of the funnel: the right answers that reach it, and those lost there."""

    stage: str
    queries: float
    share: float = 0.0
    lost: float = 0.0


class RankCount(msgspec.Struct):
    """How many right answers stand at a rank, or class of ranks."""

    rank: str
    queries: float
    share: float


class Example(msgspec.Struct):
    """A query for a person to read: the user, the list that was handed in, and the right answer, which stood at
    ``rank`` (None: not in the list), and was a ``candidate`` or not. ``kind``: answered right or wrong.
    """

    query: str
    context: str
    listed: list[str]
    answer: str
    kind: str = ""
    rank: int | None = None
    candidate: bool = False


class AnswerRecord(msgspec.Struct):
    """Where right answers are lost, of lists whose first ``cutoff`` count."""

    cutoff: int = 1
    missed: str = "not among the candidates"
    funnel: list[Stage] = []
    ranks: list[RankCount] = []
    examples: list[Example] = []


class Diagnostics(msgspec.Struct, kw_only=True):
    """Why the score of a whole run is what it is; empty in one that stopped after validation. ``given``: features that
    are the score of an earlier stage.
    """

    importance: list[Importance] = []
    given: list[str] = []
    curves: list[Curve] = []
    answers: AnswerRecord = msgspec.field(default_factory=AnswerRecord)
    calibration: list[Calibration] = []


# --- the record ---


class Truth(msgspec.Struct, kw_only=True):
    """On the truth of a simulation: the run's metric, the best possible of it, and every metric."""

    score: float
    error: float
    oracle: float
    scores: Row = {}


class Stamp(msgspec.Struct, frozen=True):
    """When and on what a figure was made. ``load``: programs that wanted a core in the minute before; ``date``: as
    2026-11-29.
    """

    version: str
    machine: str
    load: float
    date: str


class Code(msgspec.Struct):
    """The commit, None where git knows none; whether the source was ``changed`` since; a digest of each source file
    that can move a score.
    """

    revision: str | None = None
    changed: bool = False
    files: dict[str, str] = {}


class Data(msgspec.Struct, kw_only=True):
    """The raw files; see ``find_basis`` for what they are."""

    folder: str
    simulated: bool
    digest: str = ""
    files: int = 0
    bytes: int = 0
    standin: bool = False
    sample: bool = False


class Submission(msgspec.Struct):
    """The submitted files, alike but for their format."""

    paths: list[str] = []
    rows: int = 0


class RunStart(msgspec.Struct, kw_only=True):
    """What is known of a run before it is judged. ``note``: what a person calls it; ``stamp``: version, machine and
    load as it began; ``overrides``: the settings that were typed; ``until``: the stage after which it stopped, None for
    a whole run; ``base``: the run that it is compared with before any other, of a blend its best.
    """

    name: str
    run: str
    data: Data
    config: Row
    note: str | None = None
    started: str = ""
    stamp: Stamp | None = None
    code: Code = msgspec.field(default_factory=Code)
    threads: dict[str, int] = {}
    overrides: list[str] = []
    tuned: bool = False
    until: str | None = None
    base: str | None = None


class RunRecord(RunStart, kw_only=True, forbid_unknown_fields=True):
    """run.json. ``meaning``: the metric in a line; ``fits``: the score of every single fit, where there are several;
    ``tables``: the competition's own, each with ``title`` and ``rows``; ``failed``: a sentence a part of the report
    that failed.
    """

    metric: str
    cv: QueryScores
    meaning: str = ""
    rivals: list[Scored] = []
    ranking: list[Scored] = []
    fits: list[float] = []
    truth: Truth | None = None
    notes: list[Row] = []
    tables: list[Row] = []
    features: list[str] = []
    insight: Diagnostics = msgspec.field(default_factory=Diagnostics)
    steps: list[StepRecord] = []
    wall_seconds: float = 0.0
    peak_mib: float = 0.0
    submission: Submission = msgspec.field(default_factory=Submission)
    summary: Row = {}
    failed: list[str] = []

    @property
    def basis(self) -> Basis:
        """Whose raw files the run was made from."""
        data = self.data
        return find_basis(Path(data.folder), simulated=data.simulated, sample=data.sample, standin=data.standin)

    @property
    def is_quick(self) -> bool:
        """Whether it has the few rows and trees of a quick.toml, so that its score says nothing of a whole run's."""
        return is_quick(self.overrides)

    @property
    def question(self) -> tuple[str, str, str, bool]:
        """What two runs share that are compared unasked: files, metric, queries, and whether they are quick ones."""
        return self.data.digest, self.metric, self.cv.digest, self.is_quick


def is_quick(overrides: Sequence[str]) -> bool:
    """Whether a quick.toml is among the settings that were typed."""
    return any(Path(word.removeprefix("@")).name == "quick.toml" for word in overrides)


def read_record(path: Path) -> RunRecord:
    """A run.json. ``UserError`` where it is missing, not whole, or of another version."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunRecord)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UserError(f"{path} is not a record of a run that this version wrote ({error}); run again.") from error


def read_ladder(path: Path) -> Row:
    """What a ladder left; nothing where there is none that can be read."""
    try:
        ladder = msgspec.json.decode(path.read_bytes(), type=Row)
        msgspec.convert(ladder.get("rows"), list[Row] | None)
    except (OSError, ValueError):
        return {}
    return ladder
