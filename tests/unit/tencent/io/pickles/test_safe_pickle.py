"""The restricted unpickler reads plain data and runs nothing."""

import builtins
import collections
import contextlib
import copyreg
import io
import os
import pickle
import pickletools
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies

from common.errors import UserError
from competitions.tencent.io.pickles.opcode_walk import walk
from competitions.tencent.io.pickles.safe_pickle import ALLOWED, brief, read_pickle
from tests.unit.tencent.tencent_files import write_pickle

PLAIN: tuple[object, ...] = (
    {"i": {20_000_000_000: 1}, "u": {"user_1": 1}, "f": {"100": {1.5: 1, "x": 2, None: 3, True: 4}}},
    [1, -(1 << 70), (2, [b"", b"bytes", b"\xff\x00"]), set(), {1, 2}, frozenset()],
    [],
)


def refusal(path: Path, limit: int = 1 << 20) -> str:
    with pytest.raises(UserError) as caught:
        read_pickle(path, limit)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def write(path: Path, stream: bytes) -> Path:
    path.write_bytes(stream)
    return path


@pytest.mark.parametrize("protocol", [4, 5])
@pytest.mark.parametrize("value", PLAIN)
def test_plain_data(tmp_path: Path, value: object, protocol: int) -> None:
    assert read_pickle(write_pickle(tmp_path / "a.pkl", value, protocol)) == value


@pytest.mark.parametrize("protocol", [0, 1, 2, 3])
def test_plain_data_of_old_protocols(tmp_path: Path, protocol: int) -> None:
    value = {"i": {20_000_000_000: 1}, "b": [b"", b"\xff"], "l": [1, (2.5, None)]}
    assert read_pickle(write_pickle(tmp_path / "a.pkl", value, protocol)) == value


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("kind", ["float32", "float64", ">f4", "int64", "uint8", "bool", "float16"])
def test_arrays_of_numbers(tmp_path: Path, kind: str, protocol: int) -> None:
    values = {1: np.arange(6).reshape(2, 3).astype(kind), 2: np.asfortranarray(np.ones((2, 3), kind))}
    arrays: Any = read_pickle(write_pickle(tmp_path / "a.pkl", values, protocol))
    for key, value in values.items():
        assert arrays[key].dtype.newbyteorder("=") == value.dtype.newbyteorder("=")  # numpy turns bytes round by itself
        np.testing.assert_array_equal(arrays[key], value)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_numbers_of_numpy_and_ordered_dicts(tmp_path: Path, protocol: int) -> None:
    value = collections.OrderedDict(b=np.int64(7), a=np.float32(1.5))
    assert read_pickle(write_pickle(tmp_path / "a.pkl", value, protocol)) == {"b": 7, "a": 1.5}


@pytest.mark.parametrize(("core", "other"), [(b"numpy.core", b"numpy._core"), (b"numpy._core", b"numpy.core")])
def test_arrays_of_either_numpy(tmp_path: Path, core: bytes, other: bytes) -> None:
    # Protocol 2 writes names between line ends, so that one can be changed for another of any length.
    stream = pickle.dumps([np.arange(3), np.int64(4)], 2)
    path = write(tmp_path / "a.pkl", stream.replace(other + b".", core + b"."))
    array, number = read_pickle(path)  # type: ignore[misc]
    np.testing.assert_array_equal(array, [0, 1, 2])
    assert number == 4


class Runs:
    """Pickled, it calls for a function; ``command`` would leave a file."""

    def __init__(self, function: Any, *arguments: object) -> None:
        self.parts = function, arguments

    def __reduce__(self) -> Any:
        return self.parts


def attacks(canary: Path) -> dict[str, tuple[object, str]]:
    """Pickles that would write ``canary``, and the global that each is refused for."""
    command, code = f"touch {canary}", f"open({str(canary)!r}, 'w')"
    return {
        "system": (Runs(os.system, command), "posix.system"),
        "eval": (Runs(eval, code), "builtins.eval"),
        "exec": (Runs(exec, code), "builtins.exec"),
        "open": (Runs(open, str(canary), "w"), "io.open"),
        "getattr": (Runs(getattr, "text", "upper"), "builtins.getattr"),
        "import": (Runs(builtins.__import__, "os"), "builtins.__import__"),
        "load": (Runs(np.load, str(canary), None, True), "numpy.load"),
        "map": ([Runs(map, print, [1])], "builtins.map"),
        "nested": ({"i": {1: [(Runs(os.system, command),)]}}, "posix.system"),
        "class": (Path(canary), "pathlib"),
        "loads": (Runs(pickle.loads, pickle.dumps(Runs(os.system, command))), "pickle.loads"),
    }


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("name", attacks(Path()))
def test_a_pickle_that_calls_for_more_is_refused_and_does_not_run(tmp_path: Path, name: str, protocol: int) -> None:
    canary = tmp_path / "canary"
    value, named = attacks(canary)[name]
    path = write_pickle(tmp_path / "a.pkl", value, protocol)
    if name == "eval":  # the attack works where nothing is restricted
        pickle.loads(path.read_bytes()).close()
        canary.unlink()
    message = refusal(path)
    assert "is not a pickle of plain data" in message
    # Old protocols call builtins by another name.
    assert named.removeprefix("builtins.") in message
    assert not canary.exists()


RAW_ATTACKS = {
    "global": b"cos\nsystem\n(S'touch {canary}'\ntR.",
    "inst": b"(S'touch {canary}'\nios\nsystem\n.",
    "obj": b"(cos\nsystem\nS'touch {canary}'\no.",
    "stack global": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x05touch\x85R.",
    "dotted": b"\x80\x04\x8c\x05numpy\x8c\x10ndarray.__reduce\x93.",
    "dotted way out": b"\x80\x04\x8c\x05numpy\x8c\x0cdtype.__base\x93.",
    "class made anew": b"\x80\x02cnumpy\nndarray\n)\x81.",
    "class called": b"\x80\x02cnumpy\nndarray\n(K\x01tR.",
    "function changed": b"\x80\x02cnumpy\ndtype\n}X\x01\x00\x00\x00aK\x01sb.",
    "class of a function changed": b"\x80\x02cnumpy\ndtype\nN}X\x09\x00\x00\x00__class__cnumpy\nndarray\ns\x86b.",
    "objects in an array": b"\x80\x02cnumpy\ndtype\nX\x01\x00\x00\x00O\x85R.",
    "huge empty item": b"\x80\x02cnumpy\ndtype\nX\x0a\x00\x00\x00V999999999\x85R.",
    "array of a huge shape": b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n"
    b"cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85X\x01\x00\x00\x00b\x87R.",
    "codec": b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R.",
    "persistent id": b"\x80\x02X\x01\x00\x00\x00aQ.",
    "persistent id, old": b"Pwhatever\n.",
    "next buffer": b"\x80\x05\x97.",
}


@pytest.mark.parametrize("name", RAW_ATTACKS)
def test_hand_written_streams_are_refused(tmp_path: Path, name: str) -> None:
    canary = tmp_path / "canary"
    refusal(write(tmp_path / "a.pkl", RAW_ATTACKS[name].replace(b"{canary}", str(canary).encode())))
    assert not canary.exists()


def test_a_registered_extension_is_looked_up_as_any_name(tmp_path: Path) -> None:
    copyreg.add_extension("os", "getcwd", 240)
    try:
        stream = b"\x80\x02\x82\xf0)R."
        assert pickle.loads(stream) == os.getcwd()  # cached from here on
        assert "os.getcwd" in refusal(write(tmp_path / "a.pkl", stream))
    finally:
        copyreg.remove_extension("os", "getcwd", 240)


def test_what_may_be_named_cannot_be_changed() -> None:
    for builder in ALLOWED.values():
        assert not hasattr(builder, "__dict__")
        with pytest.raises(pickle.UnpicklingError):
            builder.__setstate__({})


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"no pickle",
        pickle.dumps([1, 2, 3])[:-3],
        b"\x80\x04\x96" + struct.pack("<Q", 1 << 60) + b".",
        b"\x80\x09.",
    ],
)
def test_a_broken_pickle(tmp_path: Path, stream: bytes) -> None:
    assert "pickle" in refusal(write(tmp_path / "a.pkl", stream))


def test_a_pickle_that_is_too_large(tmp_path: Path) -> None:
    path = write_pickle(tmp_path / "a.pkl", list(range(100)))
    assert read_pickle(path, path.stat().st_size) == list(range(100))
    assert "is larger than" in refusal(path, path.stat().st_size - 1)


def test_array_whose_bytes_do_not_fill_it(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    pickle.Pickler(buffer, 2).dump(np.arange(3, dtype=np.uint8))
    stream = buffer.getvalue()
    assert stream.count(b"K\x03\x85") == 1
    assert "cannot be read" in refusal(write(tmp_path / "a.pkl", stream.replace(b"K\x03\x85", b"K\xff\x85")))


PROTO = b"\x80\x04"
RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"


def a_type(name: bytes, state: bytes = b"") -> bytes:
    return b"cnumpy\ndtype\n\x8c" + bytes([len(name)]) + name + b"\x89\x88\x87R" + state


def laughs(kind: bytes, levels: int = 60) -> bytes:
    """A list or tuple of ten of the one before, ``levels`` times over."""
    begin, end = (b"]q%c(", b"e") if kind == b"l" else (b"(", b"tq%c")
    stream = b""
    for level in range(levels):
        before = b"N" * 10 if level == 0 else (b"h" + bytes([level - 1])) * 10
        stream += begin.replace(b"%c", bytes([level])) + before + end.replace(b"%c", bytes([level]))
    return stream


ENDLESS: dict[str, bytes] = {
    "lists of lists of one list": laughs(b"l"),
    "tuples of tuples of one tuple": laughs(b"t"),
    "such a tuple as a key": b"}" + laughs(b"t", 20) + b"K\x01s",
    "a deep tuple": b"N" + b"\x85" * 1_000_000,
    "a deep tuple as a key": b"}N" + b"\x85" * 1_000_000 + b"K\x01s",
    "a deep tuple as a key of many": b"}(N" + b"\x85" * 1_000_000 + b"K\x01u",
    "a deep tuple in a set": b"\x8f(N" + b"\x85" * 1_000_000 + b"\x90",
    "a deep tuple in a frozen set": b"(N" + b"\x85" * 1_000_000 + b"\x91",
    "a deep tuple in a dict at once": b"(N" + b"\x85" * 1_000_000 + b"Nd",
    "deep pairs": b"N" + b"N\x86" * 500_000,
    "deep threes": b"N" + b"NN\x87" * 500_000,
    "a deep marked tuple": b"(" * 500_000 + b"t" * 500_000,
    "a deep list": b"]" * 500_000 + b"a" * 499_999,
    "a deep list at once": b"(" * 500_000 + b"l" * 500_000,
    "a deep dict": b"}" + b"N}" * 500_000 + b"s" * 500_000,
    "a long key": b"}(" + b"N" * 1000 + b"tNs",
    "a list that holds itself": b"]q\x00h\x00a",
    "a list that holds itself among others": b"]q\x00(h\x00h\x00e",
    "two lists that hold each other": b"]q\x00]q\x01h\x00ah\x01a",
    "a list that grows inside a tuple": b"]q\x00\x850h\x00h\x00\x85a",
    "what is kept in two ways": b"]q\x05\x94h\x01",
    "what is kept in two ways, the other way round": b"]\x94]r\x05\x00\x00\x00",
    "a place of the memo far away": b"Nr\xff\xff\xff\x7f",
}


@pytest.mark.parametrize("name", ENDLESS)
@pytest.mark.parametrize("version", [b"", PROTO])
def test_what_would_never_end_is_refused_before_it_is_built(tmp_path: Path, name: str, version: bytes) -> None:
    assert "is not a pickle of plain data" in refusal(
        write(tmp_path / "a.pkl", version + ENDLESS[name] + b"."), 1 << 24
    )


@pytest.mark.parametrize("value", [[[[[[1] * 3] * 3] * 3] * 3], ((1, 2), (1, 2)) * 9, {("a", 1): {"b": [(1, (2, 3))]}}])
def test_what_nests_and_repeats_itself_a_little_is_read(tmp_path: Path, value: object) -> None:
    for protocol in range(6):
        assert read_pickle(write_pickle(tmp_path / "a.pkl", value, protocol)) == value


def test_a_long_list_in_batches_and_a_dict_that_grows_are_read(tmp_path: Path) -> None:
    value = {"i": {number: [number, (number,)] for number in range(5000)}, "l": list(range(5000))}
    for protocol in range(6):
        assert read_pickle(write_pickle(tmp_path / "a.pkl", value, protocol), 1 << 24) == value


PLAIN_VALUES = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.text() | strategies.binary()
    | strategies.floats(allow_nan=False),
    lambda inner: strategies.lists(inner) | strategies.dictionaries(strategies.text() | strategies.integers(), inner)
    | strategies.tuples(inner, inner) | strategies.lists(inner).map(tuple),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(value=PLAIN_VALUES, protocol=strategies.integers(0, 5))
def test_all_plain_data_passes_the_walk(value: object, protocol: int) -> None:
    walk(pickle.dumps(value, protocol))
    walk(pickletools.optimize(pickle.dumps(value, protocol)))


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_damaged_pickle_is_read_or_refused(tmp_path: Path, protocol: int) -> None:
    value = {"i": {20_000_000_000 + row: row for row in range(9)}, "a": np.arange(4.0), "u": [("user", (1, 2))] * 2}
    stream = pickle.dumps(value, protocol)
    draw = np.random.default_rng(protocol)
    for _ in range(200):
        damaged = bytearray(stream)
        damaged[draw.integers(len(stream))] = draw.integers(256)
        path = write(tmp_path / "a.pkl", bytes(damaged))
        with contextlib.suppress(UserError):
            read_pickle(path)


@pytest.mark.parametrize("flags", [0x01, 0x3F, 0xFF])
@pytest.mark.parametrize("order", [b"|", b"<", b"="])
def test_the_state_of_a_type_sets_its_byte_order_alone(tmp_path: Path, flags: int, order: bytes) -> None:
    state = b"(K\x03\x8c\x01" + order + b"NNNJ\x10\x00\x00\x00J\x01\x00\x00\x00K" + bytes([flags]) + b"tb"
    content = RECONSTRUCT + b"(K\x01K\x02\x85" + a_type(b"i8", state) + b"\x89C\x10" + b"\x01" * 16 + b"tb"
    array = read_pickle(write(tmp_path / "a.pkl", PROTO + content + b"."))
    assert isinstance(array, np.ndarray)
    assert (array.dtype, array.dtype.flags, array.dtype.itemsize, array.shape) == (np.dtype("i8"), 0, 8, (2,))


def test_an_array_of_objects_is_refused_whatever_its_type_says(tmp_path: Path) -> None:
    state = b"(K\x03\x8c\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb"
    content = RECONSTRUCT + b"(K\x01K\x05\x85" + a_type(b"i8", state) + b"\x89](NNNNNetb"
    assert "an array of objects" in refusal(write(tmp_path / "a.pkl", PROTO + content + b"."))


def test_a_value_is_shown_in_brief() -> None:
    for value in ([[[1] * 9] * 9] * 9, "x" * 999, 10**5000, {1: 2}, np.zeros(10**6), object()):
        assert 0 < len(brief(value)) <= 40
