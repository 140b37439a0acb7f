"""Read a pickle that comes from outside: it may name containers, numpy's arrays and numbers, and nothing else runs."""

import pickle
import re
import reprlib
from pathlib import Path
from typing import Any

import numpy as np

from common.engine.errors import UserError

KINDS = re.compile(r"[?biufSUO][0-9]*")  # of numpy's types, as their pickles name them
SHOWN = 40  # characters of a value


class ForbiddenError(pickle.UnpicklingError):
    """A pickle calls for what is not plain data."""


class _Dtype:
    """Stands for ``numpy.dtype``, which would take flags from its state: that bytes are addresses of objects."""

    def __init__(self, kind: str, *_: object) -> None:
        if not KINDS.fullmatch(kind):
            raise ForbiddenError(f"it holds an array of {brief(kind)}")
        self.dtype: np.dtype[Any] = np.dtype(kind)

    def __setstate__(self, state: Any) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array(np.ndarray[Any, Any]):
    """An empty array, which gets its content from a state. numpy checks that its bytes fit; objects come as a list."""

    def __setstate__(self, state: Any) -> None:
        version, shape, kind, is_fortran, data = state
        super().__setstate__((version, shape, kind.dtype, is_fortran, data))


def _from_buffer(buffer: bytes, kind: _Dtype, shape: Any, order: Any = "C") -> "np.ndarray[Any, Any]":
    return np.frombuffer(buffer, kind.dtype).reshape(shape, order=order)


def _scalar(kind: _Dtype, data: bytes) -> object:
    return np.frombuffer(data, kind.dtype, 1)[0]


CONTAINERS = (dict, list, set, frozenset, tuple, str, bytes, int, float, bool)
ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "defaultdict"): lambda *_: {},  # without its factory: a key that is missing stays missing
    ("collections", "OrderedDict"): dict,
    ("_codecs", "encode"): lambda text, _: text.encode("latin-1"),  # in which old pickles write bytes
    ("numpy", "ndarray"): None,  # named alone, as the class of an empty array
    ("numpy", "dtype"): _Dtype,
}
ALLOWED |= {(module, kind.__name__): kind for module in ("builtins", "__builtin__") for kind in CONTAINERS}
ALLOWED |= {("__builtin__", "long"): int, ("__builtin__", "unicode"): str}  # as Python 2 and old protocols have them
for _core in ("numpy.core", "numpy._core"):  # before and since numpy 2
    ALLOWED[f"{_core}.multiarray", "_reconstruct"] = lambda *_: _Array(0, np.int8)
    ALLOWED[f"{_core}.multiarray", "scalar"] = _scalar
    ALLOWED[f"{_core}.numeric", "_frombuffer"] = _from_buffer


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """What stands for a global that the pickle names."""
        if (module, name) not in ALLOWED:
            raise ForbiddenError(f"it calls for {module}.{name}")
        return ALLOWED[module, name]


def read_pickle(path: Path) -> object:
    """The data of a pickle file; ``UserError`` where it is damaged or anything but plain data."""
    try:
        with path.open("rb") as file:
            return _Unpickler(file).load()
    except ForbiddenError as error:
        raise UserError(f"{path} is not a pickle of plain data: {_line(error)}; do not trust the file") from error
    except Exception as error:  # a damaged pickle may raise anything
        reason = f"{type(error).__name__}: {_line(error)}"
        raise UserError(f"{path} cannot be read as a pickle ({reason}); download it again") from error


def brief(value: object) -> str:
    """A value as a sentence shows it, without walking through the whole of it."""
    try:
        return reprlib.repr(value)[:SHOWN]
    except Exception:  # such as a number of too many digits
        return f"a {type(value).__name__}"


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
