"""Streams are torch datasets once there is a torch to ask; until then nothing imports it."""

import sys
from typing import Any, Final, Generic, TypeVar

_MOST_WORKERS: Final = 1024
_EPOCH: Final = 0
"""Place of the epoch among the numbers; behind it stand those of the workers."""
Mark = TypeVar("Mark")


def loader_worker() -> tuple[int, int]:
    """Return the number of this worker of a DataLoader, and how many there are; (0, 1) outside of one."""
    torch_data = sys.modules.get("torch.utils.data")
    worker = torch_data.get_worker_info() if torch_data else None
    return (0, 1) if worker is None else (worker.id, worker.num_workers)


def is_loader_worker() -> bool:
    """Say whether this process is a worker of a DataLoader."""
    torch_data = sys.modules.get("torch.utils.data")
    return torch_data is not None and torch_data.get_worker_info() is not None


class Passes:
    """The epoch, and how many passes each worker of a DataLoader has begun in it.

    Once it is shared, the process that has the DataLoader and the workers see the same numbers.
    """

    def __init__(self, epoch: int) -> None:
        self._numbers: Any = [epoch] + [0] * _MOST_WORKERS

    @property
    def epoch(self) -> int:
        """The epoch that somebody went to last."""
        return int(self._numbers[_EPOCH])

    @property
    def most(self) -> int:
        """How many passes the worker that has begun most of them has begun."""
        return int(max(self._begun))

    @property
    def _begun(self) -> list[int]:
        numbers = self._numbers if isinstance(self._numbers, list) else self._numbers.tolist()
        return list(numbers[_EPOCH + 1 :])

    def restart(self, epoch: int) -> None:
        """Go to an epoch of which nobody has begun a pass."""
        self._numbers[_EPOCH] = epoch
        for worker, begun in enumerate(self._begun):
            if begun:
                self._numbers[_EPOCH + 1 + worker] = 0

    def begin(self, worker: int) -> int:
        """Count a pass of a worker, and return how many it has begun."""
        self._numbers[_EPOCH + 1 + worker] += 1
        return int(self._numbers[_EPOCH + 1 + worker])

    def share(self) -> None:
        """Let processes that are started from now on see the same numbers; torch has to be there."""
        if isinstance(self._numbers, list):
            self._numbers = sys.modules["torch"].tensor(self._numbers).share_memory_()


class TorchDataset(Generic[Mark]):
    """Base of a class that becomes a subclass of torch's ``IterableDataset`` when torch looks at it.

    ``isinstance``, as DataLoader calls it, looks at ``__class__``.
    """

    _passes: Passes
    _resume: Mark | None = None
    """Where the next pass begins, where a state says so."""

    @property  # type: ignore[misc] # nobody sets it
    def __class__(self) -> type:
        """Its type, a subclass of torch's ``IterableDataset`` once torch is there."""
        kind = type(self)
        parent = getattr(sys.modules.get("torch.utils.data"), "IterableDataset", None)
        if parent is not None:
            if parent not in kind.__mro__:
                kind.__bases__ += (parent,)
            if "_passes" in self.__dict__:
                self._passes.share()
        return kind

    def _take_resume(self) -> Mark | None:
        """Return where this pass begins, if a state says so: once, in a process or in all workers of one."""
        resume, self._resume = self._resume, None
        if is_loader_worker() and self._passes.begin(loader_worker()[0]) > 1:
            return None
        return resume
