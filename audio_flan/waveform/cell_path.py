"""The path of a clip's cell, which leads back to the clip where the cell is handed on as a mapping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from audio_flan.waveform.lazy import LazyAudio


class CellPath(str):
    """The path in a cell, which knows the clip that the cell was made of."""

    __slots__ = ("clip",)

    def __new__(cls, path: str, clip: LazyAudio) -> Self:
        """Make the path of a cell of `clip`."""
        made = str.__new__(cls, path)
        made.clip = clip
        return made

    clip: LazyAudio

    def __reduce__(self) -> tuple[Any, ...]:
        return CellPath, (str(self), self.clip)


def clip_of_cell(cell: Mapping[str, Any]) -> LazyAudio | None:
    """Return the clip that a cell was made of in this process; None for a cell that was stored in between."""
    return getattr(cell.get("path"), "clip", None)
