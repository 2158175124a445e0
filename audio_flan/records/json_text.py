"""JSON in and out, with what the readers of this field's data need: strictness and no surprise."""

import json
from collections import Counter
from typing import Any

import msgspec

from audio_flan.records.reasons import Reason, RecordFault

_decode = msgspec.json.Decoder().decode
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
    if may_repeat_a_key(line, _count_keys(found)):
        json.loads(line, object_pairs_hook=_refuse_duplicates)
    return found


def may_repeat_a_key(line: bytes, n_keys: int) -> bool:
    """Say whether `line`, decoded to objects with `n_keys` keys in all, may have had more.

    Decoders keep the last of two equal keys. Where no blank stands before a colon each key ends in ``":``
    and an equal count proves that none was dropped; a ``":`` in a text only makes the answer a needless yes.
    """
    return line.count(b'":') != n_keys or b" :" in line or b"\t:" in line or b"\r:" in line


def has_colons(line: bytes, count: int) -> bool:
    """Say whether it is certain that `line` has this many colons, none of them written as an escape.

    With the number of keys, and of the colons in all texts that were decoded, it is certain that no key was
    dropped: a colon stands behind each.
    """
    return line.count(b":") == count and b"\\" not in line


def encode(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return the JSON text of `value`, without blanks."""
    try:
        return msgspec.json.encode(value).decode()
    except (OverflowError, msgspec.MsgspecError):  # an integer of more than 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _count_keys(record: dict[str, Any]) -> int:
    """Count the keys of all objects in `record`, level by level: hostile nesting must not recurse."""
    count, depth = len(record), 1
    level = [value for value in record.values() if type(value) is dict or type(value) is list]
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise _too_deep()
        below: list[dict[str, Any] | list[Any]] = []
        for holder in level:
            count += len(holder) if type(holder) is dict else 0
            for item in holder.values() if type(holder) is dict else holder:
                if type(item) is list or type(item) is dict:
                    below.append(item)  # noqa: PERF401 - most often there is none
        level = below
    return count


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise RecordFault(Reason.DUPLICATE_KEY, f"the key {twice[:60]!r} occurs twice in one object")
    return found


def _too_deep() -> RecordFault:
    return RecordFault(Reason.NESTING_TOO_DEEP, f"objects or lists are nested over {MAX_DEPTH} levels deep")
