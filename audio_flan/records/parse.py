"""From one line of a metadata file to instances: lenient in form, strict in meaning.

Lenient are only the fields that the release writes as a list or as a bare string (``split``, ``major``,
``minor``, ``U/G``, ``source``) and the spelling of names; everything else is a fault with its reason.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import msgspec

from audio_flan.records.grammar import find_audio_ids
from audio_flan.records.instance import Instance
from audio_flan.records.json_text import decode_object, encode, has_colons, may_repeat_a_key
from audio_flan.records.reasons import Reason, RecordFault, Warn
from audio_flan.records.serialise import ABSENT_KEY, escape_key
from audio_flan.records.splits import release_split, resolve_split
from audio_flan.taxonomy import Spelling, Task, normalise, resolve_domain, resolve_task, taxonomy

Form = str | tuple[str, ...] | None
"""A list-or-string field as the record has it; None stands for null."""

_DIRECTIONS = {
    "understanding": "understanding",
    "u": "understanding",
    "generation": "generation",
    "g": "generation",
}
_KNOWN_KEYS = frozenset(
    ("uuid", "instruction", "input", "output", "split", "task_type", "domain", "source", "other")
)
_TASK_TYPE_KEYS = frozenset(("major", "minor", "U/G", "unseen"))
_NO_AUDIO = (Warn.NO_AUDIO, "no audio token in instruction, input or output")


class Parsed(msgspec.Struct, frozen=True, gc=False):
    """The instances of one record and what is to be warned about."""

    instances: list[Instance]
    warnings: tuple[tuple[Warn, str], ...]


class _Absent:
    """Marks a key that the record does not have, where null would be another thing."""


_ABSENT = _Absent()


class _Head(NamedTuple):
    """What is common to most records of a file: everything but the texts."""

    places: tuple[tuple[str, Task, str], ...]
    """(split, task, direction), one for each instance."""
    source: tuple[str, ...] | None
    differing: tuple[str, ...]
    """Keys whose standard form is not what the record has."""
    absent: tuple[str, ...]
    warnings: tuple[tuple[Warn, str], ...]
    colons: int
    """In what it was made of."""


_StandardForm: TypeAlias = tuple[str, ...] | str


class _StandardTaskType(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    major: _StandardForm
    minor: _StandardForm
    u_g: _StandardForm = msgspec.field(name="U/G")
    unseen: bool


class _StandardRecord(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A record with the keys and types of the paper and nothing else, as most are.

    Decoding into it validates in one go; whatever does not fit is looked at field by field.
    """

    instruction: str
    input: str
    output: str
    uuid: str
    split: _StandardForm
    task_type: _StandardTaskType
    domain: str
    source: _StandardForm
    other: None


_decode_standard = msgspec.json.Decoder(_StandardRecord).decode
_MAX_KEPT_BYTES = 8192
"""Lines up to this length share heads; hostile longer ones would fill the memory with them."""
_STANDARD_KEYS = len(_KNOWN_KEYS) + len(_TASK_TYPE_KEYS)


def parse_record(line: bytes) -> Parsed:
    """Parse and validate one line.

    Parameters
    ----------
    line : bytes
        One JSON object in UTF-8, without the line break.

    Raises
    ------
    RecordFault
        With the reason; ``uuid`` is set where it could be read.
    """
    try:
        record = _decode_standard(line)
        kind, source = record.task_type, record.source
        find_head = _recent_head if len(line) <= _MAX_KEPT_BYTES else _head
        head = find_head(record.split, kind.major, kind.minor, kind.u_g, False, record.domain, source)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, RecordFault):
        return _parse_any(line)
    texts = (record.uuid, record.instruction, record.input, record.output)
    colons = _STANDARD_KEYS + head.colons + "".join(texts).count(":")
    if not has_colons(line, colons) and may_repeat_a_key(line, _STANDARD_KEYS):
        return _parse_any(line)
    try:
        extra = None
        if head.differing:
            extra = (
                _extra_of_source(source)
                if head.differing == ("source",) and type(source) is str and len(line) <= _MAX_KEPT_BYTES
                else _extra(decode_object(line), head)
            )
        return _parsed(texts, head, kind.unseen, None, extra)
    except RecordFault as fault:
        fault.uuid = record.uuid
        raise


def _head_finder(line: bytes) -> Callable[..., _Head]:
    """Return the function for the head of the record in `line`; heads of long lines are not kept."""
    return _recent_head if len(line) <= _MAX_KEPT_BYTES else _head


def _parse_any(line: bytes) -> Parsed:
    record = decode_object(line)
    try:
        texts = (
            _text(record, "uuid"),
            _text(record, "instruction"),
            _text(record, "input"),
            _text(record, "output"),
        )
        head = _head_of(record, _head_finder(line))
        other = record.get("other")
        other_text = None if other is None else encode(other)
        return _parsed(texts, head, record["task_type"].get("unseen"), other_text, _extra(record, head))
    except RecordFault as fault:
        uuid = record.get("uuid")
        fault.uuid = uuid if isinstance(uuid, str) else None
        raise


def _parsed(
    texts: tuple[str, str, str, str], head: _Head, unseen: bool | None, other: str | None, extra: str | None
) -> Parsed:
    uuid, instruction, text_in, text_out = texts
    if not uuid or uuid.isspace() or not text_out or text_out.isspace():
        raise RecordFault(Reason.EMPTY_FIELD, f"{'output' if uuid.strip() else 'uuid'} is empty")
    input_ids = find_audio_ids(instruction) + find_audio_ids(text_in)
    output_ids = find_audio_ids(text_out)
    instances = [
        Instance(
            uuid, instruction, text_in, text_out, split, task.domain, task.major, task.minor, task.config,
            direction, unseen, None if head.source is None else list(head.source), other, extra,
            input_ids, output_ids,
        )
        for split, task, direction in head.places
    ]  # fmt: skip
    if input_ids or output_ids:
        return Parsed(instances, head.warnings)
    return Parsed(instances, (*head.warnings, _NO_AUDIO))


def _text(record: dict[str, Any], field: str) -> str:
    value = record.get(field)
    if type(value) is str:
        return value
    if field not in record:
        raise RecordFault(Reason.MISSING_FIELD, f"{field} is missing")
    raise _wrong_type(field, "a string", value)


def _wrong_type(field: str, expected: str, value: object) -> RecordFault:
    found = f"{type(value).__name__} {value!r:.60}"
    return RecordFault(Reason.WRONG_TYPE, f"{field} must be {expected}, got {found}")


def _head_of(record: dict[str, Any], find_head: Callable[..., _Head]) -> _Head:
    task_type = record.get("task_type")
    if type(task_type) is not dict:
        if "task_type" not in record:
            raise RecordFault(Reason.MISSING_FIELD, "task_type is missing")
        raise _wrong_type("task_type", "an object", task_type)
    unseen = task_type.get("unseen")
    if unseen is not None and type(unseen) is not bool:
        raise _wrong_type("task_type.unseen", "true or false", unseen)
    domain = _text(record, "domain")
    return find_head(
        _form(record, "split"),
        _form(task_type, "major"),
        _form(task_type, "minor"),
        _form(task_type, "U/G"),
        unseen is None,
        domain,
        _form(record, "source") if record.get("source") is not None else record.get("source", _ABSENT),
    )


def _form(holder: dict[str, Any], field: str) -> Form:
    value = holder.get(field)
    if type(value) is str:
        return value
    if type(value) is list and all([type(item) is str for item in value]):  # noqa: C419 - a list is faster
        return tuple(value)
    if field not in holder:
        raise RecordFault(Reason.MISSING_FIELD, f"{field} is missing")
    raise _wrong_type(field, "a string or a list of strings", value)


def _head(
    split: Form, major: Form, minor: Form, u_g: Form, unseen_absent: bool, domain: str, source: Form | _Absent
) -> _Head:
    domain_name = resolve_domain(domain)
    if domain_name is None:
        known = ", ".join(taxonomy().domains)
        raise RecordFault(Reason.UNKNOWN_DOMAIN, f"domain must be one of {known}, got {domain!r}")
    splits = dict.fromkeys(_split(spelling) for spelling in _values(split, "split"))
    matches = [_task(domain_name, spelling) for spelling in _values(minor, "task_type.minor")]
    directions = _directions(u_g, len(matches))
    warnings = [warning for _, warning in matches if warning] + _major_warnings(
        domain_name, _values(major, "task_type.major"), [task for task, _ in matches]
    )
    places = tuple(
        (split_name, task, direction)
        for task, direction in dict.fromkeys(zip((task for task, _ in matches), directions, strict=True))
        for split_name in splits
    )
    first_split, first_task, first_direction = places[0]
    standard = (
        ("split", split == (release_split(first_split),)),
        (
            "task_type",
            (major, minor, u_g, unseen_absent)
            == ((first_task.major,), (first_task.minor,), (first_direction,), False),
        ),
        ("domain", domain == domain_name),
        ("source", not isinstance(source, str)),
    )
    return _Head(
        places=places,
        source=None if source is None or isinstance(source, _Absent) else _as_tuple(source),
        differing=tuple(key for key, is_standard in standard if not is_standard),
        absent=("source",) if isinstance(source, _Absent) else (),
        warnings=tuple(warnings),
        colons=_colons(split, major, minor, u_g, domain, () if isinstance(source, _Absent) else source),
    )


_recent_head = lru_cache(maxsize=4096)(_head)


def _colons(*forms: Form) -> int:
    return sum(text.count(":") for form in forms for text in _as_tuple(form))


def _as_tuple(form: Form) -> tuple[str, ...]:
    return (form,) if isinstance(form, str) else form or ()


def _values(form: Form, field: str) -> tuple[str, ...]:
    values = _as_tuple(form)
    if not values:
        raise RecordFault(Reason.MISSING_FIELD, f"{field} is an empty list")
    return values


def _split(spelling: str) -> str:
    split = resolve_split(spelling)
    if split is None:
        raise RecordFault(Reason.UNKNOWN_SPLIT, f"split must be train, dev or test, got {spelling!r}")
    return split


def _task(domain: str, spelling: str) -> tuple[Task, tuple[Warn, str] | None]:
    match = resolve_task(domain, spelling)
    if match is None:
        raise RecordFault(Reason.UNKNOWN_TASK, f"{domain} has no minor task {spelling!r}")
    if match.spelling is Spelling.ALIAS:
        return match.task, None
    return match.task, (Warn.AMBIGUOUS_TASK_NAME, f"{spelling!r} is read as {match.task.minor!r}")


def _directions(u_g: Form, n_tasks: int) -> tuple[str, ...]:
    spellings = _values(u_g, "task_type.U/G")
    directions = tuple(_DIRECTIONS.get(spelling.strip().casefold(), "") for spelling in spellings)
    if not all(directions) or (len(directions) != n_tasks and len(set(directions)) > 1):
        message = f"U/G must be understanding or generation, one for each task, got {list(spellings)!r}"
        raise RecordFault(Reason.UNKNOWN_DIRECTION, message)
    return directions if len(directions) == n_tasks else directions[:1] * n_tasks


def _major_warnings(domain: str, majors: tuple[str, ...], tasks: list[Task]) -> list[tuple[Warn, str]]:
    """Warn of a major that is not the minor's own: the minor decides (taxonomy, note on Sound Generation)."""
    expected = {normalise(task.major) for task in tasks}
    wrong = [major for major in dict.fromkeys(majors) if normalise(major) not in expected]
    return [
        (Warn.MAJOR_DIFFERS, f"{domain} major {major!r} is not that of {tasks[0].minor!r}; the minor decides")
        for major in wrong
    ]


def _extra(record: dict[str, Any], head: _Head) -> str | None:
    """Collect what the columns do not carry; None for a record in standard form."""
    more_in_task_type = len(record["task_type"]) > len(_TASK_TYPE_KEYS)
    if len(record) == len(_KNOWN_KEYS) and record.keys() == _KNOWN_KEYS and not more_in_task_type:
        return _extra_of(record, head.differing, ())
    keys = [*head.differing, *(key for key in record if key not in _KNOWN_KEYS)]
    if more_in_task_type and "task_type" not in keys:
        keys.append("task_type")
    return _extra_of(record, keys, [*head.absent, *(() if "other" in record else ("other",))])


@lru_cache(maxsize=4096)
def _extra_of_source(source: str) -> str:
    """Serve the commonest deviation, a bare string as source, without encoding it for every record."""
    return encode({"source": source})


def _extra_of(record: dict[str, Any], keys: Sequence[str], absent: Sequence[str]) -> str | None:
    if not keys and not absent:
        return None
    extra: dict[str, Any] = {escape_key(key): record[key] for key in keys}
    if absent:
        extra[ABSENT_KEY] = absent
    return encode(extra)
