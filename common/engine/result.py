"""A step, and what it returned: a ``Result`` stands for a value on disk, a field of it, or several of them."""

import contextlib
import functools
import inspect
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from common.engine import progress
from common.engine.meter import Meter
from common.engine.result_store import Store
from common.engine.step_key import Keyed
from common.engine.stored_entry import StepRecord

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, eq=False)
class Step:
    """A function and its arguments, under the key of what its result depends on."""

    name: str
    key: str
    function: Callable[..., Any]
    args: tuple[Any, ...]

    def compute(self, store: Store) -> StepRecord:
        """Keep its result with what it cost; nothing of it where the function or the disk fails."""
        values = [_resolve(arg) for arg in self.args]
        with store.draft() as draft:
            with progress.running(self.name), Meter() as meter:
                draft.write(self.function(*values))
            record = StepRecord(name=self.name, seconds=meter.seconds, peak_mib=meter.peak_mib, base_mib=meter.base_mib)
            draft.publish(self.key, record)
        return record


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
        step: Step | None = None,
        parts: Iterable["Result[Any]"] = (),
    ) -> None:
        """``load`` reads the value from the store; ``fields``: the attributes that the value has, where known;
        ``step``: what computes it, or ``parts``: the results that it is a field or a collection of.
        """
        self.key = key
        self.kinds = kinds
        self._load = load
        self._fields = fields
        self._step = step
        self._parts = tuple(parts)
        self._memo: Callable[[], T_co | None] = lambda: None

    def __getattr__(self, name: str) -> Any:
        """A field of the value, as a Result. Raises ``AttributeError`` for one that the value does not have."""
        if name.startswith("_") or (self._fields is not None and name not in self._fields):
            raise AttributeError(f"the result of this step has no field {name!r}")
        return Result(f"{self.key}.{name}", functools.partial(_read_field, self, name), kinds=self.kinds, parts=[self])

    def __reduce__(self) -> tuple[Any, ...]:
        """To another process goes how to read the value, and never the value."""
        return Result, (self.key, self._load, self._fields, self.kinds)

    @property
    def value(self) -> T_co:
        """The value, read from the store unless in use. Frames and large arrays are mapped, the latter read-only."""
        if (value := self._memo()) is None:
            value = self._load()
            with contextlib.suppress(TypeError):  # tuples, dicts and numbers allow no weak reference
                self._memo = weakref.ref(value)
        return value


def collect(results: Sequence[Result[T]]) -> Result[list[T]]:
    """Several results as one, in their order: the argument of a step that takes a sequence."""
    key = f"[{' '.join(result.key for result in results)}]"
    return Result(key, functools.partial(_read_list, results), kinds=_join_kinds(results), parts=results)


def collect_named(results: Mapping[str, Result[T]]) -> Result[dict[str, T]]:
    """Several results as one, by name and in their order: the argument of a step that takes a mapping."""
    key = " ".join(f"{name}={result.key}" for name, result in results.items())
    load, kinds = functools.partial(_read_named, results), _join_kinds(results.values())
    return Result(f"{{{key}}}", load, kinds=kinds, parts=results.values())


def bundle(kind: Callable[..., T], **fields: Result[Any]) -> Result[T]:
    """``kind`` of the fields' values, made when a step needs it; nothing is stored a second time.

    A field of the bundle is the result given for it: a step that takes ``sources.log`` depends on the log alone.
    Raises ``TypeError`` for fields that ``kind`` does not have, or lacks.
    """
    inspect.signature(kind).bind(**fields)
    key = f"{getattr(kind, '__name__', kind)}({' '.join(f'{name}={result.key}' for name, result in fields.items())})"
    kinds = (kind, *_join_kinds(fields.values()))
    made = Result(key, functools.partial(_make, kind, fields), frozenset(fields), kinds, parts=fields.values())
    made.__dict__.update(fields)
    return made


def derive(make: Callable[..., T], **inputs: Result[Any]) -> Result[T]:
    """``make`` of the inputs' values, made whenever a step needs it and never stored: for what is quicker to make than
    to read. Unlike a ``bundle``'s, its fields are those of the value.
    """
    made = bundle(make, **inputs)
    return Result(made.key, functools.partial(_make, make, inputs), kinds=made.kinds, parts=inputs.values())


def trace_steps(results: Iterable[Result[Any]]) -> dict[str, Step]:
    """The steps that some results are made by, and all steps before these, by key."""
    steps, pending = dict[str, Step](), [*results]
    while pending:
        result = pending.pop()
        pending += result._parts
        if result._step is not None and result._step.key not in steps:
            steps[result._step.key] = result._step
            pending += _list_results(result._step.args)
    return steps


def _list_results(argument: Any) -> list[Result[Any]]:
    """Every Result inside an argument, as ``_resolve`` replaces them."""
    if isinstance(argument, Result):
        return [argument]
    items = list(argument.values()) if isinstance(argument, dict) else argument
    return [one for item in items for one in _list_results(item)] if isinstance(items, list | tuple) else []


# How a collection is read: functions and not lambdas, since these cannot be sent to another process.


def _read_field(result: Result[Any], name: str) -> Any:
    return getattr(result.value, name)


def _read_list(results: Sequence[Result[T]]) -> list[T]:
    return [result.value for result in results]


def _read_named(results: Mapping[str, Result[T]]) -> dict[str, T]:
    return {name: result.value for name, result in results.items()}


def _make(kind: Callable[..., T], fields: Mapping[str, Result[Any]]) -> T:
    return kind(**_read_named(fields))


def _join_kinds(results: Iterable[Result[Any]]) -> tuple[Callable[..., Any], ...]:
    """The classes of several results, each once."""
    return tuple(dict.fromkeys(kind for result in results for kind in result.kinds))


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
