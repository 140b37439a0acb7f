"""Several results as the fields of one value: the argument of a step that takes a struct."""

from collections.abc import Callable
from typing import Any, TypeVar

from common.pipeline.run import Result

T = TypeVar("T")


def bundle(kind: Callable[..., T], **fields: Result[Any]) -> Result[T]:
    """``kind`` of the fields' values, made when a step needs it; nothing is stored a second time.

    A field of the bundle is the result given for it: a step that takes ``sources.log`` depends on the log alone.
    """
    key = f"{getattr(kind, '__name__', kind)}({' '.join(f'{name}={result.key}' for name, result in fields.items())})"
    made = Result(key, lambda: kind(**{name: result.value for name, result in fields.items()}), frozenset(fields))
    made.__dict__.update(fields)
    return made
