"""The record sets of the Croissant metadata: what can be read out of the files, and by which columns.

Nothing refers to another record set: `mlcroissant` would load both whole, and join them.
"""

from collections.abc import Iterator
from typing import Any, Final

from audio_flan.card.fields import FIELDS, Field
from audio_flan.card.totals import Totals, splits_of
from audio_flan.taxonomy import taxonomy

Node = dict[str, Any]
"""An object of JSON-LD."""
ROWS: Final = "rows"
SAMPLE: Final = "sample"
CLIPS: Final = "clips"
FILES_OF: Final = {ROWS: "row-files", SAMPLE: "sample-files", CLIPS: "index-files"}
"""File sets by the record sets that are read from them."""
_TYPES: Final = {
    "string": "sc:Text",
    "bool": "sc:Boolean",
    "float64": "cr:Float64",
    "int64": "sc:Integer",
    "Audio": "sc:AudioObject",
}
_BY_PATH: Final = {
    "split": r"^data/.+/(train|validation|test)-.+\.parquet$",
    "task": r"^data/.+/.+/.+/(.+)/.+\.parquet$",
}
"""Fields that the path of a row file says: with `mlcroissant` only such ones can be filtered by."""
_WHERE: Final = (
    "where the clips are, in the order of the text: `audioflan://<base>/<shard>/<clip>?offset=...&size=...`, "
    "offset and size in bytes; `pip install audio-flan` teaches fsspec to read them"
)
_INDEX_FIELDS: Final = (
    Field(("id",), "string", "id of the clip, as it stands in the text of rows"),
    Field(("shard",), "string", "the file that holds the clip"),
    Field(("offset",), "int64", "where the bytes of the clip begin in it"),
    Field(("nbytes",), "int64", "how many they are"),
    Field(("sampling_rate",), "int64", "in Hz"),
    Field(("channels",), "int64", "how many"),
    Field(("frames",), "int64", "samples of each channel"),
    Field(("format",), "string", "the container: FLAC, WAV, MP3, ..."),
    Field(("xxh3",), "int64", "64-bit XXH3 of the bytes"),
)


def record_sets(form: str, totals: Totals, has_sample: bool) -> Iterator[Node]:
    """Yield the record sets of a root.

    Parameters
    ----------
    form : {"indexed", "embedded"}
        In the indexed form rows say where their clips are, and the index is a record set, too.
    has_sample : bool
        Whether there is a sample; its rows carry their clips in both forms.
    """
    yield _record_set(
        ROWS, "All instances.", [*_row_fields(ROWS, form == "embedded", _BY_PATH)], key=("uuid", "task")
    )
    if has_sample:
        about = "Up to three instances of every task, with their clips."
        yield _record_set(SAMPLE, about, [*_row_fields(SAMPLE, True, {})])
    if form == "indexed":
        about = "All clips, each once, and where they are."
        fields = [_field(CLIPS, name, field, field.what) for field in _INDEX_FIELDS for name in field.columns]
        yield _record_set(CLIPS, about, fields, key=("id",))
    if totals:
        yield _splits(totals)
        yield _tasks(totals)


def _record_set(name: str, about: str, fields: list[Node], key: tuple[str, ...] = ()) -> Node:
    node = {"@type": "cr:RecordSet", "@id": name, "name": name, "description": about, "field": fields}
    return node | ({"key": [{"@id": f"{name}/{each}"} for each in key]} if key else {})


def _row_fields(name: str, embedded: bool, by_path: dict[str, str]) -> Iterator[Node]:
    """Yield the columns of rows; clips are bytes, or where these are."""
    for field in FIELDS:
        for column in field.columns:
            if column in by_path:
                node = _field(name, column, field, field.what)
                extract = {"extract": {"fileProperty": "fullpath"}, "transform": {"regex": by_path[column]}}
                node["source"] |= extract
            elif field.kind != "Audio":
                node = _field(name, column, field, field.what)
            elif embedded:
                node = _field(name, column, field, f"{field.what}: their encoded bytes")
                node["source"]["transform"] = {"jsonPath": "bytes"}
            else:
                node = _field(name, column, field, _WHERE)
                node["dataType"], node["equivalentProperty"] = "sc:URL", "sc:contentUrl"
                node["source"]["transform"] = {"jsonPath": "path"}
            yield node


def _field(record_set: str, column: str, field: Field, about: str) -> Node:
    node: Node = {
        "@type": "cr:Field",
        "@id": f"{record_set}/{column}",
        "name": column,
        "description": about,
        "dataType": _TYPES[field.kind],
        "source": {"fileSet": {"@id": FILES_OF[record_set]}, "extract": {"column": column}},
    }
    return node | ({"isArray": True, "arrayShape": "-1"} if field.list else {})


def _splits(totals: Totals) -> Node:
    about = "The splits that have rows; `validation` is the release's `dev`."
    data = [{"splits/name": name} for name in splits_of(totals, "all")]
    node = _record_set("splits", about, [_text("splits", "name")], key=("name",))
    return node | {"dataType": "cr:Split", "data": data}


def _tasks(totals: Totals) -> Node:
    """Return the minor tasks that have rows, with the paper's names."""
    there = {task for task, _ in totals}
    columns = ("name", "minor", "major", "domain", "direction")
    data = [
        dict(
            zip(
                (f"tasks/{column}" for column in columns),
                (task.config, task.minor, task.major, task.domain, task.direction),
                strict=True,
            )
        )
        for task in taxonomy().tasks.values()
        if task.config in there
    ]
    about = "The minor tasks that have rows, by their config names."
    node = _record_set("tasks", about, [_text("tasks", column) for column in columns], key=("name",))
    return node | {"dataType": "sc:Enumeration", "data": data}


def _text(record_set: str, column: str) -> Node:
    return {"@type": "cr:Field", "@id": f"{record_set}/{column}", "name": column, "dataType": "sc:Text"}
