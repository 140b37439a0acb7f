"""Results of steps that no run has made."""

from typing import TypeVar

from common.engine.result import Result, Step

T = TypeVar("T")


def as_result(value: T, key: str = "given") -> Result[T]:
    """A value as if a step had returned it, under that key."""
    return Result(lambda: value, (), Step(key, key, as_result, ()))
