"""Streams are torch datasets once there is a torch to ask; until then nothing imports it."""

import sys
from typing import Any, Final, Generic, TypeVar

_MOST_WORKERS: Final = 1024
_EPOCH: Final = 0
_STATES: Final = 1
_WORKERS: Final = 2
"""Places of the epoch, the states and the first of the workers among the numbers."""
Mark = TypeVar("Mark")
ASK_THE_LOADER: Final = "torchdata's StatefulDataLoader has a state_dict for itself and its workers."


def loader_worker() -> tuple[int, int]:
    """Return the number of this worker of a DataLoader, and how many there are; (0, 1) outside of one."""
    torch_data = sys.modules.get("torch.utils.data")
    worker = torch_data.get_worker_info() if torch_data else None
    return (0, 1) if worker is None else (worker.id, worker.num_workers)


def is_loader_worker() -> bool:
    """Say whether this process is a worker of a DataLoader."""
    torch_data = sys.modules.get("torch.utils.data")
    return torch_data is not None and torch_data.get_worker_info() is not None


def check_state(state: object, of: str, *names: str) -> None:
    """Refuse what no `state_dict` has returned.

    Parameters
    ----------
    state : object
        What somebody wants to load.
    of : str
        What it is to be a state of, for the message.
    names : str
        What it has to say.

    Raises
    ------
    ValueError
        When it is no dict, or does not say all of that.
    """
    if not isinstance(state, dict):
        raise ValueError(f"this is no state of {of}, as state_dict() returns it: {state!r}")  # noqa: TRY004
    if missing := [name for name in names if name not in state]:
        raise ValueError(f"this is no state of {of}, as state_dict() returns it: it has no {missing[0]!r}")


class Passes:
    """The epoch, passes that the workers of a DataLoader have begun in it, and how many states were loaded.

    Once it is shared, the process that has the DataLoader and the workers see the same numbers.
    """

    def __init__(self, epoch: int) -> None:
        self._numbers: Any = [epoch, 0]
        self._states_here = 0
        """States that were loaded before this process began."""
        self._passes_before = 0
        """Passes of workers that had begun when this process began its own, if it has."""

    @property
    def epoch(self) -> int:
        """The epoch that somebody went to last."""
        return int(self._numbers[_EPOCH])

    @property
    def most(self) -> int:
        """How many passes the worker that has begun most of them has begun."""
        return max(self._begun, default=0)

    @property
    def _begun(self) -> list[int]:
        numbers = self._numbers if isinstance(self._numbers, list) else self._numbers.tolist()
        return list(numbers[_WORKERS:])

    def restart(self, epoch: int) -> None:
        """Go to an epoch of which nobody has begun a pass."""
        self._numbers[_EPOCH] = epoch
        self._passes_before = 0
        for worker, begun in enumerate(self._begun):
            if begun:
                self._numbers[_WORKERS + worker] = 0

    def begin(self, worker: int) -> int:
        """Count a pass of a worker, and return how many it has begun; one that is refused does not count."""
        if self._is_outdated:
            return 0
        if isinstance(self._numbers, list):  # nobody has shared it: the stream is a part of another dataset
            self._numbers += [0] * (_WORKERS + worker + 1 - len(self._numbers))
        self._numbers[_WORKERS + worker] += 1
        return int(self._numbers[_WORKERS + worker])

    def begin_here(self) -> None:
        """Note a pass of a process that is no worker."""
        self._passes_before = self.most

    def check_known_here(self, hint: str) -> None:
        """Refuse to say how far the newest pass is where workers of this process make it.

        Parameters
        ----------
        hint : str
            What to ask instead.

        Raises
        ------
        ValueError
            When they do.
        """
        if not is_loader_worker() and self.most > self._passes_before:
            raise ValueError(
                "this is read by workers of a DataLoader, and this process does not know how far they are"
                f"\n\nHint: {hint}"
            )

    def check_states(self) -> None:
        """Refuse to give a row in a worker that does not know where to begin.

        It has to be asked for with the first row: an error before ends a worker that stays without a word.

        Raises
        ------
        ValueError
            When a state was loaded after the worker was started.
        """
        if self._is_outdated:
            raise ValueError(
                "a state was loaded while workers of a DataLoader were running, which do not know of it\n\n"
                "Hint: make a new DataLoader after load_state_dict; persistent_workers keeps the old ones."
            )

    @property
    def _is_outdated(self) -> bool:
        """Whether a state was loaded that this process does not know."""
        return bool(self._numbers[_STATES] != self._states_here)

    def note_state(self) -> None:
        """Count a state that was loaded; one that a worker loads is its own."""
        if not is_loader_worker():
            self._numbers[_STATES] += 1
            self._states_here += 1

    def share(self) -> None:
        """Let processes that are started from now on see the same numbers; torch has to be there."""
        if isinstance(self._numbers, list):
            workers = [0] * (_WORKERS + _MOST_WORKERS - len(self._numbers))
            self._numbers = sys.modules["torch"].tensor(self._numbers + workers).share_memory_()


class TorchDataset(Generic[Mark]):
    """Base of a class that becomes a subclass of torch's ``IterableDataset`` when torch looks at it.

    ``isinstance``, as DataLoader calls it, looks at ``__class__``.
    """

    passes: Passes
    """Shared with the workers of a DataLoader."""
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
            if "passes" in self.__dict__:
                self.passes.share()
        return kind

    def _take_resume(self) -> Mark | None:
        """Return where this pass begins, if a state says so: once, in a process or in all workers of one."""
        resume, self._resume = self._resume, None
        if not is_loader_worker():
            self.passes.begin_here()
        elif self.passes.begin(loader_worker()[0]) > 1:
            return None
        return resume
