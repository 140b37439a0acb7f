"""The engine: a run is a folder, a store of results, and steps that are computed once.

    run = Run(build / "2024-01-02", build / "cache")
    clicks = run.step(read_clicks, raw / "train_click_log.csv")
    pairs = run.step(count_pairs, clicks, window_days=7)
    print(pairs.value)

A step is a plain function that reads nothing but its arguments. Its result is kept under a key:
see ``common.pipeline.step_key``.
So a run after an edit computes again only the steps that the edit reaches; after a kill, it goes on where it was.
"""

import contextlib
import functools
import os
import threading
import time
import uuid
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np
import psutil

from common.pipeline import progress
from common.pipeline.code_fingerprint import PROJECT_ROOT
from common.pipeline.result_store import StepRecord, Store, prune, writing
from common.pipeline.step_key import Keyed, Keys, function_name

__all__ = ["Result", "Run", "StepRecord", "prune"]

T = TypeVar("T")
SAMPLE_S = 0.05


class Result(Keyed, Generic[T]):
    """What a step returned, on disk. It never holds the value: that lives as long as somebody else uses it."""

    def __init__(self, key: str, load: Callable[[], T]) -> None:
        """``load`` reads the value from the store."""
        self.key = key
        self._load = load
        self._memo: Callable[[], T | None] = lambda: None

    @property
    def value(self) -> T:
        """The value, read from the store unless in use. Frames and large arrays are mapped, the latter read-only."""
        value = self._memo()
        if value is None:
            value = self._load()
            with contextlib.suppress(TypeError):  # tuples, dicts and numbers allow no weak reference
                self._memo = weakref.ref(value)
        return value


class Run:
    """One run: ``folder`` takes its outputs, ``cache`` the results of steps, which runs share."""

    def __init__(
        self, folder: Path, cache: Path, *, quiet: bool = False, brief: bool = False, root: Path = PROJECT_ROOT
    ) -> None:
        """Make both folders (``UserError`` where one cannot be written). The source below ``root`` is first-party.

        ``quiet``: nothing is shown; ``brief``: steps that were kept are not.
        """
        self.folder = folder
        self.cache = cache
        self.timings: list[StepRecord] = []
        self._brief = brief
        self._store = Store(cache)
        self._keys = Keys(cache, root)
        progress.set_quiet(quiet)
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def step(self, function: Callable[..., T], *args: Any, name: str | None = None, **kwargs: Any) -> Result[T]:
        """``function(*args, **kwargs)``, computed unless its result is kept. ``name`` defaults to the function's.

        An argument may be a Result (the function gets its value), a Path (its name and content count, not its folder),
        a plain value, a struct, a function, or a list, tuple or dict of these.
        """
        name = name or function_name(function)
        key = self._keys.key(function, args, kwargs)
        compute = functools.partial(self._compute, name, key, function, args, kwargs)
        record = self._store.find(name, key)
        if record is None:
            compute()
        else:
            self._note(msgspec.structs.replace(record, kept=True))
        return Result(key, functools.partial(self._load, name, key, compute))

    def write_json(self, name: str, data: Any) -> Path:
        """Write plain values, structs, dataclasses and numpy numbers as indented JSON to a file of the run folder."""
        path = self.folder / name
        encoded = msgspec.json.format(msgspec.json.encode(data, enc_hook=_to_plain), indent=2)
        temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
        with writing(self.folder):
            try:
                temporary.write_bytes(encoded + b"\n")
                os.replace(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)
        return path

    def _compute(
        self, name: str, key: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        values = [_resolve(arg) for arg in args]
        named = {word: _resolve(arg) for word, arg in kwargs.items()}
        with self._store.draft() as draft:
            with progress.running(name), _Meter() as meter:
                draft.write(function(*values, **named))
            record = StepRecord(name=name, seconds=meter.seconds, peak_mib=meter.peak_mib)
            draft.publish(key, record)
        self._note(record)

    def _load(self, name: str, key: str, compute: Callable[[], None]) -> Any:
        try:
            return self._store.load(name, key)
        except Exception:  # whatever a damaged file raises, the step can be done again
            progress.say(f"  {name}: its kept result cannot be read and is computed again")
            self._store.remove(name, key)
            compute()
            return self._store.load(name, key)

    def _note(self, record: StepRecord) -> None:
        self.timings.append(record)
        if self._brief and record.kept:
            return
        cost = f"{record.seconds:9.2f} s {record.peak_mib:9,.0f} MiB"
        progress.say(f"  {record.name:<32} {cost}{'  kept' if record.kept else ''}")


class _Meter:
    """Wall seconds, and the highest resident memory of the process in MiB, of a block."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.peak_mib = 0.0
        self.seconds = 0.0

    def __enter__(self) -> "_Meter":
        self._look()
        self._start = time.perf_counter()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._start
        self._done.set()
        self._thread.join()
        self._look()

    def _sample(self) -> None:
        while not self._done.wait(SAMPLE_S):
            self._look()

    def _look(self) -> None:
        self.peak_mib = max(self.peak_mib, self._process.memory_info().rss / 2**20)


def _resolve(argument: Any) -> Any:
    """The argument with every Result inside it replaced by its value."""
    if isinstance(argument, Result):
        return argument.value
    if isinstance(argument, list | tuple):
        items = [_resolve(item) for item in argument]
        return type(argument)(*items) if hasattr(argument, "_fields") else type(argument)(items)
    if isinstance(argument, dict):
        return {_resolve(key): _resolve(item) for key, item in argument.items()}
    return argument


def _to_plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(f"a {type(value).__name__} cannot be written as JSON")
