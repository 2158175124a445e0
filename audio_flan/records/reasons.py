"""The closed list of reasons for which something is quarantined or warned about."""

from enum import StrEnum
from typing import Final

MAX_DETAIL_LENGTH: Final = 500
"""In characters. Details quote the data, and data may be hostile."""


class Reason(StrEnum):
    """Why a file, a line or a clip was not taken. The values are what ``--json`` prints.

    ``docs/reference/reasons.md`` says what each means and what to do.
    """

    # one record
    INVALID_JSON = "invalid_json"
    INVALID_UTF8 = "invalid_utf8"
    LINE_TOO_LONG = "line_too_long"
    NESTING_TOO_DEEP = "nesting_too_deep"
    DUPLICATE_KEY = "duplicate_key"
    NOT_AN_OBJECT = "not_an_object"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    EMPTY_FIELD = "empty_field"
    UNKNOWN_DOMAIN = "unknown_domain"
    UNKNOWN_TASK = "unknown_task"
    UNKNOWN_DIRECTION = "unknown_direction"
    UNKNOWN_SPLIT = "unknown_split"
    BAD_AUDIO_TOKEN = "bad_audio_token"  # noqa: S105 - an audio token, not a secret
    WRONG_FOLDER = "wrong_folder"
    UNKNOWN_AUDIO_ID = "unknown_audio_id"
    UNUSABLE_AUDIO = "unusable_audio"

    # a metadata or scp file as a whole
    BAD_GZIP = "bad_gzip"
    GZIP_BOMB = "gzip_bomb"
    UNREADABLE_FILE = "unreadable_file"
    MISPLACED_FILE = "misplaced_file"

    # one line of an scp file
    SCP_BAD_LINE = "scp_bad_line"
    SCP_UNSAFE_PATH = "scp_unsafe_path"
    SCP_CONFLICT = "scp_conflict"

    # one file of a built root, or a row or the counts in it
    MISSING_FILE = "missing_file"
    CHANGED_FILE = "changed_file"
    UNKNOWN_FILE = "unknown_file"
    BAD_CELL = "bad_cell"
    WRONG_COUNT = "wrong_count"

    # one row that an export cannot say
    AUDIO_IN_OUTPUT = "audio_in_output"
    RESERVED_TAG = "reserved_tag"

    # one clip
    MISSING_AUDIO = "missing_audio"
    EMPTY_AUDIO = "empty_audio"
    TRUNCATED_AUDIO = "truncated_audio"
    NOT_AUDIO = "not_audio"
    DAMAGED_AUDIO = "damaged_audio"
    UNSUPPORTED_AUDIO = "unsupported_audio"
    UNREADABLE_AUDIO = "unreadable_audio"
    OUTSIDE_ROOT = "outside_root"


class Warn(StrEnum):
    """What is reported although the record is kept."""

    AMBIGUOUS_TASK_NAME = "ambiguous_task_name"
    MAJOR_DIFFERS = "major_differs"
    NO_AUDIO = "no_audio"
    DUPLICATE_UUID = "duplicate_uuid"


class RecordFault(ValueError):
    """One record that cannot be taken.

    Attributes
    ----------
    reason : Reason
    detail : str
        What was expected and what was found.
    uuid : str or None
        The record's uuid, where it could be read.
    audio_id : str or None
        The clip that is to blame, where one is.
    """

    def __init__(
        self, reason: Reason, detail: str, *, uuid: str | None = None, audio_id: str | None = None
    ) -> None:
        detail = detail[:MAX_DETAIL_LENGTH]
        self.reason, self.detail, self.uuid, self.audio_id = reason, detail, uuid, audio_id
        super().__init__(f"{reason}: {detail}")
