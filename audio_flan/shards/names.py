"""Extensions of clips, by their format."""

import re

_EXTENSIONS = {"WAVEX": "wav", "RF64": "wav", "MPEG": "mp3"}
_UNSAFE = re.compile(r"[^a-z0-9]")


def extension_of(audio_format: str) -> str:
    """Return the extension, without the dot, of a clip of a format such as ``FLAC``."""
    return _EXTENSIONS.get(audio_format) or _UNSAFE.sub("", audio_format.lower()) or "audio"
