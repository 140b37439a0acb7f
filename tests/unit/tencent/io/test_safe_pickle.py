"""The restricted unpickler reads plain data, runs nothing, and says in one sentence what is damaged."""

import collections
import gzip
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from competitions.tencent.io.safe_pickle import read_pickle
from tests.unit.tencent.tencent_files import refusal, write_pickle

NESTED = {
    "i": {20_000_000_000: 1, -(1 << 70): 2},
    "f": {"100": {1.5: 1, "x": 2, None: 3, True: 4}},
    "l": [1, (2, [b"", b"bytes", b"\xff\x00"]), set(), {1, 2}],
}


def test_plain_data(tmp_path: Path) -> None:
    assert read_pickle(write_pickle(tmp_path / "a.pkl", NESTED)) == NESTED
    default = collections.defaultdict(dict, {"100": {1: 2}})
    content = read_pickle(write_pickle(tmp_path / "a.pkl", default))
    assert (type(content), content) == (dict, default)  # a key that is missing must not come into being


@pytest.mark.parametrize("kind", ["float32", "float64", ">f4", "int64", "uint8", "float16"])
@pytest.mark.parametrize("core", [b"numpy.core.", b"numpy._core."])  # before numpy 2, and since
def test_arrays(tmp_path: Path, kind: str, core: bytes) -> None:
    values = {1: np.arange(6).reshape(2, 3).astype(kind), 2: np.asfortranarray(np.ones((2, 3), kind))}
    # Protocol 3 writes names between line ends: one may be of another length.
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(values, 3).replace(b"numpy._core.", core))
    for arrays in (read_pickle(tmp_path / "a.pkl"), read_pickle(write_pickle(tmp_path / "b.pkl", values))):
        for key, value in values.items():
            own = arrays[key].dtype, value.dtype
            assert own[0].newbyteorder("=") == own[1].newbyteorder("=")  # numpy turns bytes round by itself
            np.testing.assert_array_equal(arrays[key], value)


class Runs:
    """Pickled, it calls for a function; ``command`` would leave a file."""

    def __init__(self, function: Any, *arguments: object) -> None:
        self.parts = function, arguments

    def __reduce__(self) -> Any:
        return self.parts


@pytest.mark.parametrize("protocol", [3, 4])
def test_a_pickle_that_calls_for_more_is_refused_and_does_not_run(tmp_path: Path, protocol: int) -> None:
    canary = tmp_path / "canary"
    command, code = f"touch {canary}", f"open({str(canary)!r}, 'w')"
    pickle.loads(pickle.dumps(Runs(eval, code), protocol)).close()  # the attack works where nothing is restricted
    canary.unlink()
    attacks: dict[str, object] = {
        "posix.system": Runs(os.system, command),
        "eval": Runs(eval, code),
        "numpy.load": Runs(np.load, str(canary), None, True),
        "print": collections.defaultdict(print),
        "an array of 'O8'": {"a": np.array([Runs(os.system, command)], object)},
        "pathlib": canary,
    }
    for named, value in attacks.items():
        message = refusal(write_pickle(tmp_path / "a.pkl", value, protocol), read_pickle)
        assert "is not a pickle of plain data" in message
        assert "do not trust the file" in message
        assert named in message
    for stream in (  # a name with a dot, a class that is changed
        b"\x80\x04\x8c\x05numpy\x8c\x10ndarray.__reduce\x93.",
        b"\x80\x02cnumpy\ndtype\n}X\x01\x00\x00\x00aK\x01sb.",
    ):
        (tmp_path / "a.pkl").write_bytes(stream)
        assert "pickle" in refusal(tmp_path / "a.pkl", read_pickle)
    assert not canary.exists()


def test_a_type_takes_its_byte_order_from_a_state_and_no_flags(tmp_path: Path) -> None:
    stream = pickle.dumps({"a": np.array([1, 2])}, 4)
    at = stream.index(b"K\x00t\x94b") + 1  # the last of the type's state, before it is built
    (tmp_path / "a.pkl").write_bytes(stream[:at] + b"\xff" + stream[at + 1 :])
    array = read_pickle(tmp_path / "a.pkl")["a"]
    assert (array.dtype, array.dtype.flags, array.tolist()) == (np.dtype("i8"), 0, [1, 2])


def test_a_damaged_file(tmp_path: Path) -> None:
    """Empty, cut short, packed, a page, one that asks for more than the memory."""
    sound, path = pickle.dumps({"i": {20_000_000_000: 1}, "a": np.arange(4.0)}), tmp_path / "a.pkl"
    more = b"\x80\x04\x96" + (1 << 60).to_bytes(8, "little") + b"."
    for content in (b"", sound[:-3], gzip.compress(sound), b"<!DOCTYPE html>", more):
        path.write_bytes(content)
        message = refusal(path, read_pickle)
        assert "cannot be read as a pickle" in message
        assert "download it again" in message
