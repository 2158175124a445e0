"""From an instance back to the record it was read from.

The standard form of a record is the paper's (appendix A.3): lists of one, canonical names. Where a record
deviates, ``extra`` holds a JSON object with the original value of each top-level key that differs and each
unknown key; under ``"<absent>"`` it lists the known keys that the record lacked. An original key that begins
with ``<`` stands there with one ``<`` more.
"""

from typing import Any, Final

import msgspec

from audio_flan.records.instance import Instance
from audio_flan.records.splits import release_split

ABSENT_KEY: Final = "<absent>"


def escape_key(key: str) -> str:
    """Return the name under which the record's `key` stands in ``extra``."""
    return f"<{key}" if key.startswith("<") else key


def to_record(instance: Instance) -> dict[str, Any]:
    """Return the record, JSON-equal to the one that `instance` was parsed from."""
    record: dict[str, Any] = {
        "instruction": instance.instruction,
        "input": instance.input,
        "output": instance.output,
        "uuid": instance.uuid,
        "split": [release_split(instance.split)],
        "task_type": {
            "major": [instance.major],
            "minor": [instance.minor],
            "U/G": [instance.direction],
            "unseen": instance.unseen,
        },
        "domain": instance.domain,
        "source": instance.source,
        "other": _loads(instance.other),
    }
    extra = _loads(instance.extra) or {}
    for key in extra.pop(ABSENT_KEY, ()):
        del record[key]
    record.update({key.removeprefix("<"): value for key, value in extra.items()})
    return record


def _loads(text: str | None) -> Any:  # noqa: ANN401 - any JSON value
    return None if text is None else msgspec.json.decode(text)
