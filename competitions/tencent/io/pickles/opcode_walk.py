"""Walk the opcodes of a pickle before anything is built: how deep its objects nest, how large they are written out.

What an unpickler builds in a moment may never end where it is walked through: a list that holds one list ten times,
which holds one list ten times, forty times over, has 10^40 parts; and a tuple nested a million times ends the process
where it is hashed. The walk keeps a stack of nodes where the unpickler keeps one of objects. The opcodes, their
arguments and what they take from the stack are those of the standard library's ``pickletools``.

A node is a whole number, so that a memo of a hundred million is small. Below 0: the index of a list, dict or set, which
may still grow. Else something finished: the parts that it has when written out, less one, above the bits of its depth.
"""

import mmap
import pickle
from array import array
from collections.abc import Callable, Sequence

MAX_DEPTH = 64  # the host's files nest five levels
MAX_KEY_PARTS = 64
LEAST_PARTS, PARTS_PER_BYTE = 1 << 20, 64
DEPTH_BITS = 7
DEPTH_MASK = (1 << DEPTH_BITS) - 1
PLAIN = 0  # a text, a number, an array, a function
Buffer = mmap.mmap | bytes

# Opcodes that leave a plain value: with an argument of so many bytes; with one that begins with its length in so many
# bytes; with so many lines.
FIXED = dict.fromkeys(b"N\x88\x89)", 0) | {ord("K"): 1, ord("M"): 2, ord("J"): 4, ord("G"): 8}
FIXED |= {0x82: 1, 0x83: 2, 0x84: 4}
WIDTHS = tuple(FIXED.get(code, -1) for code in range(256))
SHORT_COUNTED = frozenset(b"U\x8cC\x8a")  # the length is one byte
COUNTED = dict.fromkeys(b"TXB\x8b", 4) | dict.fromkeys(b"\x8d\x8e\x96", 8)
LINES = dict.fromkeys(b"FILSVP", 1) | {ord("c"): 2}
SKIPPED = {0x80: 1, 0x95: 8}  # opcodes that leave the stack alone
STOP, MEMOIZE, SHORT_GET = ord("."), 0x94, ord("h")


def walk(data: Buffer) -> None:
    """Raise ``pickle.UnpicklingError`` for a stream whose objects nest too deep, or are too many when written out.

    Raises ``EOFError``, ``IndexError`` or ``ValueError`` for one that is broken.
    """
    _Walk(data).run()


class _Walk:
    """``at``: the next byte; ``numbered``: whether an opcode said at which place of the memo it keeps something."""

    def __init__(self, data: Buffer) -> None:
        self.data = data
        self.at = 0
        self.most_parts = LEAST_PARTS + PARTS_PER_BYTE * len(data)
        self.stack: list[int] = []
        self.marks: list[int] = []
        self.memo = array("q")
        self.numbered = False
        # Of every list, dict and set.
        self.sizes = array("q")
        self.held = bytearray()

    def run(self) -> None:
        """Walk to the end of the first object: what stands behind it is never read."""
        data, stack, memo = self.data, self.stack, self.memo
        push, at = stack.append, 0
        while True:  # the opcodes of arrays and of long dicts first: of a hundred million, each may cost little
            code = data[at]
            at += 1
            width = WIDTHS[code]
            if width >= 0:
                at += width
                push(PLAIN)
            elif code == MEMOIZE and not self.numbered:
                memo.append(stack[-1])
            elif code == SHORT_GET:
                push(memo[data[at]])
                at += 1
            elif code in SHORT_COUNTED:
                at += 1 + data[at]
                push(PLAIN)
            elif code == STOP:
                return
            else:
                self.at = at
                STEPS.get(code, _Walk.argument)(self)
                at = self.at

    def argument(self) -> None:
        """Skip the argument of the opcode before."""
        code = self.data[self.at - 1]
        if code in SKIPPED:
            self.skip(SKIPPED[code])
            return
        if code in COUNTED:
            self.skip(self.number(COUNTED[code]))
        elif code in LINES:
            for _ in range(LINES[code]):
                self.line()
        else:
            raise pickle.UnpicklingError(f"it has the opcode {code:#04x}")
        self.stack.append(PLAIN)

    def skip(self, width: int) -> None:
        """Pass over so many bytes."""
        self.at += width
        if self.at > len(self.data):
            raise EOFError("it ends in the middle")

    def number(self, width: int) -> int:
        """The number in the next bytes."""
        self.skip(width)
        return int.from_bytes(self.data[self.at - width : self.at], "little")

    def line(self) -> bytes:
        """The next line, or what it begins with."""
        end = self.data.find(b"\n", self.at)
        if end < 0:
            raise EOFError("it ends in the middle")
        line, self.at = self.data[self.at : min(end, self.at + 20)], end + 1
        return line

    def pop(self, number: int) -> list[int]:
        """The topmost nodes, in their order. (Where the stack has fewer, the unpickler stops at this opcode.)"""
        return self._pop_from(len(self.stack) - number)

    def pop_mark(self) -> list[int]:
        """The nodes above the last mark."""
        return self._pop_from(self.marks.pop())

    def _pop_from(self, first: int) -> list[int]:
        nodes = self.stack[first:]
        del self.stack[first:]
        return nodes

    def _hold(self, size: int, nodes: Sequence[int]) -> int:
        """The size of something that holds these too."""
        parts, depth = size >> DEPTH_BITS, size & DEPTH_MASK
        if not any(nodes):
            return (parts + len(nodes)) << DEPTH_BITS | max(depth, len(nodes) > 0)
        for node in nodes:
            if node < 0:
                self.held[~node] = 1
                node = self.sizes[~node]
            parts += (node >> DEPTH_BITS) + 1
            depth = max(depth, (node & DEPTH_MASK) + 1)
        if depth > MAX_DEPTH or parts > self.most_parts:
            raise pickle.UnpicklingError(f"it nests deeper than {MAX_DEPTH} levels or repeats itself too often")
        return parts << DEPTH_BITS | depth

    def push_tuple(self, nodes: Sequence[int]) -> None:
        """A tuple, or another thing that is finished with its parts."""
        self.stack.append(self._hold(PLAIN, nodes))

    def push_container(self) -> None:
        """An empty list, dict or set."""
        self.stack.append(~len(self.held))
        self.sizes.append(0)
        self.held.append(0)

    def fill(self, nodes: Sequence[int], key_every: int = 0) -> None:
        """Let the topmost object hold these too, every ``key_every``-th of them as a key."""
        node = self.stack[-1]
        if not nodes:
            return
        if node >= 0 or self.held[~node]:
            raise pickle.UnpicklingError("it changes what is finished")
        if key_every and max(nodes[::key_every]) >> DEPTH_BITS > MAX_KEY_PARTS:
            raise pickle.UnpicklingError(f"it has a key with more than {MAX_KEY_PARTS} parts")
        self.sizes[~node] = self._hold(self.sizes[~node], nodes)
        if self.held[~node]:
            raise pickle.UnpicklingError("it holds itself")

    def keep(self, number: int) -> None:
        """Keep the topmost object at a place of the memo, which the unpickler makes as long as the number says."""
        if not 0 <= number <= len(self.data) or (self.memo and not self.numbered):
            raise pickle.UnpicklingError(f"it keeps something at the place {number}")
        self.numbered = True
        self.memo.frombytes(bytes(8 * max(0, number + 1 - len(self.memo))))
        self.memo[number] = self.stack[-1]

    def fetch(self, number: int) -> None:
        """Push what is at a place of the memo."""
        self.stack.append(self.memo[number])

    def drop(self) -> None:
        """Drop the topmost object, or the mark where that is topmost."""
        if self.marks and self.marks[-1] == len(self.stack):
            self.marks.pop()
        else:
            self.stack.pop()

    def call(self) -> None:
        """An array or a number holds nothing; what is called with nothing is an empty dict."""
        arguments = self.pop(2)[1]
        if arguments == PLAIN:
            self.push_container()
        else:
            self.stack.append(PLAIN)

    def replace(self, _: Sequence[int]) -> None:
        """Put something that holds nothing where these were."""
        self.stack.append(PLAIN)

    def forget(self, _: Sequence[int]) -> None:
        """Put nothing where these were: a state is given to an array or to its type, which hold no object."""

    def push_filled(self, nodes: Sequence[int], key_every: int = 0) -> None:
        """A list, dict or set of these."""
        self.push_container()
        self.fill(nodes, key_every)


STEPS: dict[int, Callable[[_Walk], None]] = {
    ord("("): lambda walk: walk.marks.append(len(walk.stack)),
    ord("0"): _Walk.drop,
    ord("1"): lambda walk: walk.forget(walk.pop_mark()),
    ord("2"): lambda walk: walk.stack.append(walk.stack[-1]),
    **dict.fromkeys(b"]}\x8f", _Walk.push_container),
    ord("l"): lambda walk: walk.push_filled(walk.pop_mark()),
    ord("d"): lambda walk: walk.push_filled(walk.pop_mark(), 2),
    0x91: lambda walk: walk.push_filled(walk.pop_mark(), 1),
    ord("t"): lambda walk: walk.push_tuple(walk.pop_mark()),
    0x85: lambda walk: walk.push_tuple([walk.stack.pop()]),
    0x86: lambda walk: walk.push_tuple(walk.pop(2)),
    0x87: lambda walk: walk.push_tuple(walk.pop(3)),
    ord("a"): lambda walk: walk.fill(walk.pop(1)),
    ord("e"): lambda walk: walk.fill(walk.pop_mark()),
    ord("s"): lambda walk: walk.fill(walk.pop(2), 2),
    ord("u"): lambda walk: walk.fill(walk.pop_mark(), 2),
    0x90: lambda walk: walk.fill(walk.pop_mark(), 1),
    ord("b"): lambda walk: walk.forget(walk.pop(1)),
    ord("R"): _Walk.call,
    0x93: lambda walk: walk.replace(walk.pop(2)),
    0x81: lambda walk: walk.replace(walk.pop(2)),
    0x92: lambda walk: walk.replace(walk.pop(3)),
    ord("Q"): lambda walk: walk.replace(walk.pop(1)),
    ord("o"): lambda walk: walk.replace(walk.pop_mark()),
    ord("i"): lambda walk: walk.replace([*walk.line(), *walk.line(), *walk.pop_mark()]),
    ord("p"): lambda walk: walk.keep(int(walk.line())),
    ord("q"): lambda walk: walk.keep(walk.number(1)),
    ord("r"): lambda walk: walk.keep(walk.number(4)),
    ord("g"): lambda walk: walk.fetch(int(walk.line())),
    ord("j"): lambda walk: walk.fetch(walk.number(4)),
}
