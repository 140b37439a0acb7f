"""What the contract tests ask of a competition, and how they run it. A new competition adds one ``Contract``."""

import importlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import polars as pl
import pytest

from common.arrays import Floats
from common.competition import Competition
from common.engine.run import Result, Run
from common.learning import gbdt
from common.learning.dataset import Matrix
from competitions import find_room
from tests.conftest import Call
from tests.contract.host_forms import Form

ROOT = Path(__file__).resolve().parents[2]
SUBMISSIONS = ("submission", "result")  # names, without a suffix, of the files that hosts take

# Another machine: hashes in another order, the plainest locale, a temporary folder that is not there.
ELSEWHERE = {"PYTHONHASHSEED": "1", "LC_ALL": "C", "LANG": "C", "TMPDIR": "/nowhere/at/all"}

Results = Sequence[tuple[str, Any]]  # the steps of a run, in order: name and what the step returned
T = TypeVar("T")
Part = TypeVar("Part")


@dataclass(frozen=True)
class Mutation:
    """An edit of a valid submission's bytes that breaks one rule; the error must say all of ``expected``.

    ``suffix`` says which of a run's submission files is edited.
    """

    rule: str
    edit: Callable[[bytes], bytes]
    expected: tuple[str, ...]
    suffix: str = ".csv"


@dataclass(frozen=True)
class BadInput:
    """An edit of a sound raw folder that must stop a run; the error must say all of ``expected``."""

    edit: Callable[[Path], None]
    expected: tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """Something that is changed between two runs, and the names of the steps that the second must compute again.

    ``edit``: of a changed function, what it shall return, ``{}`` standing for what it returned.
    """

    what: str
    steps: frozenset[str]
    edit: str = "({}).with_columns(pair_new=pl.lit(1.0, pl.Float32))"


def draw_scores(ranker: gbdt.Ranker, features: Matrix) -> Floats:
    """What a ranker says that knows nothing, in place of ``gbdt._predict_one``."""
    return np.random.default_rng(len(features)).normal(size=len(features)) * 1e3


@dataclass(frozen=True)
class Chain:
    """How a competition hands in a plain order where that is better: the ``setting`` of the choice, the ``last`` stage,
    and what makes that one know nothing: an attribute of a module, and what stands there instead.
    """

    setting: str
    last: str
    broken: tuple[Any, str, Callable[..., Any]] = (gbdt, "_predict_one", draw_scores)


@dataclass(frozen=True)
class Contract:
    """A competition's declaration, and what tests of it need. The rest goes through the command line by its name.

    A new competition begins with ``write_raw``, ten planted rows, and ``mutations``, three wrong submissions; what
    stands behind them is optional, and the tests that need it are skipped and say so.

    ``write_raw(raw, truth)`` writes tiny raw files, whose users follow a planted rule, and the answers; ``small``:
    settings that make a run on them short. ``metric`` of ``score`` has to reach ``floor`` where ``popular(raw, path)``,
    the popularity baseline, stays below ``ceiling``.
    ``futures``: edits of a raw folder that touch only what labelled queries must not see; each returns the number of
    rows it changed. ``earlier``: by name, every frame that a run made for labelled queries before the fits, which no
    future may change; ``answers``: the true answers (query, item; of rows the label as item).
    ``move(raw)`` moves the dates of a file by two years and returns what is then said.
    ``same_split``: settings that keep the split of the planted files where it is when rows are added behind it.
    ``cutoff``: the first so many of a list count. ``ids``: the columns that hold the ids of one kind, wherever they
    stand, in the raw files and in the truth. ``behind_reading``: the first step behind reading and splitting, or a part
    of its name. ``last_features``: the step that gives the last features, and which of its results is the test's.
    """

    competition: Competition
    write_raw: Callable[[Path, Path], None]
    mutations: Mapping[str, Mutation]
    rules: tuple[str, ...] = ()
    metric: str = ""
    small: tuple[str, ...] = ("fits=1",)
    popular: Callable[[Path, Path], None] | None = None
    floor: float = 0.0
    ceiling: float = 1.0
    bad_inputs: Mapping[str, BadInput] = field(default_factory=dict)
    bad_settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    futures: Mapping[str, Callable[[Path], int]] = field(default_factory=dict)
    earlier: Callable[[Results], Mapping[str, pl.DataFrame]] = lambda results: {}
    answers: Callable[[Results], pl.DataFrame] = lambda results: pl.DataFrame()
    quick: tuple[str, ...] = ("rank.rounds=1",)  # that end the fits at once, for a run that is read up to them
    model_change: Change | None = None  # ``what`` is a setting
    feature_change: Change | None = None  # ``what`` is module file:function
    kill_after: str | None = None
    move: Callable[[Path], str] | None = None
    same_split: Callable[[Path], tuple[str, ...]] = lambda raw: ()
    cutoff: int = 5
    chain: Chain | None = None
    ids: Sequence[tuple[str, ...]] = ()
    behind_reading: str | None = None
    last_features: tuple[str, int] = ("test.features", 0)

    @property
    def name(self) -> str:
        """The competition's name."""
        return self.competition.name

    @property
    def forms(self) -> Mapping[str, Form]:
        """The forms in which the host's files are known to come, by name: they stand in ``forms_<name>.py``."""
        module = f"tests.contract.forms_{self.name}"
        forms = importlib.import_module(module).FORMS if importlib.util.find_spec(module) else ()
        return {f"{form.file}: {form.variant}": form for form in forms}

    def validate(self, raw: Path, settings: tuple[str, ...], run: Run) -> object:
        """The pipeline up to its score, inside this process, with the split where it was whatever was added behind."""
        config = self.competition.load_config([*settings, *self.same_split(raw)])
        return self.competition.validate(self.competition.locate(raw, config), config, run)


@dataclass(frozen=True)
class Finished:
    """A finished run: its raw files, the answers, where it worked, what it left, and what it printed."""

    raw: Path
    truth: Path
    build: Path
    folder: Path
    out: str = ""
    err: str = ""

    @property
    def submission(self) -> Path:
        """The file to hand in."""
        (path,) = [path for path in self.submissions if path.suffix == ".csv"]
        return path

    @property
    def submissions(self) -> list[Path]:
        """Every file to hand in, in each format that the host takes."""
        return sorted(path for path in self.folder.iterdir() if path.stem in SUBMISSIONS)

    @property
    def summary(self) -> dict[str, Any]:
        """The closing summary, with what every run records beside it."""
        return {**self.record, **self.record["summary"]}

    @property
    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """The tables of the report by their titles."""
        return {table["title"]: table["rows"] for table in self.record["tables"]}

    @property
    def record(self) -> dict[str, Any]:
        """What the run recorded."""
        record: dict[str, Any] = json.loads((self.folder / "run.json").read_text())
        return record

    def computed(self) -> set[str]:
        """Names of the steps that this run had to compute."""
        return {step["name"] for step in self.summary["steps"] if not step["kept"]}

    def kept(self) -> set[str]:
        """Names of the steps that it found done."""
        return {step["name"] for step in self.summary["steps"] if step["kept"]}


class Recorder(Run):
    """A run that remembers the result of every step, in order."""

    def __init__(self, folder: Path, cache: Path) -> None:
        super().__init__(folder, cache)
        self.results: list[tuple[str, Result[Any]]] = []

    def step(self, f: Callable[..., Any], /, *args: Any, name: str | None = None) -> Result[Any]:
        """Run the step and remember its result."""
        result = super().step(f, *args, name=name)
        self.results.append((self.timings[-1].name, result))
        return result

    def args(self, name: str) -> tuple[Any, ...]:
        """What the step of this name took."""
        step = dict(self.results)[name].step
        assert step is not None
        return tuple(step.args)


def solve_again(contract: Contract, finished: Finished, folder: Path) -> Recorder:
    """A finished run once more, with the result of each of its steps."""
    recorder = Recorder(folder, finished.build / contract.name / "cache")
    config = contract.competition.load_config(["seed=0", *contract.small], tuned=False)
    contract.competition.solve(contract.competition.locate(finished.raw, config), config, recorder)
    return recorder


def require_room(contract: Contract, module: str) -> Any:
    """A module of the competition, such as "day.tune"; the test is skipped where one that is being made has none."""
    if not (contract.competition.folder / f"{module.replace('.', '/')}.py").exists():
        pytest.skip(f"{contract.name} has no {module} yet")
    return find_room(contract.name, module)


def require(contract: Contract, part: Part | None, what: str) -> Part:
    """An optional part of a contract; the test is skipped where the competition has none."""
    if not part:
        pytest.skip(f"the contract of {contract.name} names no {what} yet")
    return part


def take(results: Results, name: str, kind: type[T]) -> T:
    """What the step of this name returned."""
    (value,) = [value for step, value in results if step == name]
    assert isinstance(value, kind)
    return value


def words(contract: Contract, raw: Path, build: Path, *settings: str) -> list[str]:
    """The command line of a small run."""
    options = [part for setting in (*contract.small, *settings) for part in ("--set", setting)]
    return ["run", contract.name, "--untuned", "--raw", str(raw), "--build", str(build), *options]


def start(*line: str, root: Path = ROOT, more: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
    """Start ``python -m competitions`` in a process of its own, with ``more`` in its environment."""
    environment = {**os.environ, "PYTHONHASHSEED": "0", **(more or {})}
    command = [sys.executable, "-m", "competitions", *line]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=root, env=environment, stdout=pipe, stderr=pipe, text=True)


def run(
    contract: Contract,
    raw: Path,
    build: Path,
    *settings: str,
    root: Path = ROOT,
    more: Mapping[str, str] | None = None,
) -> Finished:
    """A small run in a process of its own, which must end well."""
    process, known = start(*words(contract, raw, build, *settings), root=root, more=more), list_runs(build)
    out, err = process.communicate()
    assert process.returncode == 0, out + err
    (made,) = list_runs(build) - known
    return Finished(raw, raw.with_name("truth.csv"), build, made, out, err)


def solve(
    call: Call,
    contract: Contract,
    raw: Path,
    build: Path,
    *settings: str,
    options: Sequence[object] = (),
    code: int = 0,
) -> Finished:
    """A small run inside this process, which ends in this exit ``code``: a library's warning would fail it.

    ``options``: further words of the command line.
    """
    known = list_runs(build)
    ended, out, err = call(*words(contract, raw, build, *settings), *options)
    assert ended == code, out + err
    (made,) = list_runs(build) - known
    return Finished(raw, raw.with_name("truth.csv"), build, made, out, err)


def list_runs(build: Path) -> set[Path]:
    """The folders of the runs that have a record."""
    return {path.parent for path in build.glob("*/*/run.json")}


def count(finished: Finished, file: str, *said: str) -> int:
    """How many rows the one note on a file has that says all this."""
    notes = [note for note in finished.record["notes"] if file in note["where"]]
    (rows,) = [note["rows"] for note in notes if all(each in note["what"] for each in said)]
    return int(rows)


def refusal(result: tuple[int, str, str]) -> str:
    """The one sentence of a refusal: exit code 1, and nothing else on stderr but the lines of finished steps."""
    code, out, err = result
    lines = err.splitlines()
    assert code == 1, out + err
    assert out == ""
    assert lines[-1].startswith("error: "), err
    assert [line for line in lines[:-1] if not line.startswith("  ")] == []
    return lines[-1]
