"""Clips as files, each once, under names that follow from their ids."""

import os
import re
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

from audio_flan.building.errors import DATA_ERRORS
from audio_flan.shards.atomic import TEMPORARY_PREFIX
from audio_flan.shards.names import extension_of
from audio_flan.waveform import AudioError, BytesSource, ClipFault, FileSource, LazyAudio

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,80}", re.ASCII)
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_HASH_BYTES: Final = 16


class ClipFile(NamedTuple):
    """A clip that is there: its file, relative to the folder of clips, and its length."""

    file: str
    seconds: float


def clip_stem(audio_id: str) -> str:
    """Return the name of the file of a clip, without its extension.

    It is the id, where that consists of up to 80 ASCII letters, digits, ``-`` and ``_``; otherwise what is
    left of it, with a ``+`` and a hash that no two ids share.
    """
    if _PLAIN.fullmatch(audio_id):
        return audio_id
    digest = blake2b(audio_id.encode(), digest_size=_HASH_BYTES).hexdigest()
    return f"{_UNSAFE.sub('_', audio_id)[:60]}+{digest}"


def clip_file(audio_id: str, extension: str) -> str:
    """Return the path of a clip in a folder of clips: spread over 256 folders."""
    digest = blake2b(audio_id.encode(), digest_size=1).hexdigest()
    return f"{digest}/{clip_stem(audio_id)}.{extension}"


def check_clip(audio: LazyAudio) -> tuple[str, float]:
    """Return the extension and the length in seconds of a clip, by its header.

    Raises
    ------
    AudioError
        For a clip that cannot be used.
    OSError
        When the disk or the network fails, which is not the clip's fault.
    """
    try:
        seconds = audio.seconds
    except AudioError as error:
        _raise_of_disk(error)
        raise
    if not seconds:
        raise AudioError(audio.id, audio.location, ClipFault.EMPTY_AUDIO, "the clip has no frames")
    return extension_of(audio.format), seconds


def store_clip(audio: LazyAudio, folder: Path, *, link: bool = True) -> ClipFile:
    """Put a clip into a folder of clips, unless it is there, whole.

    With `link` a hard link where that can be, else its bytes.

    Raises
    ------
    AudioError
        For a clip that cannot be used.
    OSError
        When a disk or the network fails.
    """
    if not isinstance(audio.source, FileSource):
        data = _read(audio)  # once: header and clip may be a request each
        audio = LazyAudio(BytesSource(data, audio.location), audio.id, data=data)
    extension, seconds = check_clip(audio)
    name = clip_file(audio.id, extension)
    path = folder / name
    if not _is_whole(path, audio):
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (link and isinstance(audio.source, FileSource) and _link(audio.source.path, path)):
            _write(_read(audio), path)
    return ClipFile(name, seconds)


def _is_whole(path: Path, audio: LazyAudio) -> bool:
    """Say whether a clip is there with all its bytes: a power cut may leave a file without them."""
    if not path.exists():
        return False
    source = audio.source
    nbytes = Path(source.path).stat().st_size if isinstance(source, FileSource) else len(_read(audio))
    return path.stat().st_size == nbytes


def _read(audio: LazyAudio) -> bytes:
    try:
        return audio.encoded()
    except AudioError as error:
        _raise_of_disk(error)
        raise


def _link(source: str, path: Path) -> bool:
    """Make a hard link; False where the disk has none, or it is another disk."""
    try:
        os.link(os.path.realpath(source), path)
    except FileExistsError:  # another process was faster
        return True
    except OSError:
        return False
    return True


def _write(data: bytes, path: Path) -> None:
    """Write a clip, whole or not at all; it is synced with all others of its unit."""
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{path.name}")
    try:
        temporary.write_bytes(data)
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _raise_of_disk(error: AudioError) -> None:
    """Raise the error of the system behind `error`, where it is the disk's or the network's."""
    cause = error.__cause__
    if not isinstance(cause, OSError) or error.fault is not ClipFault.UNREADABLE_AUDIO:
        return
    if cause.errno not in DATA_ERRORS:
        raise cause
