"""JSON in and out, with what the readers of this field's data need: strictness and no surprise."""

import json
import re
from typing import Any

import msgspec

from audio_flan.records.reasons import Reason, RecordFault

_decode = msgspec.json.Decoder().decode
_KEY_THEN_SPACE = re.compile(rb'"[ \t\r\n]+:')
MAX_DEPTH = 64
"""Deepest nesting of objects and lists that a record may have."""


def decode_object(line: bytes) -> dict[str, Any]:
    """Parse one JSON object.

    Raises
    ------
    RecordFault
        ``invalid_json``, ``invalid_utf8``, ``nesting_too_deep``, ``duplicate_key`` or ``not_an_object``.
    """
    try:
        found = _decode(line)
    except UnicodeDecodeError as error:
        raise RecordFault(Reason.INVALID_UTF8, str(error)) from None
    except RecursionError:
        raise _too_deep() from None
    except msgspec.MsgspecError as error:
        raise RecordFault(Reason.INVALID_JSON, str(error)) from None
    if type(found) is not dict:
        raise RecordFault(Reason.NOT_AN_OBJECT, f"expected a JSON object, got {type(found).__name__}")
    # Decoders keep the last of two equal keys. Each key ends in '":', so an equal count proves that none
    # was dropped; where the count differs (a '":' inside a text, a blank before the colon) look properly.
    if line.count(b'":') != _count_keys(found) or _KEY_THEN_SPACE.search(line):
        json.loads(line, object_pairs_hook=_refuse_duplicates)
    return found


def encode(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return the JSON text of `value`, without blanks."""
    try:
        return msgspec.json.encode(value).decode()
    except (OverflowError, msgspec.MsgspecError):  # an integer of more than 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _count_keys(value: dict[str, Any]) -> int:
    """Count the keys of all objects in `value`, level by level: hostile nesting must not recurse."""
    count = depth = 0
    level: list[dict[str, Any] | list[Any]] = [value]
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise _too_deep()
        below = []
        for holder in level:
            if type(holder) is dict:
                count += len(holder)
                items = holder.values()
            else:
                items = holder  # type: ignore[assignment]
            below += [item for item in items if type(item) is list or type(item) is dict]
        level = below
    return count


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise RecordFault(Reason.DUPLICATE_KEY, f"the key {twice!r} occurs twice in one object")
    return found


def _too_deep() -> RecordFault:
    return RecordFault(Reason.NESTING_TOO_DEEP, f"objects or lists are nested over {MAX_DEPTH} levels deep")
