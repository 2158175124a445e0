"""Streams are torch datasets once there is a torch to ask; until then nothing imports it."""

import sys


def loader_worker() -> tuple[int, int]:
    """Return the number of this worker of a DataLoader, and how many there are; (0, 1) outside of one."""
    torch_data = sys.modules.get("torch.utils.data")
    worker = torch_data.get_worker_info() if torch_data else None
    return (0, 1) if worker is None else (worker.id, worker.num_workers)


class TorchDataset:
    """Base of a class that becomes a subclass of torch's ``IterableDataset`` when torch looks at it.

    ``isinstance``, as DataLoader calls it, looks at ``__class__``.
    """

    @property  # type: ignore[misc] # nobody sets it
    def __class__(self) -> type:
        """Its type, a subclass of torch's ``IterableDataset`` once torch is there."""
        kind = type(self)
        parent = getattr(sys.modules.get("torch.utils.data"), "IterableDataset", None)
        if parent is not None and parent not in kind.__mro__:
            kind.__bases__ += (parent,)
        return kind
