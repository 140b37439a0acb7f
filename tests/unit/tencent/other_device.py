"""A device that is not the CPU, on any machine: what a GPU refuses, it refuses.

Its tensors report the device "meta" and hold their numbers on the CPU. An operation that is given tensors of both
devices fails, as on a GPU, but for numbers without a dimension, for copies, and for indices that lie on the CPU.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

DEVICE, CPU = torch.device("meta"), torch.device("cpu")
COPIES = {"_to_copy", "copy_"}
INDEXED = {"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index", "_unsafe_index_put"}


class Remote(Tensor):
    """A tensor of the other device."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> "Remote":
        return Tensor._make_wrapper_subclass(  # type: ignore[attr-defined, no-any-return]
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=DEVICE,
        )

    def __init__(self, inner: Tensor) -> None:
        self.inner = inner

    def __reduce_ex__(self, protocol: Any) -> Any:
        """A file is read back to the CPU."""
        return self.inner.__reduce_ex__(protocol)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return execute(func, args, kwargs or {})


class OtherDevice(TorchDispatchMode):
    """Lets factories such as ``torch.zeros(..., device=DEVICE)`` make tensors of the other device."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return execute(func, args, kwargs or {})


def execute(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Do it on the CPU, and say where the result lies."""
    given = [leaf for leaf in tree_flatten((args, kwargs))[0] if isinstance(leaf, Tensor)]
    remote = [tensor for tensor in given if isinstance(tensor, Remote)]
    name = func.overloadpacket.__name__
    first = given[:1]
    on_cpu = [tensor for tensor in given if not isinstance(tensor, Remote) and tensor.ndim]
    if name in INDEXED and isinstance(first[0], Remote):
        on_cpu = []
    if remote and on_cpu and name not in COPIES:
        raise RuntimeError(f"{func} is given tensors of two devices")
    target = kwargs.get("device")
    is_remote = bool(remote) if target is None else torch.device(target) == DEVICE
    if name == "copy_":
        is_remote = isinstance(first[0], Remote)
    by_inner = {id(tensor.inner): tensor for tensor in remote}

    def unwrap(value: Any) -> Any:
        return value.inner if isinstance(value, Remote) else CPU if isinstance(value, torch.device) else value

    def wrap(value: Any) -> Any:
        if not isinstance(value, Tensor) or not is_remote:
            return value
        return by_inner[id(value)] if id(value) in by_inner else Remote(value)

    return tree_map(wrap, func(*tree_map(unwrap, args), **tree_map(unwrap, kwargs)))


@contextmanager
def other_device() -> Iterator[torch.device]:
    """Within the block there is such a device."""
    make_tensor = torch.tensor

    def tensor(data: Any, device: Any = None, **kwargs: Any) -> Tensor:  # it passes the mode by
        return make_tensor(data, **kwargs).to(device or CPU)

    with OtherDevice(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "tensor", tensor)
        patch.setattr(torch._C, "_InferenceMode", lambda mode: torch.no_grad())  # subclasses are not made for it
        yield DEVICE
