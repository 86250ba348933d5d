"""What trainers, models and checkpoints have in common: tensors."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from . import _abi
from ._arrays import Output
from ._enums import Role
from ._library import Owner, c_text, call, filled, library
from ._records import TensorInfo, text_of

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray


def _tensor_info(struct: _abi.TensorInfoStruct) -> TensorInfo:
    role = Role(struct.role) if struct.role in Role._value2member_map_ else struct.role
    return TensorInfo(text_of(struct.name), role, tuple(struct.shape[: struct.rank]), struct.size, struct.offset)


class HasTensors(Owner):
    """A network's tensors: parameters in layer order, statistics, accumulators. All are float32."""

    _kind: str  # "trainer", "checkpoint" or "model", as in the names of the library's functions
    _infos: Optional[Dict[str, TensorInfo]] = None

    def info(self) -> Any:
        raise NotImplementedError

    def tensors(self) -> List[TensorInfo]:
        """What tensors there are."""
        return list(self._tensor_infos().values())

    def _tensor_infos(self) -> Dict[str, TensorInfo]:
        if self._infos is None:
            function = getattr(library, f"spot_{self._kind}_get_tensor_info")
            infos = [
                _tensor_info(filled(_abi.TensorInfoStruct, function, self._use, index))
                for index in range(self.info().tensor_count)
            ]
            self._infos = {info.name: info for info in infos}
        return self._infos

    def read_tensor(self, name: Optional[str] = None, out: Any = None) -> NDArray[float32]:
        """The values of a tensor, in its shape, or, with a `name` of None, of all of them, one after the other as
        their offsets say. `out` is an array to write to. Without NumPy the result is a memoryview. NotFoundError."""
        if name is None:
            output = Output((sum(info.size for info in self._tensor_infos().values()),), out)
        else:
            info = self._tensor_infos().get(name)
            output = Output(info.shape if info is not None else (1,), out)  # without one the library says so
        call(
            getattr(library, f"spot_{self._kind}_read_tensor"),
            self._use,
            None if name is None else c_text("name", name),
            ctypes.c_void_p(output.address),
            output.length,
        )
        values_read: NDArray[float32] = output.array
        return values_read
