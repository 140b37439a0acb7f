"""Read a pickle that comes from outside: it may name dicts, lists and numpy's arrays of numbers; nothing else runs."""

import pickle
import re
import reprlib
from pathlib import Path
from typing import Any

import numpy as np

from common.engine.errors import UserError

KINDS = re.compile(r"[iuf][0-9]+")  # of numpy's numbers, as their pickles name them
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
    """An empty array, which gets its content from a state. numpy checks that its bytes fit."""

    def __setstate__(self, state: Any) -> None:
        version, shape, kind, is_fortran, data = state
        super().__setstate__((version, shape, kind.dtype, is_fortran, data))


ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "defaultdict"): lambda *_: {},  # without its factory: a key that is missing stays missing
    ("numpy", "ndarray"): None,  # named alone, as the class of an empty array
    ("numpy", "dtype"): _Dtype,
}
ALLOWED |= {("builtins", kind.__name__): kind for kind in (dict, list, int)}  # factories of a defaultdict
for _core in ("numpy.core", "numpy._core"):  # before and since numpy 2
    ALLOWED[f"{_core}.multiarray", "_reconstruct"] = lambda *_: _Array(0, np.int8)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """What stands for a global that the pickle names."""
        if (module, name) not in ALLOWED:
            raise ForbiddenError(f"it calls for {module}.{name}")
        return ALLOWED[module, name]


def read_pickle(path: Path) -> dict[Any, Any]:
    """The dict that a pickle file holds; ``UserError`` where it is damaged or anything but plain data."""
    try:
        with path.open("rb") as file:
            content = _Unpickler(file).load()
    except ForbiddenError as error:
        raise UserError(f"{path} is not a pickle of plain data: {_line(error)}; do not trust the file") from error
    except Exception as error:  # a damaged pickle may raise anything
        reason = f"{type(error).__name__}: {_line(error)}"
        raise UserError(f"{path} cannot be read as a pickle ({reason}); download it again") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: {brief(content)} stands where a dict is expected; download it again")
    return content


def brief(value: object) -> str:
    """A value as a sentence shows it, without walking through the whole of it."""
    return reprlib.repr(value)[:SHOWN]


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
