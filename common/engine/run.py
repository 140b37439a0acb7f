"""The engine: a run is a folder, a store of results, and steps that are computed once.

    run = Run(build / "2024-01-02", build / "cache")
    clicks = run.step(read_clicks, raw / "train_click_log.csv")
    pairs = run.step(count_pairs, clicks.field("frame"), 7)
    print(pairs.value)

A step is a plain function that reads nothing but its arguments. It may take earlier results, a field of one, several as
one (``collect``), or what is made of some (``derive``); a type checker holds each argument against the function's
parameter. The result is kept under a key (``common.engine.step_key``): a run after an edit computes again only the
steps that the edit reaches; after a kill, it goes on where it was.
"""

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar, overload

import msgspec
import numpy as np

from common.engine import progress
from common.engine.cluster import Cluster
from common.engine.code_fingerprint import PROJECT_ROOT
from common.engine.result import Result, Step, collect, derive, walk
from common.engine.result_store import Store, prune
from common.engine.step_key import Keys, function_name
from common.engine.stored_entry import StepRecord
from common.io.files import writing
from common.io.notes import Note
from common.io.submission import write_bytes

__all__ = ["Result", "Run", "StepRecord", "collect", "derive", "prune"]

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
P = ParamSpec("P")
Given: TypeAlias = T | Result[T]  # what a step takes for a parameter of type T
Name: TypeAlias = str | None


class Run:
    """One run: ``folder`` takes its outputs, ``cache`` the results of steps, which runs share."""

    def __init__(self, folder: Path, cache: Path, *, root: Path = PROJECT_ROOT) -> None:
        """Make both folders (``UserError`` where one cannot be written). The source below ``root`` is first-party.

        The folder goes again until there are outputs, unless it is held (``common.io.lock``).

        Steps that are computed are shown, each when it is done.

        ``cluster``: whose workers compute the steps that read no raw file; what they compute is waited for when its
        value is read.
        """
        self.folder = folder
        self.cache = cache
        self.timings: list[StepRecord] = []
        self.notes: list[Note] = []
        self._store = Store(cache)
        self._keys = Keys(cache, root)
        self.cluster: Cluster | None = None
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):  # which it raises where there are outputs
                folder.rmdir()

    def again(self) -> "Run":
        """Another run into the same folder, by the source as this process has read it: what is edited meanwhile is not
        what the steps were computed by.
        """
        other = Run(self.folder, self.cache)
        other._keys.code, other.cluster = self._keys.code, self.cluster
        return other

    # One signature for each number of arguments, so that a type checker holds each of them against its parameter; of
    # more than four it holds the first four.
    @overload
    def step(self, f: Callable[[], T], /, *, name: Name = None) -> Result[T]: ...
    @overload
    def step(self, f: Callable[[A], T], a: Given[A], /, *, name: Name = None) -> Result[T]: ...
    @overload
    def step(self, f: Callable[[A, B], T], a: Given[A], b: Given[B], /, *, name: Name = None) -> Result[T]: ...
    @overload
    def step(
        self, f: Callable[[A, B, C], T], a: Given[A], b: Given[B], c: Given[C], /, *, name: Name = None
    ) -> Result[T]: ...
    @overload
    def step(
        self, f: Callable[[A, B, C, D], T], a: Given[A], b: Given[B], c: Given[C], d: Given[D], /, *, name: Name = None
    ) -> Result[T]: ...
    @overload
    def step(
        self,
        f: Callable[Concatenate[A, B, C, D, E, P], T],
        a: Given[A],
        b: Given[B],
        c: Given[C],
        d: Given[D],
        /,
        *more: Any,
        name: Name = None,
    ) -> Result[T]: ...
    def step(self, f: Callable[..., T], /, *args: Any, name: Name = None) -> Result[T]:
        """``f(*args)``, computed unless its result is kept. ``name`` defaults to the function's.

        An argument may be a Result (the function gets its value), a Path (its name and content count, not its folder),
        a plain value, a struct, a function, or a list, tuple or dict of these.
        """
        name = name or function_name(f)
        step = Step(name, self._keys.key(f, args), f, args)
        if self.cluster is None or not self.cluster.is_pending(step):
            record = self._store.find(name, step.key)
            if record is not None:
                self._note(msgspec.structs.replace(record, kept=True))
            elif self.cluster is None or not self.cluster.submit(step, self._note):
                self._note(step.compute(self._store))
        return Result(self._load, (step,), step)

    def list_costs(self, results: Iterable[Result[Any]]) -> dict[str, StepRecord]:
        """What every step behind some results cost when it was computed, by its key."""
        costs, pending = dict[str, StepRecord | None](), list[Any](results)
        while pending:
            for step in walk(pending.pop()):
                if isinstance(step, Step) and step.key not in costs:
                    costs[step.key] = self._store.find(step.name, step.key)
                    pending.append(step.args)
        return {key: record for key, record in costs.items() if record is not None}

    def warn(self, notes: Iterable[Note]) -> None:
        """Say what disagrees in the raw files before anything is fitted on them, and keep it for the record."""
        for note in notes:
            self.notes.append(note)
            progress.say_once(f"  CHECK {note.file}: {note.what} ({note.done})")

    def write_json(self, name: str, data: Any) -> Path:
        """Write plain values, structs, dataclasses and numpy numbers as indented JSON to a file of the run folder."""
        encoded = msgspec.json.format(msgspec.json.encode(data, enc_hook=_to_plain), indent=2)
        return write_bytes(self.folder / name, encoded + b"\n")

    def _load(self, step: Step) -> Any:
        if self.cluster is not None:
            self.cluster.wait(step)
        try:
            return self._store.load(step.name, step.key)
        except Exception:  # whatever a damaged file raises, the step can be done again
            progress.say(f"  {step.name}: its kept result cannot be read and is computed again")
            self._store.remove(step.name, step.key)
            self._note(step.compute(self._store))
            return self._store.load(step.name, step.key)

    def _note(self, record: StepRecord, where: str = "") -> None:
        self.timings.append(record)
        said = [Note(f"step {record.name}", warning, 0) for warning in record.warnings]
        self.notes += [note for note in said if note not in self.notes]
        if not record.kept:
            progress.say(f"  {record.name:<32} {record.seconds:9.2f} s {record.peak_mib:9,.0f} MiB{where}")


def _to_plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(f"a {type(value).__name__} cannot be written as JSON")
