"""What can be wrong with a clip, and the one error that says so."""

from __future__ import annotations

from enum import StrEnum


class ClipFault(StrEnum):
    """Why a clip cannot be heard; the values are the reason codes of quarantine lists."""

    UNKNOWN_AUDIO_ID = "unknown_audio_id"
    """No list of clips has the id."""
    MISSING_AUDIO = "missing_audio"
    """Nothing is stored where the clip should be."""
    EMPTY_AUDIO = "empty_audio"
    """The clip is zero bytes long."""
    TRUNCATED_AUDIO = "truncated_audio"
    """The clip ends before its own header says it does."""
    NOT_AUDIO = "not_audio"
    """No audio format is recognised, for example a text named ``.wav``."""
    DAMAGED_AUDIO = "damaged_audio"
    """The format is recognised, but the clip contradicts itself or its checksum, or does not decode."""
    UNSUPPORTED_AUDIO = "unsupported_audio"
    """The format is recognised, but no installed decoder reads it."""
    UNREADABLE_AUDIO = "unreadable_audio"
    """The bytes cannot be read: permissions, I/O or network."""
    OUTSIDE_ROOT = "outside_root"
    """The clip's path leads out of the data set's folder."""


class ClipError(Exception):
    """A fault of a clip whose id is not known where the fault is found.

    Sources, header parsers and decoders raise it; `LazyAudio`, which knows the id, turns it into an
    `AudioError`.

    Parameters
    ----------
    fault
        What kind of fault it is.
    detail
        What was found, in a few words.
    """

    def __init__(self, fault: ClipFault, detail: str) -> None:
        super().__init__(fault, detail)
        self.fault = fault
        self.detail = detail

    def __str__(self) -> str:
        return f"{_phrase(self.fault)}: {self.detail}"


class AudioError(ValueError):
    """A clip cannot be read or decoded.

    Parameters
    ----------
    audio_id
        The clip's id.
    location
        The path or URL the clip is stored at; empty where none is known.
    fault
        What kind of fault it is.
    detail
        What was found, in a few words.
    """

    def __init__(self, audio_id: str, location: str, fault: ClipFault, detail: str) -> None:
        super().__init__(audio_id, location, fault, detail)
        self.audio_id = audio_id
        self.location = location
        self.fault = fault
        self.detail = detail

    def __str__(self) -> str:
        place = f" ({self.location})" if self.location else ""
        return f"audio {self.audio_id!r}{place}: {_phrase(self.fault)}: {self.detail}"

    @classmethod
    def of(cls, error: ClipError | OSError, audio_id: str, location: str) -> AudioError:
        """Name the clip that `error` happened to.

        Parameters
        ----------
        error
            A fault found in the clip, or the operating system's error while reading it.
        audio_id
            The clip's id.
        location
            The path or URL the clip is stored at.
        """
        if isinstance(error, ClipError):
            return cls(audio_id, location, error.fault, error.detail)
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            return cls(audio_id, location, ClipFault.MISSING_AUDIO, _reason(error))
        return cls(audio_id, location, ClipFault.UNREADABLE_AUDIO, _reason(error))


def _phrase(fault: ClipFault) -> str:
    return fault.removesuffix("_audio").replace("_", " ") if fault != ClipFault.NOT_AUDIO else "not audio"


def _reason(error: OSError) -> str:
    """Say what went wrong without repeating the path, which the message names already."""
    return error.strerror or str(error) or type(error).__name__
