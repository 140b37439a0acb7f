"""A step, and what it returned: a ``Result`` stands for a value on disk, or for what is made of such values."""

import contextlib
import dataclasses
import functools
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar, overload

import msgspec

from common.engine import progress
from common.engine.result_store import Store
from common.engine.stored_entry import StepRecord

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


def list_parts(value: Any) -> list[Any] | None:
    """What a container holds, in its order, and of a Result the step or what it is made of; None for any other value.

    >>> list_parts({"a": 1}), list_parts(("a", 1)), list_parts("a")
    ([('a', 1)], ['a', 1], None)
    """
    if isinstance(value, Result):
        return [value.step] if value.step else list(value.args)
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, functools.partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, msgspec.Struct):
        return [getattr(value, name) for name in value.__struct_fields__]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    return None


def walk(value: Any) -> Iterator[Any]:
    """The values at any depth that hold nothing further: the inputs of a step, its raw files."""
    parts = list_parts(value)
    if parts is None:
        yield value
    else:
        for part in parts:
            yield from walk(part)


def _read(result: Result[T]) -> T:
    return result.value
