"""One line of a Kaldi ``.scp`` file: an audio id and the path of its clip, relative to the root."""

import re
from typing import NamedTuple

from audio_flan.records import Reason

_ROOTED = re.compile(r"[/\\~]|.:|[A-Za-z][A-Za-z0-9+.\-]*://")
_SEPARATOR = re.compile(r"[/\\]")


class ScpFault(ValueError):
    """A line that is not taken."""

    def __init__(self, reason: Reason, detail: str, audio_id: str | None = None) -> None:
        self.reason, self.detail, self.audio_id = reason, detail, audio_id
        super().__init__(f"{reason}: {detail}")


class ScpLine(NamedTuple):
    """An audio id and the path of its clip: relative, normalised, with forward slashes."""

    audio_id: str
    path: str


def parse_scp_line(line: bytes) -> ScpLine:
    """Parse one line: the id, a tab or spaces, the path (which may hold spaces).

    Raises
    ------
    ScpFault
        ``scp_bad_line`` when there are not two parts; ``scp_unsafe_path`` for an absolute path, a drive, a
        URL, a Kaldi pipe, or a ``..`` anywhere: such a path is never followed.
    """
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise ScpFault(Reason.SCP_BAD_LINE, f"not UTF-8: {error}") from None
    audio_id, _, path = text.partition("\t") if "\t" in text else _at_spaces(text)
    audio_id, path = audio_id.strip(), path.strip()
    if not audio_id or not path:
        raise ScpFault(Reason.SCP_BAD_LINE, f"expected an id and a path, got {text[:80]!r}", audio_id or None)
    return ScpLine(audio_id, _safe_path(path, audio_id))


def _at_spaces(text: str) -> tuple[str, str, str]:
    audio_id, path, *_ = (*text.split(None, 1), "", "")
    return audio_id, " ", path


def _safe_path(path: str, audio_id: str) -> str:
    plain = "/".join(part for part in path.split("/") if part not in ("", "."))
    if "\0" in path:
        fault = "it holds a NUL byte"
    elif _ROOTED.match(path) or _ROOTED.match(plain):
        fault = "it is not relative to the root"
    elif path.endswith("|"):
        fault = "it is a command, and commands are never run"
    elif ".." in _SEPARATOR.split(path):
        fault = "it leads upwards"
    elif not plain:
        fault = "it names no file"
    else:
        return plain
    raise ScpFault(Reason.SCP_UNSAFE_PATH, f"the path {path[:80]!r} is refused: {fault}", audio_id)
