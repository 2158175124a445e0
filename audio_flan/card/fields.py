"""The columns of a row in words."""

from typing import Final, NamedTuple


class Field(NamedTuple):
    """Columns that are described together.

    ``kind`` is ``string``, ``bool``, ``float64`` or ``Audio``; ``list`` says that a cell holds several, and
    ``null`` that it may be null.
    """

    columns: tuple[str, ...]
    kind: str
    what: str
    list: bool = False
    null: bool = False

    @property
    def type(self) -> str:
        """The type in words."""
        return f"{'list of ' if self.list else ''}{self.kind}{' or null' if self.null else ''}"


FIELDS: Final = (
    Field(("uuid",), "string", "id of the instance; one that names two tasks is a row in each"),
    Field(("instruction", "input", "output"), "string", "the text; audio stands in it as `<|SOA|>ID<|EOA|>`"),
    Field(("split",), "string", "train, validation or test"),
    Field(("domain", "major", "minor"), "string", "place in the taxonomy, as the paper names it"),
    Field(("task",), "string", "the minor task by its config name"),
    Field(("direction",), "string", "understanding or generation"),
    Field(("unseen",), "bool", "whether the task involves data not met in training", null=True),
    Field(("source",), "string", "the corpora that the instance names", list=True),
    Field(("corpus",), "string", "the corpus under which the release files it"),
    Field(("other", "extra"), "string", "JSON: what else the record says; how it was written", null=True),
    Field(("input_audio", "output_audio"), "Audio", "the clips, in the order of the text", list=True),
    Field(("input_audio_ids", "output_audio_ids"), "string", "their ids", list=True),
    Field(("input_seconds", "output_seconds"), "float64", "their lengths in seconds", list=True),
)
