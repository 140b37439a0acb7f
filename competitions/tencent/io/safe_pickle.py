"""Read a pickle that comes from outside: plain data only, nothing in it may run.

Allowed are lists, tuples, dicts, sets, texts, bytes, numbers, None, and numpy arrays and scalars of numbers. A pickle
names the functions that build its objects; each name is looked up in ``ALLOWED`` and nowhere else, and what stands
there are own functions that check what they are given. Not guarded against: a crafted memo index or array that asks
for memory within what the machine has.
"""

import copyreg
import pickle
import re
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from common.errors import UserError

MAX_BYTES = 8 << 30  # embedding 81 of the largest release is half of that
NUMBERS = re.compile(r"[<>|=]?[?biuf][0-9]{0,2}")


class _Builder:
    """Something that a pickle may name: not to be changed by the pickle, callable only where ``__call__`` is given."""

    __slots__ = ()

    def __setstate__(self, state: object) -> NoReturn:
        raise pickle.UnpicklingError("it changes a function")


class _ArrayType(_Builder):
    """Stands for ``numpy.ndarray``, which pickles only name."""

    __slots__ = ()


class _Number(_Builder):
    """``numpy.dtype`` of a kind of number; object dtypes would hold anything."""

    __slots__ = ()

    def __call__(self, kind: object, *_: object) -> "np.dtype[Any]":
        if not isinstance(kind, str) or not NUMBERS.fullmatch(kind):
            raise pickle.UnpicklingError(f"it holds an array of {str(kind)[:40]!r}")
        return np.dtype(kind, copy=True)


class _EmptyArray(_Builder):
    """The empty array that a state is then given to."""

    __slots__ = ()

    def __call__(self, kind: object, shape: object, code: object) -> "np.ndarray[Any, Any]":
        if not isinstance(kind, _ArrayType) or shape != (0,):
            raise pickle.UnpicklingError("it holds an array of an unusual class or shape")
        return np.empty(0, np.int8)


class _BufferArray(_Builder):
    """An array over bytes of the pickle."""

    __slots__ = ()

    def __call__(self, buffer: bytes, kind: "np.dtype[Any]", shape: Any, order: Any = "C") -> "np.ndarray[Any, Any]":
        return np.frombuffer(buffer, kind).reshape(shape, order=order)


class _Scalar(_Builder):
    """A numpy number."""

    __slots__ = ()

    def __call__(self, kind: "np.dtype[Any]", data: bytes) -> object:
        return np.frombuffer(data, kind, 1)[0]


class _Encode(_Builder):
    """``_codecs.encode``, in which old pickles write bytes."""

    __slots__ = ()

    def __call__(self, text: str, encoding: str) -> bytes:
        if encoding not in ("latin1", "latin-1"):
            raise pickle.UnpicklingError(f"it encodes as {encoding!r}")
        return text.encode("latin1")


class _EmptyDict(_Builder):
    """``collections.OrderedDict()``, read as a dict."""

    __slots__ = ()

    def __call__(self) -> dict[object, object]:
        return {}


class _EmptyBytes(_Builder):
    """``bytes()``, in which old pickles write no bytes."""

    __slots__ = ()

    def __call__(self) -> bytes:
        return b""


ALLOWED: dict[tuple[str, str], _Builder] = {
    ("numpy", "ndarray"): _ArrayType(),
    ("numpy", "dtype"): _Number(),
    ("_codecs", "encode"): _Encode(),
    ("collections", "OrderedDict"): _EmptyDict(),
    ("builtins", "bytes"): _EmptyBytes(),
    ("__builtin__", "bytes"): _EmptyBytes(),
} | {
    (f"{core}.{module}", name): builder
    for core in ("numpy.core", "numpy._core")
    for module, name, builder in (
        ("multiarray", "_reconstruct", _EmptyArray()),
        ("multiarray", "scalar", _Scalar()),
        ("numeric", "_frombuffer", _BufferArray()),
    )
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """What stands for a global that the pickle names."""
        builder = ALLOWED.get((module, name))
        if builder is None:
            raise pickle.UnpicklingError(f"it calls for {module}.{name}")
        return builder


def read_pickle(path: Path, limit: int = MAX_BYTES) -> object:
    """The data of a pickle file of at most ``limit`` bytes; ``UserError`` where it is anything but plain data."""
    if path.stat().st_size > limit:
        raise UserError(
            f"{path} is larger than {limit / 2**30:.3g} GiB, more than any file of the host; download it again"
        )
    copyreg.clear_extension_cache()  # a cached global would not be looked up
    try:
        with path.open("rb") as file:
            return _Unpickler(file).load()
    except pickle.UnpicklingError as error:
        raise UserError(f"{path} is not a pickle of plain data: {_line(error)}; do not trust the file") from error
    except Exception as error:  # a broken pickle may raise anything
        reason = f"{type(error).__name__}: {_line(error)}"
        raise UserError(f"{path} cannot be read as a pickle ({reason}); download it again") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
