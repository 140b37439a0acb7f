"""Read a pickle that comes from outside: plain data only, nothing in it may run.

Allowed are lists, tuples, dicts, sets, texts, bytes, numbers, None, and numpy arrays and scalars of numbers. A pickle
names the functions that build its objects; each name is looked up in ``ALLOWED`` and nowhere else, and what is
there are own functions that check their arguments. Before anything is built, ``opcode_walk`` refuses what nests or
repeats itself without end. Not guarded against: arrays and texts that ask for memory within what the machine has.
"""

import copyreg
import mmap
import pickle
import re
import reprlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from common.errors import UserError
from competitions.tencent.io.pickles.opcode_walk import walk

MAX_BYTES = 8 << 30  # embedding 81 of the largest release is half of that
NUMBERS = re.compile(r"[<>|=]?[?biuf][0-9]{0,2}")
BYTE_ORDERS = ("<", ">", "=", "|")
SHOWN = 40  # characters of a value


class _Builder:
    """Something that a pickle may name: it calls ``build``, and the pickle cannot change it."""

    __slots__ = ("build",)

    def __init__(self, build: Callable[..., object]) -> None:
        self.build = build

    def __call__(self, *arguments: object) -> object:
        return self.build(*arguments)

    def __setstate__(self, state: object) -> NoReturn:
        raise pickle.UnpicklingError("it changes a function")


def _refuse_call(*_: object) -> NoReturn:
    """Pickles only name ``numpy.ndarray``."""
    raise pickle.UnpicklingError("it makes an array of an unusual class or shape")


class _NumberType:
    """Stands for a ``numpy.dtype`` of numbers while a pickle is read, whose state may set its byte order alone.

    numpy would take flags from that state as well, such as that the items are objects.
    """

    __slots__ = ("dtype",)

    def __init__(self, dtype: "np.dtype[Any]") -> None:
        self.dtype = dtype

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in BYTE_ORDERS:
            raise pickle.UnpicklingError("it holds an array of an unusual type")
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array(np.ndarray[Any, Any]):
    """An array that gets its content from the state in a pickle."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        version, shape, kind, is_fortran, data = state
        if not isinstance(kind, _NumberType) or not isinstance(data, bytes):
            raise pickle.UnpicklingError("it holds an array of objects")
        super().__setstate__((version, shape, kind.dtype, is_fortran, data))


def _number_type(kind: object, *_: object) -> _NumberType:
    """``numpy.dtype`` of a kind of number; object dtypes would hold anything."""
    if not isinstance(kind, str) or not NUMBERS.fullmatch(kind):
        raise pickle.UnpicklingError(f"it holds an array of {brief(kind)}")
    return _NumberType(np.dtype(kind))


def _empty_array(kind: object, shape: object, code: object) -> _Array:
    """The empty array that a state is then given to."""
    if kind is not ARRAY or shape != (0,):
        raise pickle.UnpicklingError("it holds an array of an unusual class or shape")
    return _Array(0, np.int8)


def _buffer_array(buffer: bytes, kind: _NumberType, shape: Any, order: Any = "C") -> "np.ndarray[Any, Any]":
    """An array over bytes of the pickle."""
    return np.frombuffer(buffer, kind.dtype).reshape(shape, order=order)


def _scalar(kind: _NumberType, data: bytes) -> object:
    """A numpy number."""
    return np.frombuffer(data, kind.dtype, 1)[0]


def _encode(text: str, encoding: str) -> bytes:
    """``_codecs.encode``, in which old pickles write bytes."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"it encodes as {brief(encoding)}")
    return text.encode("latin1")


def _empty_dict() -> dict[object, object]:
    """``collections.OrderedDict()``, read as a dict."""
    return {}


def _empty_bytes() -> bytes:
    """``bytes()``, in which old pickles write no bytes."""
    return b""


ARRAY = _Builder(_refuse_call)
ALLOWED: dict[tuple[str, str], _Builder] = {
    ("numpy", "ndarray"): ARRAY,
    ("numpy", "dtype"): _Builder(_number_type),
    ("_codecs", "encode"): _Builder(_encode),
    ("collections", "OrderedDict"): _Builder(_empty_dict),
    ("builtins", "bytes"): _Builder(_empty_bytes),
    ("__builtin__", "bytes"): _Builder(_empty_bytes),
} | {
    (f"{core}.{module}", name): _Builder(build)
    for core in ("numpy.core", "numpy._core")
    for module, name, build in (
        ("multiarray", "_reconstruct", _empty_array),
        ("multiarray", "scalar", _scalar),
        ("numeric", "_frombuffer", _buffer_array),
    )
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """The builder of a global that the pickle names."""
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
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                walk(data)
            return _Unpickler(file).load()
    except pickle.UnpicklingError as error:
        raise UserError(f"{path} is not a pickle of plain data: {_line(error)}; do not trust the file") from error
    except Exception as error:  # a broken pickle may raise anything
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
