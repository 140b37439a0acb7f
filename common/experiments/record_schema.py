"""The shape of run.json: what a verb may rely on where it reads the record of a run that somebody left behind.

A part may be absent or null, as in records of earlier versions; what is there must be of its type. Fields beyond these
are not looked at.
"""

from typing import Annotated, Any

import msgspec

Number = Annotated[float, msgspec.Meta(ge=-1e15, le=1e15)] | None  # more would be no score, time or count
Row = dict[str, Any]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the record."""


class Scored(Part, frozen=True, kw_only=True):
    """A score: of all queries, of a fold, of a slice, of a model."""

    score: Number = None
    error: Number = None
    queries: Number = None


class Fold(Scored, frozen=True, kw_only=True):
    """The score of a fold or of a slice."""

    fold: str = ""
    slice: str = ""


class CrossValidation(Scored, frozen=True, kw_only=True):
    """The score on validation."""

    folds: list[Fold] | None = None
    slices: list[Fold] | None = None


class Model(Scored, frozen=True, kw_only=True):
    """A model beside the others."""

    model: str


class Truth(Scored, frozen=True, kw_only=True):
    """The score on the simulated truth."""

    oracle: Number = None
    scores: dict[str, float | Row | None] | None = None


class Data(Part, frozen=True, kw_only=True):
    """The raw files."""

    folder: str | None = None
    simulated: bool | None = None
    standin: bool | None = None
    digest: str = ""
    files: Number = None
    bytes: Number = None


class Code(Part, frozen=True, kw_only=True):
    """The revision of the code."""

    revision: str | None = None
    changed: bool = False
    files: dict[str, str] | None = None


class Step(Part, frozen=True, kw_only=True):
    """What a step cost."""

    name: str
    seconds: Number = None
    peak_mib: Number = None
    kept: bool = False


class Table(Part, frozen=True, kw_only=True):
    """A table of the competition's own."""

    title: str
    rows: list[Row]


class Submission(Part, frozen=True, kw_only=True):
    """The files that were submitted."""

    paths: list[str] = []
    rows: int = 0


class Importance(Part, frozen=True, kw_only=True):
    """A feature, its share of the gain, and what is lost without it."""

    feature: str
    gain: Number = None
    permutation: Number = None
    error: Number = None


class Bin(Part, frozen=True, kw_only=True):
    """Rows of like predictions."""

    predicted: Number = None
    observed: Number = None
    count: Number = None


class Calibration(Part, frozen=True, kw_only=True):
    """A kind of prediction against what came."""

    title: str = ""
    bins: list[Bin] | None = None


class Curve(Part, frozen=True, kw_only=True):
    """The metric of a model round by round."""

    name: str = ""
    metric: str = ""
    values: list[Number] | None = None
    best: Number = None
    falls: bool = False


class DriftingFeature(Part, frozen=True, kw_only=True):
    """How far a feature alone tells test rows from train rows."""

    feature: str
    auc: Number = None
    train: Number = None
    test: Number = None
    train_missing: Number = None
    test_missing: Number = None
    reference: Number = None


class Drift(Part, frozen=True, kw_only=True):
    """How far test rows can be told from train rows."""

    auc: Number = None
    rows: Number = None
    reference: Number = None
    between: str | None = None
    features: list[DriftingFeature] | None = None


class Stage(Part, frozen=True, kw_only=True):
    """A stage of the funnel."""

    stage: str
    queries: Number = None
    share: Number = None
    lost: Number = None


class RankClass(Part, frozen=True, kw_only=True):
    """How many right answers stand at some ranks."""

    rank: str
    queries: Number = None
    share: Number = None


class Example(Part, frozen=True, kw_only=True):
    """A query for a person to read."""

    kind: str
    query: str = ""
    context: str = ""
    listed: list[str] | None = None
    answer: str = ""
    rank: Number = None
    candidate: bool = True


class Answers(Part, frozen=True, kw_only=True):
    """Where right answers are lost."""

    funnel: list[Stage] | None = None
    ranks: list[RankClass] | None = None
    correlation: list[Row] | None = None
    examples: list[Example] | None = None


class Insight(Part, frozen=True, kw_only=True):
    """What diagnosis found."""

    importance: list[Importance] | None = None
    calibration: list[Calibration] | None = None
    curves: list[Curve] | None = None
    drift: Drift | None = None
    answers: Answers | None = None


class RunFile(Part, frozen=True, kw_only=True):
    """The content of run.json."""

    name: str = ""
    run: str | None = None
    config: Row | None = None
    cv: CrossValidation | None = None
    metric: str | None = None
    data: Data | None = None
    steps: list[Step] | None = None
    started: str | None = None
    code: Code | None = None
    threads: dict[str, int] | None = None
    overrides: list[str] | None = None
    tuned: bool | None = None
    until: str | None = None
    ranking: list[Model] | None = None
    truth: Truth | None = None
    notes: list[Row] | None = None
    tables: list[Table] | None = None
    features: list[str] | None = None
    insight: Insight | None = None
    wall_seconds: Number = None
    peak_mib: Number = None
    submission: Submission | None = None
    summary: Row | None = None


class Rung(Scored, frozen=True, kw_only=True):
    """A rung of the ladder."""

    rung: str | None = None
    family: str | None = None
    seconds: Number = None
    peak_mib: Number = None


class LadderFile(Part, frozen=True, kw_only=True):
    """The content of ladder.json."""

    title: str | None = None
    metric: str = "score"
    rows: list[Rung] | None = None


class Trial(Part, frozen=True, kw_only=True):
    """A trial of a study."""

    number: Number = None
    value: Number = None
    seconds: Number = None
    state: str | None = None
    worker: int | str | None = None
    params: Row | None = None


class StudyFile(Part, frozen=True, kw_only=True):
    """The content of a study's JSON."""

    study: str = ""
    metric: str = "value"
    current: Number = None
    importance: dict[str, Number] | None = None
    trials: list[Trial] | None = None


def decode_file(content: bytes, kind: type[Part]) -> Row:
    """The content of a JSON file as plain values, of the types of ``kind``. Raises ``ValueError`` for anything else."""
    try:
        plain = msgspec.json.decode(content)
        msgspec.convert(plain, kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError) as error:
        raise ValueError(str(error)) from error
    content_read: Row = plain
    return content_read
