"""``audioflan://``: clips of the indexed form as files, for whatever opens paths through fsspec.

The entry point ``fsspec.specs`` names it, so that plain `datasets` finds it with nothing imported.
"""

import io
from typing import Any, ClassVar

from fsspec.spec import AbstractFileSystem

from audio_flan.fetch.clip import ShardClip
from audio_flan.shards import PROTOCOL, CellError
from audio_flan.waveform import AudioError, ClipError

_PREFIX = f"{PROTOCOL}://"


class AudioFlanFileSystem(AbstractFileSystem):  # type: ignore[misc] # fsspec has no types
    """Read-only; a file is a clip, its path that of a cell. Size and existence are read off the path.

    Parameters
    ----------
    root : str, optional
        Folder or URL of the root of all paths; by default ``AUDIO_FLAN_BASE``, or what each path says.
    token : str or bool, optional
        Of the Hub, as in `huggingface_hub`; by default the user's own.
    """

    protocol: ClassVar[str] = PROTOCOL
    root_marker: ClassVar[str] = ""

    def __init__(self, root: str | None = None, token: str | bool | None = None, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(root=root, token=token, **kwargs)
        self._root, self._token = root, token

    @classmethod
    def _strip_protocol(cls, path: str | list[str]) -> str | list[str]:
        # As the base class, but nothing is taken off the end: a path ends in its query.
        if isinstance(path, list):
            return [text.removeprefix(_PREFIX) for text in path]
        return str(path).removeprefix(_PREFIX)

    def _clip(self, path: str) -> ShardClip:
        return ShardClip.of(_PREFIX + path.removeprefix(_PREFIX), self._root, self._token)

    def cat_file(
        self,
        path: str,
        start: int | None = None,
        end: int | None = None,
        **_: Any,  # noqa: ANN401
    ) -> bytes:
        """Return the clip's bytes, or those from `start` to `end`.

        Raises
        ------
        CellError
            When `path` is no path of a cell.
        OSError
            When the clip cannot be read, or is not what the cell says; the message names it.
        """
        clip = self._clip(path)
        try:
            return clip.read()[start:end]
        except (ClipError, OSError) as error:
            message = str(AudioError.of(error, clip.place.audio_id, clip.location))
            raise _kind(error)(message) from error

    def _open(self, path: str, mode: str = "rb", **_: Any) -> io.BytesIO:  # noqa: ANN401
        if mode != "rb":
            raise OSError(f"{_PREFIX}{path} can only be read; mode {mode!r} was asked for")
        return io.BytesIO(self.cat_file(path))

    def info(self, path: str, **_: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return name, size and type of a clip, by its path alone.

        Raises
        ------
        FileNotFoundError
            When `path` is no path of a cell.
        """
        try:
            clip = self._clip(path)
        except CellError as error:
            raise FileNotFoundError(str(error)) from None
        return {"name": self._strip_protocol(path), "size": clip.place.nbytes, "type": "file"}

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:  # noqa: ANN401
        """List a clip as itself; there are no folders."""
        found = self.info(path)
        return [found] if detail else [found["name"]]

    def expand_path(self, path: str | list[str], *_: Any, **__: Any) -> list[str]:  # noqa: ANN401
        """Return the paths as they are: the question mark in them is no pattern."""
        paths = [path] if isinstance(path, str) else path
        return [self.info(each)["name"] for each in paths]


def _kind(error: Exception) -> type[OSError]:
    kinds = (FileNotFoundError, PermissionError)
    return next((kind for kind in kinds if isinstance(error, kind)), OSError)
