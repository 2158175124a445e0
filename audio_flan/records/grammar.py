"""The audio token: ``<|SOA|>AUDIO_ID<|EOA|>`` inside a text field (paper, section 2.3).

An id is one or more characters, none of them a line break or another control character, without a marker
in it; outer white space is trimmed. Text may stand before, between and after tokens.
"""

import re

from audio_flan.records.reasons import Reason, RecordFault

MAX_ID_LENGTH = 1024
"""Longest audio id in characters."""

_OPEN, _CLOSE = "<|SOA|>", "<|EOA|>"
_TOKEN = re.compile(r"<\|SOA\|>((?:(?!<\|(?:SOA|EOA)\|>)[^\r\n])+)<\|EOA\|>")
_STRAY_MARKER = re.compile(
    r"[|\uff5c\u00a6\u2502]\s*[SE]OA\b|\b[SE]OA\s*[|\uff5c\u00a6\u2502]|[<\uff1c]\s*(?:/\s*)?[SE]OA\s*[>\uff1e]",
    re.IGNORECASE,
)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def audio_token(audio_id: str) -> str:
    """Return the token that stands for the clip `audio_id` in a text field."""
    return f"{_OPEN}{audio_id}{_CLOSE}"


def find_audio_ids(text: str) -> list[str]:
    """Return the ids of the audio tokens in `text`, in order of appearance.

    Raises
    ------
    RecordFault
        With reason ``bad_audio_token`` when a marker is left over: not closed, not opened, nested, empty,
        with a bar or bracket missing, or around an id that holds a control character.
    """
    if "OA" not in text and "oa" not in text:
        return []
    if text.count("OA") == 2 and "oa" not in text:  # one token, most often
        _, opened, rest = text.partition(_OPEN)
        audio_id, closed, _ = rest.partition(_CLOSE)
        if opened and closed and audio_id.isprintable() and len(audio_id) <= MAX_ID_LENGTH:
            audio_id = audio_id.strip()
            if audio_id:
                return [audio_id]
    ids = [audio_id.strip() for audio_id in _TOKEN.findall(text)]
    for audio_id in ids:
        if not audio_id or len(audio_id) > MAX_ID_LENGTH or _CONTROL.search(audio_id):
            _refuse(f"the id {audio_id[:60]!r} is empty, too long or holds a control character")
    if text.count("OA") == 2 * len(ids) and "oa" not in text:
        return ids  # every marker belongs to a token
    stray = _STRAY_MARKER.search(_TOKEN.sub("\0", text))
    if stray:
        near = stray.string[max(0, stray.start() - 20) :][:60]
        _refuse(f"a marker is not part of a whole <|SOA|>ID<|EOA|>: {near!r}")
    return ids


def _refuse(detail: str) -> None:
    raise RecordFault(Reason.BAD_AUDIO_TOKEN, detail)
