"""The engine: a run is a folder, a store of results, and steps that are computed once.

    run = Run(build / "2024-01-02", build / "cache")
    clicks = run.step(read_clicks, raw / "train_click_log.csv")
    pairs = run.step(count_pairs, clicks.frame, 7)
    print(pairs.value)

A step is a plain function that reads nothing but its arguments. It may take an earlier result or a field of one
(``clicks.frame``); a type checker holds each argument against the function's parameter. The result is kept under a key
(``common.engine.step_key``): a run after an edit computes again only the steps that the edit reaches; after a kill,
it goes on where it was.
"""

import contextlib
import functools
import inspect
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import msgspec
import numpy as np

from common.engine import progress
from common.engine.code_fingerprint import PROJECT_ROOT
from common.engine.meter import Meter
from common.engine.result_store import StepRecord, Store, prune, writing
from common.engine.step_key import Keyed, Keys, function_name
from common.io.submission import write_bytes

__all__ = ["Result", "Run", "StepRecord", "bundle", "collect", "collect_named", "derive", "prune"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
A1 = TypeVar("A1")
A2 = TypeVar("A2")
A3 = TypeVar("A3")
A4 = TypeVar("A4")
A5 = TypeVar("A5")
A6 = TypeVar("A6")


class Result(Keyed, Generic[T_co]):
    """What a step returned, on disk. It never holds the value: that lives as long as somebody else uses it.

    An attribute that this class does not have is that field of the value, to be read when a step needs it.
    """

    def __init__(
        self,
        key: str,
        load: Callable[[], T_co],
        fields: frozenset[str] | None = None,
        kinds: tuple[Callable[..., Any], ...] = (),
    ) -> None:
        """``load`` reads the value from the store; ``fields``: the attributes that the value has, where known."""
        self.key = key
        self.kinds = kinds
        self._load = load
        self._fields = fields
        self._memo: Callable[[], T_co | None] = lambda: None

    def __getattr__(self, name: str) -> Any:
        """A field of the value, as a Result. Raises ``AttributeError`` for one that the value does not have."""
        if name.startswith("_") or (self._fields is not None and name not in self._fields):
            raise AttributeError(f"the result of this step has no field {name!r}")
        return Result(f"{self.key}.{name}", lambda: getattr(self.value, name), kinds=self.kinds)

    @property
    def value(self) -> T_co:
        """The value, read from the store unless in use. Frames and large arrays are mapped, the latter read-only."""
        if (value := self._memo()) is None:
            value = self._load()
            with contextlib.suppress(TypeError):  # tuples, dicts and numbers allow no weak reference
                self._memo = weakref.ref(value)
        return value


def _join_kinds(results: Iterable[Result[Any]]) -> tuple[Callable[..., Any], ...]:
    """The classes of several results, each once."""
    return tuple(dict.fromkeys(kind for result in results for kind in result.kinds))


def collect(results: Sequence[Result[T]]) -> Result[list[T]]:
    """Several results as one, in their order: the argument of a step that takes a sequence."""
    key = f"[{' '.join(result.key for result in results)}]"
    return Result(key, lambda: [result.value for result in results], kinds=_join_kinds(results))


def collect_named(results: Mapping[str, Result[T]]) -> Result[dict[str, T]]:
    """Several results as one, by name and in their order: the argument of a step that takes a mapping."""
    key = " ".join(f"{name}={result.key}" for name, result in results.items())
    kinds = _join_kinds(results.values())
    return Result(f"{{{key}}}", lambda: {name: result.value for name, result in results.items()}, kinds=kinds)


def bundle(kind: Callable[..., T], **fields: Result[Any]) -> Result[T]:
    """``kind`` of the fields' values, made when a step needs it; nothing is stored a second time.

    A field of the bundle is the result given for it: a step that takes ``sources.log`` depends on the log alone.
    Raises ``TypeError`` for fields that ``kind`` does not have, or lacks.
    """
    inspect.signature(kind).bind(**fields)
    kinds = (kind, *_join_kinds(fields.values()))
    key = f"{getattr(kind, '__name__', kind)}({' '.join(f'{name}={result.key}' for name, result in fields.items())})"
    made = Result(
        key, lambda: kind(**{name: result.value for name, result in fields.items()}), frozenset(fields), kinds
    )
    made.__dict__.update(fields)
    return made


def derive(make: Callable[..., T], **inputs: Result[Any]) -> Result[T]:
    """``make`` of the inputs' values, made whenever a step needs it and never stored: for what is quicker to make than
    to read. Unlike a ``bundle``'s, its fields are those of the value.
    """
    made = bundle(make, **inputs)
    return Result(made.key, lambda: made.value, kinds=made.kinds)


class Run:
    """One run: ``folder`` takes its outputs, ``cache`` the results of steps, which runs share."""

    def __init__(self, folder: Path, cache: Path, *, quiet: bool = False, root: Path = PROJECT_ROOT) -> None:
        """Make both folders (``UserError`` where one cannot be written). The source below ``root`` is first-party.

        The folder of the outputs goes again until there is one: a run that is killed before leaves none.

        Steps that are computed are shown, each when it is done, unless ``quiet``; before the first of them the time to
        go, where ``expected`` is given the seconds of each in a run like this one.
        """
        self.folder = folder
        self.cache = cache
        self.timings: list[StepRecord] = []
        self._store = Store(cache)
        self._keys = Keys(cache, root)
        self.expected: Mapping[str, float] = {}
        progress.set_quiet(quiet)
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):  # which it raises where there are outputs
                folder.rmdir()

    # One signature for each number of arguments, so that a type checker holds each of them against its parameter.
    @overload
    def step(self, f: Callable[[], T], /, *, name: str | None = None) -> Result[T]: ...
    @overload
    def step(self, f: Callable[[A1], T], a1: A1 | Result[A1], /, *, name: str | None = None) -> Result[T]: ...
    @overload
    def step(
        self, f: Callable[[A1, A2], T], a1: A1 | Result[A1], a2: A2 | Result[A2], /, *, name: str | None = None
    ) -> Result[T]: ...
    @overload
    def step(
        self,
        f: Callable[[A1, A2, A3], T],
        a1: A1 | Result[A1],
        a2: A2 | Result[A2],
        a3: A3 | Result[A3],
        /,
        *,
        name: str | None = None,
    ) -> Result[T]: ...
    @overload
    def step(
        self,
        f: Callable[[A1, A2, A3, A4], T],
        a1: A1 | Result[A1],
        a2: A2 | Result[A2],
        a3: A3 | Result[A3],
        a4: A4 | Result[A4],
        /,
        *,
        name: str | None = None,
    ) -> Result[T]: ...
    @overload
    def step(
        self,
        f: Callable[[A1, A2, A3, A4, A5], T],
        a1: A1 | Result[A1],
        a2: A2 | Result[A2],
        a3: A3 | Result[A3],
        a4: A4 | Result[A4],
        a5: A5 | Result[A5],
        /,
        *,
        name: str | None = None,
    ) -> Result[T]: ...
    @overload
    def step(
        self,
        f: Callable[[A1, A2, A3, A4, A5, A6], T],
        a1: A1 | Result[A1],
        a2: A2 | Result[A2],
        a3: A3 | Result[A3],
        a4: A4 | Result[A4],
        a5: A5 | Result[A5],
        a6: A6 | Result[A6],
        /,
        *,
        name: str | None = None,
    ) -> Result[T]: ...
    def step(self, f: Callable[..., T], /, *args: Any, name: str | None = None) -> Result[T]:
        """``f(*args)``, computed unless its result is kept. ``name`` defaults to the function's.

        An argument may be a Result (the function gets its value), a Path (its name and content count, not its folder),
        a plain value, a struct, a function, or a list, tuple or dict of these. Raises ``TypeError`` for arguments that
        the function does not take, before anything is computed.
        """
        name = name or function_name(f)
        signature = inspect.signature(f)
        try:
            signature.bind(*args)
        except TypeError as error:
            raise TypeError(f"step {name}: {error}; it is {function_name(f)}{signature}") from None
        key = self._keys.key(f, args)
        record = self._store.find(name, key)
        if record is not None:
            self._note(msgspec.structs.replace(record, kept=True))
        else:
            if all(record.kept for record in self.timings):
                self._tell_start()
            try:
                self._compute(name, key, f, args)
            except KeyboardInterrupt as stop:
                stop.args = stop.args or (f"{_count_steps(len(self.timings))} kept",)
                raise
        load = functools.partial(self._load, name, key, f, args)
        return Result(key, load, _list_fields(signature.return_annotation))

    def hold(self, value: T) -> Result[T]:
        """A plain value as a result that is keyed by its content: for a bundle, whose fields are results."""
        return Result(self._keys.key(Result, [value]), lambda: value)

    def write_json(self, name: str, data: Any) -> Path:
        """Write plain values, structs, dataclasses and numpy numbers as indented JSON to a file of the run folder."""
        encoded = msgspec.json.format(msgspec.json.encode(data, enc_hook=_to_plain), indent=2)
        return write_bytes(self.folder / name, encoded + b"\n")

    def _compute(self, name: str, key: str, f: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Keep the step's result with what it cost; nothing of it where the function or the disk fails."""
        values = [_resolve(arg) for arg in args]
        with self._store.draft() as draft:
            with progress.running(name), Meter() as meter:
                draft.write(f(*values))
            record = StepRecord(name=name, seconds=meter.seconds, peak_mib=meter.peak_mib, base_mib=meter.base_mib)
            draft.publish(key, record)
        self._note(record)

    def _load(self, name: str, key: str, f: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        try:
            return self._store.load(name, key)
        except Exception:  # whatever a damaged file raises, the step can be done again
            progress.say(f"  {name}: its kept result cannot be read and is computed again")
            self._store.remove(name, key)
            self._compute(name, key, f, args)
            return self._store.load(name, key)

    def _tell_start(self) -> None:
        """Before the first step that is computed: how many are kept, and how long the others took last time."""
        done = {record.name for record in self.timings}
        left = sum(seconds for name, seconds in self.expected.items() if name not in done)
        words = [f"{_count_steps(len(self.timings))} kept from before"] if self.timings else []
        words += [f"about {progress.describe_seconds(left)} to go, as last time"] if left >= 1 else []
        if words:
            progress.say(f"  {'; '.join(words)}")

    def _note(self, record: StepRecord) -> None:
        self.timings.append(record)
        if not record.kept:
            progress.say(f"  {record.name:<32} {record.seconds:9.2f} s {record.peak_mib:9,.0f} MiB")


def _count_steps(count: int) -> str:
    return f"{count} step{'s are' if count != 1 else ' is'}"


def _list_fields(kind: Any) -> frozenset[str] | None:
    """The attributes of a value by the annotation of the function that returns it; None where that names no class."""
    if not inspect.isclass(kind):
        return None
    declared = getattr(kind, "__dataclass_fields__", getattr(kind, "__struct_fields__", ()))
    return frozenset((*dir(kind), *declared)) if kind.__module__ != "builtins" else None


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
