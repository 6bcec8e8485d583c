"""Reads weights in torch's format before version 1.6, without torch and without executing anything.

The stream has five pickles (magic number, protocol, system information, state dict, storage keys),
then for each key the number of elements (int64) and their raw little-endian bytes. The unpickler
accepts the names of ordered dictionaries, tensors and storage types only, so that nothing else in
the stream can be called.
"""

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.reference import RecipeError

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001

Array = npt.NDArray[Any]
_DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}
_DAMAGE = (pickle.UnpicklingError, EOFError, LookupError, ValueError, TypeError, AttributeError)


class WeightsError(RecipeError):
    """Raised for a stream that is damaged or has something other than tensors."""


@dataclass(frozen=True)
class _Storage:
    """Elements that tensors share; their bytes come after the pickles."""

    dtype: str
    count: int


@dataclass(frozen=True)
class _View:
    """A tensor: a part of a storage. Offset and strides are in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self, elements: Array) -> Array:
        """Copy the tensor from its storage's elements."""
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        if min((0, self.offset, *self.strides)) < 0 or last >= len(elements):
            raise WeightsError("a tensor reaches beyond its storage")
        steps = tuple(stride * elements.itemsize for stride in self.strides)
        return np.lib.stride_tricks.as_strided(elements[self.offset :], self.shape, steps).copy()


class _Tensors(pickle.Unpickler):
    """An unpickler that accepts nothing but tensors."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Resolve the few names of a state dict, to our own functions instead of torch's."""
        known: dict[tuple[str, str], Callable[..., Any] | str] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor"): _tensor,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            **{("torch", storage): dtype for storage, dtype in _DTYPES.items()},
        }
        if (module, name) not in known:
            raise WeightsError(f"the weights name {module}.{name}, which is not part of a tensor")
        return known[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        """Register a storage: `("storage", type, key, location, number of elements, view)`."""
        match pid:
            case ("storage", str(dtype), str(key), str(), int(count), None) if dtype in _DTYPES.values():
                return self.storages.setdefault(key, _Storage(dtype, count))
        raise WeightsError(f"not a storage: {pid!r}")


def _tensor(storage: _Storage, offset: int, shape: Any, strides: Any, *_: Any) -> _View:
    return _View(storage, offset, tuple(shape), tuple(strides))


def read_weights(data: bytes) -> dict[str, Array]:
    """Return tensors by name: float32 or int64, in torch's axis order. Raises WeightsError."""
    stream = io.BytesIO(data)
    try:
        tensors, storages = _read(stream)
        elements = {id(storage): _read_elements(storage, stream) for storage in storages}
        arrays = {name: view.array(elements[id(view.storage)]) for name, view in tensors.items()}
    except _DAMAGE as error:
        raise WeightsError(f"the weights cannot be read: {error}") from error
    if stream.read(1):
        raise WeightsError("bytes are left after the last storage")
    return arrays


def _read(stream: io.BytesIO) -> tuple[dict[str, _View], list[_Storage]]:
    """Read the five pickles: the tensors, and their storages in the order of the bytes."""
    if (_Tensors(stream).load(), _Tensors(stream).load()) != (MAGIC, PROTOCOL):
        raise WeightsError("not a torch stream in the format before version 1.6")
    _Tensors(stream).load()  # system information: little-endian on every machine that writes these
    unpickler = _Tensors(stream)
    state = unpickler.load()
    keys = _Tensors(stream).load()
    if not isinstance(state, dict) or not all(isinstance(view, _View) for view in state.values()):
        raise WeightsError("the state dict has something other than tensors")
    return dict(state), [unpickler.storages[key] for key in keys]


def _read_elements(storage: _Storage, stream: io.BytesIO) -> Array:
    count = int.from_bytes(stream.read(8), "little")
    size = count * np.dtype(storage.dtype).itemsize
    raw = stream.read(size)
    if count != storage.count or len(raw) != size:
        raise WeightsError(f"a storage of {storage.count} elements is cut short")
    return np.frombuffer(raw, storage.dtype)
