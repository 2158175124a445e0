"""What is measured: where the readers read from, what through, and how much."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from peers import OURS, READERS
from peers.server import Network

LATENCY_S: Final = 0.02
BYTES_PER_S: Final = 50e6
FAULT_EVERY: Final = 50
FIRST_ROW_LATENCIES_S: Final = (0.02, 0.05, 0.1)


@dataclass(frozen=True)
class Setting:
    """One of the comparisons.

    Attributes
    ----------
    name : str
    arguments : tuple of str
        For `measure_reader`.
    network : Network, optional
        None for the local disk.
    formats : tuple of str
        Of the clips.
    readers : collection of str, optional
        None for all that can.
    least_rounds : int
        Where single figures scatter much.
    """

    name: str
    arguments: tuple[str, ...] = ()
    network: Network | None = None
    formats: tuple[str, ...] = ("FLAC", "WAV")
    readers: Collection[str] | None = None
    least_rounds: int = 1

    @property
    def complete(self) -> bool:
        """Whether a run that does not give all rows is a failure."""
        faults = self.network is not None and self.network.fault_every > 0
        return not faults and "--first" not in self.arguments

    def choose(self, names: Collection[str]) -> list[str]:
        """Return those of the readers that take part."""
        return [name for name in names if self._takes(name)]

    def _takes(self, name: str) -> bool:
        reader = READERS[name]
        if self.readers is not None:
            return name in self.readers
        if self.network is None and reader.module == "prefetch":
            return False
        if self.network is not None and reader.remote is None:
            return False
        return reader.batches or "--batches" not in self.arguments


SETTINGS: Final = {
    setting.name: setting
    for setting in (
        Setting("local"),
        Setting("two", ("--batches",)),
        Setting("latency", network=Network(latency_s=LATENCY_S)),
        Setting("bandwidth", network=Network(bytes_per_s=BYTES_PER_S)),
        Setting("faults", network=Network(fault_every=FAULT_EVERY), formats=("FLAC",)),
        Setting("first", ("--first",), formats=("FLAC",)),
        *(
            Setting(
                f"first-{seconds * 1000:.0f}ms",
                ("--first",),
                network=Network(latency_s=seconds),
                formats=("FLAC",),
                readers=(OURS,),
                least_rounds=5,
            )
            for seconds in FIRST_ROW_LATENCIES_S
        ),
    )
}
