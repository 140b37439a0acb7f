"""The key of a step: a hash of all that its result depends on.

These are the function with the first-party definitions that it reaches, its parameters, the content of the files and
the keys of the results that it is given, and the versions of the packages that it reaches.

Neither the processor nor the number of threads is in it. Both change the order in which floats are added: a result of
another machine or thread count is equal up to rounding, and is not computed anew.
"""

import contextlib
import datetime
import enum
import functools
import hashlib
import importlib.metadata
import inspect
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from common.engine.code_fingerprint import PROJECT_ROOT, SourceTree
from common.engine.errors import UserError
from common.engine.result import Result, list_parts
from common.io.submission import write_bytes

ALWAYS = ("numpy", "polars")  # frames and arrays reach a function without an import of its own
Digest = tuple[int, int, int, str]  # size in bytes, time of the last change to content and to state in ns, hash
PLAIN = (bool, int, float, complex, str, bytes, datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo)
SETTLED_NS = 2_000_000_000  # a file changed less than this ago may change again within one tick of its clock


class Keys:
    """Makes the keys of steps; reads each source file once, and each raw file once per content."""

    def __init__(self, cache: Path, root: Path = PROJECT_ROOT) -> None:
        """``cache`` takes the digests of raw files; the source below ``root`` is first-party."""
        self.code = SourceTree(root)
        self.digests = Digests(cache / "digests.json")
        self._functions: dict[tuple[str, str], str] = {}

    def key(self, function: Callable[..., Any], args: Sequence[Any]) -> str:
        """The key of ``function(*args)``: 64 hexadecimal digits.

        Raises ``TypeError`` for a function or a parameter that has no content that sets it apart.
        """
        parts = [f"python {sys.version_info.major}.{sys.version_info.minor}", *self._list_parts(function)]
        for position, value in enumerate(args):
            try:
                parts.extend((f"argument {position}", *self._list_parts(value)))
            except TypeError as error:
                raise TypeError(f"argument {position} of step {function_name(function)}: {error}") from error
        return _hash(parts)

    def _list_parts(self, value: Any) -> Iterator[str]:
        """A value as strings: equal for equal values, different for different ones."""
        if isinstance(value, Result):
            yield f"result {value.step.key if value.step else _hash(self._list_parts([value.make, value.args]))}"
        elif isinstance(value, Path):
            yield f"file {value.name} {self.digests.digest(value)}"
        elif isinstance(value, enum.Enum):
            yield from self._list_definition(type(value))
            yield f"member {value.name}"
        elif (text := _describe_plain(value)) is not None:
            yield text
        elif (parts := list_parts(value)) is not None:  # a dictionary's in its own order: it may be that of columns
            if type(value) not in (list, tuple, dict):
                yield from self._list_definition(type(value))  # its methods and properties may be used
            yield f"{type(value).__name__} {len(parts)}"
            for part in parts:
                yield from self._list_parts(part)
        elif callable(value):
            yield from self._list_definition(value)
        else:
            kind = type(value).__name__
            raise TypeError(f"a {kind} cannot enter a key: pass plain values, structs, paths or the Result of a step")

    def _list_definition(self, value: Any) -> Iterator[str]:
        module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
        owner = getattr(value, "__self__", None)
        if (
            not module
            or not name
            or "<" in name
            or not (owner is None or inspect.isclass(owner) or inspect.ismodule(owner))
        ):
            raise TypeError(f"{value!r} cannot enter a key: use a function or class of a module, or a partial of one")
        if (module, name) not in self._functions:
            self._functions[module, name] = self._definition_hash(module, name)
        yield f"definition {module} {name} {self._functions[module, name]}"
        if inspect.isclass(owner):  # which may have inherited this method, and is given to it
            yield from self._list_definition(owner)

    def _definition_hash(self, module: str, name: str) -> str:
        dependencies = self.code.dependencies_of(module, name.partition(".")[0])
        if module == "__main__" and not dependencies.texts:  # typed in a notebook: what is typed next would not count
            raise TypeError(f"{name} cannot enter a key: put it into a module of the project")
        texts = [part for at, texts in sorted(dependencies.texts.items()) for part in (*at, *texts)]
        packages = (dependencies.packages - sys.stdlib_module_names) | set(ALWAYS)
        return _hash([*texts, *(f"{package} {_version(package)}" for package in sorted(packages))])


class Digests:
    """The content hashes of raw files, kept so that a large file is read again only when it was touched."""

    def __init__(self, file: Path) -> None:
        """``file`` keeps them between runs."""
        self.file = file
        self._known: dict[str, Digest] = {}
        with contextlib.suppress(OSError, ValueError):  # there is none yet, or it is damaged
            self._known = msgspec.json.decode(file.read_bytes(), type=dict[str, Digest])

    def digest(self, path: Path) -> str:
        """The blake2b hash of the file's content. Raises ``UserError`` when it is missing, unreadable or a folder."""
        if not path.is_file():
            raise UserError(f"{path} {'is a directory, not a file' if path.is_dir() else 'does not exist'}.")
        state = path.stat()
        name = str(path.resolve())
        known = self._known.get(name)
        if known and known[:3] == (state.st_size, state.st_mtime_ns, state.st_ctime_ns):
            return known[3]
        try:
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, functools.partial(hashlib.blake2b, digest_size=32)).hexdigest()
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}.") from error
        if time.time_ns() - max(state.st_mtime_ns, state.st_ctime_ns) > SETTLED_NS:
            self._known[name] = state.st_size, state.st_mtime_ns, state.st_ctime_ns, digest
            with contextlib.suppress(UserError):  # of a full disk, which is told where results are written
                write_bytes(self.file, msgspec.json.encode(self._known))
        return digest


def _describe_plain(value: Any) -> str | None:
    """A number, a text, a time or an array by its type and content; None for anything else."""
    if value is None or isinstance(value, PLAIN):
        return f"{type(value).__name__} {value!r}"
    if isinstance(value, np.generic):
        return f"{value.dtype} {value.item()!r}"
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return f"array {value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    return None


def function_name(function: Any) -> str:
    """The bare name of a function, or of that inside a partial."""
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


def _hash(parts: Any) -> str:
    state = hashlib.blake2b(digest_size=32)
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        state.update(len(encoded).to_bytes(8, "little") + encoded)
    return state.hexdigest()


@functools.cache
def _version(package: str) -> str:
    """Of the distribution that an import name is of: ``xgboost`` may be of xgboost or of xgboost-cpu."""
    names = _list_distributions().get(package, [])
    return importlib.metadata.version(min(names)) if names else "unknown"


_list_distributions = functools.cache(importlib.metadata.packages_distributions)
