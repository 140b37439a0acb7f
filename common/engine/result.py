"""A step, and what it returned: a ``Result`` stands for a value on disk, or for what is made of such values."""

import contextlib
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar, overload

from common.engine import progress
from common.engine.result_store import Store
from common.engine.stored_entry import StepRecord
from common.engine.walk import walk

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Step:
    """A function and its arguments, under the key of what its result depends on."""

    def __init__(self, name: str, key: str, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Nothing is computed yet."""
        self.name = name
        self.key = key
        self.function = function
        self.args = args

    def compute(self, store: Store) -> StepRecord:
        """Keep its result with what it cost; nothing of it where the function or the disk fails."""
        values = replace_results(self.args, _read)
        with progress.running(self.name):
            return store.keep(self.name, self.key, lambda: self.function(*values))


class Result(Generic[T_co]):
    """The value of ``make(*args)``, which is called when the value is needed.

    Of a kept result ``make`` reads what its ``step`` has stored; any other is made of other results (``derive``). A
    Result never holds its value: that lives as long as somebody else uses it.
    """

    def __init__(self, make: Callable[..., T_co], args: tuple[Any, ...], step: Step | None = None) -> None:
        """Nothing is read yet."""
        self.make = make
        self.args = args
        self.step = step
        self._in_use: weakref.ref[Any] | None = None

    @property
    def value(self) -> T_co:
        """The value, made or read unless in use. Frames and large arrays are mapped, the latter read-only."""
        value: T_co | None = self._in_use() if self._in_use else None
        if value is None:
            value = self.make(*replace_results(self.args, _read))
            with contextlib.suppress(TypeError):  # tuples, dicts and numbers allow no weak reference
                self._in_use = weakref.ref(value)
        return value

    def field(self, name: str) -> Any:
        """An attribute of the value, as a Result; a type checker does not know its type."""
        return Result(getattr, (self, name))


def derive(make: Callable[..., T], *args: Any) -> Result[T]:
    """``make(*args)`` whenever a step needs it, and never stored: for what is quicker to make than to read.

    The arguments are those of a step.
    """
    return Result(make, args)


@overload
def collect(results: Mapping[str, Result[T]]) -> Result[dict[str, T]]: ...
@overload
def collect(results: Sequence[Result[T]]) -> Result[list[T]]: ...
def collect(results: Mapping[str, Result[Any]] | Sequence[Result[Any]]) -> Result[Any]:
    """Several results as one, in their order: the argument of a step that takes a mapping or a sequence."""
    return Result(dict, (dict(results),)) if isinstance(results, Mapping) else Result(list, (list(results),))


def replace_results(argument: Any, replace: Callable[[Result[Any]], Any]) -> Any:
    """An argument with every Result in its lists, tuples and dicts replaced."""
    if isinstance(argument, Result):
        return replace(argument)
    if isinstance(argument, list | tuple):
        items = [replace_results(item, replace) for item in argument]
        return type(argument)(*items) if hasattr(argument, "_fields") else type(argument)(items)
    if isinstance(argument, dict):
        return {key: replace_results(item, replace) for key, item in argument.items()}
    return argument


def list_leaves(argument: Any) -> Iterator[Any]:
    """What an argument holds at any depth: the steps of kept results, and other values that hold nothing further."""
    for leaf in walk(argument):
        if not isinstance(leaf, Result):
            yield leaf
        elif leaf.step is not None:
            yield leaf.step
        else:
            yield from list_leaves(leaf.args)


def trace_steps(results: Iterable[Result[Any]]) -> dict[str, Step]:
    """The steps that some results are made by, and all steps before these, by key."""
    steps, pending = dict[str, Step](), list[Any](results)
    while pending:
        for step in list_leaves(pending.pop()):
            if isinstance(step, Step) and step.key not in steps:
                steps[step.key] = step
                pending.append(step.args)
    return steps


def _read(result: Result[T]) -> T:
    return result.value
